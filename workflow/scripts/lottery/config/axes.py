"""The axes of a method: at which sizes, from which weights, and with whose masks it is repeated."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import product
from typing import Any

from lottery.config.schema import schema
from lottery.config.sentences import allowed_are, did_you_mean, listed
from lottery.config.study import Method, Place, Study
from lottery.files.errors import StudyError
from lottery.models.units import KINDS
from lottery.pruning.algorithms.declaration import UNITS, Algorithm, spelled
from lottery.pruning.subnetworks import CONTROLS, DRAWN, LAYERWISE, SIZED, STARTS, Subnetwork

FULL = "full"  # the model without a mask
DEFAULT_AT_KEPT = ("good", "random_uniform", "random_layerwise", "bad")


def swept(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Replaces each method with `sweep` by one method per value, or combination of values.

    `magnitude` with `sweep: {keep_score: [0.8, 0.95]}` becomes `magnitude_keep_score_0_8` and
    `magnitude_keep_score_0_95`, in its place.

    Raises:
        StudyError: a sweep is no mapping from options to lists of values, sets an option that the
            method sets too, or gives the id of another method.
    """
    methods = config.get("methods")
    if not isinstance(methods, Mapping):
        return config  # the schema says what is wrong
    made: dict[str, Any] = {}
    for name, entry in methods.items():
        for each, variant in _variants(name, entry):
            if each in made or (each != name and each in methods):
                raise StudyError(f"methods.{name}.sweep makes {each}, the id of another method.")
            made[each] = variant
    return {**config, "methods": made}


