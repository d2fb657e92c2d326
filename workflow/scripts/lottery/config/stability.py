"""Params of the rules that analyse masks and importances, and which methods they compare."""

from __future__ import annotations

from typing import Any

from lottery.algorithms.declaration import PAPERS_METHODS, UNITS
from lottery.config.params import layout_params
from lottery.config.study import Method, Study

Params = dict[str, Any]


def stability_params(study: Study, model: str, method: str) -> Params:
    """Of measure_stability."""
    return {
        "published": published_tasks(study, model, method),
        "permutations": study.analysis["permutations"],
    }


def overlap_params(study: Study, model: str, method: str) -> Params:
    """Of measure_overlap."""
    tasks = [study.tasks[name] for name in study.methods[method].tasks]
    return stability_params(study, model, method) | {
        "averaged_tasks": [task.id for task in tasks if task.in_average],
        "few_tasks": study.analysis["few_tasks"],
    }


def noise_params(study: Study, method: str) -> Params:
    """Of measure_noise: the methods of the family, each with the examples it searches on."""
    family = family_of(study, method)
    return {"search_on": {name: study.methods[name].options["search_on"] for name in family}}


def importance_params(study: Study, method: str) -> Params:
    """Of measure_importance."""
    entry = study.methods[method]
    return {
        "tasks": list(entry.tasks),
        "seeds": list(study.seeds),
    }


def import_params(study: Study, method: str, task: str) -> Params:
    """Of import_masks."""
    entry = study.methods[method]
    return {
        "masks": entry.options["masks"],
        "task_name": {ours: theirs for theirs, ours in entry.task_names}.get(task, task),
        "emptied_attention": entry.options["emptied_attention"],
    }


def config_params(study: Study, model: str) -> Params:
    """Of fetch_config."""
    entry = study.models[model]
    return {"source": entry.source, "kind": entry.kind, "revision": entry.revision}


def published_tasks(study: Study, model: str, method: str) -> dict[str, str]:
    """The tasks whose masks repeat the paper's structured ones, each with its GLUE preset."""
    layout = layout_params(study)
    if model not in layout["published_models"]:
        return {}
    if layout["methods"][method]["published"] != PAPERS_METHODS[UNITS]:
        return {}
    tasks = {name: layout["tasks"][name]["published"] for name in study.methods[method].tasks}
    return {name: glue for name, glue in tasks.items() if glue}


def family_of(study: Study, method: str) -> list[str]:
    """The methods that search as `method` does, but maybe on other examples; itself included.

    They search the same models on the same tasks, and agree in every option of the search except
    `search_on`, and `halves`, which adds masks and leaves the good one as it is.
    """
    own = _search_options(study.methods[method])
    return [name for name, entry in study.methods.items() if _search_options(entry) == own]


def families(study: Study) -> list[str]:
    """The first method of every family that searches on more than one set of examples."""
    found = []
    for name in study.methods:
        family = family_of(study, name)
        searched = {study.methods[each].options.get("search_on") for each in family}
        if family[0] == name and len(searched) > 1:
            found.append(name)
    return found


def _search_options(method: Method) -> tuple[Any, ...]:
    options = method.declared.options
    decisive = {
        name: value
        for name, value in method.options.items()
        if options[name].applies_to == "search" and name not in ("search_on", "halves")
    }
    # Imported masks are searched on nothing: each such method is a family of its own.
    own = method.id if "search_on" not in options else ""
    searched = {method.searched_model(model) for model in method.models}
    return (method.algorithm, decisive, searched, method.tasks, own)
