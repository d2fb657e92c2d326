"""The figure of scores shows the right numbers."""

from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report import strips, style
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.steps.plot_scores import draw_scores


@pytest.fixture
def settings():
    with style.settings():
        yield


def small_scores(seeds: int) -> pd.DataFrame:
    """One task, seeds of which the second is degenerate after pruning."""
    rows = []
    for method, subnetwork, phase, values in (
        ("none", "full", "finetuned", (0.8, 0.6, 0.7)),
        ("structured", "good", "pruned", (0.6, None, 0.6)),
        ("structured", "good", "retrained", (0.7, 0.5, 0.3)),
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
                "kept_fraction": 1.0 if method == "none" else 0.25 + 0.5 * seed,
                "degenerate": value is None,
                "eval_task": "",
                "counted": value or 0.0,
            }
            for seed, value in enumerate(values[:seeds])
        ]
    return pd.DataFrame(rows)


def small_figure(seeds: int = 2) -> Figure:
    layout = Layout.of(
        models=["m"],
        published_models=[],
        tasks={"t": {"metric": "matthews", "in_average": True, "published": None}},
        methods={"structured": {"preset": "published", "published": None, "subnetworks": ["good"]}},
    )
    return draw_scores(small_scores(seeds), layout, Published({}, {}), "m", "structured")


def drawn(phase: str, seeds: int = 2) -> list[Line2D]:
    """The dots of the good subnetwork in a phase."""
    axis = next(axis for axis in small_figure(seeds).axes if axis.get_title())
    names = [text.get_text() for text in axis.get_yticklabels()]
    place = names.index("good") + strips.SHIFT[phase]
    colour = style.SUBNETWORKS["good"]
    return [
        line
        for line in axis.lines
        if line.get_color() == colour
        and abs(line.get_ydata()[0] - place) < 0.15
        and len(line.get_xdata()) == 1
        and line.get_marker() in ("o", "x", "D")
    ]


def test_two_seeds_are_shown_as_they_are_with_undefined_as_chance(settings):
    assert [dot.get_xdata()[0] for dot in drawn("pruned")] == [0.6, 0.0]
    assert [dot.get_xdata()[0] for dot in drawn("retrained")] == [0.7, 0.5]


def test_from_three_seeds_on_their_mean_is_shown(settings):
    *dots, mean = drawn("retrained", seeds=3)
    assert [dot.get_xdata()[0] for dot in dots] == [0.7, 0.5, 0.3]
    assert mean.get_marker() == "D" and mean.get_xdata()[0] == pytest.approx(0.5)


def test_the_size_of_every_subnetwork_is_at_its_line(settings):
    panel = next(axis for axis in small_figure().axes if axis.get_title())
    (right,) = panel.child_axes
    assert [text.get_text() for text in right.get_yticklabels()] == ["", "1.00", "0.50"]
    assert right.get_ylabel() == "share of the body kept"


def test_degenerate_runs_are_crossed_and_explained(settings):
    figure = small_figure()
    crossed = [dot for dot in drawn("pruned") if dot.get_marker() == "x"]
    assert [dot.get_xdata()[0] for dot in crossed] == [0.0]
    assert "degenerate run" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_pruned_and_retrained_differ_without_colour(settings):
    hollow = {phase: drawn(phase)[0].get_markerfacecolor() for phase in strips.SHIFT}
    assert hollow["pruned"] == "white" != hollow["retrained"]


def test_axes_name_the_metric(settings):
    panel = next(axis for axis in small_figure().axes if axis.get_title())
    assert panel.get_xlabel() == "Matthews correlation"
