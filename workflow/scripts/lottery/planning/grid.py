"""The grid: which cells a study has, which jobs each rule has, and where their files are.

Every row is a mapping from wildcards to values, so that targets are `targets(template, rows)`.
The grid is never a full product. Of a partial study (`lottery.planning.partial`) the functions give
what is finished.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any, NamedTuple, cast

from lottery.config.study import Method, Study
from lottery.files.errors import StudyError
from lottery.pruning.algorithms.declaration import SEARCHED
from lottery.pruning.subnetworks import (
    CONTROLS,
    INVERTED,
    Subnetwork,
    common_sizes,
    reference_of,
)

PHASES = ("pruned", "retrained")
FULL = ("none", "full", "finetuned")  # method, subnetwork and phase

Row = Mapping[str, Any]


class Paths:
    """Templates of the paths below the folder of results.

    `shown` is the folder of tables, figures and the report, if it is another one.
    """

    def __init__(self, results: str, shown: str | None = None) -> None:
        self.shown = shown or results
        task = f"{results}/{{model}}/{{task}}"
        self.cell = f"{task}/seed_{{seed}}"
        self.tokens = f"{task}/tokens"
        self.super_masks = f"{task}/super/{{method}}"
        self.latency = f"{task}/latency/{{method}}"
        self.majority = f"{results}/majority/{{task}}"
        self.finetuned = f"{self.cell}/finetune"
        self.rewound = f"{self.cell}/rewind/step_{{step}}"
        self.masks = f"{self.cell}/mask/{{method}}"
        self.ranked = f"{self.cell}/rank/{{method}}"
        self.retrained = f"{self.cell}/retrain/{{method}}/{{subnetwork}}"
        self.connected = f"{self.cell}/connect/{{method}}/{{subnetwork}}"
        self.evaluated = f"{self.cell}/evaluate/{{method}}/{{subnetwork}}/{{phase}}"
        self.logged = f"{results}/runs/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}"
        self.evaluated_on = f"{self.evaluated}/on_{{eval_task}}"
        cell = "{model}/{task}/seed_{seed}/{method}/{subnetwork}"
        self.exports = f"{results}/export/{cell}"
        self.exported = f"{self.exports}/{{phase}}"
        self.tables = f"{self.shown}/tables"
        self.tables_of_method = f"{self.tables}/{{model}}/{{method}}"
        self.figures = f"{self.shown}/figures/{{model}}/{{method}}"


class Cell(NamedTuple):
    """One evaluated model.

    The full one has the method none, the subnetwork full and the phase finetuned.
    """

    model: str
    task: str
    seed: int
    method: str
    subnetwork: str
    phase: str


def cells(study: Study) -> list[Cell]:
    """Every cell in the order of the config: model, task, seed; there full first, then methods.

    Where all that is done is to read masks made elsewhere, there are none. Of a partial study
    those that are scored, as their full model is, with which they are compared.
    """
    every = all_cells(study)
    if study.unfinished is None:
        return every
    paths = Paths(study.results)
    needed = f"{paths.evaluated}/metrics.json", f"{paths.majority}/metrics.json"
    done = {Cell(**row) for row in finished(study, (c._asdict() for c in every), *needed)}
    return [cell for cell in every if {cell, Cell(*cell[:3], *FULL)} <= done]


def all_cells(study: Study) -> list[Cell]:
    """Every cell that the config asks for, finished or not."""
    return [
        Cell(model, task, seed, *rest)
        for model in study.models
        for task in study.trained_tasks
        for seed in study.seeds
        for rest in _cells_of_one_model(study, model, task, seed)
    ]


def _cells_of_one_model(
    study: Study, model: str, task: str, seed: int
) -> Iterator[tuple[str, str, str]]:
    if not study.trains(model, task):
        return
    yield FULL
    for method in study.methods.values():
        if model in method.models and task in method.tasks:
            for subnetwork in method.subnetworks_of({"model": model, "task": task, "seed": seed}):
                for phase in phases_of(subnetwork):
                    yield method.id, subnetwork, phase


def phases_of(subnetwork: str) -> tuple[str, ...]:
    """The phases of a subnetwork: pruned are fine-tuned weights, so a start is of retraining."""
    return PHASES if Subnetwork.parse(subnetwork).start is None else ("retrained",)


def finished(study: Study, rows: Iterable[Row], *templates: str) -> list[Row]:
    """The rows whose files are finished: all of them unless the study is partial."""
    if study.unfinished is None:
        return list(rows)
    return [row for row in rows if not {t.format(**row) for t in templates} & study.unfinished]


def block(study: Study, model: str, method: str, *templates: str) -> tuple[list[str], list[int]]:
    """Tasks and seeds of a method for analyses that need every task under every seed.

    Of a partial study the largest choice of tasks and seeds whose masks, and whose files by
    `templates`, are all finished; of two as large the one with more tasks.
    """
    tasks, seeds = [*study.methods[method].tasks], [*study.seeds]
    if study.unfinished is None:
        return tasks, seeds
    cell = {"model": model, "method": method}
    rows = [{**cell, "task": task, "seed": seed} for task in tasks for seed in seeds]
    needed = f"{Paths(study.results).masks}/provenance.json", *templates
    done = {(row["task"], row["seed"]) for row in finished(study, rows, *needed)}
    of_task = {task: {seed for seed in seeds if (task, seed) in done} for task in tasks}
    # The seeds of the largest block are those that some tasks have in common: all sets that are
    # common to several tasks are tried.
    common = {frozenset(each) for each in of_task.values()}
    for each in of_task.values():
        common |= {frozenset(each & other) for other in common}
    blocks = [
        ([task for task in tasks if of_task[task] >= chosen], [s for s in seeds if s in chosen])
        for chosen in sorted(common, key=sorted)
        if chosen
    ]
    sizes = [(len(some) * len(of), len(some)) for some, of in blocks]
    return blocks[sizes.index(max(sizes))] if blocks else ([], [])


def distinct(rows: Iterable[Row], *names: str) -> list[Row]:
    """The rows with these wildcards alone, each once, in order."""
    pairs = (tuple((name, row[name]) for name in names) for row in rows)
    return [dict(each) for each in dict.fromkeys(pairs)]


def _rows_of_phase(study: Study, phase: str, *names: str) -> list[Row]:
    return distinct((cell._asdict() for cell in cells(study) if cell.phase == phase), *names)


def evaluate_rows(study: Study) -> list[Row]:
    """Jobs of evaluate: every cell."""
    return [cell._asdict() for cell in cells(study)]


def evaluate_on_rows(study: Study) -> list[Row]:
    """Jobs of evaluate_on: a cell, and as eval_task a task that its model is only evaluated on."""
    rows = [
        {**row, "eval_task": name}
        for name in study.evaluation_only_tasks
        for row in evaluate_rows(study)
        if row["task"] == study.tasks[name].evaluate_with
    ]
    return finished(study, rows, f"{Paths(study.results).evaluated_on}/metrics.json")


def on_rows(study: Study) -> list[Row]:
    """Figures of evaluation-only tasks where masks are searched: model, method, eval_task."""
    rows = distinct(evaluate_on_rows(study), "model", "method", "eval_task")
    return [
        row
        for row in rows
        if row["method"] != "none" and not study.methods[row["method"]].borrows_sizes(row["model"])
    ]


def axis_rows(study: Study, axis: str) -> list[Row]:
    """The (model, method) pairs with subnetworks along an axis that are scored.

    Args:
        axis: the part of their names that they have: kept, start or source.
    """
    rows = [
        row
        for row in evaluate_rows(study)
        if getattr(Subnetwork.parse(row["subnetwork"]), axis) is not None
    ]
    return distinct(rows, "model", "method")


def methods_of_one_size(study: Study, model: str) -> list[str]:
    """The methods that have a good subnetwork of a size that another one has too."""
    scored: dict[str, list[str]] = {}
    for row in retrain_rows(study):
        if row["model"] == model:
            scored.setdefault(row["method"], []).append(row["subnetwork"])
    of_sizes = common_sizes({name: scored[name] for name in study.methods if name in scored})
    compared = {method for methods in of_sizes.values() for method in methods}
    return [name for name in study.methods if name in compared]


def pruned_rows(study: Study) -> list[Row]:
    """Jobs of evaluate_pruned: model, task, seed, method."""
    return _rows_of_phase(study, "pruned", "model", "task", "seed", "method")


def pruned_cells(study: Study) -> list[Row]:
    """Subnetworks before retraining: model, task, seed, method, subnetwork."""
    return _rows_of_phase(study, "pruned", "model", "task", "seed", "method", "subnetwork")


def retrain_rows(study: Study) -> list[Row]:
    """Jobs of retrain: model, task, seed, method, subnetwork."""
    return _rows_of_phase(study, "retrained", "model", "task", "seed", "method", "subnetwork")


def latency_rows(study: Study) -> list[Row]:
    """Jobs of measure_latency, none unless the config asks for them: model, task, method."""
    timed = [row for row in retrain_rows(study) if row["method"] in study.analysis["latency"]]
    rows = distinct(timed, "model", "task", "method")
    return finished(study, rows, f"{Paths(study.results).latency}/latency.csv")


def latency_cells(study: Study, model: str, task: str, method: str) -> list[Row]:
    """The subnetworks that such a job measures: those of the first seed, one of each mask.

    A mask takes as long on whatever weights it is trained from.
    """
    wanted = {"model": model, "task": task, "method": method, "seed": study.seeds[0]}
    found: dict[Subnetwork, Row] = {}
    for row in retrain_rows(study):
        if wanted.items() <= row.items():
            subnetwork = Subnetwork.parse(row["subnetwork"])
            if subnetwork.start is None or subnetwork.mask not in found:
                found[subnetwork.mask] = row
    return list(found.values())


def logged_rows(study: Study) -> list[Row]:
    """Jobs of log_run, none unless the config asks: model, task, seed, method, subnetwork.

    They are no part of a partial study, which makes tables, figures and a report.
    """
    if not study.logging or study.unfinished is not None:
        return []
    return distinct(evaluate_rows(study), "model", "task", "seed", "method", "subnetwork")


def finetune_rows(study: Study) -> list[Row]:
    """Jobs of finetune: model, task, seed."""
    return _rows_of_phase(study, "finetuned", "model", "task", "seed")


def model_rows(study: Study) -> list[Row]:
    """Jobs of fetch_model: model; of the others the config alone is needed."""
    tasks = study.trained_tasks
    return [{"model": m} for m in study.models if any(study.trains(m, task) for task in tasks)]


def authors_rows(study: Study) -> list[Row]:
    """Jobs of fetch_masks: glue, the preset of a task whose masks are the authors'."""
    presets = (
        study.tasks[task].glue
        for method in study.methods.values()
        if method.reads_authors
        for task in method.tasks
    )
    return [{"glue": glue} for glue in dict.fromkeys(presets)]


