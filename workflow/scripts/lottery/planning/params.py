"""What the result of each rule depends on, leaf by leaf: the params of the rules.

Snakemake runs a job again when its params change, so a value is here if and only if the files that
the job writes depend on it. The keys are the keyword arguments of the steps. Not here: paths of
inputs and wildcards, which are no params; and three params that rules name themselves: the version
of the stage, the content of the user's files, and, for torch steps, the number of threads, on which
results depend bit for bit.
"""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from lottery.config.presets import DISPLAY_SPLIT
from lottery.config.study import Method, Model, Study
from lottery.files import expanded
from lottery.planning import grid, partial
from lottery.pruning.algorithms import Algorithm
from lottery.pruning.algorithms.declaration import (
    PAPERS_METHODS,
    PAPERS_MODES,
    THRESHOLD_OPTIONS,
    UNITS,
    spelled,
)
from lottery.pruning.algorithms.imported import authors_files
from lottery.pruning.subnetworks import CONTROLS, Subnetwork
from lottery.runtime.stages import stage
from lottery.tasks.task import GLUE, GLUE_REPOSITORY, GLUE_REVISION, WEB, Task

Params = dict[str, Any]

PAPERS_MODEL = "google-bert/bert-base-uncased"
# The published recipe; precision and batching are the ways to compute it that the authors used.
PAPERS_RECIPE = {
    "learning_rate": 2e-5,
    "batch_size": 32,
    "epochs": 3,
    "max_length": 128,
    "weight_decay": 0.0,
    "warmup_steps": 0,
    "max_grad_norm": 1.0,
    "precision": "fp32",
    "batching": "seeded",
}
# The options that decide how much a search keeps.
SEARCH = ("search_on", "threshold", "keep_score", "search_metric", "majority")
# What the second training of a cell adds to the seed, for the order of the data and dropout.
ORDER_SEED = 2**31
# The kinds of units that make up the body, all of which is pruned weight by weight.
BODY = ["head", "mlp"]


def config_params(study: Study, model: str) -> Params:
    """Of fetch_config."""
    entry = study.models[model]
    return {"source": entry.source, "kind": entry.kind, "revision": entry.revision}


def model_params(study: Study, model: str) -> Params:
    """Of fetch_model."""
    entry = study.models[model]
    return config_params(study, model) | {"init": entry.init, "init_seed": entry.init_seed}


def task_params(study: Study, task: str) -> Params:
    """Of fetch_task: what the examples depend on, not how they are scored."""
    entry = study.tasks[task]
    glue_folder = study.glue_folder if entry.kind in ("glue", "web") else None
    return {"task": entry.to_dict(), "glue_folder": glue_folder}


def tokenize_params(study: Study, task: str) -> Params:
    """Of tokenize: what is only evaluated on is cut as the models' training task is."""
    trained = study.tasks[task].evaluate_with or task
    return {"max_length": study.training[trained]["max_length"]}


def majority_params(study: Study, task: str) -> Params:
    """Of majority."""
    return {"task": study.tasks[task].to_dict(with_metrics=True)}


def training_params(study: Study, task: str) -> Params:
    """Of finetune and retrain. `max_length` is missing: the tokens carry it."""
    return {
        "training": {k: v for k, v in study.training[task].items() if k != "max_length"},
        "n_outputs": study.tasks[task].n_outputs,
        "splits": list(study.tasks[task].validation_splits),
    }


def _passes(study: Study) -> Params:
    """The precision of steps that train nothing; nothing where it is the default.

    So no finished study is computed again for it. Trainings score what they have trained in fp32:
    no option of the evaluation is one of theirs.
    """
    precision = study.evaluation["precision"]
    return {} if precision == "fp32" else {"precision": precision}


def retrain_params(study: Study, method: str, task: str, subnetwork: str) -> Params:
    """Of retrain; the start is named where it is not the pretrained weights."""
    start = Subnetwork.parse(subnetwork).start
    more: Params = {} if start is None else {"start": start}
    if start == "rewound":
        more["rewind_step"] = study.methods[method].rewind_step
    return training_params(study, task) | more


