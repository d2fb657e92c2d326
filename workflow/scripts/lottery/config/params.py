"""What the result of each rule depends on, leaf by leaf: the params of the rules.

Snakemake runs a job again when its params change, so a value stands here if and only if the files
that the job writes depend on it. The keys are the keyword arguments of the steps. Not here: paths
of inputs and wildcards, which are no params; and two params that rules name themselves, the version
of the stage and, for torch steps, the number of threads, on which results depend bit for bit.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from lottery.algorithms import Algorithm
from lottery.config.study import Method, Study
from lottery.presets import DISPLAY_SPLIT
from lottery.stages import stage
from lottery.tasks import GLUE

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


def model_params(study: Study, model: str) -> Params:
    """Of fetch_model."""
    entry = study.models[model]
    return {
        "source": entry.source,
        "kind": entry.kind,
        "revision": entry.revision,
        "init": entry.init,
        "init_seed": entry.init_seed,
    }


def task_params(study: Study, task: str) -> Params:
    """Of fetch_task: what the examples depend on, not how they are scored."""
    entry = study.tasks[task]
    glue_folder = study.glue_folder if entry.kind in ("glue", "web") else None
    return {"task": entry.to_dict(), "glue_folder": glue_folder}


def tokenize_params(study: Study, task: str) -> Params:
    """Of tokenize: what is only evaluated on is cut as the models' own task is."""
    trained = study.tasks[task].evaluate_with or task
    return {"max_length": study.training[trained]["max_length"]}


def majority_params(study: Study, task: str) -> Params:
    """Of majority."""
    return {"task": study.tasks[task].to_dict(with_metrics=True)}


def training_params(study: Study, task: str) -> Params:
    """Of finetune and retrain. `max_length` is missing: the tokens carry it."""
    recipe = {name: value for name, value in study.training[task].items() if name != "max_length"}
    return {
        "training": recipe,
        "n_outputs": study.tasks[task].n_outputs,
        "splits": list(study.tasks[task].validation_splits),
    }


def search_params(study: Study, method: str, task: str) -> Params:
    """Of search_{algorithm}: every option, since sizes depend on `emptied_attention` too."""
    entry, scored = study.methods[method], study.tasks[task]
    wanted = entry.options["search_metric"]
    return {
        "algorithm": entry.algorithm,
        "version": entry.declared.version,
        "options": dict(entry.options),
        "metric": scored.search_metric if wanted == "search" else scored.metric,
    } | plugin_params(entry.declared)


def sample_params(study: Study, method: str) -> Params:
    """Of sample_masks: the source says the rest."""
    return plugin_params(study.methods[method].declared)


def plugin_params(declared: Algorithm) -> Params:
    """The file whose code an algorithm runs, so that an edit runs it again; none for our own."""
    plugin = declared.plugin
    return {"plugin": {"file": plugin.file, "sha256": plugin.sha256}} if plugin else {}


def pruned_params(study: Study, task: str) -> Params:
    """Of evaluate_pruned. How an emptied layer computes is not here: the mask file says it."""
    return {
        "splits": list(study.tasks[task].validation_splits),
        "batch_size": study.evaluation["batch_size"],
    }


def evaluate_params(study: Study, task: str, phase: str) -> Params:
    """Of evaluate.

    The logits of pruned subnetworks are no declared outputs of the step that makes them, so its
    version stands here.
    """
    own = pruned_params(study, task) | {"metrics": list(study.tasks[task].metrics)}
    return own | ({"logits_by": stage("evaluate_pruned")} if phase == "pruned" else {})


def score_params(study: Study, method: str | None = None) -> Params:
    """Of collect_scores: the metric in which a full model must beat majority."""
    tasks = study.trained_tasks if method is None else study.methods[method].tasks
    return {"reported_metrics": {name: study.tasks[name].metric for name in tasks}}


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
        models, methods: what is shown, all if None; of the tasks, those of the methods.
    """
    shown = [m for m in study.methods.values() if methods is None or m.id in methods]
    return {
        "models": [name for name in study.models if models is None or name in models],
        "published_models": [
            name
            for name in study.models
            if (models is None or name in models) and _is_papers_model(study, name)
        ],
        "tasks": {
            name: {
                "metric": study.tasks[name].metric,
                "in_average": study.tasks[name].in_average,
                "published": study.tasks[name].glue if _is_papers_task(study, name) else None,
            }
            for name in study.trained_tasks
            if methods is None or any(name in method.tasks for method in shown)
        },
        "methods": {
            method.id: {
                "preset": method.preset,
                "published": method.declared.paper if _is_papers_method(method) else None,
                "subnetworks": list(method.subnetworks),
            }
            for method in shown
        },
    }


def method_layout_params(study: Study, model: str, method: str) -> Params:
    """Of the figures of one model and method."""
    return {"layout": layout_params(study, [model], [method])}


def survival_params(study: Study, model: str, method: str) -> Params:
    """Of plot_survival."""
    tasks = [study.tasks[name] for name in study.methods[method].tasks]
    return {
        "granularity": study.methods[method].declared.granularity,
        "averaged_tasks": [task.id for task in tasks if task.in_average],
    }


def trajectory_params(study: Study, model: str, method: str) -> Params:
    """Of plot_trajectories: the metric that each task's search scores."""
    tasks = study.methods[method].tasks
    metrics = {task: search_params(study, method, task)["metric"] for task in tasks}
    return {
        "seeds": list(study.seeds),
        "search_metrics": metrics,
    }


def _is_papers_model(study: Study, name: str) -> bool:
    model = study.models[name]
    return model.init == "pretrained" and model.source == PAPERS_MODEL


def _is_papers_task(study: Study, name: str) -> bool:
    """Whether a task is an unchanged GLUE preset, trained with the paper's recipe."""
    task = study.tasks[name]
    if task.glue is None or task != replace(GLUE[task.glue], id=name, in_average=task.in_average):
        return False
    return all(study.training[name][key] == value for key, value in PAPERS_RECIPE.items())


def _is_papers_method(method: Method) -> bool:
    options = method.declared.options
    return method.declared.paper is not None and all(
        method.options[name] == option.preset("published") for name, option in options.items()
    )
