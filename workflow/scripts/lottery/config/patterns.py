"""What the rules of attention patterns depend on, leaf by leaf (see `lottery.config.params`)."""

from __future__ import annotations

from typing import Any

from lottery.config.stability import published_tasks
from lottery.config.study import Method, Study
from lottery.files import expanded

Params = dict[str, Any]


def classifier_params(study: Study) -> Params:
    """Of train_pattern_classifier."""
    return {
        "training_maps": study.analysis["pattern_training_maps"],
        "epochs": study.analysis["pattern_epochs"],
        "annotated_maps": study.analysis["annotated_maps"],
    }


def classify_params(study: Study) -> Params:
    """Of classify_patterns."""
    return {"maps_per_cell": study.analysis["maps_per_cell"]}


def pattern_params(study: Study, model: str, method: str) -> Params:
    """Of measure_patterns."""
    tasks = [study.tasks[name] for name in study.methods[method].tasks]
    return {
        "published": published_tasks(study, model, method),
        "averaged_tasks": [task.id for task in tasks if task.in_average],
        "permutations": study.analysis["permutations"],
    }


def has_patterns(method: Method) -> bool:
    """Whether the patterns of surviving heads are looked at: where a search may prune heads.

    Masks made elsewhere belong to models that need not be there.
    """
    declared = method.declared
    return not declared.imported and declared.prunes("head", method.options)


def annotated_files(study: Study) -> list[str]:
    """The annotated maps that the study names; none where there are none."""
    folder = study.analysis["annotated_maps"]
    if folder is None:
        return []
    return sorted(str(path) for path in expanded(folder).glob("*/*/*.npy"))