def again_params(study: Study, method: str, task: str, subnetwork: str, seed: str) -> Params:
    """Of train_again: as retrain, or finetune for the method none, in another order."""
    made = retrain_params(study, method, task, subnetwork)
    del made["splits"]  # it scores nothing
    return made | {"order_seed": (int(seed) + ORDER_SEED) % 2**32}


def line_params(study: Study, task: str) -> Params:
    """Of evaluate_line."""
    return pruned_params(study, task) | {"metric": study.tasks[task].metric}


def connectivity_params(study: Study, method: str) -> Params:
    """Of measure_connectivity."""
    return {"split": display_split(study, method)}


def rank_params(study: Study, method: str, task: str) -> Params:
    """Of rank_masks: those of the search, without what ends it."""
    found = search_params(study, method, task)
    ends = {*THRESHOLD_OPTIONS, "halves"}
    options = {name: value for name, value in found["options"].items() if name not in ends}
    return found | {"options": options}


def cut_params(study: Study, method: str) -> Params:
    """Of cut_masks: what the size of units depends on is in the mask file's own options."""
    entry = study.methods[method]
    return sample_params(study, method) | {
        "algorithm": entry.algorithm,
        "options": entry.declared.recorded(entry.options),
    }


def search_params(study: Study, method: str, task: str) -> Params:
    """Of search_{algorithm}: every option, since sizes depend on `emptied_attention` too."""
    entry, scored = study.methods[method], study.tasks[task]
    by_search = entry.options["search_metric"] == "search"
    return (
        {
            "algorithm": entry.algorithm,
            "version": entry.declared.version,
            "options": entry.declared.recorded(entry.options),
            "metric": scored.search_metric if by_search else scored.metric,
        }
        | _plugin_params(entry.declared)
        | _trained_params(study, entry, task)
        | _passes(study)
    )


def _trained_params(study: Study, method: Method, task: str) -> Params:
    """How a search trains; nothing for those that do not."""
    if not method.declared.trains:
        return {}
    rewound = {} if method.rewind_step is None else {"rewind_step": method.rewind_step}
    return {"training": training_params(study, task)["training"]} | rewound


def sample_params(study: Study, method: str) -> Params:
    """Of sample_masks: the rest is in the source."""
    declared = study.methods[method].declared
    return {"version": declared.version} | _plugin_params(declared)


def control_params(study: Study, method: str, subnetwork: str) -> Params:
    """Of sample_masks: those that every algorithm has need to know what is pruned."""
    made = sample_params(study, method)
    if Subnetwork.parse(subnetwork).kind not in CONTROLS:
        return made
    entry = study.methods[method]
    return made | {"units": list(entry.declared.kinds(entry.options)) or None}


def _plugin_params(declared: Algorithm) -> Params:
    """The file whose code an algorithm runs, so that an edit runs it again; none for built-ins."""
    plugin = declared.plugin
    return {"plugin": {"file": plugin.file, "sha256": plugin.sha256}} if plugin else {}


def import_params(study: Study, method: str, task: str) -> Params:
    """Of import_masks."""
    entry = study.methods[method]
    named = {ours: theirs for theirs, ours in entry.task_names}.get(task, task)
    return {
        "masks": entry.options["masks"],
        "task_name": study.tasks[task].glue if entry.reads_authors else named,
        "emptied_attention": entry.options["emptied_attention"],
    }


def authors_params(_study: Study, glue: str) -> Params:
    """Of fetch_masks: address and digest of each file of a GLUE preset."""
    found = (each for (task, _), pair in authors_files().items() if task == glue for each in pair)
    return {"wanted": [[each.address, each.sha256] for each in found]}


def pruned_params(study: Study, task: str) -> Params:
    """Of evaluate_pruned. How an emptied layer computes is not here but in the mask file."""
    return {
        "splits": list(study.tasks[task].validation_splits),
        "batch_size": study.evaluation["batch_size"],
    } | _passes(study)