def majority_rows(study: Study, tasks: Iterable[str] | None = None) -> list[Row]:
    """Jobs of majority: task; of some trained tasks, or of all on which a model is trained."""
    if tasks is None:
        every = study.trained_tasks
        tasks = [t for t in every if any(study.trains(model, t) for model in study.models)]
    rows = [{"task": task} for task in tasks]
    return finished(study, rows, f"{Paths(study.results).majority}/metrics.json")


def fetch_rows(study: Study) -> list[Row]:
    """Jobs of fetch_task: task, those that models are only evaluated on too."""
    return distinct(tokenize_rows(study), "task")


def tokenize_rows(study: Study) -> list[Row]:
    """Jobs of tokenize: model, task."""
    return [
        {"model": model, "task": task.id}
        for model in study.models
        for task in study.tasks.values()
        if study.trains(model, task.evaluate_with or task.id)
    ]


def mask_rows(study: Study) -> list[Row]:
    """Jobs of every search and import: model, task, seed, method."""
    algorithms = dict.fromkeys(method.algorithm for method in study.methods.values())
    return [row for name in algorithms for row in search_rows(study, name)]


def search_rows(study: Study, algorithm_name: str) -> list[Row]:
    """Jobs of the search (or import) of one algorithm: model, task, seed, method.

    A model that only lends its sizes is searched as well.
    """
    rows = [
        {"model": model, "task": task, "seed": seed, "method": name}
        for name in study.methods_of(algorithm_name)
        if study.methods[name].finds_good
        for model in study.methods[name].searched_models(study.models)
        for task in study.methods[name].tasks
        for seed in study.seeds
    ]
    return finished(study, rows, f"{Paths(study.results).masks}/provenance.json")


