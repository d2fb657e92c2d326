"""Heat-maps of survival show the right numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lottery.analysis.survivors import Survival
from lottery.report import style
from lottery.steps.plot_survival import TASK, draw_survival


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