def evaluate_params(study: Study, task: str, phase: str) -> Params:
    """Of evaluate.

    The logits of pruned subnetworks are no declared outputs of the step that makes them, so its
    version is a param here.
    """
    metrics = {"metrics": list(study.tasks[task].metrics)}
    by = {"logits_by": stage("evaluate_pruned")} if phase == "pruned" else {}
    return pruned_params(study, task) | metrics | by


def evaluate_on_params(study: Study, eval_task: str) -> Params:
    """Of evaluate_on: the map from the trained labels, whole and in the order of the outputs."""
    task = study.tasks[eval_task]
    labels = study.tasks[cast(str, task.evaluate_with)].labels
    mapped = dict(task.label_map or ())
    return {
        "label_map": labels and [[label, mapped.get(label, label)] for label in labels],
        "labels": task.labels and list(task.labels),
        "metrics": list(task.metrics),
        "batch_size": study.evaluation["batch_size"],
    } | _passes(study)


def export_params(study: Study, task: str) -> Params:
    """Of export_model."""
    labels = study.tasks[task].labels
    return {"labels": labels and list(labels), "max_length": study.training[task]["max_length"]}


def card_params(
    study: Study, model: str, task: str, seed: str, method: str, subnetwork: str, phase: str
) -> Params:
    """Of write_card: what a model card says of the study itself, and of the files next to it."""
    entry = study.methods.get(method)
    row = {"model": model, "task": task, "seed": int(seed), "method": method}
    row |= {"subnetwork": subnetwork, "phase": phase}
    weights = ["shrunk.safetensors"] if entry and entry.prunes_units else []
    if row in grid.export_rows(study, onnx=True):
        weights.append("onnx/model.onnx")
    entry_of_task = study.tasks[task]
    of_task = _task_facts(study, entry_of_task) | {
        "labels": export_params(study, task)["labels"],
        "text": list(entry_of_task.text),
        "fold": entry_of_task.fold and f"{entry_of_task.fold} of {entry_of_task.folds}",
        "data_set": entry_of_task.hub or GLUE_REPOSITORY,  # where it has a revision
    }
    return {
        "facts": {
            "model": _model_facts(study.models[model]),
            "task": of_task,
            "method": entry and _method_facts(entry),
        },
        "training": dict(study.training[task]),
        "pairs": len(study.tasks[task].text) > 1,
        "weights": weights,
    }


def clean_retrained_params(study: Study) -> Params:
    """Of clean_retrained: the weights of retrained and second trainings, and what reads them."""
    paths = grid.Paths(study.results)

    def use(
        step: str, template: str, row: grid.Row, settings: Params, record: str = "provenance"
    ) -> list[Any]:
        threads = study.compute["torch_threads"]
        made = {"settings": settings, "torch_threads": threads, "step": stage(step)}
        return [f"{template}/{record}.json".format(**row), made]

    uses: dict[str, list[Any]] = {}
    for row in grid.evaluate_rows(study):
        settings = evaluate_params(study, row["task"], row["phase"])
        if row["phase"] == "retrained":
            folder = paths.retrained.format(**row)
            uses[folder] = [use("evaluate", paths.evaluated, row, settings)]
    for row in grid.evaluate_on_rows(study):
        settings = evaluate_on_params(study, row["eval_task"])
        if row["phase"] == "retrained":
            folder = paths.retrained.format(**row)
            uses[folder].append(use("evaluate_on", paths.evaluated_on, row, settings))
    for row in grid.export_rows(study):
        if row["phase"] == "retrained":
            settings = export_params(study, row["task"])
            made = use("export_model", paths.exports, row, settings, "{phase}.provenance")
            uses[paths.retrained.format(**row)].append(made)
    for row in grid.connect_rows(study):
        settings, record = line_params(study, row["task"]), "line.provenance"
        line = use("evaluate_line", paths.connected, row, settings, record)
        uses[paths.connected.format(**row)] = [line]
        if row["method"] in study.methods:
            uses[paths.retrained.format(**row)].append(line)
    return {
        "cells": [
            {
                "weights": f"{folder}/model.safetensors",
                "record": f"{folder}/provenance.json",
                "uses": each,
            }
            for folder, each in uses.items()
        ]
    }