def made_mask_rows(study: Study) -> list[Row]:
    """Jobs that make one mask file each: model, task, seed, method, subnetwork.

    Masks are drawn (sample_masks), cut to a size (cut_masks) or taken from another cell
    (copy_masks). Those that others are made of are among them; those of a search, and super masks,
    are not.
    """
    names = ("model", "task", "seed", "method", "subnetwork")
    rows = distinct(({**row, **_mask(row)} for row in retrain_rows(study)), *names)
    made = []
    for row in rows:  # grows
        if row["subnetwork"] not in SEARCHED and not is_super(row["subnetwork"]):
            made.append(row)
            needed = [source_row(study, row)]
            if reference := reference_of(row["subnetwork"]):
                needed.append({**row, "subnetwork": reference})
            rows += [each for each in needed if each is not None and each not in rows]
    return made


def _mask(row: Row) -> Row:
    return {"subnetwork": str(Subnetwork.parse(row["subnetwork"]).mask)}


def source_row(study: Study, row: Row) -> Row | None:
    """The cell of the mask that another mask is made of; None of one that a ranking is cut to."""
    method, named = study.methods[row["method"]], Subnetwork.parse(row["subnetwork"])
    if named.kind == "good" and named.source is None:
        return None
    if named.kind == "good":
        place = method.places[cast(str, named.source)]
        there = Subnetwork.parse(place.subnetwork or "good")
        source = replace(there, kept=there.kept or named.kept)
        return place.of(row) | {"subnetwork": str(source)}
    kind = "good" if named.kind in CONTROLS else method.declared.sources.get(named.kind, "good")
    kept = named.kept
    if named.kind == INVERTED and kept is not None:
        kept = round(1 - kept, 10)  # the complement of what it must not keep
    # A model on which nothing is searched takes sizes from another (`sizes_from`).
    model = row["model"] if named.source else method.searched_model(row["model"])
    source = replace(named, kind=kind, draw=1, kept=kept)
    return {**row, "model": model, "subnetwork": str(source)}


