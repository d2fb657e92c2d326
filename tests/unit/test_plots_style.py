"""The grammar of figures: colours with one meaning and enough contrast, marks, ranges, files."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from legible import CONTRAST, contrast, faint
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb

from lottery.models.units import KINDS
from lottery.pruning.algorithms.declaration import SAMPLED, SEARCHED, SUPER
from lottery.report import style

PALETTES = {
    "subnetworks": [*style.SUBNETWORKS.values(), style.OTHER],
    "phases": [*style.PHASES.values()],
    "units": [*style.UNITS.values()],
    "seeds": [*style.SEEDS],
    "series": [*style.SERIES],
    "patterns": [*style.PATTERNS],
    "paper": [style.PAPER],
    "ink": [style.INK],
    "chance": [style.GREY],
}
COLOURS = [(name, colour) for name, palette in PALETTES.items() for colour in palette]


@pytest.mark.parametrize(("palette", "colour"), COLOURS)
def test_colours_can_be_seen_on_white(palette, colour):
    assert contrast(colour) >= CONTRAST, palette


def test_contrast_is_that_of_the_guideline():
    """Black and white, and the examples of WCAG's technique G18."""
    assert contrast("black") == pytest.approx(21.0)
    assert contrast("white") == pytest.approx(1.0)
    assert contrast("#767676") == pytest.approx(4.54, abs=0.005)
    assert contrast((0, 0, 0, 0)) == pytest.approx(1.0)


def test_a_colour_has_one_meaning():
    for (_, first), (_, second) in combinations(COLOURS, 2):
        assert np.abs(np.subtract(to_rgb(first), to_rgb(second))).max() > 0.02, (first, second)


def test_every_kind_of_subnetwork_and_unit_has_a_colour():
    assert {*SEARCHED, *SAMPLED, *SUPER} <= style.SUBNETWORKS.keys()
    assert {kind.array for kind in KINDS.values()} <= style.UNITS.keys()
    assert style.colour_of("random_half_2") == style.colour_of("random_half-kept_0.5")
    assert style.colour_of("random") != style.colour_of("random_half")
    assert style.colour_of("of_a_plugin") == style.OTHER


@pytest.fixture
def axis():
    with style.settings():
        figure, (made,) = style.panels(1, columns=1, panel=(3, 2), margin=0.5)
        style.same_range([made], 0.0, 1.0)
        yield made
    assert faint(figure) == []


def markers(axis: Axes) -> list[object]:
    return [line.get_marker() for line in axis.lines]


@pytest.mark.parametrize(
    ("low", "high", "ends"),
    [(0.2, 0.8, ["|", "|"]), (-3.0, 0.8, ["<", "|"]), (0.2, 9.0, ["|", ">"]), (-1, 2, ["<", ">"])],
)
def test_an_interval_that_leaves_the_panel_ends_in_an_arrow(axis, low, high, ends):
    style.draw_interval(axis, 0.0, low, high, within=axis.get_xlim(), color=style.INK)
    assert markers(axis)[1:] == ends
    drawn = axis.lines[0].get_xdata()
    assert drawn.tolist() == np.clip([low, high], *axis.get_xlim()).tolist()


def test_an_unknown_interval_is_not_drawn(axis):
    style.draw_interval(axis, 0.0, np.nan, np.nan, within=(0.0, 1.0), color=style.INK)
    assert not axis.lines


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("pruned", [True, False])
def test_runs_are_dots_with_a_mean_from_three_on(axis, n, pruned):
    values = np.linspace(0.4, 0.6, n) ** 2
    crossed = [place == 0 for place in range(n)]
    style.draw_runs(axis, 0.0, values, crossed, colour=style.INK, pruned=pruned)
    dots = [line for line in axis.lines if line.get_marker() in ("o", "x")]
    assert [float(line.get_xdata()[0]) for line in dots] == pytest.approx([*values])
    assert [line.get_marker() for line in dots] == ["x"] + ["o"] * (n - 1)
    means = [line for line in axis.lines if line.get_marker() == "D"]
    assert len(means) == (n >= 3)
    hollow = {line.get_markerfacecolor() == "white" for line in (*dots[1:], *means)}
    assert hollow <= {pruned}
    for mean in means:
        assert mean.get_xdata()[0] == pytest.approx(values.mean())
        whisker = next(line for line in axis.lines if len(line.get_xdata()) == 2)
        assert np.ptp(whisker.get_xdata()) == pytest.approx(2 * values.std(ddof=1))


@pytest.mark.parametrize(("count", "columns"), [(1, 3), (4, 4), (6, 3), (7, 4), (9, 3), (11, 4)])
def test_the_last_row_has_the_fewest_gaps(count, columns):
    assert style.columns_for(count) == columns


def test_faint_marks_are_found():
    with style.settings():
        figure, (axis,) = style.panels(1, columns=1, panel=(3, 2), margin=0.5)
        axis.plot([0, 1], [0, 1], color="#e69f00")
        axis.plot([0], [0], marker="o", linestyle="", color="#e69f00", markeredgecolor="black")
        axis.text(0.5, 0.5, "faint", color="#999999")
        axis.axhline(0.3, color=style.RULE)
    assert len(faint(figure)) == 2


def test_a_figure_is_saved_in_every_format_with_its_finding(tmp_path, axis):
    axis.set_title("a_title <of> text & more")
    style.finding(axis.figure, "good_half wins", "", "by 3 *points*.")
    paths = [tmp_path / f"a.{kind}" for kind in ("svg", "png", "pdf", "rst")]
    for _ in range(2):
        style.save(axis.figure, paths)
        written = [path.read_bytes() for path in paths]
    style.save(axis.figure, paths)
    assert [path.read_bytes() for path in paths] == written
    svg, _, pdf, rst = written
    assert b">a_title &lt;of&gt; text &amp; more<" in svg
    assert b"sans-serif" in svg and b"Arial" in svg
    assert pdf.startswith(b"%PDF")
    assert rst.decode() == "good\\_half wins by 3 \\*points\\*.\n"


def test_a_legend_is_no_wider_than_its_figure():
    with style.settings():
        figure, _ = style.panels(1, 1, (style.COLUMN, 1.5), 0.8)
        looks = {f"a label of some length, number {n}": style.DOT for n in range(6)}
        style.legend(figure, looks, columns=4)
        figure.draw_without_rendering()
        (legend,) = figure.legends
        box = legend.get_window_extent()
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        style.legend(figure, {"a": style.DOT, "b": style.DOT}, columns=2)
        figure.draw_without_rendering()
        texts = [text.get_window_extent().y0 for text in figure.legends[1].get_texts()]
    assert texts[0] == texts[1], "what fits in one line stays there"


def test_the_end_of_a_long_interval_counts_as_no_more_than_half_the_range_of_values():
    assert style.reach([0.5, 0.7], [0.45, 0.72]) == pytest.approx([0.5, 0.7, 0.45, 0.72])
    assert style.reach([0.5, 0.7], [-9.0, 9.0, np.nan]) == pytest.approx([0.5, 0.7, 0.4, 0.8])
