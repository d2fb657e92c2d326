"""equal_sizes.csv, its table and its figure: methods whose good subnetworks have one size."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from legible import complaints
from scipy import stats
from synthetic_axes import TASKS, make_study, overlap_of, seed_values
from synthetic_runs import MODEL

from lottery import files
from lottery.pruning.subnetworks import Subnetwork, common_sizes
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.axes import equal_size_sentence, signed
from lottery.report.tables.axes import equal_size_table as printed
from lottery.statistics.equal_sizes import equal_size_table
from lottery.steps.plot_equal_sizes import draw_equal_sizes

NAMES = ("good", "good-kept_0.5", "good-kept_0.2", "random_uniform-kept_0.5", "good-start_shuffled")
METHODS = ("first", "alike", "worse")
LOSS = {"first": 0.0, "alike": 0.0, "worse": 0.2}


OVERLAP = overlap_of({"random_uniform-kept_0.5": 0.3}, methods=METHODS)


def level(task, run, seed):
    if run[1] == "full":
        return 0.95
    return 0.85 - LOSS[run[0]] - 0.15 * (Subnetwork.parse(run[1]).kind == "random_uniform")


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Files of predictions, scores and layout."""
    return make_study(tmp_path_factory.mktemp("methods"), NAMES, level, methods=METHODS)


@pytest.fixture(scope="module")
def made(study):
    """Scores, layout, and equal_sizes.csv."""
    paths, scores, layout = study
    return scores, layout, equal_size_table(scores, paths, OVERLAP, layout, MODEL)


def cell(table, method, task="rte", kept=0.5, subnetwork="good", phase="retrained"):
    wanted = {"method": method, "task": task, "kept": kept}
    wanted |= {"subnetwork": subnetwork, "phase": phase}
    (row,) = table[(table[[*wanted]] == [*wanted.values()]).all(axis=1)].itertuples()
    return row


def values(scores, method, task="rte"):
    of_cell = {"method": method, "task": task, "subnetwork": "good-kept_0.5"}
    return seed_values(scores, **of_cell, phase="retrained", split="validation")


def test_sizes_that_one_method_alone_has_are_left_out():
    names = {
        "first": ["good-kept_0.5", "good", "bad-kept_0.2"],
        "second": ["good-kept_0.5", "good-kept_0.2", "good-kept_0.7-start_shuffled"],
        "third": ["good-kept_0.2", "good-kept_0.7"],
    }
    assert common_sizes(names) == {0.5: ["first", "second"], 0.2: ["second", "third"]}


def right(paths, method, task="rte"):
    """Whether each example is right, [seeds, examples]."""
    ending = f"{method}/good-kept_0.5/retrained/predictions.parquet"
    rows = []
    for path in paths:
        if f"/{task}/" in str(path) and str(path).endswith(ending):
            table = files.read_parquet(path, ["idx", "label", "prediction"]).to_pandas()
            table = table.sort_values("idx")
            rows.append((table["label"] == table["prediction"]).to_numpy(float))
    return np.stack(rows)


def test_a_method_is_compared_with_the_first_one_seed_by_seed(study, made):
    scores, _, table = made
    row, first = cell(table, "worse"), cell(table, "first")
    apart = values(scores, "worse") - values(scores, "first")
    assert row.score == pytest.approx(values(scores, "worse").mean())
    assert row.difference == pytest.approx(apart.mean())
    over_seeds = stats.t.ppf(0.975, 2) * apart.std(ddof=1) / 3**0.5
    # What two seeds have in common over the examples.
    covariance = np.cov(right(study[0], "worse") - right(study[0], "first"))
    shared = max(0.0, covariance[np.triu_indices(3, 1)].mean())
    over_examples = stats.norm.ppf(0.975) * (shared / 200) ** 0.5
    half = np.hypot(over_seeds, over_examples)
    assert row.difference_high - row.difference == pytest.approx(half)
    assert (row.reference, first.reference) == ("first", "first")
    assert np.isnan(first.difference) and np.isnan(first.p_holm)
    control = cell(table, "worse", subnetwork="random_uniform")
    assert control.score < row.score and np.isnan(control.difference)


def test_the_average_over_tasks_finds_the_loss_that_was_built_in(made):
    scores, _, table = made
    row = cell(table, "worse", task="average")
    means = [(values(scores, "worse", t) - values(scores, "first", t)).mean() for t in TASKS]
    assert row.difference == pytest.approx(np.mean(means)) and row.n_tasks == 2
    assert row.difference == pytest.approx(-0.2, abs=0.06) and row.p_holm < 0.01
    assert cell(table, "alike", task="average").p_holm > 0.05


def test_p_values_are_corrected_for_the_methods_of_a_size_and_phase(made):
    table = made[-1]
    for _, rows in table.groupby(["task", "kept", "phase"]):
        tested = rows.dropna(subset="p").sort_values("p")
        assert len(tested) == 2
        small, large = tested["p"]
        expected = [min(1, 2 * small), min(1, max(2 * small, large))]
        assert tested["p_holm"].tolist() == pytest.approx(expected)


