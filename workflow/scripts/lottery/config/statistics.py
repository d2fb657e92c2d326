"""What the rules of the statistics depend on, leaf by leaf (see `lottery.config.params`)."""

from __future__ import annotations

from typing import Any

from lottery.config.params import display_split, layout_params
from lottery.config.study import Method, Study
from lottery.files import expanded

Params = dict[str, Any]

# The options that decide how much a search keeps.
SEARCH = ("search_on", "threshold", "keep_score", "search_metric", "majority")
# The kinds of units that make up the body, all of which is pruned weight by weight.
BODY = ["head", "mlp"]


def comparison_params(study: Study, model: str, method: str) -> Params:
    """Of compare_subnetworks: the layout, and how much is resampled."""
    return {
        "layout": layout_params(study, [model], [method]),
        "controls": _roles(study.methods[method]),
        "bootstrap_samples": study.analysis["bootstrap_samples"],
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
        for split in dict.fromkeys([splits[method.id], *["report_half"] * strict])
    ]


def trainability_params(study: Study) -> Params:
    """Of tabulate_trainability: the layout, and which models were never pretrained."""
    return {
        "layout": layout_params(study),
        "controls": {method.id: _roles(method) for method in study.methods.values()},
        "untrained": [model.id for model in study.models.values() if model.init == "random"],
    }


def baseline_files(study: Study) -> dict[str, str]:
    """The file of other systems' scores as a rule's input; none where the user names none."""
    path = study.analysis["baselines"]
    return {"baselines": str(expanded(path))} if path else {}


def claim_params(study: Study) -> Params:
    """Of check_claims: the layout, and what the claims need to know of the methods."""
    facts = {method.id: _claim_facts(study, method) for method in study.methods.values()}
    return {"layout": layout_params(study), "facts": facts}


def _claim_facts(study: Study, method: Method) -> Params:
    declared, options = method.declared, method.options
    units = list(options.get("units", declared.units))
    return {
        "granularity": declared.granularity,
        "units": units,
        "importance": declared.importance,
        "imported": declared.imported,
        "controls": _roles(method),
        # The claims are about pretrained models with masks of their own.
        "models": [
            model
            for model in method.models
            if study.models[model].init == "pretrained" and not method.borrows_sizes(model)
        ],
        "search": {name: options[name] for name in SEARCH} | {"units": units or BODY}
        if declared.to_threshold
        else {},
    }


def _roles(method: Method) -> str:
    """Whose column of `lottery.stats.roles.NAMES` says what is read as good, random and bad.

    Halves are read so where a method makes them. An algorithm that draws its controls from the good
    mask whatever the preset has the others.
    """
    kinds = method.declared.subnetworks[method.controls]
    return "published" if "random" in kinds else method.controls
