"""Heat-maps and trajectories show the right numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from lottery.analysis.survivors import Survival
from lottery.report.figures import style
from lottery.report.figures.curves import draw_trajectories
from lottery.report.figures.survival import TASK, draw_survival


@pytest.fixture
def settings():
    with style.settings():
        yield


def test_heat_maps_hold_the_values_with_the_mlps_apart(settings):
    heads = np.arange(12).reshape(3, 4) / 12
    mlps = np.array([0.1, 0.5, 1.0])
    spread = {"head": heads / 2, "mlp": np.full(3, np.nan)}
    survival = Survival({"head": heads, "mlp": mlps}, spread, n_seeds=1)
    figure = draw_survival({"t": survival}, title="title", measure="share", panel=TASK)
    mean, sd = (np.ma.filled(axis.images[0].get_array(), np.nan) for axis in figure.axes[:2])
    np.testing.assert_array_equal(mean[:, :4], heads)
    assert np.isnan(mean[:, 4]).all()
    np.testing.assert_array_equal(mean[:, 5], mlps)
    np.testing.assert_array_equal(sd[:, :4], heads / 2)
    assert np.isnan(sd[:, 5]).all()
    assert figure.axes[0].images[0].norm.vmin == 0.0


def test_shares_that_hardly_differ_get_a_scale_of_their_own(settings):
    heads, none = np.linspace(0.5, 0.6, 12).reshape(3, 4), np.zeros(3)
    mean, sd = {"head": heads, "mlp": np.full(3, 0.55)}, {"head": heads, "mlp": none}
    survival = Survival(mean, sd, n_seeds=2)
    figure = draw_survival({"t": survival}, title="title", measure="share", panel=TASK)
    norm = figure.axes[0].images[0].norm
    assert (norm.vmin, norm.vmax) == pytest.approx((0.5, 0.6))


def test_rounding_gets_no_scale_of_its_own(settings):
    heads, spread = np.full((3, 4), 0.5), np.full((3, 4), 1e-9)
    heads[0, 0] += 1e-9
    mean, sd = {"head": heads, "mlp": np.full(3, 0.5)}, {"head": spread, "mlp": np.zeros(3)}
    survival = Survival(mean, sd, n_seeds=2)
    figure = draw_survival({"t": survival}, title="title", measure="share", panel=TASK)
    for axis in figure.axes[:2]:
        norm = axis.images[0].norm
        assert (norm.vmin, norm.vmax) == (0.0, 1.0)


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


def star_of(axis: Axes) -> tuple[float, float]:
    (star,) = (line for line in axis.lines if line.get_marker() == "*")
    return star.get_xdata()[0], star.get_ydata()[0]


def test_the_star_marks_the_last_accepted_state_and_failures_branch_off(settings):
    figure = draw_trajectories(SEARCH, {"t": "accuracy"}, "title")
    (axis,) = figure.axes
    assert star_of(axis) == (0.85, 0.72)
    branches = [list(line.get_xdata()) for line in axis.lines if line.get_linestyle() == ":"]
    assert branches == [[0.9, 0.8], [0.85, 0.7]]
    path = next(line for line in axis.lines if len(line.get_xdata()) == 3)
    assert list(path.get_xdata()) == [1.0, 0.9, 0.85]
    assert any(list(line.get_ydata()) == [0.7, 0.7] for line in axis.lines)
    markers = {line.get_marker() for line in axis.lines}
    assert {"o", "^", "s"} <= markers
    low, high = axis.get_xlim()
    assert low > high  # the search runs from left to right


def test_an_undefined_score_is_a_cross_on_the_edge(settings):
    figure = draw_trajectories(SEARCH, {"t": "accuracy"}, "title")
    (cross,) = (line for line in figure.axes[0].lines if line.get_marker() == "x")
    assert cross.get_xdata()[0] == 0.82
    assert cross.get_transform() == figure.axes[0].get_xaxis_transform()
    assert figure.axes[0].get_ylim()[0] > 0.5  # the score of 0 that it has not does not count
    assert "undefined score" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_a_search_that_may_not_prune_ends_at_the_full_model(settings):
    steps = searched(("weights", 1.0, -0.1, False, np.nan))
    figure = draw_trajectories(steps, {"t": "matthews"}, "title")
    assert star_of(figure.axes[0]) == (1.0, -0.1)