def score_params(study: Study, method: str | None = None) -> Params:
    """Of collect_scores: the metric in which a full model must beat majority."""
    tasks = study.trained_tasks if method is None else study.methods[method].tasks
    return {"reported_metrics": {name: study.tasks[name].metric for name in tasks}}


def missing_params(study: Study) -> Params:
    """Of tables with a caption: what a partial study lacks."""
    sentence = partial.sentence(study)
    return {"missing": sentence} if sentence else {}


def display_split(study: Study, method: str) -> str:
    """The split that shows a method: the one that its preset does not search on."""
    return DISPLAY_SPLIT[study.methods[method].preset]


def layout_params(
    study: Study,
    models: Collection[str] | None = None,
    methods: Collection[str] | None = None,
) -> Params:
    """Of tables and figures of scores: rows, columns, and which of them repeat the paper.

    A published number is shown only where model, task, recipe and method are the paper's.

    Args:
        study: the study.
        models: what is shown, all if None.
        methods: likewise; of the tasks, those of the methods are shown.
    """
    shown = [m for m in study.methods.values() if methods is None or m.id in methods]
    shown_models = [name for name in study.models if models is None or name in models]
    return {
        "models": shown_models,
        "published_models": [name for name in shown_models if _is_papers_model(study.models[name])],
        "tasks": {
            name: {
                "metric": study.tasks[name].metric,
                "in_average": study.tasks[name].in_average,
                "published": study.tasks[name].glue if _is_papers_task(study, name) else None,
                **_fold_of(study.tasks[name]),
            }
            for name in study.trained_tasks
            if methods is None or any(name in method.tasks for method in shown)
        },
        "methods": {
            method.id: {
                "preset": method.preset,
                "published": _papers_method(method),
                "subnetworks": list(method.plain_subnetworks),
            }
            for method in shown
        },
    }


def _fold_of(task: Task) -> dict[str, str]:
    """Only of folds: the params of all other studies would change."""
    return {} if task.fold_of is None else {"fold_of": task.fold_of}


def summary_params(study: Study) -> Params:
    """Of summarize: as `layout_params`, with the subnetworks that have a size, start or source."""
    layout = layout_params(study)
    for name, facts in layout["methods"].items():
        method = study.methods[name]
        further = [each for each in method.subnetworks if each not in method.plain_subnetworks]
        if further:
            facts["further"] = further
    return {"layout": layout} | missing_params(study)


def _is_papers_model(model: Model) -> bool:
    return model.init == "pretrained" and model.source == PAPERS_MODEL


def _is_papers_task(study: Study, name: str) -> bool:
    """Whether a task is an unchanged GLUE preset, trained with the paper's recipe."""
    task = study.tasks[name]
    if task.glue is None or task != replace(GLUE[task.glue], id=name, in_average=task.in_average):
        return False
    if _passes(study):
        return False
    return all(study.training[name][key] == value for key, value in PAPERS_RECIPE.items())


def _papers_method(method: Method) -> str | None:
    """The paper's method that a method repeats: with every option, or with one kind of unit alone.

    The paper also searches heads alone and MLPs alone.
    """
    options = method.declared.options
    own = {
        name: method.options[name]
        for name, option in options.items()
        if method.options[name] != option.preset("published")
    }
    if method.declared.paper is None or not set(own) <= {"units"}:
        return None
    return PAPERS_MODES.get(tuple(own["units"])) if own else method.declared.paper


def published_tasks(study: Study, model: str, method: str) -> dict[str, str]:
    """The tasks whose masks repeat the paper's structured ones, each with its GLUE preset."""
    layout = layout_params(study, [model], [method])
    paper = layout["methods"][method]["published"]
    if not layout["published_models"] or paper != PAPERS_METHODS[UNITS]:
        return {}
    tasks = {name: layout["tasks"][name]["published"] for name in study.methods[method].tasks}
    return {name: glue for name, glue in tasks.items() if glue}