def _variants(name: str, entry: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(entry, Mapping) or "sweep" not in entry:
        yield name, entry
        return
    key, sweep = f"methods.{name}.sweep", entry["sweep"]
    rest = {option: value for option, value in entry.items() if option != "sweep"}
    lists = sweep.values() if isinstance(sweep, Mapping) else ()
    if not lists or any(not isinstance(values, list) or not values for values in lists):
        raise StudyError(
            f"{key} is {sweep!r}; it must be a mapping from options to lists of values, as "
            "{keep_score: [0.8, 0.9]}."
        )
    for option in sweep:
        if option in rest or option == "algorithm":
            raise StudyError(f"{key} varies {option}, which methods.{name} sets; leave out one.")
    _check_swept(key, entry)
    for values in product(*lists):
        chosen = dict(zip(sweep, values, strict=True))
        words = (f"{option}_{_spelled_in_id(value)}" for option, value in chosen.items())
        yield "_".join((str(name), *words)), rest | chosen


def _check_swept(key: str, entry: Mapping[str, Any]) -> None:
    """Rejects options that the algorithm has not, by the key that the user wrote."""
    schemas, algorithm = schema()["$defs"]["algorithms"], str(entry.get("algorithm"))
    if algorithm not in schemas:
        return  # the schema says what is wrong
    allowed = [name for name in schemas[algorithm]["properties"] if name != "algorithm"]
    for option in entry["sweep"]:
        if option not in allowed:
            raise StudyError(
                f"{key} varies {option!r}, which is no option of {algorithm}"
                f"{did_you_mean(str(option), allowed)}; {allowed_are(allowed)}."
            )


def _spelled_in_id(value: Any) -> str:
    parts = value if isinstance(value, list) else [value]
    return re.sub(r"[^a-z0-9]+", "_", "_".join(map(spelled, parts)).lower()).strip("_")


def places_of(entry: Mapping[str, Any], tasks: Sequence[str]) -> dict[str, Place]:
    """The places that masks are taken from, by name; every task that is trained on is one."""
    given = entry.get("masks_from", {})
    named = given if isinstance(given, Mapping) else {}
    return {task: Place(task=task) for task in tasks} | {
        name: Place(**fields) for name, fields in named.items()
    }


def subnetworks_of(
    key: str, entry: Mapping[str, Any], plain: Sequence[str], *, layerwise: bool
) -> tuple[str, ...]:
    """All subnetworks that an entry under `methods` asks for, in the order of its axes.

    Args:
        key: of the entry.
        entry: the entry.
        plain: those of `subnetworks`, which may have a size, a start or a source as well.
        layerwise: whether random_layerwise can differ from good, see `has_layerwise`.
    """
    names = list(plain)
    if "kept_subnetworks" in entry and "kept" not in entry:
        raise StudyError(f"{key}.kept_subnetworks is set, but kept is not; it gives their sizes.")
    usual = [name for name in DEFAULT_AT_KEPT if layerwise or name != LAYERWISE]
    at_kept = entry.get("kept_subnetworks", usual)
    for share in entry.get("kept", ()):
        for name in at_kept:
            named = _parsed(f"{key}.kept_subnetworks", name)
            if named.kept is not None:
                raise StudyError(
                    f"{key}.kept_subnetworks names {name}, which has a size; kept gives the sizes."
                )
            names.append(str(replace(named, kept=share)))
    for start, started in entry.get("starts", {}).items():
        for name in started:
            named = _parsed(f"{key}.starts.{start}", name)
            if named.start is not None:
                raise StudyError(f"{key}.starts.{start} names {name}, which has a start already.")
            names.append(str(replace(named, start=start)))
    names += [str(Subnetwork("good", source=place)) for place in entry.get("masks_from", ())]
    return tuple(dict.fromkeys(names))


def _parsed(key: str, name: str) -> Subnetwork:
    try:
        return Subnetwork.parse(name)
    except ValueError:
        raise StudyError(
            f"{key} names {ascii(name)[1:-1]}, which is no name of a subnetwork; they are written "
            "{kind}[_{draw}][-kept_{share}][-start_{start}][-from_{place}]."
        ) from None


def check_axes(key: str, method: Method, entry: Mapping[str, Any], plain: Sequence[str]) -> None:
    """Rejects subnetworks whose kind, size, start and source do not go together.

    Args:
        key: of the method's entry.
        method: as the entry gives it.
        entry: the entry.
        plain: those of `subnetworks`.

    Raises:
        StudyError: the first of them.
    """
    for name in method.subnetworks:
        named = _parsed(f"{key}.subnetworks", name)
        problem = next(_problems(named, method), None)
        if problem is not None:
            where = "subnetworks" if name in plain else _asked_by(named, entry)
            raise StudyError(f"{key}.{where} asks for the subnetwork {name}: {problem}.")
    starts = {Subnetwork.parse(name).start for name in method.subnetworks}
    trains = method.declared.trains
    if method.rewind_step is not None and "rewound" not in starts and not trains:
        raise StudyError(
            f"{key}.rewind_step is set, but no subnetwork starts from rewound weights; name some "
            "under starts."
        )
    allowed = (FULL, *method.subnetworks)
    for name in method.connectivity:
        if name not in allowed:
            raise StudyError(
                f"{key}.connectivity names {ascii(name)[1:-1]}, which is neither full nor a "
                f"subnetwork that the method retrains{did_you_mean(name, allowed)}; "
                f"{allowed_are(allowed)}."
            )


def _problems(named: Subnetwork, method: Method) -> Iterator[str]:
    declared, kind = method.declared, named.kind
    if kind == LAYERWISE and not has_layerwise(declared, method.options):
        yield (
            "where a layer has one unit of each kind, the same number in every layer is the good "
            "mask itself; random_uniform is possible"
        )
    if named.kept is not None:
        if declared.cut is None:
            yield f"{declared.name} makes no masks of a given size, so kept cannot be set"
        stem = re.sub(r"_[1-9][0-9]*$", "", kind)
        if stem != kind and stem in SIZED:
            yield f"there is one {stem} only; further draws are possible of {listed(DRAWN)}"
        if kind not in SIZED:
            yield f"a size is only possible for {listed(SIZED)}"
    if named.start is not None:
        if named.start not in STARTS:
            yield (
                f"{named.start!r} is no start{did_you_mean(named.start, STARTS)}; "
                f"{allowed_are(STARTS)}"
            )
        if named.start == "rewound" and method.rewind_step is None:
            yield "the start rewound needs rewind_step, the step whose weights it takes"
    if named.source is not None:
        if kind not in ("good", "random_uniform", LAYERWISE):
            yield (
                "a mask from elsewhere is good there; its controls here are random_uniform and "
                "random_layerwise"
            )
        if named.source not in method.places:
            yield (
                f"{named.source!r} is no place{did_you_mean(named.source, method.places)}; "
                f"{allowed_are(method.places)}, or what masks_from names"
            )


def _asked_by(subnetwork: Subnetwork, entry: Mapping[str, Any]) -> str:
    """The key of a method's entry that asks for a subnetwork of an axis."""
    if subnetwork.start:
        return f"starts.{subnetwork.start}"
    if subnetwork.kept:
        return "kept_subnetworks" if "kept_subnetworks" in entry else "kept"
    return "masks_from"


def has_layerwise(declared: Algorithm, options: Mapping[str, Any]) -> bool:
    """Whether a draw with the same number in every layer can differ from the mask it is of."""
    kinds = declared.kinds(options)
    return declared.granularity != UNITS or any(KINDS[each].per_layer is not None for each in kinds)


def check_rewinding(study: Study) -> None:
    """Rejects a rewind_step that training does not reach, where the config tells its length.

    Of other tasks the examples are counted when they are fetched; there the step rewind checks it.

    Raises:
        StudyError: the first of them.
    """
    for method in study.methods.values():
        for task in method.tasks:
            examples, recipe = study.tasks[task].train_examples, study.training[task]
            if method.rewind_step is None or examples is None:
                continue
            steps = recipe["epochs"] * math.ceil(examples / recipe["batch_size"])
            if method.rewind_step >= steps:
                raise StudyError(
                    f"methods.{method.id}.rewind_step is {method.rewind_step}, but training on "
                    f"{task} has {steps} steps ({examples} examples in batches of "
                    f"{recipe['batch_size']}, epochs: {recipe['epochs']}); it must be below "
                    f"{steps}."
                )


def check_places(study: Study) -> None:
    """Rejects masks from cells that the study does not have.

    Raises:
        StudyError: the first of them.
    """
    for method in study.methods.values():
        used = {Subnetwork.parse(name).source for name in method.subnetworks} - {None}
        for name, place in method.places.items():
            if name in used:
                _check_place(f"methods.{method.id}.masks_from.{name}", place, method, study)


def _check_place(key: str, place: Place, method: Method, study: Study) -> None:
    known: dict[str, Sequence[Any]] = {
        "model": [*study.models],
        "task": study.trained_tasks,
        "seed": study.seeds,
        "method": [*study.methods],
    }
    for field, allowed in known.items():
        value = getattr(place, field)
        if value is not None and value not in allowed:
            raise StudyError(
                f"{key}.{field} is {value!r}{did_you_mean(value, map(str, allowed))}; "
                f"{allowed_are(map(str, allowed))}."
            )
    there = study.methods[place.method or method.id]
    if there.prunes_units != method.prunes_units:
        of = {True: "units", False: "single weights"}
        raise StudyError(
            f"{key}.method is {there.id}, whose masks are of {of[there.prunes_units]}; those of "
            f"{method.id} are of {of[method.prunes_units]}."
        )
    models = [place.model] if place.model else [*method.models]
    for model in models:
        if model not in there.searched_models(study.models):
            raise StudyError(f"{key}: {there.id} has no good masks of the model {model}.")
    tasks = [place.task] if place.task else [*method.tasks]
    for task in tasks:
        if task not in there.tasks:
            raise StudyError(f"{key}: {there.id} does not run on the task {task}.")
    _check_source(key, place, method, there)


def _check_source(key: str, place: Place, method: Method, there: Method) -> None:
    """That what a place names as its subnetwork, and the sizes asked of it, are made there."""
    named = _parsed(f"{key}.subnetwork", place.subnetwork or "good")
    if place.subnetwork is not None:
        kinds = there.declared.subnetworks[there.controls]
        if named.kind not in (*kinds, *CONTROLS) or named.start or named.source:
            raise StudyError(
                f"{key}.subnetwork is {place.subnetwork}, which {there.id} does not make or which "
                f"is no mask of its own; {allowed_are(kinds)}, maybe with a size."
            )
    sized = any(Subnetwork.parse(name).kept for name in method.subnetworks)
    if sized and named.kept:
        raise StudyError(f"{key}.subnetwork has a size, and so have subnetworks of {method.id}.")
    if (sized or named.kept) and there.declared.cut is None:
        raise StudyError(f"{key}: {there.id} makes no masks of a given size.")
