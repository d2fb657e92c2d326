"""score_over_size.csv, size_curves.csv, their table and figure find the truth of made-up curves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from legible import complaints
from scipy import stats
from synthetic_axes import METHOD, OFF, layout_of, make_study, seed_values
from synthetic_runs import MODEL

from lottery import files
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.axes import size_sentence, size_table
from lottery.results import overlap
from lottery.statistics import axes
from lottery.statistics.claims import table
from lottery.statistics.claims.verdicts import KEEP_SCORE
from lottery.statistics.sizes import size_tables, trapezoid_weights
from lottery.steps.plot_sizes import draw_sizes

SHARES = (0.9, 0.7, 0.5, 0.3)
KINDS = ("good", "random_uniform", "random_uniform_2", "bad")
NAMES = ("good", "random", "bad", *(f"{kind}-kept_{share:g}" for share in SHARES for kind in KINDS))
NAMES = (*NAMES, "good-kept_0.5-start_shuffled", "good-kept_0.5-from_sst2")
FEW = tuple(f"good-kept_{share:g}" for share in SHARES)
LEVELS = {"random": 0.7, "bad": 0.6}
# Of the good subnetworks, retrained: down to 0.5 they are as good as the full model on rte.
GOOD = {"rte": {0.9: 0.95, 0.7: 0.95, 0.5: 0.95, 0.3: 0.6}, "sst2": dict.fromkeys(SHARES, 0.65)}


def level(task, run, seed):
    _, name, phase = run
    if name == "full":
        return 0.93
    kind, _, share = name.partition("-kept_")
    if kind != "good" or "-" in share:
        return LEVELS.get(kind.split("_")[0], 0.3)
    return GOOD[task][float(share or 0.7)] - (0.15 if phase == "pruned" else 0)


def overlaps(shares=SHARES):
    rows = [
        {
            "model": MODEL,
            "task": task,
            "seed": "1",
            "method": METHOD,
            "subnetwork": f"{kind}-kept_{share:g}",
            "reference": f"good-kept_{share:g}",
            "parameters": 100,
            "parameters_shared": round(100 * share),
            "parameters_share": share if kind != "bad" else max(0.0, 2 - 1 / share),
        }
        for task in GOOD
        for share in shares
        for kind in KINDS[1:]
    ]
    return files.table(rows, overlap.SCHEMA)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Scores, layout, and the two tables."""
    root = tmp_path_factory.mktemp("sizes")
    paths, scores, layout = make_study(root, NAMES, level)
    return scores, layout, *size_tables(scores, paths, overlaps(), layout, MODEL, METHOD)


def curve(curves: pd.DataFrame, task: str, kind: str, phase: str = "retrained"):
    rows = curves[(curves["task"] == task) & (curves["phase"] == phase)]
    (row,) = rows[rows["subnetwork"] == kind].itertuples()
    return row


def test_a_curve_has_the_subnetworks_with_a_size_and_nothing_else(made):
    _, _, sizes, curves = made
    assert [*dict.fromkeys(sizes["subnetwork"])] == ["good", "random_uniform", "bad"]
    assert len(sizes) == 2 * 3 * 2 * len(SHARES) and len(curves) == 2 * 3 * 2
    assert {*sizes.loc[sizes["subnetwork"] == "random_uniform", "n_draws"]} == {2}


def test_the_smallest_matching_size_is_the_one_that_was_built_in(made):
    _, _, sizes, curves = made
    found = curve(curves, "rte", "good")
    assert found.smallest_within_sd == found.smallest_comparable == pytest.approx(0.5 - OFF)
    for task, kind, phase in (
        ("sst2", "good", "retrained"),
        ("rte", "good", "pruned"),
        ("rte", "bad", "retrained"),
    ):
        assert np.isnan(curve(curves, task, kind, phase).smallest_within_sd)
        assert np.isnan(curve(curves, task, kind, phase).smallest_comparable)
    good = sizes[(sizes["subnetwork"] == "good") & (sizes["phase"] == "retrained")]
    verdicts = good[good["task"] == "rte"].set_index("kept")["verdict"]
    assert verdicts.to_dict() == dict.fromkeys((0.9, 0.7, 0.5), "supported") | {0.3: "contradicted"}


