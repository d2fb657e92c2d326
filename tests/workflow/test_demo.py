"""The demo is a study: its full models have learnt, and its searches stop where they should.

The first test runs the part of the demo that decides this. The others look at the tables of a
finished `make demo` in this clone, and are skipped before there is one.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, planned, run_snakemake

from lottery import files
from lottery.config import load_study, read_config
from lottery.planning import grid
from lottery.planning.params import claim_params
from lottery.pruning.masks import read_mask

DEMO = ROOT / "workflow" / "configs" / "demo.yaml"
STUDY = load_study(yaml.safe_load(DEMO.read_text(encoding="utf-8")), ROOT)
EASY = "sentiment"
LEAST_ABOVE_MAJORITY = 0.2
KEPT = (0.2, 0.9)


def test_what_the_demo_leaves_out_is_run_by_the_config_that_it_names():
    left_out = STUDY.analysis["left_out"]
    assert set(left_out) == {"A3", "A4", "C8", "C9"}
    facts = claim_params(STUDY)["facts"]
    assert not any(method["untrained"] for method in facts.values())
    for config in set(left_out.values()):
        other = load_study(read_config(ROOT / config), ROOT)
        structured = claim_params(other)["facts"]["structured"]
        assert structured["untrained"] == {"embedded": "embedded_untrained"}
        searched = {
            method.options.get("search_on")
            for method in other.methods.values()
            if method.algorithm == "structured" and method.preset == "published"
        }
        assert {"search_half", "report_half"} <= searched
        supers = {"super_good", "super_random", "super_bad"}
        assert supers <= set(other.methods["structured"].subnetworks)


def reported(scores: list[dict], metric: str) -> float:
    """The reported metric on validation; an undefined one counts as chance."""
    return next(
        entry["value"] or 0.0
        for entry in scores
        if entry["split"] == "validation"
        and entry["metric"] == metric
        and entry.get("labels_from", "validation") == "validation"
    )


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_full_models_learn_and_good_masks_are_worth_a_look(tmp_path: Path):
    searched = [
        row for name in ("structured", "magnitude") for row in grid.search_rows(STUDY, name)
    ]
    goods = [grid.mask_path(STUDY, row | {"subnetwork": "good"}) for row in searched]
    full = STUDY.results + "/{model}/{task}/seed_{seed}/finetune/metrics.json"
    targets = [*goods, *grid.targets(full, grid.finetune_rows(STUDY))]
    done = run_snakemake(tmp_path, DEMO, *targets)
    assert done.returncode == 0, done.stdout
    for row in grid.finetune_rows(STUDY):
        metric = STUDY.tasks[row["task"]].metric
        scores = files.read_json(tmp_path / full.format(**row))["scores"]
        majority = files.read_json(
            tmp_path / f"{STUDY.results}/majority/{row['task']}/metrics.json"
        )
        above = reported(scores, metric) - reported(majority["scores"], metric)
        assert above >= LEAST_ABOVE_MAJORITY, row
    for path in goods:
        _, info = read_mask(tmp_path / path)
        assert KEPT[0] <= info.kept_fraction <= KEPT[1], path


@pytest.fixture(scope="module")
def scores() -> list[dict[str, str]]:
    """scores.csv of a finished demo of this clone."""
    path = ROOT / STUDY.results / "tables" / "scores.csv"
    if not path.exists() or planned(ROOT, DEMO):
        pytest.skip("no finished demo of the present config; `make demo` makes one")
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_table_holds_every_cell_of_the_demo(scores):
    found = {tuple(row[name] for name in grid.Cell._fields) for row in scores}
    cells = {tuple(str(value) for value in cell) for cell in grid.cells(STUDY)}
    majority = {("none", task, "", "none", "majority", "none") for task in STUDY.tasks}
    assert found == cells | majority


def test_every_full_model_of_the_demo_beats_majority(scores):
    for task in STUDY.tasks.values():
        rows = [
            row
            for row in scores
            if (row["task"], row["metric"], row["split"]) == (task.id, task.metric, "validation")
        ]
        (majority,) = (float(r["value"] or 0) for r in rows if r["subnetwork"] == "majority")
        full = [float(r["value"]) for r in rows if r["subnetwork"] == "full"]
        assert len(full) == len(STUDY.seeds)
        assert min(full) >= majority + LEAST_ABOVE_MAJORITY


def test_every_good_mask_of_the_demo_keeps_a_part(scores):
    kept = [float(row["kept_fraction"]) for row in scores if row["subnetwork"] == "good"]
    assert kept and KEPT[0] <= min(kept) and max(kept) <= KEPT[1]


def test_the_easy_task_shows_the_pattern_of_the_paper(scores):
    def mean(subnetwork: str, phase: str) -> float:
        values = [
            float(row["value"])
            for row in scores
            if (row["task"], row["metric"], row["split"]) == (EASY, "accuracy", "validation")
            and (row["subnetwork"], row["phase"]) == (subnetwork, phase)
            and row["method"] in ("structured", "none")
        ]
        assert len(values) == len(STUDY.seeds)
        return sum(values) / len(values)

    full = mean("full", "finetuned")
    pruned, retrained = (
        {name: mean(name, phase) for name in ("good", "bad")} for phase in ("pruned", "retrained")
    )
    # Retraining narrows the gap, and bad subnetworks then lose no more than claim C7 allows.
    assert retrained["good"] - retrained["bad"] < pruned["good"] - pruned["bad"]
    assert full - retrained["bad"] <= 0.2
