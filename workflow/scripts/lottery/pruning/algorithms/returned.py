"""What the functions of a plugin return, checked before anything is written.

The workflow's own algorithms are tested instead. A mask that does not fit what its algorithm
declares would silently give wrong verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.algorithms.declaration import UNITS, Algorithm
from lottery.pruning.algorithms.search import SearchResult, Step
from lottery.pruning.masks import Mask, UnitMask, WeightMask, body_shapes


def check_search(
    declared: Algorithm,
    options: Mapping[str, Any],
    found: SearchResult,
    wanted: list[str],
    architecture: Architecture,
) -> None:
    """Rejects a plugin's result, masks of the `wanted` subnetworks, that is not as declared.

    Raises:
        StudyError: names the plugin and what was returned.
    """
    if declared.plugin is not None:
        _reject(declared, "search", _of_search(declared, options, found, wanted, architecture))


def check_sample(
    declared: Algorithm, kind: str, mask: Mask, source: Mask, architecture: Architecture
) -> None:
    """Rejects a plugin's control that does not fit the model, or has another size than its source.

    Raises:
        StudyError: names the plugin and what was returned.
    """
    if declared.plugin is not None:
        _reject(declared, "sample", _of_sample(declared, kind, mask, source, architecture))


def _reject(declared: Algorithm, function: str, problems: Iterator[str]) -> None:
    if problem := next(problems, None):
        raise StudyError(f"{declared.plugin.file}: {function} returned {problem}.")


def _of_search(
    declared: Algorithm,
    options: Mapping[str, Any],
    found: Any,
    wanted: list[str],
    architecture: Architecture,
) -> Iterator[str]:
    if not isinstance(found, SearchResult):
        yield f"{_shown(found)}; it must be a SearchResult"
    if not isinstance(found.masks, Mapping):
        yield f"{_shown(found.masks)} as masks; it must be a dict by subnetwork"
    for name in ("trajectory", "halves"):
        for number, step in enumerate(getattr(found, name)):
            for problem in _of_step(step):
                yield f"{problem}, in {name}[{number}]"
    if declared.to_threshold and not found.trajectory:
        yield "an empty trajectory, though it searches down to a threshold"
    if declared.walks_to_half and options["halves"] and not found.halves:
        yield "no halves, though it declares walks_to_half"
    for name in ("path", "importance"):
        for key, array in getattr(found, name).items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                yield f"{_shown(array)} as {name}[{key!r}]; it must be an array of numbers"
    pruned = options.get("units", declared.units) if declared.granularity == UNITS else ()
    for kind in pruned:
        array, steps = found.path.get(KINDS[kind].array), len(found.trajectory)
        if array is None or len(array) != steps:
            rows = "none" if array is None else f"{len(array)} rows"
            yield f"{rows} as path[{KINDS[kind].array!r}] for {steps} steps of the trajectory"
    if declared.importance != bool(found.importance):
        yield f"{'no ' if declared.importance else ''}importance, against its declaration"
    for name in wanted:
        if name not in found.masks:
            yield f"no masks[{name!r}]"
        mask, where = found.masks[name], f"masks[{name!r}]"
        yield from _of_mask(mask, where, declared, architecture)
        if declared.granularity == UNITS:
            emptied = options["emptied_attention"]
            for unit, array in mask.units.items():
                if not array.all() and unit not in pruned:
                    yield f"{where} that prunes units of kind {unit}; allowed: {', '.join(pruned)}"
            if mask.emptied_attention != emptied:
                yield (
                    f"{where} with emptied_attention {mask.emptied_attention!r}, where the "
                    f"method's option is {emptied!r}"
                )


def _of_sample(
    declared: Algorithm, kind: str, mask: Any, source: Mask, architecture: Architecture
) -> Iterator[str]:
    yield from _of_mask(mask, "a mask", declared, architecture)
    if mask.counts() != source.counts():
        yield (
            f"for {kind} a mask that keeps {_words(mask.counts())}, where its source keeps "
            f"{_words(source.counts())}; a control has the size of what it is compared with"
        )
    if declared.granularity == UNITS and mask.metadata() != source.metadata():
        yield (
            f"for {kind} a mask with {_words(mask.metadata())}, where its source has "
            f"{_words(source.metadata())}; take it from source.with_units(...)"
        )


def _of_step(step: Any) -> Iterator[str]:
    if not isinstance(step, Step):
        yield f"{_shown(step)}, which is no Step"
    for name in ("score", "threshold", "kept_fraction"):
        value = getattr(step, name)
        undefined = value is None and name != "kept_fraction"
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not undefined and not (number and math.isfinite(value)):
            yield f"{name}={value!r}, which is no number"
    if not 0 <= step.kept_fraction <= 1:
        yield f"kept_fraction={step.kept_fraction!r}, which is no share"


def _of_mask(
    mask: Any, name: str, declared: Algorithm, architecture: Architecture
) -> Iterator[str]:
    kind = UnitMask if declared.granularity == UNITS else WeightMask
    if not isinstance(mask, kind):
        granularity = declared.granularity
        yield f"{_shown(mask)} as {name}; its granularity is {granularity}: {kind.__name__}"
    if kind is WeightMask:
        arrays, shapes = mask.parameters, body_shapes(architecture)
        if mask.shapes != shapes:
            yield f"{name} with other parameters or shapes than the body of the model has"
    else:
        arrays = mask.units
        shapes = {unit: KINDS[unit].shape(architecture) for unit in arrays}
    for part, array in arrays.items():
        if array.shape != shapes[part] or array.dtype != bool:
            found = f"{array.dtype} {list(array.shape)}"
            yield f"{name} with {found} of {part}; it must be bool {list(shapes[part])}"


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _shown(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