def test_the_comparison_with_the_full_model_is_that_of_claim_a1():
    assert table.COMPARABLE.criterion == axes.COMPARABLE
    assert table.COMPARABLE.measure.keywords["factor"] == KEEP_SCORE


def test_a_size_has_the_mean_over_seeds_of_the_mean_over_draws(made):
    scores, _, sizes, _ = made
    cell = {"task": "rte", "phase": "retrained", "split": "validation"}
    draws = [
        seed_values(scores, subnetwork=name, **cell)
        for name in ("random_uniform-kept_0.7", "random_uniform_2-kept_0.7")
    ]
    full = seed_values(scores, subnetwork="full", task="rte", split="validation")
    of_seeds = np.mean(draws, axis=0)
    rows = sizes[(sizes["subnetwork"] == "random_uniform") & (sizes["phase"] == "retrained")]
    (row,) = rows[(rows["task"] == "rte") & (rows["kept"] == 0.7)].itertuples()
    assert row.score == pytest.approx(of_seeds.mean())
    assert row.kept_fraction == pytest.approx(0.7 - OFF)
    assert row.difference == pytest.approx((of_seeds - 0.9 * full).mean())
    assert row.full == pytest.approx(full.mean())
    assert row.full_sd == pytest.approx(full.std(ddof=1))
    assert row.shared == pytest.approx(0.7)
    # At least as wide as an interval over seeds alone.
    half = stats.t.ppf(0.975, 2) * of_seeds.std(ddof=1) / 3**0.5
    assert row.score - row.score_low >= half - 1e-12
    assert row.score_high == pytest.approx(min(1.0, 2 * row.score - row.score_low))


def test_the_area_is_that_of_each_seeds_curve_divided_by_its_range(made):
    scores, _, _, curves = made
    cell = {"task": "rte", "phase": "retrained", "split": "validation"}
    heights = [
        seed_values(scores, subnetwork=f"good-kept_{share:g}", **cell) for share in sorted(SHARES)
    ]
    areas = np.trapezoid(np.transpose(heights), sorted(SHARES), axis=1) / 0.6
    found = curve(curves, "rte", "good")
    assert found.area == pytest.approx(areas.mean())
    assert (found.lowest, found.highest) == pytest.approx((0.3 - OFF, 0.9 - OFF))
    assert (
        found.area_high - found.area >= stats.t.ppf(0.975, 2) * areas.std(ddof=1) / 3**0.5 - 1e-12
    )


def test_weights_of_the_area_do_not_depend_on_the_order():
    rng = np.random.default_rng(0)
    places, heights = rng.random(6), rng.random(6)
    order = np.argsort(places)
    expected = np.trapezoid(heights[order], places[order])
    assert trapezoid_weights(places) @ heights == pytest.approx(expected)


def test_a_constant_curve_has_its_own_height_as_area(tmp_path):
    """Every run is right on all examples."""
    paths, scores, layout = make_study(tmp_path, FEW, lambda task, run, seed: 1.0, n=30)
    _, curves = size_tables(scores, paths, overlaps(), layout, MODEL, METHOD)
    assert curves["area"].to_numpy() == pytest.approx(1.0)
    assert curves["smallest_within_sd"].to_numpy() == pytest.approx(0.3 - OFF)


def test_no_interval_of_a_score_leaves_what_is_possible(tmp_path):
    paths, scores, layout = make_study(tmp_path, FEW, level, seeds=(1, 2), n=30)
    sizes, curves = size_tables(scores, paths, overlaps(()), layout, MODEL, METHOD)
    assert sizes["score_high"].max() == curves["area_high"].max() == 1.0
    assert sizes["score_low"].min() == 0.0


