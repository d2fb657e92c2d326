"""Heat-maps of survival show the right numbers."""

from __future__ import annotations

import numpy as np
import pytest

from lottery.report import style
from lottery.steps.plot_survival import TASK, draw_survival, share_bounds, with_published


@pytest.fixture
def settings():
    with style.settings():
        yield


def test_heat_maps_hold_the_values_with_the_mlps_apart(settings):
    heads = np.arange(12).reshape(3, 4) / 12
    units = {"head": heads, "mlp": np.array([0.1, 0.5, 1.0])}
    figure = draw_survival({"t": units}, "share", TASK, (0.0, 1.0))
    shown = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown[:, :4], heads)
    assert np.isnan(shown[:, 4]).all()
    np.testing.assert_array_equal(shown[:, 5], units["mlp"])
    assert len(figure.axes) == 2  # and one scale


def test_the_papers_map_is_next_to_ours(settings):
    ours, papers = ({"head": np.full((12, 12), x), "mlp": np.full(12, x)} for x in (0.2, 0.7))
    shown = with_published({"rte": ours, "cola": ours}, {"cola": papers})
    assert list(shown) == ["rte", "cola", "cola: the paper's"]
    figure = draw_survival(shown, "share", TASK, (0.0, 1.0))
    assert figure.axes[2].images[0].get_array()[0, 0] == 0.7
    assert len({axis.images[0].norm for axis in figure.axes[:3]}) == 1


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0.5, 0.6, (0.5, 0.6)),  # shares that hardly differ get a scale of their own
        (0.5, 0.5 + 1e-9, (0.0, 1.0)),  # rounding gets none
        (0.1, 0.9, (0.0, 1.0)),
    ],
)
def test_shares_have_one_scale(low, high, bounds):
    narrow = {"head": np.linspace(low, high, 12).reshape(3, 4), "mlp": np.full(3, low)}
    assert share_bounds([narrow, {"mlp": np.full(3, low)}]) == pytest.approx(bounds)
