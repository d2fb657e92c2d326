"""Attention patterns on the tiny model: tables, figures, and a claim that is not judged."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from command_line import planned, run_snakemake
from runs import Config, Run
from tiny_study import FEW_DRAWS, HEADS, LAYERS

from lottery.pruning.masks import read_mask

MAPS = FEW_DRAWS["maps_per_cell"]
FIGURES = [f"results/figures/tiny/structured/{name}.png" for name in ("patterns", "example_maps")]


def read(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_every_head_is_counted_on_every_example(published: Run):
    for task in ("tone", "degree"):
        for seed in published.config["seeds"]:
            with np.load(published.cell(task, seed) / "finetune/patterns.npz") as arrays:
                assert arrays["counts"].shape == (2, 2, LAYERS, HEADS, 5)
                assert (arrays["counts"].sum(axis=-1) == MAPS).all()
                assert len(set(arrays["idx"])) == MAPS
                own = arrays["example_places"][:, 4]
                assert arrays["example_maps"].shape[1] == own.max() <= 20


def test_tables_and_figures_are_there(published: Run):
    tables = published.folder / "results/tables/tiny/structured"
    rows = read(tables / "pattern_shares.csv")
    assert {row["task"] for row in rows} == {"tone", "degree"}
    of_task = [
        read_mask(published.cell("tone", seed) / "mask/structured/good.safetensors")[0].units[
            "head"
        ]
        for seed in published.config["seeds"]
    ]
    survivors = int(np.logical_and.reduce(of_task).sum())
    own = [r for r in rows if (r["task"], r["heads"]) == ("tone", "super_survivors")]
    assert {int(row["n_heads"]) for row in own} == {survivors}
    assert all(row["published"] == "" for row in rows)
    assert read(tables / "pattern_association.csv")
    for name in FIGURES:
        assert (published.folder / name).stat().st_size > 5000
        assert (published.folder / name).with_suffix(".svg").stat().st_size > 5000


def test_generated_maps_are_no_annotations(published: Run):
    tables = published.folder / "results/tables"
    facts = json.loads((tables / "pattern_classifier.json").read_text())
    assert facts["raw"]["annotated"] is facts["normed"]["annotated"] is False
    rows = read(tables / "tiny/structured/patterns.csv")
    assert {row["annotated"] for row in rows} == {"false"}
    changes = [row for row in rows if row["quantity"] == "change"]
    assert len(changes) == 2 * 2 * 2  # tasks, seeds, kinds of attention


def test_weights_alone_have_no_patterns(published: Run):
    assert not list(published.folder.glob("results/tables/tiny/magnitude/pattern*"))


def test_what_is_classified_is_planned_anew_when_its_size_changes(published: Run):
    config = published.config | {"analysis": FEW_DRAWS | {"maps_per_cell": MAPS + 1}}
    jobs = planned(published.folder, config, *FIGURES, "--rerun-triggers", "mtime", "params")
    assert jobs.get("classify_patterns") == 4
    assert "train_pattern_classifier" not in jobs


def test_a_bad_annotated_map_stops_with_one_sentence(tmp_path: Path, study: Config):
    folder = tmp_path / "maps" / "raw" / "block"
    folder.mkdir(parents=True)
    np.save(folder / "one.npy", np.ones((3, 4)))
    config = study | {"analysis": {"annotated_maps": str(tmp_path / "maps")}}
    done = run_snakemake(tmp_path / "run", config, "results/tables/pattern_classifier.json")
    assert done.returncode != 0
    assert "heterogeneous holds 0 maps" in done.stdout
