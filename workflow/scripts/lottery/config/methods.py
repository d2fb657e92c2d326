"""From an entry under methods to a method: presets, options, and what it may name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery.config.sentences import allowed_are, did_you_mean, listed
from lottery.config.study import Method
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import algorithm, plugins
from lottery.pruning.algorithms.declaration import Algorithm
from lottery.pruning.subnetworks import base_name, with_draws


def method_from_config(
    method_id: str,
    entry: Mapping[str, Any],
    *,
    models: Sequence[str],
    tasks: Sequence[str],
    n_seeds: int,
    root: Path,
) -> Method:
    """Builds a method from its entry in the config.

    Args:
        method_id: key of the entry.
        entry: the entry, after the check of the schema.
        models: ids of the config's models.
        tasks: ids of the tasks that are trained on.
        n_seeds: number of seeds, since super_* compares seeds.
        root: folder that relative paths start from.

    Raises:
        StudyError: the entry names what does not exist, or two of its keys do not go together.
    """
    key = f"methods.{method_id}"
    declared = algorithm(entry["algorithm"])
    preset = entry.get("preset", "published")
    options = {
        name: option.values.normalised(entry[name]) if name in entry else option.preset(preset)
        for name, option in declared.options.items()
    }
    # Where an algorithm can make halves, that option decides which controls there are.
    column = "strict" if options.get("halves", preset == "strict") else "published"
    subnetworks = tuple(entry.get("subnetworks", declared.default_subnetworks[column]))
    names = _task_names(key, entry, tasks)
    method = Method(
        id=method_id,
        declared=declared,
        preset=preset,
        subnetworks=subnetworks,
        models=_chosen(f"{key}.models", entry.get("models"), models),
        tasks=_chosen(f"{key}.only_tasks", entry.get("only_tasks"), tasks, names),
        options=options,
        controls=column,
        sizes_from=entry.get("sizes_from"),
        task_names=names,
    )
    _check_subnetworks(key, method, column, declared.subnetworks, n_seeds)
    _check_sizes_from(key, method, models)
    if problem := _checked(declared, options, root):
        raise StudyError(f"{key}.{problem}.")
    return method


def _checked(declared: Algorithm, options: Mapping[str, Any], root: Path) -> str | None:
    """What the algorithm's own check finds."""
    if declared.check is None:
        return None
    try:
        problem = declared.check(options, root)
    except Exception as error:
        if declared.plugin is None:
            raise
        raise StudyError(plugins.sentence(declared.plugin, error)) from error
    if problem is not None and not isinstance(problem, str):
        raise StudyError(
            f"{declared.plugin.file}: the check of {declared.name} returned {problem!r}; it must "
            "return a text or None."
        )
    return problem


def _chosen(
    key: str,
    names: Sequence[str] | None,
    allowed: Sequence[str],
    task_names: Sequence[tuple[str, str]] = (),
) -> tuple[str, ...]:
    """The named ids in the config's order; if none is named, all that there are (masks for)."""
    if names is None:
        given = {ours for _, ours in task_names} or set(allowed)
        return tuple(name for name in allowed if name in given)
    for name in names:
        _check_known(key, name, allowed)
    return tuple(name for name in allowed if name in names)


def _check_known(key: str, name: str, allowed: Collection[str]) -> None:
    if name not in allowed:
        raise StudyError(
            f"{key} names {name!r}{did_you_mean(name, allowed)}; {allowed_are(allowed)}."
        )


def _task_names(
    key: str, entry: Mapping[str, Any], tasks: Sequence[str]
) -> tuple[tuple[str, str], ...]:
    names = tuple(entry.get("tasks", {}).items())
    seen: dict[str, str] = {}
    for theirs, ours in names:
        _check_known(f"{key}.tasks.{theirs}", ours, tasks)
        if ours in seen:
            raise StudyError(f"{key}.tasks maps both {seen[ours]} and {theirs} to {ours}.")
        seen[ours] = theirs
    for ours in entry.get("only_tasks", ()):
        if names and ours in tasks and ours not in seen:
            raise StudyError(f"{key}.only_tasks names {ours}, which {key}.tasks gives no masks.")
    return names


def _check_subnetworks(
    key: str,
    method: Method,
    column: str,
    table: Mapping[str, Sequence[str]],
    n_seeds: int,
) -> None:
    allowed = table[column]
    other = table["strict" if column == "published" else "published"]
    for name in method.subnetworks:
        base = base_name(name)
        if base not in allowed:
            if base in other and "halves" in method.options:
                state = "true" if column == "strict" else "false"
                why = (
                    f"which {method.algorithm} with halves: {state} (preset {column}) does not make"
                )
            else:
                why = f"which {method.algorithm} does not make"
            raise StudyError(
                f"{key}.subnetworks names {name}, {why}{did_you_mean(name, allowed)}; "
                f"allowed are {with_draws(allowed)}."
            )
        if base.startswith("super_") and n_seeds < 2:
            raise StudyError(
                f"{key}.subnetworks names {name}, which compares the masks of several seeds, but "
                "seeds holds only one; add a seed or leave it out."
            )


def _check_sizes_from(key: str, method: Method, models: Sequence[str]) -> None:
    if method.sizes_from is None:
        return
    _check_known(f"{key}.sizes_from", method.sizes_from, models)
    borrowers = [model for model in method.models if method.borrows_sizes(model)]
    if not borrowers:
        raise StudyError(
            f"{key}.sizes_from is {method.sizes_from}, the only model the method runs on; name "
            "under models the one that takes its sizes."
        )
    borrowed = method.subnetworks_on(borrowers[0])
    if not borrowed:
        raise StudyError(f"{key}.subnetworks must name a random one, as sizes_from is set.")
    if method.sizes_from not in method.models and borrowed != method.subnetworks:
        other = next(name for name in method.subnetworks if name not in borrowed)
        raise StudyError(
            f"{key}.subnetworks names {other}, but with sizes_from nothing is searched on "
            f"{listed(borrowers)}; allowed are the random ones."
        )