def test_one_seed_and_two_decide_nothing(tmp_path):
    for seeds in ((1,), (1, 2)):
        paths, scores, layout = make_study(tmp_path / str(seeds), FEW, level, seeds=seeds)
        sizes, curves = size_tables(scores, paths, overlaps(), layout, MODEL, METHOD)
        assert {*sizes["verdict"]} == {"undecided"}
        assert sizes["within_sd"].isna().all() == (len(seeds) == 1)
        assert curves["area"].notna().all()


def test_a_collapsed_run_counts_with_its_score_and_is_no_match(tmp_path):
    """Of five seeds one predicts a constant at 0.9."""

    def collapsing(task, run, seed):
        return 0 if run[1:] == ("good-kept_0.9", "retrained") and seed == 3 else level(task, run, 1)

    seeds = (1, 2, 3, 4, 5)
    paths, scores, layout = make_study(tmp_path, FEW, collapsing, seeds=seeds)
    sizes, _ = size_tables(scores, paths, overlaps(), layout, MODEL, METHOD)
    rows = sizes[(sizes["subnetwork"] == "good") & (sizes["phase"] == "retrained")]
    (row,) = rows[(rows["task"] == "rte") & (rows["kept"] == 0.9)].itertuples()
    cell = {"task": "rte", "phase": "retrained", "split": "validation"}
    values = seed_values(scores, subnetwork="good-kept_0.9", **cell)
    assert row.n_collapsed == 1 and not row.within_sd
    assert row.score == pytest.approx(values.mean())
    full = seed_values(scores, subnetwork="full", task="rte", split="validation")
    assert row.difference == pytest.approx(np.delete(values - 0.9 * full, 2).mean())


def test_the_table_says_at_which_sizes_bad_is_not_the_rest(made):
    _, _, sizes, curves = made
    shown = size_table(sizes, curves, "A caption.")
    lines = {line[0].text: line for line in shown.groups[0].rows}
    assert [*shown.columns[-4:]] == ["kept 0.9", "kept 0.7", "kept 0.5", "kept 0.3"]
    assert lines["rte: good, retrained"][1].text == "0.49"
    assert lines["sst2: good, retrained"][1].text == "none"
    assert ["‡" in cell.mark for cell in lines["rte: bad, pruned"][4:]] == [
        True,
        True,
        False,
        False,
    ]
    assert not any("‡" in cell.mark for cell in lines["rte: random uniform, pruned"][4:])
    assert [cell.mark for cell in lines["rte: good, retrained"][4:]] == ["*+", "*+", "*+", ""]
    assert "70 % of it in good" in lines["rte: random uniform, retrained"][5].below
    assert "‡" in shown.note


def test_the_sentence_names_the_smallest_sizes(made):
    assert size_sentence(made[-1]) == (
        "Good subnetworks, retrained, are within one standard deviation of the full model down to"
        " 0.49 on rte, and at no size on 1 other task; non-inferior to nine tenths of its score"
        " down to 0.49 on rte, and at no size on 1 other task."
    )


@pytest.fixture
def figure(made):
    scores, layout, sizes, curves = made
    with style.settings():
        yield draw_sizes(sizes, curves, scores, layout, MODEL, METHOD)


def test_the_figure_draws_the_numbers_of_the_table(made, figure):
    _, _, sizes, _ = made
    axis = next(axis for axis in figure.axes if axis.get_title() == "rte, retrained")
    for kind in ("good", "random_uniform", "bad"):
        rows = sizes[(sizes["task"] == "rte") & (sizes["subnetwork"] == kind)]
        rows = rows[rows["phase"] == "retrained"].sort_values("kept_fraction")
        (line,) = (
            line
            for line in axis.lines
            if len(line.get_xdata()) == len(SHARES) and line.get_color() == style.colour_of(kind)
        )
        assert [*line.get_xdata()] == [*rows["kept_fraction"]]
        assert [*line.get_ydata()] == [*rows["score"]]
    assert not complaints(figure)
    stars = [line.get_xdata()[0] for line in axis.lines if line.get_marker() == "*"]
    assert stars == [0.6] * 3


