"""Sizes, starts and sources run as rules, from the config to the report."""

from __future__ import annotations

import copy
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from command_line import ROOT, planned
from runs import Run, run_to_the_end
from tiny_study import write_study

from lottery import files
from lottery.pruning.masks import read_mask

PLUGIN = "taylor_squared"
METHODS: dict[str, Any] = {
    "units": {
        "algorithm": "structured",
        "subnetworks": ["good"],
        "kept": [0.7, 0.4],
        "kept_subnetworks": ["good", "random_uniform"],
        "starts": {"shuffled": ["good"], "rewound": ["good-kept_0.4"]},
        "rewind_step": 3,
        "masks_from": ["tone", "tune"],
    },
    "weights": {
        "algorithm": "magnitude",
        "subnetworks": [],
        "kept": [0.25],
        "kept_subnetworks": ["good", "inverted"],
    },
    # A criterion of the user's own, which no file of the workflow names.
    "squared": {
        "algorithm": PLUGIN,
        "subnetworks": [],
        "kept": [0.7, 0.4],
        "kept_subnetworks": ["good"],
    },
}


def config_of(folder: Path) -> dict[str, Any]:
    """Two tasks, which are the same one twice; two seeds, since some analyses take several."""
    config = write_study(folder)
    shutil.copy(ROOT / f"docs/examples/{PLUGIN}.py", folder)
    tone = config["tasks"]["tone"]
    return config | {
        "tasks": {"tone": tone, "tune": copy.deepcopy(tone)},
        "training": config["training"] | {"epochs": 5},
        "plugins": [f"{PLUGIN}.py"],
        "methods": copy.deepcopy(METHODS),
    }


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A study with sizes, starts and sources, run to its report."""
    folder = tmp_path_factory.mktemp("axes")
    config = run_to_the_end(folder, config_of(folder), "--cores", "2")
    return Run(folder, config, (folder / "output.txt").read_text())


def test_every_axis_has_its_scores(study: Run) -> None:
    rows = files.read_csv(study.folder / "results/tables/scores.csv")
    cells = {(row["method"], row["subnetwork"], row["phase"]) for row in rows}
    for name in ("good-kept_0.7", "random_uniform-kept_0.4", "good-from_tune"):
        assert cells >= {("units", name, "pruned"), ("units", name, "retrained")}
    assert ("units", "good-start_shuffled", "retrained") in cells
    assert ("units", "good-start_shuffled", "pruned") not in cells
    sizes = {row["subnetwork"]: float(row["kept_fraction"]) for row in rows if row["kept_fraction"]}
    assert sizes["good-kept_0.25"] == pytest.approx(0.25, abs=1e-4)
    assert sizes["random_uniform-kept_0.4"] == sizes["good-kept_0.4"]
    started = {row["start"] for row in rows if row["subnetwork"] == "good-kept_0.4-start_rewound"}
    assert started == {"rewound"}
    assert {row["mask_source"] for row in rows if row["subnetwork"] == "good-from_tune"} == {"tune"}


def test_masks_of_sizes_nest_and_inverted_ones_share_nothing(study: Run) -> None:
    folder = study.cell("tone", 7) / "mask"
    small, large = (
        read_mask(folder / f"units/good-kept_{share}.safetensors")[0] for share in (0.4, 0.7)
    )
    assert all((large.units[kind] | ~small.units[kind]).all() for kind in small.units)
    good, inverted = (
        read_mask(folder / f"weights/{kind}-kept_0.25.safetensors")[0].vector
        for kind in ("good", "inverted")
    )
    assert not (good & inverted).any()
    assert abs(int(good.sum()) - int(inverted.sum())) <= 1


def test_a_copied_mask_is_that_of_the_other_task(study: Run) -> None:
    there = study.cell("tune", 7) / "mask/units/good.safetensors"
    here = study.cell("tone", 7) / "mask/units/good-from_tune.safetensors"
    masks = [read_mask(path)[0].units for path in (there, here)]
    assert all(np.array_equal(masks[0][kind], masks[1][kind]) for kind in masks[0])


def test_the_report_has_a_figure_and_an_answer_for_each_axis(study: Run) -> None:
    figures = {path.stem for path in (study.folder / "results/figures").rglob("*.svg")}
    assert figures >= {"score_over_size", "starts", "transfer"}
    answers = (study.folder / "results/tables/answers.txt").read_text()
    assert len(answers.splitlines()) <= 12
    page = (study.folder / "results/report.html").read_text()
    for title in ("How small may a subnetwork be?", "From which weights?", "Whose mask?"):
        assert title in page


def test_a_criterion_of_ones_own_is_in_the_figures_of_sizes(study: Run) -> None:
    results = study.folder / "results"
    assert (results / "figures/tiny/squared/score_over_size.svg").exists()
    drawn = (results / "figures/tiny/equal_sizes.svg").read_text()
    rows = files.read_csv(results / "tables/tiny/equal_sizes.csv")
    for kept in ("0.7", "0.4"):
        # With the share that whole units give where it is another.
        assert re.search(rf">{kept}( \(0\.\d\d\))?: squared<", drawn)
        own = [row for row in rows if (row["method"], row["kept"]) == ("squared", kept)]
        assert {row["task"] for row in own} == {"tone", "tune", "average"}
        assert {row["reference"] for row in own} == {"units"}
    answers = (results / "tables/answers.txt").read_text()
    assert "method at one size" in answers and "squared" in answers


def test_masks_that_are_all_cut_to_sizes_take_no_search(study: Run) -> None:
    masks = study.cell("tone", 7) / "mask"
    assert (masks / "units/search.csv").exists()
    for method in ("weights", "squared"):
        assert not (masks / method / "search.csv").exists()
        assert not (masks / method / "good.safetensors").exists()


def test_one_more_size_and_start_run_no_finished_cell_again(study: Run) -> None:
    wanted = [
        f"results/tiny/tone/seed_7/evaluate/units/{name}/retrained/metrics.json"
        for name in ("good", "good-kept_0.7", "good-start_shuffled", "good-from_tune")
    ]
    config = config_of(study.folder)
    config["methods"]["units"]["kept"].append(0.9)
    config["methods"]["units"]["starts"]["finetuned"] = ["good"]
    assert planned(study.folder, config, *wanted) == {}
    new = "results/tiny/tone/seed_7/evaluate/units/good-kept_0.9/retrained/metrics.json"
    assert planned(study.folder, config, new) == {"cut_masks": 1, "retrain": 1, "evaluate": 1}
