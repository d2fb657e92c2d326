"""Figures of an axis are asked for where a method has subnetworks along it, and nowhere else."""

from __future__ import annotations

import pytest
import yaml
from small_study import ROOT, study

from lottery.config import load_study
from lottery.planning import grid, params
from lottery.pruning.subnetworks import Subnetwork, curves_of
from lottery.statistics.claims.follow_ups import PRUNED

AXES = ("kept", "start", "source")
# What a method of the small study adds -> the axes that it has then.
METHODS = {
    "": set(),
    "kept: [0.5]": {"kept"},
    "starts: {shuffled: [good]}": {"start"},
    "masks_from: [rte, sst2]": {"source"},
    "subnetworks: [good, good-kept_0.5-start_shuffled]": {"kept", "start"},
}


@pytest.mark.parametrize("added", METHODS)
def test_an_axis_has_the_methods_with_subnetworks_along_it(added):
    asked = study(
        "tasks: {rte: {}, sst2: {}}\n"
        "methods:\n"
        "  plain: {algorithm: structured}\n"
        f"  s: {{algorithm: structured, {added}}}\n"
    )
    for axis in AXES:
        rows = [{"model": "small", "method": "s"}] if axis in METHODS[added] else []
        assert grid.axis_rows(asked, axis) == rows


@pytest.mark.parametrize("algorithm", ["iterative", "magnitude", "structured"])
def test_a_method_without_subnetworks_of_its_search_has_no_panel_of_its_own(algorithm):
    """The iterative search runs for the masks of given sizes too."""
    asked = study(
        "methods:\n"
        "  plain: {algorithm: structured}\n"
        f"  sized: {{algorithm: {algorithm}, subnetworks: [], kept: [0.5],\n"
        "    kept_subnetworks: [good], starts: {shuffled: [good-kept_0.5]}}\n"
    )
    assert params.scored_methods(asked, "small") == ["plain"]


def shipped(name):
    """The study of a config of the workflow."""
    path = ROOT / f"workflow/configs/{name}.yaml"
    return load_study(yaml.safe_load(path.read_text(encoding="utf-8")), ROOT)


def test_the_rounds_of_sweep_have_the_published_sizes_and_share_all_with_one_shot():
    methods = shipped("sweep").methods
    of_rounds, of_one_shot = (
        {*curves_of(methods[name].subnetworks)["good"]} for name in ("rounds", "one_shot")
    )
    assert {round(1 - pruned, 10) for pruned in PRUNED.values()} <= of_rounds <= of_one_shot


def test_the_rounds_of_beyond_have_a_ticket_of_their_own_procedure():
    beyond = shipped("beyond")
    started = {
        row["method"]
        for row in grid.retrain_rows(beyond)
        if Subnetwork.parse(row["subnetwork"]).start == "rewound"
    }
    assert started == {"base", "rounds"}
    counts = len(grid.retrain_rows(beyond)), len(grid.evaluate_rows(beyond))
    page = (ROOT / "docs/configs.md").read_text(encoding="utf-8")
    numbers = page[page.index("| `beyond` |") :].split("|")
    assert (int(numbers[5]), int(numbers[7])) == counts
