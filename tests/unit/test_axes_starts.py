"""starts.csv, its table and its figure: what masks are worth on other weights."""

from __future__ import annotations

import numpy as np
import pytest
from legible import complaints
from scipy import stats
from synthetic_axes import METHOD, TASKS, make_study, overlap_of, seed_values
from synthetic_runs import MODEL

from lottery.pruning.subnetworks import Subnetwork
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.axes import signed, start_sentence
from lottery.report.tables.axes import start_table as printed
from lottery.statistics.starts import start_table, starts_of
from lottery.steps.plot_starts import draw_starts

NAMES = (
    "good",
    "good-kept_0.5",
    "random",
    "random_2",
    "bad",
    "good-start_shuffled",
    "good-start_rewound",
    "good-kept_0.5-start_shuffled",
    "random-start_shuffled",
    "random_2-start_shuffled",
    "random_uniform-start_finetuned",
)
LEVELS = {"full": 0.95, "good": 0.9, "random": 0.75, "random_uniform": 0.7, "bad": 0.6}
COST = {None: 0.0, "rewound": 0.05, "finetuned": 0.0, "shuffled": 0.3}


OVERLAP = overlap_of({"random": 0.5, "random_2": 0.3, "random_uniform": 0.0, "bad": 0.1})


def level(task, run, seed):
    named = Subnetwork.parse(run[1])
    return LEVELS[named.kind] - COST[named.start]


