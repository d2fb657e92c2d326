"""Figures of stability, survivors, importances, magnitudes: right numbers, legible, repeatable."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import synthetic
from legible import complaints, saved_figures, texts_of
from synthetic_search import write_search
from test_plots import BIG, DEMO_TASKS

from lottery import files
from lottery.report import style
from lottery.steps.measure_importance import draw_correlations, draw_histograms, measure_importance
from lottery.steps.measure_magnitudes import draw_magnitudes, measure_magnitudes
from lottery.steps.measure_noise import measure_noise
from lottery.steps.measure_overlap import draw_overlap, draw_survivors, measure_overlap
from lottery.steps.measure_stability import draw_stability, measure_stability

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
SEARCH_ON = {"structured": "validation", "half": "search_half", "train": "train_sample"}


def write_tree(tree: synthetic.Tree) -> None:
    """Masks, searches and magnitudes alone."""
    files.write_json(tree.path_to_config, tree.config)
    rng = np.random.default_rng(0)
    shape = (tree.architecture.layers, tree.architecture.heads)
    for number, (task, seed) in enumerate((t, s) for t in tree.tasks for s in tree.seeds):
        means = {"heads": 1 + 0.01 * rng.random(shape), "mlps": 1 + 0.01 * rng.random(shape[0])}
        files.write_npz(tree.cell(task, seed) / "finetune/magnitudes.npz", means)
        for place, method in enumerate(SEARCH_ON):
            cell = {"model": tree.model, "task": task, "seed": str(seed), "method": method}
            folder = tree.cell(task, seed) / "mask" / method
            write_search(folder, tree.architecture, 100 * place + number, cell=cell)


def paths_in(tree: synthetic.Tree, name: str, method: str = "structured") -> list[Path]:
    """A file of every cell, tasks first."""
    cells = [tree.cell(task, seed) for task in tree.tasks for seed in tree.seeds]
    return [cell / name.format(f"mask/{method}") for cell in cells]


def measure_all(tree: synthetic.Tree, out: Path) -> None:
    """Runs all steps for the method `structured`."""
    paths = partial(paths_in, tree)

    def picture(name: str, prefix: str = "") -> dict[str, list[Path]]:
        kinds = ("svg", "png", "pdf")
        return {f"paths_to_{prefix}figure": [out / f"{name}.{kind}" for kind in kinds]}

    common = {"model": tree.model, "method": "structured"}
    masks = {"paths_to_masks": paths("{}/good.safetensors"), "path_to_config": tree.path_to_config}
    known = {"published": {task: task for task in tree.tasks if task in synthetic.GLUE}}
    measure_stability(
        **common,
        **masks,
        **known,
        **picture("stability"),
        permutations=50,
        path_to_published=PAPER / "stability.csv",
        path_to_stability=out / "stability.csv",
        path_to_pairs=out / "stability_pairs.csv",
    )
    measure_overlap(
        **common,
        **masks,
        **known,
        **picture("survivors", "survivors_"),
        **picture("task_overlap", "overlap_"),
        path_to_published=PAPER / "sizes.csv",
        path_to_shared=PAPER / "task_overlap.csv",
        path_to_analyses=PAPER / "analyses.csv",
        **{f"path_to_{n}": out / f"{n}.csv" for n in ("sizes", "survivors", "layers", "overlap")},
        averaged_tasks=list(tree.tasks),
        few_tasks=7,
        permutations=50,
    )
    family = [path for method in SEARCH_ON for path in paths("{}/good.safetensors", method)]
    measure_noise(
        **common,
        **masks | {"paths_to_masks": family},
        **picture("noise"),
        path_to_noise=out / "noise.csv",
        path_to_published=PAPER / "analyses.csv",
        published=True,
        search_on=SEARCH_ON,
    )
    measure_importance(
        **common,
        **known,
        path_to_published=PAPER / "analyses.csv",
        **picture("histograms", "histograms_"),
        **picture("correlations", "correlations_"),
        paths_to_searches=paths("{}/search.csv"),
        paths_to_importances=paths("{}/importance.npz"),
        paths_to_paths=paths("{}/path.npz"),
        path_to_histograms=out / "histograms.csv",
        path_to_correlations=out / "correlations.csv",
        tasks=list(tree.tasks),
        seeds=list(tree.seeds),
    )
    measure_magnitudes(
        **common,
        **masks,
        **picture("magnitudes"),
        paths_to_magnitudes=paths("finetune/magnitudes.npz"),
        path_to_table=out / "magnitudes.csv",
        path_to_published=PAPER / "analyses.csv",
        published=True,
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
        measure_all(tree, root / "out")
    return tree, figures, root / "out"


@pytest.mark.slow
def test_figures_are_legible(drawn):
    _, figures, _ = drawn
    assert len(figures) == 7
    for name, figure in figures.items():
        assert complaints(figure) == [], name


def test_figures_tell_how_many_seeds_stand_behind_them(drawn):
    tree, figures, _ = drawn
    n = len(tree.seeds)
    told = {
        "noise": f"n = {n * (n - 1) // 2} pairs of seeds, {n} models",
        "magnitudes": "kept > pr",
    }
    for name, figure in figures.items():
        texts = [" ".join(text.get_text().split()) for text in texts_of(figure)]
        assert any(told.get(name, f"{n} seeds") in text for text in texts), name


def test_no_picture_is_blank_and_no_file_holds_a_date(drawn):
    _, figures, out = drawn
    for name in figures:
        assert matplotlib.image.imread(out / f"{name}.png")[..., :3].std() > 0.03, name
        assert "<dc:date>" not in (out / f"{name}.svg").read_text()


@pytest.mark.slow
def test_the_same_files_come_out_twice(tmp_path):
    tree = synthetic.Tree(tmp_path, tasks=DEMO_TASKS, seeds=(1, 2))
    write_tree(tree)
    for name in ("first", "second"):
        measure_all(tree, tmp_path / name)
    written = sorted(path.name for path in (tmp_path / "first").iterdir())
    assert len(written) == 7 * 3 + 10
    for name in written:
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes(), name


ROW = {"other_task": "", "n_masks": 3, "n_units": 4, "p": 0.1, "expected": 0.0, "expected_sd": 0.1}


def test_stability_shows_value_chance_pairs_and_the_paper():
    rows = [
        ROW | {"task": task, "unit": unit, "statistic": statistic, "value": value}
        for task, value in (("cola", 0.3), ("wnli", np.nan))
        for unit in ("heads", "mlps")
        for statistic in ("fleiss_kappa", "jaccard")
    ]
    pairs = [{"task": "cola", "unit": "heads", "jaccard": value} for value in (0.2, 0.4)]
    known = {("cola", "heads", "fleiss_kappa"): 0.228}
    with style.settings():
        figure = draw_stability(rows, pairs, known, "title")
    kappa, jaccard = figure.axes[0], figure.axes[2]
    assert [list(line.get_xdata()) for line in kappa.lines if line.get_marker() == "o"] == [[0.3]]
    (bar,) = kappa.patches
    assert (bar.get_x(), bar.get_width()) == (pytest.approx(-0.2), pytest.approx(0.4))
    marks = [line for line in kappa.lines if line.get_color() == style.VERMILION]
    assert [line.get_xdata()[0] for line in marks] == [0.228]
    assert [text.get_text() for text in kappa.texts] == ["undefined"]
    small = [line for line in jaccard.lines if line.get_color() == style.SKY]
    assert list(small[0].get_xdata()) == [0.2, 0.4]


def test_bands_of_chance_and_whiskers_end_at_what_is_possible():
    band = {"expected": -0.4, "expected_sd": 0.2, "value": 0.3, "task": "cola", "unit": "heads"}
    rows = [ROW | band | {"statistic": name} for name in ("fleiss_kappa", "jaccard")]
    rows[1] |= {"expected": 0.9}
    with style.settings():
        figure = draw_stability(rows, [], {}, "title")
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for a in figure.axes for bar in a.patches]
    # Of three masks not every pair can disagree: kappa is -1/2 at least.
    assert ends == [pytest.approx((-0.5, 0.0)), pytest.approx((0.5, 1.0))]

    count = {"task": "cola", "unit": "heads", "statistic": "super_survivors", "value": 3}
    count |= {"expected": 3.0, "expected_sd": 2.0, "n_seeds": 5, "n_units": 6}
    layers = [
        {"task": "all", "unit": "heads", "layer": layer, "mean": mean, "sd": 0.4}
        for layer, mean in enumerate((0.1, 0.5, 0.9))
    ]
    with style.settings():
        figure = draw_survivors([count], layers, {}, "title")
    (bar,) = figure.axes[0].patches
    assert (bar.get_x(), bar.get_width()) == (0.0, 6.0)
    (whiskers,) = figure.axes[1].collections
    spans = [sorted(segment[:, 1]) for segment in whiskers.get_segments()]
    assert np.allclose(spans, [(0.0, 0.5), (0.1, 0.9), (0.5, 1.0)])


def test_the_overlap_matrix_holds_both_counts_and_the_ratio_to_chance():
    own = {"unit": "heads", "units": 12, "n_seeds": 3, "shared_mean": 5.0, "super_shared": 2}
    pair = own | {"task_a": "a", "task_b": "b", "expected": 4.0, "super_expected": 0.0}
    rows = [own | {"task_a": task, "task_b": task} for task in "ab"] + [pair]
    with style.settings():
        figure = draw_overlap(rows, "title")
    texts = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert texts == {(0, 0): "5.0\n2", (1, 1): "5.0\n2", (0, 1): "5.0", (1, 0): "2"}
    shown = figure.axes[0].images[0].get_array()
    assert shown[1, 0] == pytest.approx(1.25)
    assert shown.mask.tolist() == [[True, True], [False, True]]


def test_magnitudes_count_the_runs_that_have_both_groups():
    rows = [magnitude(kept, pruned) for kept, pruned in ((1.1, 1.0), (0.9, 1.0), (1.0, None))]
    with style.settings():
        figure = draw_magnitudes(rows, "title")
    assert "kept > pruned in 1 of 2" in figure.axes[0].get_title()


def magnitude(kept: float, pruned: float | None, unit: str = "heads") -> dict:
    """A row of magnitudes.csv."""
    return {
        "task": "a",
        "unit": unit,
        "kept_mean": kept,
        "pruned_mean": pruned,
        "difference": None if pruned is None else kept - pruned,
        "pruned_units": 0 if pruned is None else 3,
    }


@pytest.mark.parametrize(
    ("mlps_pruned", "panels"),
    [(None, ["heads"]), (1.0, ["heads", "MLPs", "heads and MLPs"])],
)
def test_magnitudes_leave_out_units_that_the_method_does_not_prune(mlps_pruned, panels):
    rows = [magnitude(1.1, 1.0), magnitude(1.0, mlps_pruned, "mlps"), magnitude(1.1, 1.0, "both")]
    with style.settings():
        figure = draw_magnitudes(rows, "title")
    assert [axis.get_title().partition(":")[0] for axis in figure.axes] == panels


@pytest.mark.parametrize(
    ("values", "whole", "ticks"),
    [
        ([0.999999, 0.9999993], False, 0.02),  # a narrow range is widened
        ([3, 4], True, 1.0),  # counts have whole ticks
        ([], False, None),  # nothing drawn, no scale
    ],
)
def test_axes_of_dots_can_be_read(values, whole, ticks):
    with style.settings():
        figure, (axis,) = style.panels(1, columns=1, panel=(2, 1), margin=0.1)
        style.task_lines(axis, ["a"], named=True)
        axis.plot(values, [0] * len(values))
        style.settle(axis, least=2.0 if whole else 0.1, whole=whole)
        figure.draw_without_rendering()
        steps = np.diff(axis.get_xticks())
        offset = axis.xaxis.get_offset_text().get_text()
    assert offset == ""
    assert steps.size == 0 if ticks is None else steps.min() >= ticks - 1e-12
    assert not whole or (axis.get_xticks() % 1 == 0).all()


def test_one_task_has_no_pair_and_no_scale_of_ratios():
    row = {"unit": "heads", "units": 12, "task_a": "a", "task_b": "a", "shared_mean": 4.0}
    row["n_seeds"] = 3
    with style.settings():
        figure = draw_overlap([row | {"super_shared": 2}], "title")
    (axis,) = figure.axes  # a scale would be one more
    assert "no pair" in axis.get_xlabel()


def test_a_histogram_is_the_mean_over_seeds_with_a_cut_for_each():
    rows = [
        {"task": "a", "unit": "mlps", "when": "first", "seed": seed, "cut": seed / 10}
        | {"low": low, "high": low + 0.5, "count": count}
        for seed, counts in ((1, (4, 2)), (2, (6, 0)))
        for low, count in zip((0.0, 0.5), counts, strict=True)
    ]
    with style.settings():
        figure = draw_histograms(rows, ["a"], 2, "title")
    (stairs,) = figure.axes[0].patches
    assert stairs.get_data().values.tolist() == [5.0, 1.0]
    assert [line.get_xdata()[0] for line in figure.axes[0].lines] == [0.1, 0.2]
    assert "no such removal" in [text.get_text() for text in figure.axes[1].texts]
    assert figure.axes[0].get_ylabel() == "MLPs"


def test_searches_that_removed_nothing_have_empty_panels():
    with style.settings():
        histograms = draw_histograms([], ["a"], 2, "title")
        correlations = draw_correlations([], ["a"], "title")
    texts = [text.get_text() for axis in histograms.axes for text in axis.texts]
    assert texts == ["no such removal"] * 3
    assert correlations.get_suptitle() == "title, n = 0 seeds"
