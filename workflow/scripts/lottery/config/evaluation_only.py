"""What the rules of evaluation-only tasks depend on, leaf by leaf (see `lottery.config.params`)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from lottery.config.params import layout_params, pruned_params
from lottery.config.study import Study
from lottery.tasks import WEB

Params = dict[str, Any]


def evaluate_on_params(study: Study, eval_task: str) -> Params:
    """Of evaluate_on: the map from the trained labels, whole and in the order of the outputs."""
    task = study.tasks[eval_task]
    labels = study.tasks[task.evaluate_with].labels
    options = pruned_params(study, eval_task)
    mapped = dict(task.label_map or ())
    return {
        "label_map": labels and [[label, mapped.get(label, label)] for label in labels],
        "labels": task.labels and list(task.labels),
        "metrics": list(task.metrics),
        "batch_size": options["batch_size"],
    }


def summarize_on_params(study: Study) -> Params:
    """Of summarize_on and plot_on: where the published numbers may stand."""
    layout = layout_params(study)
    published = {}
    for name in study.evaluation_only_tasks:
        task = study.tasks[name]
        trained = layout["tasks"][task.evaluate_with]["published"]
        if trained and _is_preset(study, name):
            published[name] = [trained, task.web]
    return {
        "published_models": layout["published_models"],
        "published_tasks": published,
    }


def plot_on_params(study: Study, eval_task: str) -> Params:
    """Of plot_on."""
    task = study.tasks[eval_task]
    return summarize_on_params(study) | {
        "metric": task.metric,
        "labels": task.labels and list(task.labels),
        "trained_task": task.evaluate_with,
    }


def _is_preset(study: Study, name: str) -> bool:
    """Whether a task is an unchanged preset of the web."""
    task = study.tasks[name]
    if task.web is None or not set(task.label_map or ()) <= set(WEB[task.web].label_map or ()):
        return False
    free = ("id", "evaluate_with", "in_average", "label_map")
    return task == replace(WEB[task.web], **{field: getattr(task, field) for field in free})
