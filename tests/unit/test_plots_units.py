"""Figures of stability, survivors, importances, magnitudes: right numbers, legible, repeatable."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from itertools import combinations
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import synthetic
from legible import complaints, saved_figures, texts_of
from synthetic_search import PUBLISHED, write_search
from test_plots import BIG, DEMO_TASKS

from lottery import files
from lottery.models.units import KINDS, in_masks
from lottery.report import style
from lottery.results.published import published_overlap
from lottery.steps.measure_importance import draw_correlations, draw_histograms, measure_importance
from lottery.steps.measure_magnitudes import draw_magnitudes, measure_magnitudes
from lottery.steps.measure_noise import measure_noise
from lottery.steps.measure_overlap import (
    chance_sd,
    draw_overlap,
    draw_survivors,
    measure_overlap,
)
from lottery.steps.measure_stability import draw_stability, measure_stability

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
SEARCH_ON = {"structured": "validation", "half": "search_half", "train": "train_sample"}


def write_tree(tree: synthetic.Tree, options: dict = PUBLISHED) -> None:
    """Masks, searches and magnitudes alone."""
    files.write_json(tree.path_to_config, tree.config)
    rng = np.random.default_rng(0)
    for number, (task, seed) in enumerate((t, s) for t in tree.tasks for s in tree.seeds):
        means = {
            KINDS[kind].array: 1 + 0.01 * rng.random(KINDS[kind].shape(tree.architecture))
            for kind in in_masks(options["units"])
        }
        files.write_npz(tree.cell(task, seed) / "finetune/magnitudes.npz", means)
        for place, method in enumerate(SEARCH_ON):
            cell = {"model": tree.model, "task": task, "seed": str(seed), "method": method}
            folder = tree.cell(task, seed) / "mask" / method
            write_search(folder, tree.architecture, 100 * place + number, options, cell=cell)


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
        averaged_tasks=list(tree.tasks),
        permutations=50,
        path_to_published=PAPER / "stability.csv",
        path_to_stability=out / "stability.csv",
        path_to_pairs=out / "stability_pairs.csv",
        path_to_agreement=out / "seed_agreement.csv",
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
        path_to_task_pairs=out / "task_pairs.csv",
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
        path_to_test=out / "search_noise.csv",
        path_to_published=PAPER / "analyses.csv",
        published=True,
        search_on=SEARCH_ON,
        averaged_tasks=list(tree.tasks),
        permutations=50,
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
        path_to_first_step=out / "importances.csv",
        path_to_test=out / "importance_test.csv",
        averaged_tasks=list(tree.tasks),
        permutations=50,
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


@pytest.fixture(
    scope="module",
    params=[pytest.param("paper", marks=pytest.mark.slow), "demo", "neurons", "units"],
)
def drawn(request, tmp_path_factory):
    """(tree, figures by name, folder): nine tasks with five seeds; and two with two.

    The last ones have masks of 36,864 neurons, and of every kind of unit.
    """
    root = tmp_path_factory.mktemp(request.param)
    tree = synthetic.Tree(root, config=BIG)
    options = PUBLISHED
    if request.param != "paper":
        tree = synthetic.Tree(root, tasks=DEMO_TASKS, seeds=(1, 2), config=BIG)
    if request.param in ("neurons", "units"):
        tree = replace(tree, config=BIG | {"intermediate_size": 3072})
        options = PUBLISHED | {"units": [*KINDS] if request.param == "units" else ["neuron"]}
    write_tree(tree, options)
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
    expected = {"noise": f"pairs of seeds: {n * (n - 1) // 2}, models: {n}"}
    for name, figure in figures.items():
        texts = [" ".join(text.get_text().split()) for text in texts_of(figure)]
        assert any(expected.get(name, f"{n} seeds") in text for text in texts), name


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
    assert len(written) == 7 * 3 + 15
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
        figure = draw_stability(rows, pairs, known, "method", "model")
    kappa, jaccard = figure.axes[0], figure.axes[2]
    assert [list(line.get_xdata()) for line in kappa.lines if line.get_marker() == "o"] == [[0.3]]
    (bar,) = kappa.patches
    assert (bar.get_x(), bar.get_width()) == (pytest.approx(-0.2), pytest.approx(0.4))
    marks = [line for line in kappa.lines if line.get_color() == style.PAPER]
    assert [line.get_xdata()[0] for line in marks] == [0.228]
    assert [text.get_text() for text in kappa.texts] == ["undefined"]
    small = [line for line in jaccard.lines if line.get_markersize() == 2]
    assert list(small[0].get_xdata()) == [0.2, 0.4]


def test_bands_of_chance_and_whiskers_end_at_what_is_possible():
    band = {"expected": -0.4, "expected_sd": 0.2, "value": 0.3, "task": "cola", "unit": "heads"}
    rows = [ROW | band | {"statistic": name} for name in ("fleiss_kappa", "jaccard")]
    rows[1] |= {"expected": 0.9}
    with style.settings():
        figure = draw_stability(rows, [], {}, "method", "model")
    ends = [(bar.get_x(), bar.get_x() + bar.get_width()) for a in figure.axes for bar in a.patches]
    # Of three masks not every pair can disagree: kappa is -1/2 at least.
    assert ends == [pytest.approx((-0.5, 0.0)), pytest.approx((0.5, 1.0))]
    # So 0 is not what chance gives.
    assert "(grey: chance, 1: the same units)" in figure.axes[0].get_xlabel()

    count = {"task": "cola", "unit": "heads", "statistic": "super_survivors", "value": 3}
    count |= {"expected": 3.0, "expected_sd": 2.0, "n_seeds": 5, "n_units": 6}
    layers = [
        {"task": "all", "unit": "heads", "layer": layer, "mean": mean, "sd": 0.4}
        for layer, mean in enumerate((0.1, 0.5, 0.9))
    ]
    with style.settings():
        figure = draw_survivors([count], layers, {}, {}, "method", "model")
    (bar,) = figure.axes[0].patches
    assert (bar.get_x(), bar.get_width()) == (0.0, 6.0)
    (points,) = figure.axes[1].lines
    assert points.get_ydata().tolist() == [0.1, 0.5, 0.9]
    assert points.get_linestyle() == "None"  # nothing lies between layers


def test_survivors_tell_how_many_survive_in_few_tasks():
    count = {"task": "a", "unit": "heads", "statistic": "super_survivors", "value": 3.0}
    count |= {"expected": 3.0, "expected_sd": 2.0, "n_seeds": 5, "n_units": 6}
    few = count | {"task": "all", "statistic": "fewer_than_7_tasks", "value": 0.9, "expected": 0.5}
    layers = [{"task": "all", "unit": "heads", "layer": 0, "mean": 0.5, "sd": 0.4}]
    with style.settings():
        figure = draw_survivors([count, few], layers, {}, {"heads": 0.93}, "method", "model")
        other = draw_survivors([count, few | {"value": np.nan}], layers, {}, {}, "method", "model")
    expected = "90 % survive in fewer than 7 tasks\n(chance 50 %, paper 93 %)"
    assert figure.axes[1].get_title() == expected
    assert other.axes[1].get_title() == ""


def test_the_overlap_matrix_holds_both_counts_and_the_distance_from_chance():
    own = {"unit": "heads", "units": 12, "n_seeds": 3, "shared_mean": 5.0, "super_shared": 2}
    pair = own | {"task_a": "a", "task_b": "b", "expected": 4.0, "expected_sd": 0.5}
    rows = [own | {"task_a": task, "task_b": task} for task in "ab"] + [pair]
    with style.settings():
        figure = draw_overlap(rows, {}, "method", "model")
    texts = {text.get_position(): text.get_text() for text in figure.axes[0].texts}
    assert texts == {(0, 0): "5.0\n2", (1, 1): "5.0\n2", (0, 1): "5.0", (1, 0): "2"}
    shown = figure.axes[0].images[0].get_array()
    assert shown[1, 0] == pytest.approx(2.0)
    # Two masks of 2 of 12: 2 in common where 1/3 is expected, which is beyond the scale.
    assert (2 - 1 / 3) / chance_sd(2, 2, 12) > shown[0, 1] == 3.0
    assert shown.mask.tolist() == [[True, False], [False, True]]
    assert "of 1 pairs of tasks 0 have more" in figure.get_label()


@pytest.mark.parametrize(("first", "second", "units"), [(2, 3, 6), (4, 4, 9), (5, 1, 8), (3, 3, 3)])
def test_the_spread_of_chance_is_that_of_all_placements(first, second, units):
    kept = set(range(first))
    shared = [len(kept & {*other}) for other in combinations(range(units), second)]
    assert chance_sd(first, second, units) == pytest.approx(np.std(shared))


def test_the_papers_matrix_is_below_ours():
    tasks = {"x": "cola", "y": "rte"}
    published = published_overlap(PAPER / "task_overlap.csv", tasks)
    own = {"unit": "heads", "units": 144, "n_seeds": 3, "shared_mean": 5.0, "super_shared": 2}
    own |= {"expected": 4.0, "expected_sd": 0.5}
    rows = [own | {"task_a": a, "task_b": b} for a, b in ("xx", "xy", "xz", "yy", "yz", "zz")]
    with style.settings():
        figure = draw_overlap(rows, published, "method", "model")
    ours, papers = figure.axes[:2]
    assert papers.get_title() == "heads (of 144): the paper's"
    texts = {text.get_position(): text.get_text() for text in papers.texts}
    assert texts == {(0, 0): "92.2\n34", (1, 1): "74.0\n11", (0, 1): "48.8", (1, 0): "3"}
    assert ours.images[0].norm is papers.images[0].norm


def test_magnitudes_count_the_runs_that_have_both_groups():
    rows = [magnitude(kept, pruned) for kept, pruned in ((1.1, 1.0), (0.9, 1.0), (1.0, None))]
    with style.settings():
        figure = draw_magnitudes(rows, {"heads": (7, 45)}, "method", "model")
    label = figure.axes[0].get_xlabel()
    assert "kept units larger in 1 of 2 runs\n(paper: 7 of 45)" in label


def magnitude(kept: float, pruned: float | None, unit: str = "heads") -> dict:
    """A row of magnitudes.csv."""
    return {
        "task": "a",
        "seed": "1",
        "unit": unit,
        "kept_mean": kept,
        "pruned_mean": pruned,
        "difference": None if pruned is None else kept - pruned,
        "pruned_units": 0 if pruned is None else 3,
    }


@pytest.mark.parametrize(
    ("mlps_pruned", "panels"),
    [(None, ["heads"]), (1.0, ["heads", "MLPs"])],
)
def test_magnitudes_leave_out_units_that_the_method_does_not_prune(mlps_pruned, panels):
    rows = [magnitude(1.1, 1.0), magnitude(1.0, mlps_pruned, "mlps"), magnitude(1.1, 1.0, "both")]
    with style.settings():
        figure = draw_magnitudes(rows, {}, "method", "model")
    assert [axis.get_title() for axis in figure.axes] == panels
    assert len({axis.get_xlim() for axis in figure.axes}) == 1


def test_one_task_has_no_pair_and_no_scale_of_ratios():
    row = {"unit": "heads", "units": 12, "task_a": "a", "task_b": "a", "shared_mean": 4.0}
    row["n_seeds"] = 3
    with style.settings():
        figure = draw_overlap([row | {"super_shared": 2, "expected_sd": np.nan}], {}, "method")
    (axis,) = figure.axes  # a scale would be one more
    assert "no pair" in axis.get_xlabel()


def test_a_histogram_is_the_mean_share_over_seeds_with_a_cut_for_each():
    rows = [
        {"task": "a", "unit": unit, "when": "first", "seed": seed, "cut": seed / 10}
        | {"low": low, "high": low + 0.5, "count": count}
        for unit in ("heads", "mlps")
        for seed, counts in ((1, (4, 4)), (2, (6, 0)))
        for low, count in zip((0.0, 0.5), counts, strict=True)
    ]
    with style.settings():
        figure = draw_histograms(rows, ["a"], "method", "model")
    heads, mlps = figure.axes[0].patches
    assert heads.get_data().values.tolist() == mlps.get_data().values.tolist() == [0.75, 0.25]
    assert heads.get_fill() and not mlps.get_fill()
    assert [line.get_xdata().tolist() for line in figure.axes[0].lines] == [[0.1, 0.2]] * 2
    assert len({axis.get_ylim() for axis in figure.axes}) == 1
    assert "no such removal" in [text.get_text() for text in figure.axes[1].texts]


def test_the_mean_correlation_ends_with_the_first_search_that_ends():
    rows = [
        {"task": "a", "unit": "heads", "seed": seed, "step": step, "pearson": value}
        for seed, values in (("1", (0.4, 0.6)), ("2", (0.2, 0.0, 0.9)))
        for step, value in enumerate(values, start=1)
    ]
    paper = {("a", "heads"): {1: 0.82}}
    with style.settings():
        (axis,) = draw_correlations(rows, ["a"], paper, "method", "model").axes
    (mean,) = [line for line in axis.lines if line.get_marker() == "."][:1]
    assert mean.get_xydata().tolist() == [[1, pytest.approx(0.3)], [2, pytest.approx(0.3)]]
    (mark,) = [line for line in axis.lines if line.get_color() == style.PAPER]
    assert (mark.get_xdata()[0], mark.get_ydata()[0]) == (1, 0.82)


def test_searches_that_removed_nothing_have_empty_panels():
    with style.settings():
        histograms = draw_histograms([], ["a"], "method", "model", "2 seeds")
        correlations = draw_correlations([], ["a"], {}, "method", "model", "2 seeds")
    texts = [text.get_text() for axis in histograms.axes for text in axis.texts]
    assert texts == ["no such removal"] * 3
    assert correlations.get_suptitle().endswith("2 seeds")


def test_masks_that_say_nothing_have_no_kappa_either():
    """One seed keeps every unit: no Jaccard index, and a kappa that means nothing."""
    rows = [
        ROW | {"task": "cola", "unit": "mlps", "statistic": name, "value": value}
        for name, value in (("fleiss_kappa", -0.2), ("jaccard", np.nan))
    ]
    with style.settings():
        figure = draw_stability(rows, [], {}, "method", "model")
    for axis in figure.axes:
        assert [text.get_text() for text in axis.texts] == ["undefined"]
        assert not [line for line in axis.lines if line.get_marker() == "o"]


def test_agreement_with_pretrained_magnitudes_is_drawn_where_it_is_known():
    rows = [
        ROW | {"task": "a", "unit": "weights", "statistic": name, "value": 0.9, "pretrained": 0.95}
        for name in ("fleiss_kappa", "jaccard")
    ]
    with style.settings():
        figure = draw_stability(rows, [], {}, "method", "model")
    marks = [line for line in figure.axes[0].lines if line.get_marker() == "^"]
    assert [line.get_xdata()[0] for line in marks] == [0.95]
    assert "with the largest pretrained weights" in [
        text.get_text() for text in figure.legends[0].get_texts()
    ]