def ranking_rows(study: Study) -> list[Row]:
    """Jobs of rank_masks: model, task, seed, method."""
    rows = [
        row
        for row in made_mask_rows(study)
        if is_cut(row["subnetwork"]) and study.methods[row["method"]].declared.rank is not None
    ]
    return distinct(rows, "model", "task", "seed", "method")


def rewind_rows(study: Study) -> list[Row]:
    """Jobs of rewind: model, task, seed, step."""
    rows = [
        {**row, "step": study.methods[row["method"]].rewind_step}
        for row in retrain_rows(study)
        if Subnetwork.parse(row["subnetwork"]).start == "rewound"
    ]
    rows += [
        {**row, "step": method.rewind_step}
        for row in mask_rows(study)
        if (method := study.methods[row["method"]]).declared.trains and method.rewind_step
    ]
    return distinct(rows, "model", "task", "seed", "step")


def connect_rows(study: Study) -> list[Row]:
    """Jobs of train_again: model, task, seed, method, subnetwork; full models first."""
    full = [
        {**row, "method": FULL[0], "subnetwork": FULL[1]}
        for row in finetune_rows(study)
        if any(
            FULL[1] in method.connectivity
            and row["model"] in method.models
            and row["task"] in method.tasks
            for method in study.methods.values()
        )
    ]
    masked = [
        row
        for row in retrain_rows(study)
        if row["subnetwork"] in study.methods[row["method"]].connectivity
    ]
    return finished(study, [*full, *masked], f"{Paths(study.results).connected}/line.csv")


def connect_rows_of(study: Study, model: str, method: str) -> list[Row]:
    """The rows of `connect_rows` that one (model, method) asks for."""
    entry = study.methods[method]
    return [
        row
        for row in connect_rows(study)
        if row["model"] == model
        and row["task"] in entry.tasks
        and row["subnetwork"] in entry.connectivity
        and row["method"] in (FULL[0], method)
    ]


