"""`lottery.open_study`: the results of a study as they are in its files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from synthetic_masks import unit_mask

import lottery
from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.results.scores import SCHEMA

HEADS = {7: [[1, 0], [0, 1]], 12: [[0, 0], [1, 1]]}


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """Two scores, and a search and a mask of two seeds; a third seed is not searched."""
    row = dict.fromkeys(SCHEMA) | {
        "model": "m",
        "task": "t",
        "metric": "matthews",
        "degenerate": False,
    }
    rows = [row | {"seed": 7, "value": 0.5}, row | {"seed": 12}]  # undefined
    files.write_table(tmp_path / "tables" / "scores.csv", files.table(rows, SCHEMA), SCHEMA)
    for seed, heads in HEADS.items():
        cell = tmp_path / "m" / "t" / f"seed_{seed}" / "mask" / "s"
        mask = unit_mask(np.array(heads, bool), np.array([True, seed == 7]))
        info = MaskInfo("structured", "m", "t", str(seed), "s", "good", 0.5)
        write_mask(cell / "good.safetensors", mask, info)
        columns = ["stage", "kept_fraction", "score", "threshold", "accepted"]
        steps = [["both", 1.0, 0.9, 0.8, True], ["both", 0.5 + seed / 100, 0.7, 0.8, False]]
        table = [dict(zip(columns, step, strict=True)) for step in steps]
        files.write_csv(cell / "search.csv", table, columns)
    (tmp_path / "m" / "t" / "seed_3" / "finetune").mkdir(parents=True)
    return tmp_path


def test_scores_are_those_of_the_table(results: Path) -> None:
    scores = lottery.open_study(results).scores()
    assert list(scores["seed"]) == [7, 12] and scores["value"].isna().tolist() == [False, True]
    assert scores["counted"].tolist() == [0.5, 0.0]


def test_searches_and_masks_are_those_of_every_seed(results: Path) -> None:
    study = lottery.open_study(str(results))
    searches = study.searches("m", "t", "s")
    assert searches["seed"].tolist() == [7, 7, 12, 12]
    assert searches["kept_fraction"].tolist() == pytest.approx([1.0, 0.57, 1.0, 0.62])
    masks = study.masks("m", "t", "s")
    assert list(masks) == [7, 12]
    for seed, mask in masks.items():
        assert mask.units["head"].astype(int).tolist() == HEADS[seed]
    # Another start is the same mask.
    again = study.masks("m", "t", "s", "good-start_shuffled")
    assert [mask.counts() for mask in again.values()] == [mask.counts() for mask in masks.values()]


def test_what_is_missing_is_named(results: Path) -> None:
    with pytest.raises(StudyError, match=r"tables/scores\.csv is missing; .* `results`"):
        lottery.open_study(results / "m")
    study = lottery.open_study(results)
    with pytest.raises(StudyError, match=r"no .*/m/t/seed_\*/mask/s/bad\.safetensors"):
        study.masks("m", "t", "s", "bad")
    with pytest.raises(StudyError, match=r"no .*/m/u/seed_\*/mask/s/search\.csv"):
        study.searches("m", "u", "s")


def test_the_package_itself_loads_nothing() -> None:
    code = "import sys; fresh = {*sys.modules}; import lottery; print(*{*sys.modules} - fresh)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(lottery.__file__).parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {name for name in done.stdout.split() if "." not in name}
    assert loaded - {*sys.stdlib_module_names} == {"lottery"}
    assert "lottery." not in done.stdout