def method_layout_params(study: Study, model: str, method: str) -> Params:
    """Of the figures of one model and method."""
    return {"layout": layout_params(study, [model], [method])}


def overview_params(study: Study, model: str) -> Params:
    """Of plot_overview."""
    return {"layout": layout_params(study, [model], scored_methods(study, model))}


def scored_methods(study: Study, model: str) -> list[str]:
    """The methods whose own subnetworks are scored on a model, in the config's order.

    Those that only have subnetworks of given sizes are shown by size.
    """
    return [
        method.id
        for method in study.methods.values()
        if model in method.models
        and method.plain_subnetworks
        and method.subnetworks_on(model)
        and method.finds_good
    ]


def equal_size_params(study: Study, model: str) -> Params:
    """Of plot_equal_sizes."""
    return {"layout": layout_params(study, [model], grid.methods_of_one_size(study, model))}


def _averaged(study: Study, method: str) -> list[str]:
    """The tasks whose masks enter averages; of the folds of a data set the first.

    Masks of several folds rest on mostly the same examples, so they are no masks of several tasks.
    """
    tasks = [study.tasks[name] for name in study.methods[method].tasks]
    first = {task.data_set: task.id for task in reversed(tasks)}
    return [task.id for task in tasks if task.in_average and first[task.data_set] == task.id]


def survival_params(study: Study, model: str, method: str) -> Params:
    """Of plot_survival."""
    layout = layout_params(study, [model], [method])
    tasks = {name: layout["tasks"][name]["published"] for name in study.methods[method].tasks}
    paper = layout["methods"][method]["published"] if layout["published_models"] else None
    return {
        "granularity": study.methods[method].declared.granularity,
        "averaged_tasks": _averaged(study, method),
        "published_method": paper,
        "published": {name: glue for name, glue in tasks.items() if glue and paper},
    }


def trajectory_params(study: Study, model: str, method: str) -> Params:
    """Of plot_trajectories: the metric that each task's search scores."""
    tasks = study.methods[method].tasks
    metrics = {task: search_params(study, method, task)["metric"] for task in tasks}
    return {"seeds": list(study.seeds), "search_metrics": metrics}


def summarize_on_params(study: Study) -> Params:
    """Of summarize_on and plot_on: where the published numbers may be shown."""
    layout = layout_params(study)
    published = {}
    for name in study.evaluation_only_tasks:
        task = study.tasks[name]
        trained = layout["tasks"][task.evaluate_with]["published"]
        if trained and _is_web_preset(task):
            published[name] = [trained, task.web]
    return {"published_models": layout["published_models"], "published_tasks": published}


def plot_on_params(study: Study, eval_task: str) -> Params:
    """Of plot_on."""
    task = study.tasks[eval_task]
    return summarize_on_params(study) | {
        "metric": task.metric,
        "labels": task.labels and list(task.labels),
        "trained_task": task.evaluate_with,
    }


def _is_web_preset(task: Task) -> bool:
    """Whether a task is an unchanged preset of the web."""
    if task.web is None or not set(task.label_map or ()) <= set(WEB[task.web].label_map or ()):
        return False
    free = ("id", "evaluate_with", "in_average", "label_map")
    return task == replace(WEB[task.web], **{field: getattr(task, field) for field in free})


def comparison_rows(study: Study) -> list[dict[str, str]]:
    """The comparisons: model, and the first of the methods that it compares."""
    return [
        {"model": model, "method": name}
        for model in study.models
        for name in study.methods
        if (group := compared_methods(study, model, name))[:1] == [name] and len(group) > 1
    ]


def compared_methods(study: Study, model: str, method: str) -> list[str]:
    """The methods of the same algorithm with good subnetworks on a model, in the config's order."""
    return [
        name
        for name in study.methods_of(study.methods[method].algorithm)
        if model in study.methods[name].models
        and "good" in study.methods[name].subnetworks_on(model)
        and _is_scored(study, model, name, "good")
    ]