def super_rows(study: Study) -> list[Row]:
    """Jobs of sample_super_masks, one for all seeds: model, task, method."""
    return [
        {"model": model, "task": task, "method": method.id}
        for method in study.methods.values()
        for model in method.models
        if any(is_super(name) for name in [*method.subnetworks_on(model), *_taken(study, method)])
        for task in method.tasks
    ]


def super_masks(method: Method) -> tuple[str, ...]:
    """The masks that one job of sample_super_masks writes, listed by the method or not."""
    return tuple(name for name in method.declared.subnetworks[method.controls] if is_super(name))


def _taken(study: Study, method: Method) -> list[str]:
    """The subnetworks that other methods take from a method."""
    return [
        place.subnetwork
        for other in study.methods.values()
        for name, place in other.places.items()
        if place.subnetwork and (place.method or other.id) == method.id
    ]


def is_cut(subnetwork: str) -> bool:
    """Whether a mask is cut to a size from the ranking of its cell."""
    named = Subnetwork.parse(subnetwork)
    return (named.kind, named.source) == ("good", None) and named.kept is not None


def is_super(subnetwork: str) -> bool:
    """Whether one mask serves all seeds."""
    return subnetwork.startswith("super_")


def export_rows(study: Study, *, onnx: bool = False) -> list[Row]:
    """Jobs of export_model and write_card: the cells that the config exports.

    Args:
        study: the study.
        onnx: whether those of export_onnx are meant.
    """
    entries = [entry for entry in study.exports if entry.onnx or not onnx]
    rows = (cell._asdict() for cell in all_cells(study)) if entries else ()
    return [row for row in rows if any(entry.names(row) for entry in entries)]


def check_exports(study: Study) -> None:
    """Rejects an entry of `export` that names no cell.

    Raises:
        StudyError: the first of them.
    """
    rows = [cell._asdict() for cell in all_cells(study)] if study.exports else []
    for number, entry in enumerate(study.exports):
        if not any(map(entry.names, rows)):
            raise StudyError(
                f"export[{number}] names no model of the study: none has its model, task, seed, "
                "method, subnetwork and phase together; change one of these keys or leave it out."
            )


def require_exports(study: Study) -> None:
    """Rejects the target `export` where the config names nothing to export.

    Raises:
        StudyError: the config lacks `export`.
    """
    if not study.exports:
        raise StudyError(
            "The config has no key export, so there is nothing to export; add "
            "export: [{subnetwork: good}] for every good subnetwork."
        )


def method_rows(study: Study, condition: Any = lambda method: True) -> list[Row]:
    """The (model, method) pairs with good masks whose method meets a condition."""
    rows: list[Row] = [
        {"model": model, "method": method.id}
        for method in study.methods.values()
        if method.finds_good and condition(method)
        for model in method.searched_models(study.models)
    ]
    rows = finished(study, rows, "resources/models/{model}/config.json")
    return [row for row in rows if all(block(study, **row))]


def mask_path(study: Study, row: Row, **changes: str) -> str:
    """The mask file of a row with model, task, seed, method and subnetwork, some of it changed."""
    paths, row = Paths(study.results), {**row, **changes}
    row["subnetwork"] = str(Subnetwork.parse(row["subnetwork"]).mask)
    folder = paths.super_masks if is_super(row["subnetwork"]) else paths.masks
    return f"{folder}/{{subnetwork}}.safetensors".format(**row)


def source_mask_path(study: Study, row: Row) -> str:
    """The mask file that a mask is made of."""
    return mask_path(study, cast(Row, source_row(study, row)))


def targets(template: str, rows: Iterable[Row]) -> list[str]:
    """The template filled with each row, every file once, in the order of the rows."""
    return list(dict.fromkeys(template.format(**row) for row in rows))


def wildcard(values: Iterable[object]) -> str:
    """A regular expression that matches these values and nothing else, nothing at all if empty."""
    return "|".join(re.escape(str(value)) for value in values) or "(?!)"
