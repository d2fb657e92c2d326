"""What the functions of a plugin return, checked before anything is written.

The workflow's own algorithms are tested instead. A mask that does not fit what its algorithm
declares would give wrong verdicts without a word.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.algorithms.declaration import UNITS, Algorithm
from lottery.pruning.algorithms.search_context import SearchResult, Step
from lottery.pruning.masks import Mask, UnitMask, WeightMask, body_shapes


def check_search(
    declared: Algorithm,
    options: Mapping[str, Any],
    found: SearchResult,
    wanted: list[str],
    architecture: Architecture,
) -> None:
    """Rejects a result that is not what the algorithm declares.

    Args:
        declared: the algorithm; nothing is checked of one of the workflow's own.
        options: the method's options.
        found: what its search returned.
        wanted: the subnetworks whose masks are to be written.
        architecture: of the model that was searched.

    Raises:
        StudyError: names the plugin and what was returned.
    """
    if declared.plugin is None:
        return
    problem = _of_result(found, wanted, declared, options)
    for name in wanted:
        problem = problem or _of_mask(found.masks[name], f"masks[{name!r}]", declared, architecture)
        problem = problem or _of_options(found.masks[name], f"masks[{name!r}]", declared, options)
    _refuse(declared, "search", problem)


def check_sample(
    declared: Algorithm, kind: str, mask: Mask, source: Mask, architecture: Architecture
) -> None:
    """Rejects a control that does not fit the model, or is of another size than its source.

    Args:
        declared: the algorithm; nothing is checked of one of the workflow's own.
        kind: of the control.
        mask: what `sample` returned.
        source: the mask that it was drawn from.
        architecture: of the model.

    Raises:
        StudyError: names the plugin and what was returned.
    """
    if declared.plugin is None:
        return
    problem = _of_mask(mask, "a mask", declared, architecture)
    if not problem and mask.counts() != source.counts():
        problem = (
            f"for {kind} a mask that keeps {_words(mask.counts())}, where its source keeps "
            f"{_words(source.counts())}; a control has the size of what it is compared with"
        )
    if not problem and isinstance(mask, UnitMask) and mask.metadata() != source.metadata():
        problem = (
            f"for {kind} a mask with {_words(mask.metadata())}, where its source has "
            f"{_words(source.metadata())}; take it from source.with_units(...)"
        )
    _refuse(declared, "sample", problem)


def _refuse(declared: Algorithm, function: str, problem: str | None) -> None:
    if problem:
        raise StudyError(f"{declared.plugin.file}: {function} returned {problem}.")


def _of_result(
    found: Any, wanted: list[str], declared: Algorithm, options: Mapping[str, Any]
) -> str | None:
    if not isinstance(found, SearchResult):
        return f"{_shown(found)}; it must be a SearchResult"
    if not isinstance(found.masks, Mapping):
        return f"{_shown(found.masks)} as masks; it must be a dict by subnetwork"
    if missing := [name for name in wanted if name not in found.masks]:
        return f"no masks[{missing[0]!r}]"
    for name in ("trajectory", "halves"):
        for number, step in enumerate(getattr(found, name)):
            if problem := _of_step(step):
                return f"{problem} in {name}[{number}]"
    if declared.to_threshold and not found.trajectory:
        return "an empty trajectory, though it searches down to a threshold"
    if declared.walks_to_half and options["halves"] and not found.halves:
        return "no halves, though it declares walks_to_half"
    for name in ("path", "importance"):
        for key, array in getattr(found, name).items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                return f"{_shown(array)} as {name}[{key!r}]; it must be an array of numbers"
    if declared.granularity == UNITS:
        for kind in options.get("units", declared.units):
            array, steps = found.path.get(KINDS[kind].array), len(found.trajectory)
            if array is None or len(array) != steps:
                rows = "none" if array is None else f"{len(array)} rows"
                return (
                    f"{rows} as path[{KINDS[kind].array!r}]; it must have a row for each of the "
                    f"{steps} steps of the trajectory"
                )
    if declared.importance != bool(found.importance):
        return f"{'no ' if declared.importance else ''}importance, against its declaration"
    return None


def _of_step(step: Any) -> str | None:
    if not isinstance(step, Step):
        return f"{_shown(step)}, which is no Step,"
    for name in ("score", "threshold", "kept_fraction"):
        value = getattr(step, name)
        undefined = value is None and name != "kept_fraction"
        if not undefined and not (_is_number(value) and math.isfinite(value)):
            return f"{name}={value!r}, which is no number,"
    if not 0 <= step.kept_fraction <= 1:
        return f"kept_fraction={step.kept_fraction!r}, which is no share,"
    return None


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _of_mask(mask: Any, name: str, declared: Algorithm, architecture: Architecture) -> str | None:
    kind = UnitMask if declared.granularity == UNITS else WeightMask
    if not isinstance(mask, kind):
        found = _shown(mask)
        return f"{found} as {name}; its granularity is {declared.granularity}: {kind.__name__}"
    if kind is WeightMask:
        shapes = body_shapes(architecture)
        if mask.shapes != shapes:
            return f"{name} with other parameters or shapes than the body of the model has"
        if any(array.dtype != bool for array in mask.parameters.values()):
            return f"{name} with arrays that are not of bool"
        return None
    for unit, array in mask.units.items():
        if array.shape != KINDS[unit].shape(architecture) or array.dtype != bool:
            return (
                f"{name} with {array.dtype} {list(array.shape)} of {unit}; it must be bool "
                f"{list(KINDS[unit].shape(architecture))}"
            )
    return None


def _of_options(
    mask: Mask, name: str, declared: Algorithm, options: Mapping[str, Any]
) -> str | None:
    if declared.granularity != UNITS:
        return None
    pruned = [unit for unit, array in mask.units.items() if not array.all()]
    allowed = options.get("units", declared.units)
    if others := [unit for unit in pruned if unit not in allowed]:
        return f"{name} that prunes units of kind {others[0]}; allowed: {', '.join(allowed)}"
    if mask.emptied_attention != options["emptied_attention"]:
        return (
            f"{name} with emptied_attention {mask.emptied_attention!r}, where the method's option "
            f"is {options['emptied_attention']!r}"
        )
    return None


def _words(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _shown(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
