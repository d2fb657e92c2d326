"""The bars show the right numbers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lottery.report import style
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.steps.plot_scores import draw_scores


@pytest.fixture
def settings():
    with style.settings():
        yield


def small_scores() -> pd.DataFrame:
    """One task, two seeds, one of them degenerate after pruning."""
    rows = []
    for method, subnetwork, phase, values in (
        ("none", "full", "finetuned", (0.8, 0.6)),
        ("structured", "good", "pruned", (0.6, None)),
        ("structured", "good", "retrained", (0.7, 0.5)),
    ):
        rows += [
            {
                "model": "m",
                "task": "t",
                "seed": seed,
                "method": method,
                "subnetwork": subnetwork,
                "phase": phase,
                "split": "validation",
                "metric": "matthews",
                "kept_fraction": 0.25 + 0.5 * seed,
                "degenerate": value is None,
                "eval_task": "",
                "counted": value or 0.0,
            }
            for seed, value in enumerate(values)
        ]
    return pd.DataFrame(rows)


def small_figure() -> Figure:
    layout = Layout.of(
        models=["m"],
        published_models=[],
        tasks={"t": {"metric": "matthews", "in_average": True, "published": None}},
        methods={"structured": {"preset": "published", "published": None, "subnetworks": ["good"]}},
    )
    return draw_scores(small_scores(), layout, Published({}, {}), "m", "structured")


def test_bars_are_means_with_undefined_as_chance_and_the_title_gives_the_size(settings):
    (axis,) = small_figure().axes
    # No majority: it has no score here.
    assert [bar.get_height() for bar in axis.patches] == pytest.approx([0.7, 0.3, 0.6])
    assert axis.get_title().endswith("good keeps 0.50 (sd 0.35)")
    (pruned, *_) = [container for container in axis.containers if hasattr(container, "lines")][1:]
    (low, high) = pruned.lines[2][0].get_segments()[0][:, 1]
    assert (low, high) == pytest.approx((0.3 - 0.6 / np.sqrt(2), 0.3 + 0.6 / np.sqrt(2)))


def test_degenerate_runs_are_hollow_and_explained(settings):
    figure = small_figure()
    dots = [line for line in figure.axes[0].lines if line.get_marker() == "o"]
    hollow = [dot for dot in dots if dot.get_markerfacecolor() == "white"]
    assert [dot.get_ydata()[0] for dot in hollow] == [0.0]
    assert "degenerate run" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_pruned_and_retrained_differ_without_colour(settings):
    _, pruned, retrained = small_figure().axes[0].patches
    assert pruned.get_hatch() and not retrained.get_hatch()
    grey = [
        np.dot((0.299, 0.587, 0.114), to_rgb(bar.get_facecolor())) for bar in (pruned, retrained)
    ]
    assert grey[0] - grey[1] > 0.25
