"""The figure of scores over time: a mark per subnetwork and size of batches, legible."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from legible import complaints
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from synthetic_latency import latency_rows
from synthetic_runs import MODEL, from_scores, make_scores, write_scores

from lottery import files
from lottery.report import style
from lottery.results.latency import SCHEMA
from lottery.results.layout import Layout
from lottery.steps.plot_latency import draw_latency, plot_latency, sentences

LEVELS = {"full": 0.9, "good": 0.8, "random": 0.7, "bad": 0.6, "good-kept_0.3": 0.65}
RATIOS = {
    "good": (0.7, 0.6),
    "random": (0.75, 0.65),
    "bad": (0.8, 0.7),
    "good-kept_0.3": (0.4, 0.3),
}


def layout(*tasks: str) -> dict:
    columns = {"metric": "accuracy", "in_average": True, "published": None}
    rows = {"preset": "published", "published": None, "subnetworks": list(RATIOS)}
    return {
        "models": [MODEL],
        "published_models": [],
        "tasks": dict.fromkeys(tasks, columns),
        "methods": {"structured": rows},
    }


def scores(*tasks: str, seeds: tuple[int, ...] = (1, 2, 3)) -> list:
    return make_scores(
        tasks,
        {"structured": tuple(RATIOS)},
        level=lambda task, run: (LEVELS[run[1]] - 0.4 * (run[2] == "pruned"), 0.01),
        kept=lambda run: 0.5,
        seeds=seeds,
    )


def drawn(*tasks: str, **changes: object) -> Figure:
    latency = latency_rows(RATIOS, tasks, model=MODEL)
    with style.settings():
        return draw_latency(
            from_scores(scores(*tasks, **changes)), latency, Layout.of(**layout(*tasks)),
            MODEL, "structured",
        )  # fmt: skip


def marks(figure: Figure) -> list[Line2D]:
    (panel,) = (axis for axis in figure.axes if axis.get_title())
    return [line for line in panel.lines if line.get_marker() in ("o", "s")]


def test_a_mark_is_the_mean_score_over_the_ratio() -> None:
    found = {
        (line.get_color(), line.get_marker(), *(round(float(x[0]), 6) for x in line.get_data()))
        for line in marks(drawn("t"))
    }
    # Retrained alone: pruned ones score 0.4 less. Sizes of one kind have one colour.
    assert found == {
        (style.colour_of(name), marker, ratio, LEVELS[name])
        for name, ratios in RATIOS.items()
        for marker, ratio in zip("os", ratios, strict=True)
    }


def test_the_legend_names_kinds_sizes_of_batches_and_the_reference() -> None:
    (legend,) = drawn("t").legends
    assert [text.get_text() for text in legend.get_texts()] == [
        "good", "random", "bad", "1 example at a time", "32 examples at a time", "full model",
        "majority", "quartiles of the time", "score, mean ± sample sd",
    ]  # fmt: skip


def test_whiskers_of_scores_that_are_not_drawn_are_not_in_the_legend() -> None:
    (legend,) = drawn("t", seeds=(1, 2)).legends
    assert "score, mean ± sample sd" not in [text.get_text() for text in legend.get_texts()]


def test_whiskers_end_at_scores_that_are_possible() -> None:
    high = make_scores(
        ("t",),
        {"structured": ("good",)},
        level=lambda task, run: (0.97, 0.1),
        kept=lambda run: 0.5,
        seeds=(1, 2, 3),
    )
    rows, order = latency_rows({"good": (0.7, 0.6)}, model=MODEL), Layout.of(**layout("t"))
    with style.settings():
        figure = draw_latency(from_scores(high), rows, order, MODEL, "structured")
    (panel,) = (axis for axis in figure.axes if axis.get_title())
    tops = [max(ln.get_ydata()) for ln in panel.lines if [*ln.get_xdata()] == [0.7, 0.7]]
    assert tops == [1.0]


def test_the_full_model_is_the_reference() -> None:
    (panel,) = (axis for axis in drawn("t").axes if axis.get_title())
    upright = [line for line in panel.lines if [*line.get_xdata()] == [1.0, 1.0]]
    level = [line for line in panel.lines if [*line.get_ydata()] == pytest.approx([0.9, 0.9])]
    assert len(upright) == 1 and style.SUBNETWORKS["full"] in {line.get_color() for line in level}


def test_whiskers_are_quartiles_and_from_three_seeds_on_standard_deviations() -> None:
    for seeds, expected in (((1, 2, 3), [0.79, 0.81]), ((1, 2), None)):
        (panel,) = (axis for axis in drawn("t", seeds=seeds).axes if axis.get_title())
        blue = [line for line in panel.lines if line.get_color() == style.SUBNETWORKS["good"]]
        ends = [[*map(float, line.get_xdata())] for line in blue if len(line.get_xdata()) == 2]
        assert pytest.approx([0.65, 0.75]) in ends and pytest.approx([0.55, 0.65]) in ends
        upright = [
            [*map(float, line.get_ydata())] for line in blue
            if [*line.get_xdata()] == [0.7, 0.7]
        ]  # fmt: skip
        assert upright == ([pytest.approx(expected)] if expected else [])


def test_quartiles_of_a_disturbed_measurement_end_in_an_arrow() -> None:
    latency = latency_rows(RATIOS, model=MODEL)
    latency.loc[latency["subnetwork"] == "bad", "ratio_high"] = 40.0
    with style.settings():
        order = Layout.of(**layout("t"))
        figure = draw_latency(from_scores(scores("t")), latency, order, MODEL, "structured")
    (panel,) = (axis for axis in figure.axes if axis.get_title())
    assert panel.get_xlim()[1] < 1.4
    colours = [line.get_color() for line in panel.lines if line.get_marker() == ">"]
    assert colours == [style.SUBNETWORKS["bad"]] * 2


def test_it_tells_what_was_measured() -> None:
    one, many = sentences(latency_rows({"good": (0.7, 0.6)}, ("a", "b")))
    assert "1 example at a time: good 0.70; the full model against itself 1.00." in one
    assert "32 examples at a time: good 0.60;" in many
    rows = latency_rows({"good": (1.02, 0.98)}, granularity="weights")
    assert sentences(rows)[-1].startswith(
        "Masks of weights keep 50 % of the body on average and take 1.00 times as long"
    )


@pytest.mark.parametrize("tasks", [("t",), tuple("abcdefghi")])
def test_it_is_legible(tasks: tuple[str, ...]) -> None:
    figure = drawn(*tasks)
    if folder := os.environ.get("LOTTERY_FIGURES"):  # to look at them
        with style.settings():
            style.save(figure, [Path(folder) / f"latency_{len(tasks)}.png"])
    assert complaints(figure) == []


def test_the_step_draws_tables_that_are_read_again(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.csv", scores("t"))
    files.write_table(tmp_path / "latency.csv", latency_rows(RATIOS, model=MODEL), SCHEMA)
    for kind in ("first", "second"):
        plot_latency(
            path_to_scores=tmp_path / "scores.csv",
            path_to_latency=tmp_path / "latency.csv",
            paths_to_figure=[tmp_path / f"{kind}.{ending}" for ending in ("svg", "rst")],
            model=MODEL,
            method="structured",
            layout=layout("t"),
        )
    assert (tmp_path / "first.svg").read_bytes() == (tmp_path / "second.svg").read_bytes()
    assert (tmp_path / "first.rst").read_text().startswith("Time per example relative to")


def test_without_subnetworks_that_are_scored_panels_are_empty() -> None:
    only_full = [each for each in scores("t") if each.subnetwork == "full"]
    latency = latency_rows(RATIOS, model=MODEL)
    with style.settings():
        order = Layout.of(**layout("t"))
        figure = draw_latency(from_scores(only_full), latency, order, MODEL, "structured")
    assert marks(figure) == []