def test_the_printed_table_and_the_sentences_have_the_numbers(made):
    _, layout, table = made
    shown = printed(table, layout, "A caption.")
    assert shown.columns == ["", *TASKS, "average"]
    titles = [group.title for group in shown.groups]
    assert titles[0] == f"0.5 kept, pruned, {MODEL}" and len(titles) == 4
    retrained = shown.groups[titles.index(f"0.5 kept, retrained, {MODEL}")]
    lines = {line[0].text: line for line in retrained.rows}
    assert [*lines] == [
        f"{method}: {kind}" for method in METHODS for kind in ("good", "random uniform")
    ]
    # Made a little smaller than asked for.
    assert {line[0].below for line in retrained.rows} == {("keeps 0.49",)}
    assert lines["worse: random uniform"][1].below[-1] == "30 % of it in good"
    for task in (*TASKS, "average"):
        of_control = cell(table, "worse", task, subnetwork="random_uniform")
        assert of_control.shared == pytest.approx(0.3)
        assert np.isnan(cell(table, "worse", task).shared)
    row = cell(table, "worse")
    assert lines["worse: good"][1].text == f"{row.score:.3f}"
    assert lines["worse: good"][1].below[1].startswith(f"{signed(row.difference)} to first, p ")
    change = signed(cell(table, "worse", task="average").difference)
    assert f"worse {cell(table, 'worse', task='average').score:.2f} ({change}, keeps 0.49)" in (
        equal_size_sentence(table)
    )
    (answer,) = axis_answers({"equal_sizes": table})
    assert answer.parts[0].word == "1 of 2 methods differ from first"


def test_the_answer_is_about_the_methods_that_are_compared_and_the_tasks_there_are(made):
    """Two sizes: at one of them two methods, at the other all three."""
    table = made[-1]
    few = table[((table["method"] != "worse") | (table["kept"] == 0.5)) & (table["task"] == "rte")]
    (answer,) = axis_answers({"equal_sizes": few})
    (part,) = answer.parts
    assert part.subject == "first, alike and worse" and "mean over tasks" not in part.text
    only = few[(few["kept"] == 0.2)]
    (part,) = axis_answers({"equal_sizes": only})[0].parts
    assert part.subject == "first and alike" and "worse" not in part.text
    both = pd.concat([few.assign(model="m")[few["kept"] == 0.5], only.assign(method="other")])
    (part,) = axis_answers({"equal_sizes": both})[0].parts
    assert "other" not in part.subject
    assert "mean over tasks" not in equal_size_sentence(few)
    (part,) = axis_answers({"equal_sizes": table})[0].parts
    assert "mean over tasks" in part.text and "mean over tasks" in equal_size_sentence(table)


def test_the_figure_draws_the_numbers_of_the_table(made):
    scores, layout, table = made
    with style.settings():
        figure = draw_equal_sizes(table, scores, layout, MODEL)
    assert not complaints(figure)
    panels = {axis.get_title(): axis for axis in figure.axes}
    assert [*panels] == [*TASKS, "average over tasks"]
    lines = [text.get_text() for text in panels["rte"].get_yticklabels()]
    sizes = {0.5: "0.5 (0.49)", 0.2: "0.2 (0.19)"}
    assert lines == [f"{size}: {method}" for size in sizes.values() for method in METHODS]
    for title, axis in panels.items():
        drawn = {
            (lines[round(line.get_ydata()[0])], line.get_xdata()[0])
            for line in axis.lines
            if line.get_marker() in ("o", "s") and len(line.get_xdata()) == 1
        }
        rows = table[table["task"] == title.removesuffix(" over tasks")]
        rows = rows[(rows["subnetwork"] == "good") | (rows["phase"] == "retrained")]
        assert drawn == {
            (f"{sizes[row.kept]}: {row.method}", row.score) for row in rows.itertuples()
        }


def test_averages_are_over_the_tasks_that_all_methods_have(tmp_path):
    paths, scores, layout = make_study(tmp_path, NAMES, level, methods=METHODS)
    lacking = (scores["task"] == "sst2") & (scores["method"] == "worse")
    paths = [path for path in paths if not ("/sst2/" in str(path) and "/worse/" in str(path))]
    table = equal_size_table(scores[~lacking], paths, OVERLAP, layout, MODEL)
    assert "worse" not in set(table.loc[table["task"] == "sst2", "method"])
    for method in METHODS:
        of_all = cell(table, method, task="average")
        assert of_all.n_tasks == 1 and of_all.score == cell(table, method).score


def test_a_method_of_which_random_masks_alone_are_scored_has_its_line(made):
    scores, layout, table = made
    lacking = (table["method"] == "worse") & (table["subnetwork"] == "good")
    with style.settings():
        figure = draw_equal_sizes(table[~lacking], scores, layout, MODEL)
    names = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "0.5: worse" in names and "0.5 (0.49): alike" in names
