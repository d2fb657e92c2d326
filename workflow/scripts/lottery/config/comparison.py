"""Which methods stand side by side: those of one algorithm whose good subnetworks are scored."""

from __future__ import annotations

from typing import Any

from lottery.config.params import layout_params
from lottery.config.study import Study


def comparison_rows(study: Study) -> list[dict[str, str]]:
    """The comparisons: model, and the first of the methods that it compares."""
    return [
        {"model": model, "method": name}
        for model in study.models
        for name in study.methods
        if (group := methods_beside(study, model, name))[:1] == [name] and len(group) > 1
    ]


def methods_beside(study: Study, model: str, method: str) -> list[str]:
    """The methods of the same algorithm with good subnetworks on a model, in the config's order."""
    return [
        entry.id
        for entry in study.methods.values()
        if entry.algorithm == study.methods[method].algorithm
        and model in entry.models
        and "good" in entry.subnetworks_on(model)
    ]


def method_params(study: Study, model: str, method: str) -> dict[str, Any]:
    """Of compare_methods."""
    compared = methods_beside(study, model, method)
    return {"layout": layout_params(study, [model], compared), "compared": compared}
