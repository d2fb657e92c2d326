"""Figures of attention patterns: right numbers, legible, repeatable."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import synthetic
from legible import complaints, saved_figures
from matplotlib.colors import to_hex
from synthetic_masks import random_units
from synthetic_patterns import write_facts, write_patterns
from test_plots import BIG, DEMO_TASKS

from lottery import files
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.report import style
from lottery.steps.measure_patterns import draw_examples, draw_shares, measure_patterns

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"


def write_tree(tree: synthetic.Tree) -> None:
    """Masks and patterns alone."""
    files.write_json(tree.path_to_config, tree.config)
    write_facts(tree.root / "facts.json")
    shape = (tree.architecture.layers, tree.architecture.heads)
    rng = np.random.default_rng(0)
    for number, (task, seed) in enumerate((t, s) for t in tree.tasks for s in tree.seeds):
        write_patterns(tree.cell(task, seed) / "patterns.npz", shape, number)
        # Of one task nothing survives in all seeds.
        mask = random_units(tree.architecture, 0.1 if task == "wnli" else 0.8, rng)
        info = MaskInfo(
            algorithm="structured",
            kept_fraction=0.5,
            model=tree.model,
            task=task,
            seed=str(seed),
            method="structured",
            subnetwork="good",
        )
        write_mask(tree.cell(task, seed) / "good.safetensors", mask, info)


def measure(tree: synthetic.Tree, out: Path) -> None:
    """Runs the step."""
    cells = [tree.cell(task, seed) for task in tree.tasks for seed in tree.seeds]
    pictures = {
        f"paths_to_{name}_figure": [out / f"{name}.{kind}" for kind in ("svg", "png", "pdf")]
        for name in ("shares", "examples")
    }
    measure_patterns(
        paths_to_patterns=[cell / "patterns.npz" for cell in cells],
        paths_to_masks=[cell / "good.safetensors" for cell in cells],
        path_to_config=tree.path_to_config,
        path_to_facts=tree.root / "facts.json",
        path_to_published=PAPER / "patterns.csv",
        path_to_table=out / "patterns.csv",
        path_to_shares=out / "shares.csv",
        path_to_associations=out / "associations.csv",
        **pictures,
        model=tree.model,
        method="structured",
        published={task: task for task in tree.tasks if task in synthetic.GLUE},
        averaged_tasks=[task for task in tree.tasks if task != "wnli"],
        permutations=50,
    )


@pytest.fixture(scope="module", params=["paper", "demo"])
def drawn(request, tmp_path_factory):
    """(tree, figures by name, folder): nine tasks with five seeds; and two with two."""
    root = tmp_path_factory.mktemp(request.param)
    tree = synthetic.Tree(root, config=BIG)
    if request.param == "demo":
        tree = synthetic.Tree(root, tasks=DEMO_TASKS, seeds=(1, 2), config=BIG)
    write_tree(tree)
    with saved_figures() as figures:
        measure(tree, root / "out")
    return tree, figures, root / "out"


def test_figures_are_legible(drawn):
    _, figures, _ = drawn
    assert set(figures) == {"shares", "examples"}
    for name, figure in figures.items():
        assert complaints(figure) == [], name


def test_no_picture_is_blank(drawn):
    _, figures, out = drawn
    for name in figures:
        assert matplotlib.image.imread(out / f"{name}.png")[..., :3].std() > 0.03, name


def test_the_figures_say_what_the_classifier_can_do(drawn):
    _, figures, _ = drawn
    for figure in figures.values():
        title = figure.get_suptitle()
        assert "97% of 500 generated maps of held-out settings" in title
    assert "maps of 20 examples per head" in figures["shares"].get_suptitle()


def test_tables_tell_a_task_without_survivors_and_hold_the_paper(drawn):
    tree, _, out = drawn
    rows = files.read_csv(out / "shares.csv")
    assert len(rows) == len(tree.tasks) * 2 * 2 * 2 * 5
    of_paper = [row for row in rows if row["published"]]
    assert {row["task"] for row in of_paper} == {
        task for task in tree.tasks if task in synthetic.GLUE and task != "wnli"
    }
    if "wnli" in tree.tasks:
        empty = [r for r in rows if (r["task"], r["heads"]) == ("wnli", "super_survivors")]
        assert {row["share"] for row in empty} == {""}
        claims = files.read_csv(out / "patterns.csv")
        lost = [r for r in claims if (r["task"], r["quantity"]) == ("wnli", "association")]
        assert {row["value"] for row in lost} == {""}


@pytest.mark.slow
def test_the_same_files_come_out_twice(tmp_path):
    tree = synthetic.Tree(tmp_path, tasks=DEMO_TASKS, seeds=(1, 2))
    write_tree(tree)
    for name in ("first", "second"):
        measure(tree, tmp_path / name)
    written = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(written) == 2 * 3 + 3
    for name in written:
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


ROW = {"task": "a", "attention": "raw", "pattern": "block", "n_maps": 40, "n_heads": 2}


def test_a_share_has_its_place_spread_and_published_mark():
    rows = [
        ROW
        | {"heads": heads, "weights": weights, "share": share, "sd": 0.1, "n_seeds": 2}
        | {"published": 0.3 if heads == "all" else None}
        for heads, weights, share in (
            ("all", "fine_tuned", 0.4),
            ("all", "pretrained", 0.05),
            ("super_survivors", "pretrained", 0.95),
            ("super_survivors", "fine_tuned", None),
        )
    ]
    with style.settings():
        figure = draw_shares(rows, "title")
    axis = figure.axes[1]  # of raw maps: heterogeneous, block
    assert axis.get_title() == "block"
    dots = [line for line in axis.lines if line.get_marker() == "o"]
    assert [line.get_xdata()[0] for line in dots] == [0.4, 0.05, 0.95]
    assert [line.get_markerfacecolor() for line in dots] == [style.SERIES[1], "white", "white"]
    assert dots[0].get_ydata()[0] < dots[1].get_ydata()[0]  # fine-tuned above: y runs downwards
    spreads = [
        line.get_xdata() for line in axis.lines if to_hex(line.get_color()) == style.SERIES[1]
    ]
    assert [0.30000000000000004, 0.5] in [list(ends) for ends in spreads]
    assert [0.0, pytest.approx(0.15)] in [list(ends) for ends in spreads]  # not below zero
    assert [0.95 - 0.1, 1.0] in [list(line.get_xdata()) for line in axis.lines]  # nor above one
    marks = [line.get_xdata()[0] for line in axis.lines if line.get_color() == style.PAPER]
    assert marks == [0.3, 0.3]
    assert not [line for line in figure.axes[0].lines if line.get_marker() == "o"]


def test_an_example_is_shown_as_it_is_and_a_missing_one_said():
    shown = np.tri(5, dtype=np.float32)
    example = {"map": shown, "task": "a", "layer": 3, "head": 7, "probability": 0.995}
    with style.settings():
        figure = draw_examples({("normed", "block"): example}, "title")
    axis = figure.axes[6]
    assert np.array_equal(axis.images[0].get_array(), shown)
    assert "layer 3, head 7" in axis.get_xlabel()
    assert sum(text.get_text() == "none found" for a in figure.axes for text in a.texts) == 9
