"""Iterative pruning with rewinding, and second trainings, run as rules."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from command_line import planned
from runs import run_to_the_end
from tiny_study import write_study

from lottery import files

METHOD = {
    "algorithm": "iterative",
    "rounds": 2,
    "share": 0.4,
    "rewind_step": 3,
    "subnetworks": [],
    "kept": [0.5],
    "kept_subnetworks": ["good"],
    "starts": {"rewound": ["good"]},
}
CELL = "results/tiny/tone/seed_7"
EVALUATED = f"{CELL}/evaluate/rounds/good-start_rewound/retrained/metrics.json"


def config_of(folder: Path, **changes: Any) -> dict[str, Any]:
    """One task, one seed, a short training, and the method."""
    config = write_study(folder)
    return config | {
        "tasks": {"tone": config["tasks"]["tone"]},
        "seeds": [7],
        "training": config["training"] | {"epochs": 1},
        "methods": {"rounds": METHOD | changes},
    }


def test_the_model_of_a_round_is_what_retraining_from_its_start_gives(tmp_path: Path) -> None:
    mask = f"{CELL}/mask/rounds/good-kept_0.5.safetensors"
    run_to_the_end(tmp_path, config_of(tmp_path), EVALUATED, mask, "--cores", "1")
    rounds = files.read_csv(tmp_path / CELL / "mask/rounds/search.csv")
    assert len(rounds) == 3
    good = [row for row in rounds if row["accepted"] == "true"][-1]
    document = files.read_json(tmp_path / EVALUATED)
    entries = {(entry["split"], entry["metric"]): entry["value"] for entry in document["scores"]}
    assert entries["validation", "accuracy"] == float(good["score"])
    assert document["kept_fraction"] == float(good["kept_fraction"])
    # Second trainings are new jobs. Nothing that is there is made again.
    asked = config_of(tmp_path, connectivity=["full", "good-start_rewound"])
    table = "results/tables/tiny/rounds/connectivity.csv"
    jobs = planned(tmp_path, asked, table, EVALUATED, mask)
    assert jobs == {"train_again": 2, "evaluate_line": 2, "measure_connectivity": 1}
    # The searches of other methods know nothing of the recipe.
    assert planned(tmp_path, config_of(tmp_path, rounds=3), mask) == {
        "search_iterative": 1,
        "cut_masks": 1,
    }


def test_sizes_and_starts_alone_have_no_figure_of_the_searchs_own_subnetworks(
    tmp_path: Path,
) -> None:
    jobs = planned(tmp_path, config_of(tmp_path))
    assert jobs["plot_starts"] == jobs["search_iterative"] == 1
    assert not jobs.keys() & {"plot_scores", "plot_differences", "plot_overview"}