def _is_scored(study: Study, model: str, method: str, subnetwork: str | None = None) -> bool:
    """Whether a partial study has a score of a method, or of one of its subnetworks."""
    return study.unfinished is None or any(
        (cell.model, cell.method) == (model, method) and subnetwork in (None, cell.subnetwork)
        for cell in grid.cells(study)
    )


def method_params(study: Study, model: str, method: str) -> Params:
    """Of compare_methods."""
    compared = compared_methods(study, model, method)
    return {"layout": layout_params(study, [model], compared), "compared": compared}


def comparison_params(study: Study, model: str, method: str) -> Params:
    """Of compare_subnetworks: the layout, and how many permutations a test has."""
    return method_layout_params(study, model, method) | {
        "controls": _roles(study.methods[method]),
        "permutations": study.analysis["test_permutations"],
    }


def difference_rows(study: Study) -> list[dict[str, str]]:
    """The tables of differences: model, method and split, in the order of differences.csv.

    A method is compared on the split that shows it, and on report_half next to strict methods.
    """
    splits = {name: display_split(study, name) for name in study.methods}
    strict = "report_half" in splits.values()
    return [
        {"model": model, "method": method.id, "split": split}
        for model in study.models
        for method in study.methods.values()
        if model in method.models and method.subnetworks_on(model)
        if _is_scored(study, model, method.id)
        for split in dict.fromkeys([splits[method.id], *["report_half"] * strict])
    ]


def trainability_params(study: Study) -> Params:
    """Of tabulate_trainability: the layout, and which models were never pretrained."""
    return {
        "layout": layout_params(study),
        "controls": {method.id: _roles(method) for method in study.methods.values()},
        "untrained": [model.id for model in study.models.values() if model.init == "random"],
        "baselines": study.analysis["baselines"],
    } | missing_params(study)


def claim_params(study: Study) -> Params:
    """Of check_claims: the layout, and what the claims need to know of the methods."""
    facts = {method.id: _claim_facts(study, method) for method in study.methods.values()}
    baselines = study.analysis["baselines"]
    claims: Params = {"layout": layout_params(study), "facts": facts, "baselines": baselines}
    claims |= {"n_seeds": len(study.seeds), "left_out": dict(study.analysis["left_out"])}
    if study.unfinished is not None:
        claims["asked_tasks"] = {method: len(_averaged(study, method)) for method in study.methods}
    return claims | missing_params(study)


def _claim_facts(study: Study, method: Method) -> Params:
    declared, options = method.declared, method.options
    units = list(declared.kinds(options))
    # The claims are about searches that score what they have pruned, without training it.
    judged = declared.to_threshold and not declared.trains
    search = {name: options[name] for name in SEARCH} if judged else {}
    return {
        "granularity": declared.granularity,
        "units": units,
        "importance": declared.importance,
        "imported": declared.imported,
        "trains": declared.trains,
        "controls": _roles(method),
        # The claims are about pretrained models whose masks are not sized by another model's.
        "models": [
            model
            for model in method.models
            if study.models[model].init == "pretrained" and not method.borrows_sizes(model)
        ],
        "search": search and search | {"units": units or BODY},
        "untrained": {
            method.searched_model(model): model
            for model in method.models
            if study.models[model].init == "random" and method.borrows_sizes(model)
        },
    }


def _roles(method: Method) -> str:
    """Which subnetworks are read as good, random and bad (`lottery.statistics.runs.NAMES`).

    Halves are read so where a method makes them. An algorithm that draws its controls from the good
    mask whatever the preset has the others.
    """
    kinds = method.declared.subnetworks[method.controls]
    return "published" if "random" in kinds else method.controls


def stability_params(study: Study, model: str, method: str) -> Params:
    """Of measure_stability."""
    return {
        "published": published_tasks(study, model, method),
        "averaged_tasks": _averaged(study, method),
        "permutations": study.analysis["permutations"],
    }