@pytest.mark.parametrize("mask", ["good", "good-kept_0.5"])
def test_a_mask_of_a_size_is_answered_for_like_one_of_the_search(made, mask):
    table = made[-1]
    own = table[table["mask"] == mask]
    (answer,) = axis_answers({"starts": own[own["start"].isin(["pretrained", "shuffled"])]})
    change = cell(table, "average", mask, "shuffled").change
    assert answer.parts[0].word == f"shuffled ({signed(change)})"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Scores, layout, and starts.csv."""
    root = tmp_path_factory.mktemp("starts")
    paths, scores, layout = make_study(root, NAMES, level)
    return scores, layout, start_table(scores, paths, OVERLAP, layout, MODEL, METHOD)


def cell(table, task, mask, start):
    rows = table[(table["task"] == task) & (table["mask"] == mask) & (table["start"] == start)]
    (row,) = rows.itertuples()
    return row


def values(scores, task, *names):
    of_cell = {"task": task, "phase": "retrained", "split": "validation"}
    return np.mean([seed_values(scores, subnetwork=name, **of_cell) for name in names], axis=0)


def test_masks_with_a_start_are_compared_with_themselves_on_the_pretrained_weights():
    assert starts_of(NAMES) == {
        "good": {
            "pretrained": ("good",),
            "shuffled": ("good-start_shuffled",),
            "rewound": ("good-start_rewound",),
        },
        "good-kept_0.5": {
            "pretrained": ("good-kept_0.5",),
            "shuffled": ("good-kept_0.5-start_shuffled",),
        },
        "random": {
            "pretrained": ("random", "random_2"),
            "shuffled": ("random-start_shuffled", "random_2-start_shuffled"),
        },
        "random_uniform": {"finetuned": ("random_uniform-start_finetuned",)},
    }


def test_a_cell_has_the_mean_over_draws_and_seeds_and_its_difference(made):
    scores, _, table = made
    row = cell(table, "rte", "random", "shuffled")
    on_shuffled = values(scores, "rte", "random-start_shuffled", "random_2-start_shuffled")
    on_pretrained = values(scores, "rte", "random", "random_2")
    assert row.score == pytest.approx(on_shuffled.mean())
    assert row.difference == pytest.approx((on_shuffled - on_pretrained).mean())
    assert (row.n_seeds, row.n_draws, row.n_tasks) == (3, 2, 1)
    half = stats.t.ppf(0.975, 2) * (on_shuffled - on_pretrained).std(ddof=1) / 3**0.5
    assert row.difference_high - row.difference >= half - 1e-12
    assert np.isnan(cell(table, "rte", "random", "pretrained").difference)
    assert np.isnan(cell(table, "rte", "random_uniform", "finetuned").difference)


def test_the_average_is_over_tasks_with_the_cost_that_was_built_in(made):
    scores, _, table = made
    row = cell(table, "average", "good", "shuffled")
    of_tasks = [values(scores, task, "good-start_shuffled").mean() for task in TASKS]
    assert row.score == pytest.approx(np.mean(of_tasks)) and row.n_tasks == 2
    assert row.difference == pytest.approx(-0.3, abs=0.06) and row.p < 0.01
    assert cell(table, "average", "good", "rewound").difference == pytest.approx(-0.05, abs=0.05)
    full = values_of_full(scores)
    assert cell(table, "average", "full", "pretrained").score == pytest.approx(full)


def values_of_full(scores):
    return np.mean(
        [seed_values(scores, subnetwork="full", task=t, split="validation").mean() for t in TASKS]
    )


def test_the_printed_table_has_the_pretrained_weights_first(made):
    _, layout, table = made
    shown = printed(table, layout, "A caption.")
    assert shown.columns == [
        "", "full", "good", "good-kept 0.5", "random", "random uniform",
    ]  # fmt: skip
    names = [line[0].text for line in shown.groups[0].rows]
    starts = ["pretrained", "finetuned", "shuffled", "rewound"]
    assert names == [f"{task}: {start}" for task in (*TASKS, "average") for start in starts]
    line = dict(zip(names, shown.groups[0].rows, strict=True))["rte: shuffled"]
    row = cell(table, "rte", "good", "shuffled")
    assert line[2].text == f"{row.score:.3f}"
    assert line[2].below[1].startswith(f"−{-row.difference:.3f} to pretrained, p ")
    assert line[1].text == "–"


def test_controls_have_what_they_share_with_good_in_every_row(made):
    _, layout, table = made
    for task in (*TASKS, "average"):
        assert cell(table, task, "random", "shuffled").shared == pytest.approx(0.4)
        assert cell(table, task, "random_uniform", "finetuned").shared == 0
        assert np.isnan(cell(table, task, "good", "shuffled").shared)
    rows = printed(table, layout, "A caption.").groups[0].rows
    (line,) = (row for row in rows if row[0].text == "rte: shuffled")
    assert line[4].below[-1] == "40 % of it in good" and line[2].below[-1] == ""


def test_the_sentence_and_the_answer_have_the_mean_changes(made):
    table = made[-1]
    row = cell(table, "average", "good", "shuffled")
    assert row.change == pytest.approx(row.difference)
    shown = f"{signed(row.change)} [{signed(row.difference_low)}, {signed(row.difference_high)}]"
    assert f"shuffled: good {shown}" in start_sentence(table)
    (answer,) = axis_answers({"starts": table})
    assert answer.parts[0].text.count("good-kept 0.5") == 1
    of_good = axis_answers({"starts": table[table["mask"] == "good"]})[0].parts[0]
    best = cell(table, "average", "good", "rewound").change
    assert of_good.word == f"worst shuffled ({signed(row.change)}), best rewound ({signed(best)})"
    assert f"of good against the pretrained weights, mean over tasks: shuffled {shown}" in (
        of_good.text
    )


def test_the_figure_draws_the_numbers_of_the_table(made):
    scores, layout, table = made
    with style.settings():
        figure = draw_starts(table, scores, layout, MODEL, METHOD)
    assert not complaints(figure)
    panels = {axis.get_title(): axis for axis in figure.axes}
    assert [*panels] == ["rte", "sst2", "average over tasks"]
    for title, axis in panels.items():
        task = "average" if title.startswith("average") else title
        lines = [text.get_text() for text in panels["rte"].get_yticklabels()]
        marks = [line for line in axis.lines if line.get_markersize() == 4 and line.get_marker()]
        drawn = {
            (lines[round(line.get_ydata()[0])], line.get_xdata()[0])
            for line in marks
            if line.get_marker() in ("o", "s", "^", "v")
        }
        rows = table[(table["task"] == task) & (table["mask"] != "full")]
        assert drawn == set(zip(rows["start"], rows["score"], strict=True))
    assert lines[0] == "pretrained"


def test_a_collapsed_start_counts_with_its_score_and_is_marked(tmp_path):
    """On shuffled weights every seed predicts a constant."""

    def collapsing(task, run, seed):
        return 0 if run[1] == "good-start_shuffled" else level(task, run, seed)

    names = ("good", "good-start_shuffled", "good-start_rewound")
    tasks = {"rte": "accuracy"}
    paths, scores, layout = make_study(tmp_path, names, collapsing, tasks=tasks)
    table = start_table(scores, paths, OVERLAP, layout, MODEL, METHOD)
    row = cell(table, "rte", "good", "shuffled")
    assert row.n_collapsed == 3 and np.isnan(row.difference)
    assert row.score == pytest.approx(values(scores, "rte", "good-start_shuffled").mean())
    # Tests leave collapsed runs out; the scores have a difference all the same.
    change = row.score - cell(table, "rte", "good", "pretrained").score
    assert [row.change, cell(table, "average", "good", "shuffled").change] == [
        pytest.approx(change)
    ] * 2
    (line,) = [
        line
        for line in printed(table, layout, "A caption.").groups[0].rows
        if line[0].text == "rte: shuffled"
    ]
    assert line[2].below[1] == f"{signed(change)} to pretrained, collapsed runs counted"
    with style.settings():
        figure = draw_starts(table, scores, layout, MODEL, METHOD)
        style.save(figure, [tmp_path / "starts.png"])
    assert "with a collapsed run" in [text.get_text() for text in figure.legends[0].get_texts()]
    said = f"shuffled: good {signed(change)} (3 of 3 runs collapsed)"
    assert said in start_sentence(table) and "mean over tasks" not in start_sentence(table)
    part = axis_answers({"starts": table})[0].parts[0]
    assert part.word.startswith(f"worst shuffled ({signed(change)})")
    assert part.text.endswith("collapsed runs count with their score")


def test_a_start_that_collapsed_once_has_its_difference_without_that_run_too(tmp_path):
    """On shuffled weights the first seed predicts a constant."""

    def collapsing(task, run, seed):
        lost = run[1] == "good-start_shuffled" and seed == 0
        return 0 if lost else level(task, run, seed)

    names, tasks = ("good", "good-start_shuffled"), {"rte": "accuracy"}
    paths, scores, layout = make_study(tmp_path, names, collapsing, tasks=tasks, seeds=(0, 1, 2))
    table = start_table(scores, paths, OVERLAP, layout, MODEL, METHOD)
    row = cell(table, "average", "good", "shuffled")
    assert row.n_collapsed == 1 and row.change != pytest.approx(row.difference)
    ends = f"[{signed(row.difference_low)}, {signed(row.difference_high)}]"
    said = f"{signed(row.change)} (1 of 3 runs collapsed; without them {signed(row.difference)}"
    assert f"{said} {ends})" in start_sentence(table)
