"""The analyses of a finished run, and masks made elsewhere beside no weights at all."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from command_line import run_snakemake
from runs import Run

from lottery.pruning.masks import read_mask


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_claim_has_a_verdict_for_every_method(published: Run):
    tables = published.folder / "results" / "tables"
    rows = read(tables / "claims.csv")
    found = [(row["claim"], row["method"]) for row in rows]
    methods = published.config["methods"]
    ids = [f"A{n}" for n in range(1, 6)] + [f"C{n}" for n in range(1, 16)]
    assert sorted(found) == sorted((claim, method) for claim in ids for method in methods)
    assert all(row["verdict"] for row in rows)
    by_name = {(row["claim"], row["method"]): row["verdict"] for row in rows}
    assert by_name["C10", "structured"] == "undecided"
    assert by_name["C12", "structured"] == "undecided"
    printed = (tables / "claims.md").read_text(encoding="utf-8")
    assert all(f"## tiny, {method}\n" in printed for method in methods)


def test_differences_are_those_of_the_scores(published: Run):
    tables = published.folder / "results" / "tables"
    scores = {
        (row["task"], row["seed"], row["subnetwork"], row["phase"]): float(row["value"] or 0)
        for row in read(tables / "scores.csv")
        if row["split"] == "validation"
        and row["metric"] == "accuracy"
        and row["method"] in ("none", "structured")
    }
    rows = [
        row
        for row in read(tables / "differences.csv")
        if (row["method"], row["task"], row["phase"]) == ("structured", "tone", "pruned")
        and (row["first"], row["second"]) == ("full", "good")
    ]
    expected = np.mean(
        [
            scores["tone", str(seed), "full", "finetuned"]
            - scores["tone", str(seed), "good", "pruned"]
            for seed in published.config["seeds"]
        ]
    )
    assert rows
    for row in rows:
        assert float(row["difference"]) == pytest.approx(expected)


def test_tables_and_figures_are_there(published: Run):
    results = published.folder / "results"
    for name in ("stability", "survivors", "task_overlap", "importance_histograms", "magnitudes"):
        assert read(results / "tables" / "tiny" / "structured" / f"{name}.csv"), name
        for kind in ("svg", "png", "pdf"):
            figure = results / "figures" / "tiny" / "structured" / f"{name}.{kind}"
            assert figure.stat().st_size > 5000, figure
    for name in ("seed_agreement", "importances", "importance_test", "task_pairs"):
        assert read(results / "tables" / "tiny" / "structured" / f"{name}.csv"), name


def test_masks_of_weights_are_compared_with_the_pretrained_weights(published: Run):
    rows = read(published.folder / "results/tables/tiny/magnitude/stability.csv")
    found = [row for row in rows if (row["unit"], row["statistic"]) == ("weights", "phi")]
    assert found and all(0 < float(row["pretrained"]) <= 1 for row in found)
    assert not read(published.folder / "results/tables/tiny/magnitude/seed_agreement.csv")


def test_masks_made_elsewhere_need_no_weights(tmp_path: Path, published: Run):
    """The good masks of the tiny run, given as the authors would: tables come out the same."""
    config = published.config
    names = {"TONE": "tone", "DEGREE": "degree"}
    for theirs, task in names.items():
        for seed in config["seeds"]:
            mask, _ = read_mask(published.cell(task, seed) / "mask/structured/good.safetensors")
            folder = tmp_path / "masks" / theirs / f"seed_{seed}"
            folder.mkdir(parents=True)
            np.save(folder / "head_mask.npy", mask.units["head"].astype(np.float64))
            np.save(folder / "mlp_mask.npy", mask.units["mlp"].astype(np.int64))
    method = {"algorithm": "imported", "masks": str(tmp_path / "masks"), "tasks": names}
    config = config | {"methods": {"elsewhere": method}}
    table = "results/tables/tiny/elsewhere/stability.csv"
    done = run_snakemake(tmp_path / "run", config, table)
    assert done.returncode == 0, done.stdout
    assert not list((tmp_path / "run").rglob("model.safetensors"))
    seed = config["seeds"][0]
    imported = tmp_path / f"run/results/tiny/tone/seed_{seed}/mask/elsewhere/good.safetensors"
    original = published.cell("tone", seed) / "mask/structured/good.safetensors"
    mine, theirs = read_mask(imported), read_mask(original)
    assert np.array_equal(mine[0].units["head"], theirs[0].units["head"])
    assert mine[1].kept_fraction == theirs[1].kept_fraction


def test_a_seed_that_the_masks_lack_is_one_sentence(tmp_path: Path, published: Run):
    folder = tmp_path / "masks" / "tone" / "seed_99"
    folder.mkdir(parents=True)
    np.save(folder / "head_mask.npy", np.ones((2, 2)))
    np.save(folder / "mlp_mask.npy", np.ones(2))
    method = {"algorithm": "imported", "masks": str(tmp_path / "masks"), "only_tasks": ["tone"]}
    config = published.config | {"methods": {"elsewhere": method}}
    table = "results/tables/tiny/elsewhere/stability.csv"
    done = run_snakemake(tmp_path / "run", config, table)
    assert done.returncode != 0
    assert "seed" in done.stdout and str(tmp_path / "masks") in done.stdout
