"""Figures of attention patterns: right numbers, legible, repeatable."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import synthetic
from legible import complaints, saved_figures
from synthetic_masks import random_units
from synthetic_patterns import ideal_map, write_patterns
from test_plots import BIG, DEMO_TASKS

from lottery import files
from lottery.analysis.patterns import HEADS, SHARES
from lottery.attention.rules import CLASSES, SCORES
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.report import style
from lottery.steps.measure_patterns import (
    draw_examples,
    draw_scores,
    draw_shares,
    measure_patterns,
)

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
FIGURES = ("scores", "shares", "examples")


def write_tree(tree: synthetic.Tree, n_maps: int = 20) -> None:
    """Masks and patterns alone."""
    files.write_json(tree.path_to_config, tree.config)
    shape = (tree.architecture.layers, tree.architecture.heads)
    rng = np.random.default_rng(0)
    for number, (task, seed) in enumerate((t, s) for t in tree.tasks for s in tree.seeds):
        write_patterns(tree.cell(task, seed) / "patterns.npz", shape, number, n_maps)
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
        for name in FIGURES
    }
    measure_patterns(
        paths_to_patterns=[cell / "patterns.npz" for cell in cells],
        paths_to_masks=[cell / "good.safetensors" for cell in cells],
        path_to_config=tree.path_to_config,
        path_to_published=PAPER / "patterns.csv",
        path_to_table=out / "patterns.csv",
        path_to_heads=out / "heads.csv",
        path_to_shares=out / "shares.csv",
        path_to_associations=out / "associations.csv",
        path_to_qualifying=out / "maps.rst",
        **pictures,
        model=tree.model,
        method="structured",
        published={task: task for task in tree.tasks if task in synthetic.GLUE},
        averaged_tasks=[task for task in tree.tasks if task != "wnli"],
        permutations=50,
        least_map_tokens=16,
    )


@pytest.fixture(scope="module", params=[pytest.param("paper", marks=pytest.mark.slow), "demo"])
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
    assert set(figures) == {*FIGURES}
    for name, figure in figures.items():
        assert complaints(figure) == [], name


def test_no_picture_is_blank(drawn):
    _, figures, out = drawn
    for name in figures:
        assert matplotlib.image.imread(out / f"{name}.png")[..., :3].std() > 0.03, name


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
    assert len(written) == 3 * 3 + 5
    for name in written:
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


def test_a_study_without_long_examples_says_so(tmp_path):
    tree = synthetic.Tree(tmp_path, tasks=DEMO_TASKS, seeds=(1, 2))
    write_tree(tree, n_maps=0)
    with saved_figures() as figures:
        measure(tree, tmp_path / "out")
    assert (tmp_path / "out/maps.rst").read_text().startswith("No attention map is looked at")
    for figure in figures.values():
        assert complaints(figure) == []
        assert figure.axes[0].texts[0].get_text() == "no map has enough tokens"


def head_rows(score: str, weights: str, values: np.ndarray, survived: np.ndarray) -> list[dict]:
    """Rows of one task's heads."""
    place = {"model": "m", "method": "s", "task": "a", "weights": weights, "attention": "raw"}
    return [
        place | {"score": score, "value": value, "n_survived": 2 * int(kept), "n_seeds": 2}
        for value, kept in zip(values, survived, strict=True)
    ]


def test_each_group_of_heads_has_its_distribution():
    rng = np.random.default_rng(0)
    survived, rows = rng.random(40) < 0.4, []
    values = {weights: rng.random(40) for weights in ("fine_tuned", "pretrained")}
    for score in SCORES:
        for weights, own in values.items():
            of_score = head_rows(score, weights, own, survived)
            rows += of_score + [row | {"attention": "normed"} for row in of_score]
    with style.settings():
        figure = draw_scores(files.table(rows, HEADS), "method", "model")
    assert figure.get_suptitle().endswith("method · model · 2 seeds")
    medians = [np.median(values["fine_tuned"][chosen]) for chosen in (survived, ~survived)]
    assert "diagonal {:.2f} ({:.2f}), previous".format(*medians) in figure.get_label()
    assert len(figure.axes) == 2 * len(SCORES)
    for axis in figure.axes:
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        expected = [values["fine_tuned"][survived], values["fine_tuned"][~survived]]
        expected.append(values["pretrained"])
        assert [dot.get_xdata()[0] for dot in dots] == pytest.approx(list(map(np.median, expected)))
        thick = [line.get_xdata() for line in axis.lines if line.get_linewidth() == 2.2]
        assert np.allclose(thick, [np.quantile(each, [0.25, 0.75]) for each in expected])
        assert dots[2].get_markerfacecolor() == "white"
        assert axis.get_xlim() == figure.axes[0].get_xlim()
        assert axis.get_xlim()[0] < min(min(line.get_xdata()) for line in axis.lines)


def test_shares_are_bars_one_after_the_other_and_the_papers_are_hatched():
    shares, rows = np.array([0.4, 0.1, 0.2, 0.25, 0.05]), []
    for attention in ("raw", "normed"):
        for heads in ("all", "super_survivors"):
            for weights in ("fine_tuned", "pretrained"):
                known = shares[::-1] if (heads, weights) == ("all", "fine_tuned") else [None] * 5
                place = {"task": "a", "heads": heads, "weights": weights, "attention": attention}
                place |= {"n_seeds": 2}
                rows += [
                    place | {"pattern": pattern, "share": share, "published": published}
                    for pattern, share, published in zip(CLASSES, shares, known, strict=True)
                ]
    with style.settings():
        figure = draw_shares(files.table(rows, SHARES), "method", "model")
    assert figure.get_suptitle().endswith("method · model · 2 seeds")
    assert figure.get_label() == (
        "The most frequent class of raw maps is heterogeneous: 40 % of all heads, 40 % of those"
        " that all seeds keep, 40 % before fine-tuning (mean over tasks)."
    )
    for axis in figure.axes:
        bars = np.array([[bar.get_x(), bar.get_width()] for bar in axis.patches]).reshape(4, 5, 2)
        ends = np.cumsum(shares)
        assert np.allclose(bars[:3, :, 0], ends - shares) and np.allclose(bars[:3, :, 1], shares)
        assert np.allclose(bars[3, :, 1], shares[::-1])
        assert [bar.get_hatch() for bar in axis.patches] == [None] * 15 + ["////"] * 5
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert labels[3] == "a, all heads, paper"


def test_an_example_is_shown_as_it_is_and_a_missing_one_said():
    place = {"task": "a", "layer": 3, "head": 7, "weights": "fine_tuned", "attention": "normed"}
    shown = [
        place | {"map": 5 * ideal_map("block", 20), "pattern": "block", "head": head}
        for head in (1, 7, 2)
    ]
    other = shown[0] | {"weights": "pretrained", "pattern": "diagonal"}
    with style.settings():
        figure = draw_examples([*shown, other], "model")
    axis = figure.axes[6]
    assert np.allclose(axis.images[0].get_array(), ideal_map("block", 20))  # rows sum to one
    assert "layer 3, head 7" in axis.get_xlabel() and "20 tokens" in axis.get_xlabel()
    assert sum("none of" in text.get_text() for a in figure.axes for text in a.texts) == 9
    assert figure.get_label().startswith("Of 0 raw maps drawn at random: heterogeneous 0, block 0")
    assert len(figure.axes) == 11 and figure.axes[10].get_xlabel().startswith("share of a token")