def overlap_params(study: Study, model: str, method: str) -> Params:
    """Of measure_overlap."""
    return stability_params(study, model, method) | {"few_tasks": study.analysis["few_tasks"]}


def noise_params(study: Study, model: str, method: str) -> Params:
    """Of measure_noise: the methods of the family, each with the examples it searches on."""
    family = family_of(study, method)
    return {
        "search_on": {name: study.methods[name].options["search_on"] for name in family},
        "averaged_tasks": _averaged(study, method),
        "permutations": study.analysis["permutations"],
        "published": bool(published_tasks(study, model, method)),
    }


def importance_params(study: Study, model: str, method: str) -> Params:
    """Of measure_importance."""
    tasks, seeds = grid.block(study, model, method)
    return {
        "tasks": tasks,
        "seeds": seeds,
        "averaged_tasks": _averaged(study, method),
        "permutations": study.analysis["permutations"],
        "published": published_tasks(study, model, method),
    }


def magnitude_params(study: Study, model: str, method: str) -> Params:
    """Of measure_magnitudes: whether the paper's runs are comparable."""
    return {"published": bool(published_tasks(study, model, method))}


def family_of(study: Study, method: str) -> list[str]:
    """The methods that search as `method` does, the first one for each set of examples.

    They search the same models on the same tasks, and agree in every option of the search except
    `search_on`, and `halves`, which adds masks and leaves the good one as it is. Two that also
    search on the same examples have the same good masks.
    """
    searched = _search_options(study.methods[method])
    of_examples: dict[Any, str] = {}
    for name, entry in study.methods.items():
        if _search_options(entry) == searched:
            of_examples.setdefault(entry.options.get("search_on"), name)
    return [*of_examples.values()]


def families(study: Study) -> list[str]:
    """The first method of every family that searches on more than one set of examples."""
    of_methods = {name: family_of(study, name) for name in study.methods}
    return [name for name, family in of_methods.items() if family[0] == name and len(family) > 1]


def _search_options(method: Method) -> tuple[Any, ...]:
    options = method.declared.options
    decisive = {
        name: value
        for name, value in method.options.items()
        if options[name].applies_to == "search" and name not in ("search_on", "halves")
    }
    if method.declared.trains:
        decisive["rewind_step"] = method.rewind_step
    # Imported masks are searched on nothing: each such method is a family by itself.
    alone = method.id if "search_on" not in options else ""
    searched = {method.searched_model(model) for model in method.models}
    return (method.algorithm, decisive, searched, method.tasks, alone)


def has_patterns(method: Method) -> bool:
    """Whether the patterns of surviving heads are looked at: where a search may prune heads.

    Imported masks belong to models that need not be there.
    """
    declared = method.declared
    return not declared.imported and declared.prunes("head", method.options)


def latency_params(study: Study, model: str, task: str, method: str) -> Params:
    """Of measure_latency: the subnetworks, in the order of their masks."""
    names = [row["subnetwork"] for row in grid.latency_cells(study, model, task, method)]
    return {"seed": study.seeds[0], "subnetworks": names} | _passes(study)


def log_params(study: Study, method: str, task: str) -> Params:
    """Of log_run: the hyperparameters of a training, and of the method that made its mask."""
    found = {f"training.{name}": value for name, value in study.training[task].items()}
    if method in study.methods:
        entry = study.methods[method]
        found |= {"algorithm": entry.algorithm, "preset": entry.preset}
        found |= {f"options.{name}": shareable(value) for name, value in entry.options.items()}
        if entry.rewind_step is not None:
            found["rewind_step"] = entry.rewind_step
    return {"config": found}


def long_text_params(study: Study, task: str) -> Params:
    """Of write_long_texts."""
    return {"task": study.tasks[task].to_dict()}


def pattern_rule_params(study: Study) -> Params:
    """Of check_pattern_rules."""
    return {"annotated_maps": study.analysis["annotated_maps"]}


def classify_params(study: Study, task: str) -> Params:
    """Of classify_patterns."""
    sizes = {name: study.analysis[name] for name in ("maps_per_cell", "least_map_tokens")}
    return sizes | tokenize_params(study, task)


