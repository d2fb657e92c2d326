"""The figures of training losses and of searches show the right numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from legible import complaints, saved_figures
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import STARTS
from lottery.report import style
from lottery.steps.plot_training import draw_training, plot_training, thinned
from lottery.steps.plot_trajectories import draw_trajectories
from lottery.training.history import HISTORY_COLUMNS

TASKS = ("tone", "degree")
NAMES = ("good", "random", "random_2", "bad", "good_half", "super_good")


def trainings(losses: np.ndarray, task: str = "t", name: str = "good") -> pd.DataFrame:
    """Trainings [trainings, steps] of one subnetwork."""
    steps = np.tile(np.arange(1, losses.shape[1] + 1), len(losses))
    return pd.DataFrame({"task": task, "subnetwork": name, "step": steps, "loss": losses.ravel()})


@pytest.mark.parametrize(("n", "steps"), [(1, 1), (3, 7), (5, 30)])
def test_a_line_is_the_mean_of_its_trainings(n, steps):
    losses = np.random.default_rng(n).random((n, steps))
    (line,) = draw_training(trainings(losses)).axes[0].lines
    assert line.get_xdata().tolist() == list(range(1, steps + 1))
    assert line.get_ydata().tolist() == pytest.approx(losses.mean(0))


@given(st.lists(st.floats(0, 9), min_size=1, max_size=60), st.integers(1, 20))
def test_thinned_lines_end_where_they_ended_and_keep_their_mean(losses, most):
    points = pd.DataFrame({"step": range(1, len(losses) + 1), "loss": losses})
    found = thinned(points, most)
    assert len(found) <= most and (found.equals(points) or len(points) > most)
    assert found["step"].iloc[-1] == len(losses)
    sizes = np.diff([0, *found["step"]])
    assert np.average(found["loss"], weights=sizes) == pytest.approx(np.mean(losses))


@pytest.mark.parametrize("tasks", [1, 9])
def test_the_figure_is_legible(tasks):
    losses = np.array([[3 / step for step in range(1, 300)]])
    names = ("full", *NAMES, "random_half", "bad_half", "super_random", "super_bad")
    every = [trainings(losses, f"task_{n}", name) for n in range(tasks) for name in names]
    with style.settings():
        figure = draw_training(pd.concat(every), "method", "bert", "5 seeds")
        assert complaints(figure) == []
    assert [len(axis.lines) for axis in figure.axes] == [len(names)] * tasks


def drawn_with_axes(tasks: int) -> Figure:
    """A method with every axis: four kinds of six sizes, starts and sources."""
    losses = np.array([[3 / step for step in range(1, 300)]])
    names = ["full", "good", "random", "bad", "good_half", "super_good"]
    names += [
        f"{kind}-kept_{size}"
        for kind in ("good", "bad", "random_uniform", "random_layerwise")
        for size in (0.1, 0.3, 0.5, 0.7, 0.8, 0.9)
    ]
    names += [f"good-kept_0.5-start_{start}" for start in STARTS]
    names += [f"good-from_task_{number}" for number in range(tasks)]
    every = [trainings(losses, f"task_{n}", name) for n in range(tasks) for name in names]
    return draw_training(pd.concat(every), "method", "bert", "5 seeds")


@pytest.mark.parametrize("tasks", [1, 2, 9])
def test_the_figure_of_a_method_with_every_axis_is_legible(tasks):
    with style.settings():
        figure = drawn_with_axes(tasks)
        assert complaints(figure) == []
        figure.draw_without_rendering()
        top = figure.legends[0].get_window_extent().y1
        boxes = [axis.get_tightbbox() for axis in figure.axes]
        title = figure.texts[0].get_window_extent()
        assert all(top < box.y0 and box.y1 < title.y0 for box in boxes)
        assert all(axis.get_window_extent().height > 0.4 * figure.dpi for axis in figure.axes)


def test_no_two_lines_of_a_panel_look_the_same():
    with style.settings():
        figure = drawn_with_axes(2)
    assert len(figure.axes) == 8  # as found, sizes, starts, sources
    for axis in figure.axes:
        looks = [(ln.get_color(), ln._dash_pattern, ln.get_linewidth()) for ln in axis.lines]
        assert len(looks) > 1 and len({repr(look) for look in looks}) == len(looks)


def test_the_caption_has_the_means_over_seeds_that_the_lines_show():
    ends = {"good-kept_0.7": ([0.1, 0.2, 0.6], [0.3, 0.3, 0.6]), "full": ([0.3] * 3, [0.1] * 3)}
    every = [
        trainings(np.array([[1.0, loss] for loss in losses]), task, name)
        for name, of_tasks in ends.items()
        for task, losses in zip(TASKS, of_tasks, strict=True)
    ]
    caption = draw_training(pd.concat(every), "method").get_label()
    assert caption.endswith("mean over seeds and tasks: good-kept_0.7 0.35, full 0.20.")


def history(path: Path, level: float) -> Path:
    rows = [dict.fromkeys(HISTORY_COLUMNS, 1) | {"step": n, "loss": level / n} for n in (1, 2, 4)]
    files.write_csv(path, rows, HISTORY_COLUMNS)
    return path


def test_the_step_takes_tasks_and_subnetworks_from_the_places_of_the_files(tmp_path):
    finetuned, retrained = [], []
    for task in TASKS:
        for seed in (1, 2):
            cell = tmp_path / "bert" / task / f"seed_{seed}"
            finetuned.append(history(cell / "finetune/history.csv", seed))
            retrained += [
                history(cell / "retrain/m" / name / "history.csv", 10 * place + seed)
                for place, name in enumerate(NAMES, start=1)
            ]
    given = {
        "paths_to_finetuned": finetuned,
        "paths_to_retrained": retrained,
        "paths_to_figure": [tmp_path / "training.svg"],
        "model": "bert",
        "method": "m",
    }
    with saved_figures() as drawn:
        plot_training(**given)
    (figure,) = drawn.values()
    assert [axis.get_title() for axis in figure.axes] == [*TASKS]
    assert "2 seeds" in figure.get_suptitle()
    for axis in figure.axes:
        # full, good, both draws of random, bad, good_half, super_good.
        levels = [1.5, 11.5, 26.5, 41.5, 51.5, 61.5]
        assert [line.get_ydata()[0] for line in axis.lines] == pytest.approx(levels)
    finetuned[0].write_text("step,loss\n1,none\n")
    with pytest.raises(StudyError, match=r"history\.csv"):
        plot_training(**given)


COLUMNS = ["stage", "kept_fraction", "score", "accepted", "threshold"]


def searched(*steps: tuple) -> pd.DataFrame:
    """The search of one task and seed."""
    return pd.DataFrame(steps, columns=COLUMNS).assign(task="t", seed=1)


SEARCH = searched(
    ("both", 1.0, 0.8, True, 0.7),
    ("both", 0.9, 0.75, True, 0.7),
    ("both", 0.8, 0.6, False, 0.7),
    ("heads", 0.85, 0.72, True, 0.7),
    ("heads", 0.82, np.nan, False, 0.7),
    ("mlps", 0.7, 0.65, False, 0.7),
)


def searches_drawn(searches: pd.DataFrame, metrics: dict[str, str], title: str) -> Figure:
    with style.settings():
        return draw_trajectories(searches, metrics, title)


def star_of(axis: Axes) -> tuple[float, float]:
    (star,) = (line for line in axis.lines if line.get_marker() == "*")
    return star.get_xdata()[0], star.get_ydata()[0]


def test_the_legend_does_not_name_other_kinds_of_unit_heads_and_mlps():
    texts = {}
    for alone in ("heads", "neurons"):
        rows = SEARCH.assign(stage=["both"] * (len(SEARCH) - 1) + [alone])
        (legend,) = searches_drawn(rows, {"t": "accuracy"}, "method").legends
        texts[alone] = {text.get_text() for text in legend.get_texts()}
    assert {"step: heads and MLPs", "step: heads"} <= texts["heads"]
    assert {"step: several kinds", "step: neurons"} <= texts["neurons"]


def test_the_star_marks_the_last_accepted_state_and_scores_are_differences_to_the_full_model():
    figure = searches_drawn(SEARCH, {"t": "accuracy"}, "method")
    (axis,) = figure.axes
    assert star_of(axis) == (0.85, pytest.approx(0.72 - 0.8))
    path = next(line for line in axis.lines if len(line.get_xdata()) == 3)
    assert list(path.get_xdata()) == [1.0, 0.9, 0.85]
    assert path.get_ydata() == pytest.approx([0.0, -0.05, -0.08])
    assert any(line.get_ydata() == pytest.approx([-0.1, -0.1]) for line in axis.lines)
    markers = {line.get_marker() for line in axis.lines}
    assert {"o", "^", "s"} <= markers
    hollow = [line for line in axis.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata()[0] for line in hollow] == [0.8, 0.82, 0.7]
    low, high = axis.get_xlim()
    assert low > high  # the search runs from left to right


def test_a_state_far_below_the_threshold_is_an_arrow_on_the_edge():
    far = pd.concat([SEARCH, searched(("mlps", 0.6, 0.1, False, 0.7))])
    figure = searches_drawn(far, {"t": "accuracy"}, "method")
    (axis,) = figure.axes
    assert axis.get_ylim()[0] == pytest.approx(-0.2, abs=0.02)  # twice the threshold
    (arrow,) = (line for line in axis.lines if line.get_marker() == 7)
    assert arrow.get_xdata()[0] == 0.6
    assert "failed, below the panel" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_panels_have_one_range_and_equal_thresholds_share_a_line():
    seeds = [SEARCH.assign(seed=seed, task=task) for task in "ab" for seed in (1, 2)]
    seeds[3] = seeds[3].assign(threshold=0.75)
    figure = searches_drawn(pd.concat(seeds), {"a": "accuracy", "b": "accuracy"}, "method")
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim() and first.get_ylim() == second.get_ylim()
    lines = [
        [line for line in axis.lines if list(line.get_xdata()) == [0, 1]] for axis in figure.axes
    ]
    assert [len(of_axis) for of_axis in lines] == [1, 2]


def test_an_undefined_score_is_a_cross_on_the_edge():
    figure = searches_drawn(SEARCH, {"t": "accuracy"}, "method")
    (cross,) = (line for line in figure.axes[0].lines if line.get_marker() == "x")
    assert cross.get_xdata()[0] == 0.82
    assert cross.get_transform() == figure.axes[0].get_xaxis_transform()
    assert "undefined score" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_search_that_may_not_prune_ends_at_the_full_model():
    steps = searched(("weights", 1.0, -0.1, False, np.nan))
    figure = searches_drawn(steps, {"t": "matthews"}, "method")
    assert star_of(figure.axes[0]) == (1.0, 0.0)