def test_full_and_majority_are_lines_across_the_panel(made, figure):
    scores = made[0]
    axis = next(axis for axis in figure.axes if axis.get_title() == "sst2, pruned")
    full = seed_values(scores, subnetwork="full", task="sst2", split="validation").mean()
    levels = [line.get_ydata()[0] for line in axis.lines if [*line.get_xdata()] == [0, 1]]
    assert levels == pytest.approx([full, 0.5])


def test_a_seed_whose_full_model_collapsed_is_nowhere(tmp_path):
    def collapsing(task, run, seed):
        return 0 if run[1] == "full" and seed == 2 else level(task, run, seed)

    names, tasks = ("good", *FEW), {"rte": "accuracy"}
    paths, scores, layout = make_study(tmp_path, names, collapsing, tasks=tasks, seeds=(1, 2, 3))
    # As scores.csv has it.
    scores["degenerate"] |= scores["seed"] == 2
    sizes, curves = size_tables(scores, paths, overlaps(()), layout, MODEL, METHOD)
    kept = scores[(scores["seed"] != 2) & (scores["split"] == "validation")]
    full = kept[kept["subnetwork"] == "full"]["value"]
    assert {*sizes["n_seeds"]} == {*curves["n_seeds"]} == {2}
    assert {*sizes["n_collapsed"]} == {0}
    assert sizes["full"].to_numpy() == pytest.approx(full.mean())
    with style.settings():
        figure = draw_sizes(sizes, curves, scores, layout, MODEL, METHOD)
    axis = figure.axes[1]
    levels = [line.get_ydata()[0] for line in axis.lines if [*line.get_xdata()] == [0, 1]]
    assert levels == pytest.approx([full.mean(), 0.5])
    good = kept[(kept["subnetwork"] == "good") & (kept["phase"] == "retrained")]["value"].mean()
    (star,) = (line.get_ydata()[0] for line in axis.lines if line.get_marker() == "*")
    assert star == pytest.approx(good)


def test_a_strict_method_is_shown_on_the_half_that_it_does_not_search(tmp_path):
    tasks = {"rte": "accuracy"}
    paths, scores, _ = make_study(tmp_path, FEW, level, tasks=tasks)
    layout = layout_of(FEW, tasks, "strict")
    sizes, _ = size_tables(scores, paths, overlaps(()), layout, MODEL, METHOD)
    half = seed_values(
        scores, subnetwork="good-kept_0.9", phase="retrained", task="rte", split="report_half"
    )
    (row,) = sizes[(sizes["kept"] == 0.9) & (sizes["phase"] == "retrained")].itertuples()
    assert (row.split, row.score) == ("report_half", pytest.approx(half.mean()))


def test_a_kind_of_a_plugin_is_a_curve_like_any_other(tmp_path):
    names = ("of_a_plugin-kept_0.5", "of_a_plugin-kept_0.3")
    paths, scores, layout = make_study(tmp_path, names, lambda *_: 0.8, n=40)
    sizes, curves = size_tables(scores, paths, overlaps(()), layout, MODEL, METHOD)
    assert {*curves["subnetwork"]} == {"of_a_plugin"}
    with style.settings():
        figure = draw_sizes(sizes, curves, scores, layout, MODEL, METHOD)
    assert "of a plugin" in [text.get_text() for text in figure.legends[0].get_texts()]


def test_the_page_and_the_terminal_answer_how_small_in_one_line(made):
    (answer,) = axis_answers({"size_curves": made[-1], "score_over_size": made[-2]})
    (part,) = answer.parts
    assert (part.subject, part.word) == (METHOD, "down to 0.49 of the body")
    assert "in 1 of 2 curves; within one standard deviation in 1, down to 0.49" in part.text
    assert not axis_answers({})
