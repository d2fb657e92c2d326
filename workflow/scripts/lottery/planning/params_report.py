"""What the page results/report.html says of the study itself: the params of write_report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from lottery.config.study import Method, Model, Study
from lottery.planning import grid
from lottery.planning.params import Params, layout_params
from lottery.pruning.algorithms.declaration import spelled
from lottery.tasks import GLUE_REPOSITORY, GLUE_REVISION, Task


def report_params(study: Study, config: Mapping[str, Any]) -> Params:
    """Of write_report.

    Args:
        study: the checked study.
        config: the config as Snakemake has it.
    """
    return {
        "layout": layout_params(study),
        "models": [_model(study.models[name]) for name in study.models],
        "tasks": [_task(study, task) for task in study.tasks.values()],
        "methods": [_method(method) for method in study.methods.values()],
        "seeds": list(study.seeds),
        "counts": {
            "finetuned": len(grid.finetune_rows(study)),
            "searched": len(grid.mask_rows(study)),
            "retrained": len(grid.retrain_rows(study)),
            "evaluated": len(grid.evaluate_rows(study)),
        },
        "results": study.results,
        "jobs_share_gpus": study.compute["slots_per_gpu"] > 1,
        "config": json.loads(json.dumps(config, default=str)),
    }


def _model(model: Model) -> dict[str, str]:
    source = {"embedded": "all-MiniLM-L6-v2, embedded in the installation"}.get(
        model.kind, model.source
    )
    weights = (
        "pretrained" if model.init == "pretrained" else f"drawn at random, seed {model.init_seed}"
    )
    return {
        "id": model.id,
        "kind": model.kind,
        "source": source,
        "revision": model.revision or "",
        "weights": weights,
    }


def _task(study: Study, task: Task) -> dict[str, Any]:
    source, revision = _source(study, task)
    return {
        "id": task.id,
        "source": source,
        "revision": revision,
        "metric": task.metric,
        "in_average": task.in_average,
        "evaluate_with": task.evaluate_with or "",
    }


def _source(study: Study, task: Task) -> tuple[str, str]:
    """Where a task's examples come from, and the revision of that."""
    if task.kind == "generated":
        return f"generated: {task.generated}, data seed {task.data_seed}", ""
    if task.kind == "files":
        return ", ".join(task.source_files), ""
    if study.glue_folder is not None:
        return f"{task.glue}, from {study.glue_folder}", ""
    return f"{GLUE_REPOSITORY}: {task.glue}", GLUE_REVISION


def _method(method: Method) -> dict[str, Any]:
    plugin = method.declared.plugin
    return {
        "id": method.id,
        "algorithm": method.algorithm + (f" ({plugin.file})" if plugin else ""),
        "paper": method.declared.paper or "",
        "preset": method.preset,
        "search_on": str(method.options.get("search_on", "")),
        "models": list(method.models),
        "tasks": list(method.tasks),
        "options": _named_options(method),
        "subnetworks": list(method.subnetworks),
    }


def _named_options(method: Method) -> dict[str, str]:
    """The options that no column of their own shows, where they differ from the preset's."""
    usual = method.declared.options
    named = {
        name: spelled(value)
        for name, value in method.options.items()
        if name != "search_on" and value != usual[name].preset(method.preset)
    }
    if method.sizes_from is not None:
        named["sizes_from"] = method.sizes_from
    return named