def pattern_params(study: Study, model: str, method: str) -> Params:
    """Of measure_patterns."""
    return {
        "published": published_tasks(study, model, method),
        "averaged_tasks": _averaged(study, method),
        "permutations": study.analysis["permutations"],
        "least_map_tokens": study.analysis["least_map_tokens"],
    }


def report_params(study: Study, config: Mapping[str, Any], unmade: Collection[str] = ()) -> Params:
    """Of write_report: what results/report.html shows of the study itself, and the whole config.

    `unmade` are the tables and figures that a partial study could not make.
    """
    missing = partial.missing(study) + [f"not made: {path}" for path in unmade]
    return {
        "layout": layout_params(study),
        "models": [_model_facts(model) for model in study.models.values()],
        "tasks": [_task_facts(study, task) for task in study.tasks.values()],
        "methods": [_method_facts(method) for method in study.methods.values()],
        "seeds": list(study.seeds),
        "counts": {
            "finetuned": len(grid.finetune_rows(study)),
            "searched": len(grid.mask_rows(study)),
            "retrained": len(grid.retrain_rows(study)),
            "evaluated": len(grid.evaluate_rows(study)),
        },
        "results": study.results,
        "jobs_share_gpus": study.compute["slots_per_gpu"] > 1,
        "config": shareable(json.loads(json.dumps(config, default=str))),
    } | ({"missing": missing} if study.unfinished is not None else {})


def shareable(value: Any) -> Any:
    """A value of the config as others may see it: without the folders of this machine.

    A path outside the working directory, which is the study's folder, keeps its last part.
    """
    if isinstance(value, dict):
        return {key: shareable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [shareable(each) for each in value]
    if not isinstance(value, str) or not value.startswith(("/", "~", "../")):
        return value
    path = Path(os.path.abspath(expanded(value)))
    if path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return f".../{path.name}"


def _model_facts(model: Model) -> dict[str, str]:
    embedded = model.kind == "embedded"
    drawn = f"drawn at random, seed {model.init_seed}"
    inside = "all-MiniLM-L6-v2, embedded in the installation"
    return {
        "id": model.id,
        "kind": model.kind,
        "source": inside if embedded else shareable(model.source),
        "revision": model.revision or "",
        "weights": "pretrained" if model.init == "pretrained" else drawn,
    }


def _task_facts(study: Study, task: Task) -> Params:
    revision = ""
    if task.kind == "generated":
        source = f"generated: {task.generated}, data seed {task.data_seed}"
    elif task.kind == "files":
        source = ", ".join(map(shareable, task.source_files))
    elif task.kind == "hub":
        config = f" ({task.config})" if task.config else ""
        source, revision = f"{task.hub}{config}", str(task.revision)
    elif study.glue_folder is not None:
        source = f"{task.glue}, from {shareable(study.glue_folder)}"
    else:
        source, revision = f"{GLUE_REPOSITORY}: {task.glue}", GLUE_REVISION
    return {
        "id": task.id,
        "source": source,
        "revision": revision,
        "metric": task.metric,
        "in_average": task.in_average,
        "evaluate_with": task.evaluate_with or "",
        "generated": task.kind == "generated",
    }


def _method_facts(method: Method) -> Params:
    declared = method.declared
    plugin = f" ({shareable(declared.plugin.file)})" if declared.plugin else ""
    # The options that have no column, where they differ from the preset's.
    options = {
        name: spelled(shareable(value))
        for name, value in method.options.items()
        if name != "search_on" and value != declared.options[name].preset(method.preset)
    }
    if method.sizes_from is not None:
        options["sizes_from"] = method.sizes_from
    return {
        "id": method.id,
        "algorithm": f"{method.algorithm}{plugin}",
        "paper": declared.paper or "",
        "preset": method.preset,
        "search_on": str(method.options.get("search_on", "")),
        "models": list(method.models),
        "tasks": list(method.tasks),
        "options": options,
        "subnetworks": list(method.subnetworks),
    }
