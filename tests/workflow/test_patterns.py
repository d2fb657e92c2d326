"""Attention patterns on the tiny model: tables, figures, and maps to annotate."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from command_line import planned
from runs import Run
from tiny_study import FEW_DRAWS, HEADS, LAYERS

from lottery.pruning.masks import read_mask

MAPS = FEW_DRAWS["maps_per_cell"]
FIGURES = [
    f"results/figures/tiny/structured/{name}.png"
    for name in ("patterns", "pattern_shares", "example_maps")
]


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
                own = arrays["sampled_places"][:, 3]
                assert FEW_DRAWS["least_map_tokens"] <= own.min()
                assert arrays["sampled_maps"].shape[-1] == own.max() <= 20
                assert np.isfinite(arrays["scores"]).all()


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


def test_rules_without_annotated_maps_say_so(published: Run):
    tables = published.folder / "results/tables"
    assert read(tables / "pattern_rules.csv") == []
    assert "No annotated maps" in (tables / "pattern_rules.rst").read_text()
    rows = read(tables / "tiny/structured/patterns.csv")
    distances = [r for r in rows if r["quantity"] == "mix_distance" and r["seed"]]
    assert len(distances) == 2 * 2 * 2  # tasks, seeds, kinds of attention
    assert (
        " of 64 examples of each task have 5 tokens or more"
        in (tables / "tiny/structured/pattern_maps.rst").read_text()
    )


def test_weights_alone_have_no_patterns(published: Run):
    assert not list(published.folder.glob("results/tables/tiny/magnitude/pattern*"))


def test_what_is_classified_is_planned_anew_when_its_size_changes(published: Run):
    config = published.config | {"analysis": FEW_DRAWS | {"maps_per_cell": MAPS + 1}}
    jobs = planned(published.folder, config, *FIGURES, "--rerun-triggers", "mtime", "params")
    assert jobs.get("classify_patterns") == 4
    assert "check_pattern_rules" not in jobs and "draw_maps" not in jobs


def test_maps_to_annotate_are_written_when_they_are_asked_for(published: Run):
    target = "results/maps_to_annotate/maps.csv"
    assert not (published.folder / target).exists()
    options = ["--rerun-triggers", "mtime", "params"]
    assert planned(published.folder, published.config, target, *options) == {"draw_maps": 1}
