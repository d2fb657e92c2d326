"""From an entry under methods to a method: presets, options, and what it may name."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery.config import axes
from lottery.config.sentences import allowed_are, did_you_mean, listed
from lottery.config.study import Method
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import algorithm, plugins
from lottery.pruning.algorithms.imported import authors_files
from lottery.pruning.subnetworks import CONTROLS, SIZED, Subnetwork, with_draws
from lottery.tasks.task import Task


def method_from_config(
    method_id: str,
    entry: Mapping[str, Any],
    *,
    models: Sequence[str],
    tasks: Sequence[str],
    n_seeds: int,
    root: Path,
) -> Method:
    """Builds a method from its entry in the config; `tasks` are those that are trained on.

    Raises:
        StudyError: the entry names what does not exist, or two of its keys do not go together.
    """
    key, declared = f"methods.{method_id}", algorithm(entry["algorithm"])
    preset = entry.get("preset", "published")
    options = {
        name: option.values.normalised(entry[name]) if name in entry else option.preset(preset)
        for name, option in declared.options.items()
    }
    # Where an algorithm can make halves, that option decides which controls there are.
    controls = "strict" if options.get("halves", preset == "strict") else "published"
    task_names = entry.get("tasks", {})
    _check_task_names(key, task_names, entry, tasks)
    given = [name for name in tasks if name in task_names.values()] or tasks
    plain = entry.get("subnetworks", declared.default_subnetworks[controls])
    layerwise = axes.has_layerwise(declared, options)
    method = Method(
        id=method_id,
        declared=declared,
        preset=preset,
        subnetworks=axes.subnetworks_of(key, entry, plain, layerwise=layerwise),
        models=_chosen(f"{key}.models", entry.get("models", models), models),
        tasks=_chosen(f"{key}.only_tasks", entry.get("only_tasks", given), tasks),
        options=options,
        controls=controls,
        sizes_from=entry.get("sizes_from"),
        task_names=tuple(task_names.items()),
        rewind_step=entry.get("rewind_step"),
        places=axes.places_of(entry, tasks),
        connectivity=tuple(entry.get("connectivity", ())),
    )
    axes.check_axes(key, method, entry, plain)
    for name in method.subnetworks:
        _check_subnetwork(f"{key}.subnetworks names {ascii(name)[1:-1]}", name, method, n_seeds)
    if method.sizes_from is not None:
        _check_known(f"{key}.sizes_from", method.sizes_from, models)
        _check_sizes_from(key, method)
    _check_options(key, method, root)
    return method


def check_authors(method: Method, tasks: Mapping[str, Task], seeds: Sequence[int]) -> None:
    """Rejects tasks and seeds of which the authors have no masks.

    Raises:
        StudyError: the first of them.
    """
    key, known = f"methods.{method.id}", authors_files()
    presets = dict.fromkeys(task for task, _ in known)
    if method.task_names:
        raise StudyError(
            f"{key}.tasks is set, but masks: authors goes by the GLUE presets of the tasks; leave "
            "it out, and choose tasks by only_tasks."
        )
    for name in method.tasks:
        if tasks[name].glue not in presets:
            raise StudyError(
                f"{key}.masks is authors, who have no masks of {name}; they have those of the GLUE "
                f"presets {listed(presets)}, which only_tasks can name."
            )
    allowed = dict.fromkeys(seed for _, seed in known)
    for seed in seeds:
        if seed not in allowed:
            raise StudyError(
                f"{key}.masks is authors, who have no masks of the seed {seed}; seeds may be "
                f"{listed(map(str, allowed))}."
            )


def _chosen(key: str, names: Sequence[str], allowed: Sequence[str]) -> tuple[str, ...]:
    """The named ids in the config's order."""
    for name in names:
        _check_known(key, name, allowed)
    return tuple(name for name in allowed if name in names)


def _check_known(key: str, name: str, allowed: Collection[str]) -> None:
    if name not in allowed:
        raise StudyError(
            f"{key} names {name!r}{did_you_mean(name, allowed)}; {allowed_are(allowed)}."
        )


def _check_task_names(
    key: str, names: Mapping[str, str], entry: Mapping[str, Any], tasks: Sequence[str]
) -> None:
    seen: dict[str, str] = {}
    for theirs, ours in names.items():
        _check_known(f"{key}.tasks.{theirs}", ours, tasks)
        if ours in seen:
            raise StudyError(f"{key}.tasks maps both {seen[ours]} and {theirs} to {ours}.")
        seen[ours] = theirs
    for ours in entry.get("only_tasks", ()):
        if names and ours in tasks and ours not in seen:
            raise StudyError(f"{key}.only_tasks names {ours}, which {key}.tasks gives no masks.")


def _check_subnetwork(found: str, name: str, method: Method, n_seeds: int) -> None:
    kinds, base = method.declared.subnetworks, Subnetwork.parse(name).kind
    allowed = (*kinds[method.controls], *CONTROLS)
    if base not in allowed and not (base in SIZED and Subnetwork.parse(name).kept):
        maker = method.algorithm
        if "halves" in method.options and base in (*kinds["published"], *kinds["strict"]):
            halves = str(method.controls == "strict").lower()
            maker += f" with halves: {halves} (preset {method.controls})"
        raise StudyError(
            f"{found}, which {maker} does not make{did_you_mean(name, allowed)}; allowed are "
            f"{with_draws(allowed)}."
        )
    if base.startswith("super_") and n_seeds < 2:
        raise StudyError(
            f"{found}, which compares the masks of several seeds, but seeds holds only one; add a "
            "seed or leave it out."
        )


def _check_sizes_from(key: str, method: Method) -> None:
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


def _check_options(key: str, method: Method, root: Path) -> None:
    """What the algorithm's own check finds."""
    declared = method.declared
    if declared.check is None:
        return
    try:
        problem = declared.check(method.options, root)
    except Exception as error:
        if declared.plugin is None:
            raise
        raise StudyError(plugins.sentence(declared.plugin, error)) from error
    if problem is not None and not isinstance(problem, str):
        raise StudyError(
            f"{declared.plugin.file}: the check of {declared.name} returned {problem!r}; it must "
            "return a text or None."
        )
    if problem:
        raise StudyError(f"{key}.{problem}.")
