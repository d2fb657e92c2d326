"""The folds of a data set count as one task: averaged within a seed, against a slow reference."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from pathlib import Path
from statistics import fmean, stdev
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.text import Text
from synthetic_axes import METHOD, make_study, overlap_of
from synthetic_runs import MODEL, from_scores, one_score

from lottery import files
from lottery.report import style
from lottery.report.tables.scores import summary_tables
from lottery.results.folds import of_data_sets, over_folds
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import SCHEMA
from lottery.results.summary import reported_runs, summarize
from lottery.statistics.differences import SCHEMA as DIFFERENCES
from lottery.statistics.differences import Comparison
from lottery.statistics.intervals import t_estimate
from lottery.statistics.starts import start_table
from lottery.steps.plot_differences import draw_differences
from lottery.steps.plot_overview import draw_overview
from lottery.steps.plot_scores import draw_scores

NOTHING = Published({}, {})
FOLDS = {"a_fold1": "a", "a_fold2": "a", "a_fold3": "a", "b_fold1": "b", "b_fold2": "b"}
ALONE = "rte"
TASKS = [*FOLDS, ALONE]
RUNS = [("none", "full", "finetuned"), ("ours", "good", "pruned"), ("ours", "good", "retrained")]


def with_folds(layout: Layout) -> Layout:
    tasks = [replace(task, fold_of=FOLDS.get(task.id)) for task in layout.tasks]
    return replace(layout, tasks=tasks)


def layout_of(tasks: list[str]) -> Layout:
    facts = {"metric": "accuracy", "in_average": True, "published": None}
    return with_folds(
        Layout.of(
            models=[MODEL],
            published_models=[],
            tasks=dict.fromkeys(tasks, facts),
            methods={"ours": {"preset": "published", "published": None, "subnetworks": ["good"]}},
        )
    )


Cells = dict[tuple[str, int], tuple[float | None, bool]]


def slowly(cells: Cells, tasks: list[str]) -> Cells:
    """(data set, seed) -> mean over folds and whether one is degenerate; None of an undefined one.

    Seeds without a run of every fold are left out.
    """
    groups = defaultdict(list)
    for (task, seed), number in cells.items():
        groups[FOLDS.get(task, task), seed].append(number)
    found = {}
    for (data_set, seed), numbers in groups.items():
        if len(numbers) == sum(FOLDS.get(task, task) == data_set for task in tasks):
            values = [value for value, _ in numbers]
            mean = None if None in values else fmean(v for v in values if v is not None)
            found[data_set, seed] = mean, any(lost for _, lost in numbers)
    return found


CELLS = st.dictionaries(
    st.tuples(st.sampled_from(TASKS), st.integers(1, 4)),
    st.tuples(st.floats(0, 1).map(lambda x: round(x, 3)), st.booleans()),
    min_size=1,
)


@settings(max_examples=40, deadline=None)
@given(cells=CELLS)
def test_a_data_set_has_the_mean_of_its_folds_in_each_seed(cells: Cells) -> None:
    scores = from_scores(
        one_score(task, seed, run, "validation", value, degenerate=lost, n_examples=len(task))
        for (task, seed), (value, lost) in cells.items()
        for run in RUNS
    )
    merged = over_folds(scores, layout_of(TASKS))
    expected = slowly(cells, TASKS)
    for run in RUNS:
        rows = merged[(merged[["method", "subnetwork", "phase"]] == [*run]).all(axis=1)]
        found = {(row.task, row.seed): row for row in rows.itertuples()}
        assert found.keys() == expected.keys()
        for cell, (mean, lost) in expected.items():
            assert found[cell].counted == pytest.approx(mean)
            assert found[cell].degenerate == lost and found[cell].kept_fraction == 0.5
            folds = [fold for fold, data_set in FOLDS.items() if data_set == cell[0]]
            assert found[cell].n_examples == sum(map(len, folds or [cell[0]]))


def test_a_score_that_one_fold_lacks_is_missing() -> None:
    scores = from_scores(
        one_score(task, 1, RUNS[0], "validation", 0.5) for task in ("b_fold1", "b_fold2")
    )
    scores.loc[1, "counted"] = None
    assert over_folds(scores, layout_of(TASKS))["counted"].isna().tolist() == [True]


def test_without_folds_nothing_is_touched() -> None:
    scores = from_scores([one_score(ALONE, 1, RUNS[0], "validation", 0.5)])
    plain = layout_of([ALONE])
    assert over_folds(scores, plain) is scores
    assert plain.over_folds() == plain and of_data_sets(scores, plain) is scores


def some_cells(seeds: int = 3) -> Cells:
    rng = np.random.default_rng(1)
    values = {(task, seed): round(rng.random(), 3) for task in TASKS for seed in range(seeds)}
    return {cell: (value, cell == ("b_fold2", 0)) for cell, value in values.items()}


def summary_of(cells: Cells) -> pd.DataFrame:
    scores = from_scores(
        one_score(task, seed, run, "validation", value, degenerate=lost)
        for (task, seed), (value, lost) in cells.items()
        for run in RUNS
    )
    return summarize(scores, layout_of(TASKS), NOTHING)


def test_the_average_counts_every_data_set_once() -> None:
    cells = some_cells()
    frame = summary_of(cells)
    frame = frame[frame["subnetwork"] == "full"].set_index("task")
    assert [*frame.index] == [*TASKS, "a", "b", "average"]
    over = slowly(cells, TASKS)
    names = ["a", "b", ALONE]
    for name in names:
        values = [over[name, seed][0] for seed in range(3)]
        assert frame.loc[name, "mean"] == pytest.approx(fmean(values))
        assert frame.loc[name, "sd"] == pytest.approx(stdev(values))
        assert frame.loc[name, "n"] == 3
    sound = [over["b", seed][0] for seed in (1, 2)]
    assert frame.loc["b", "mean_without_degenerate"] == pytest.approx(fmean(sound))
    assert frame.loc["b_fold1", "n_degenerate"] == 0 and frame.loc["b", "n_degenerate"] == 1
    average = frame.loc["average"]
    of_seeds = [fmean(over[name, seed][0] for name in names) for seed in range(3)]
    assert average["n_tasks"] == 3 and average["mean"] == pytest.approx(fmean(of_seeds))
    assert average["sd"] == pytest.approx(stdev(of_seeds))
    # Not the mean over the six tasks.
    assert average["mean"] != pytest.approx(fmean(value for value, _ in cells.values()))


def test_printed_tables_have_a_column_for_the_data_set() -> None:
    (table,) = summary_tables(summary_of(some_cells()), layout_of(TASKS), "")
    names = [column.split()[0] for column in table.columns if "(" in column]
    assert names == ["a", "b", ALONE]


LEVELS = {"full": 0.9, "good": 0.7, "random": 0.6}


def level(task: str, run: tuple[str, str, str], seed: int) -> float:
    return LEVELS[run[1].split("-")[0]] - 0.02 * seed - 0.03 * TASKS.index(task)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[list[Path], pd.DataFrame, Layout]:
    names = ("good", "random", "good-start_shuffled")
    tasks = dict.fromkeys(TASKS, "accuracy")
    paths, scores, layout = make_study(tmp_path_factory.mktemp("folds"), names, level, tasks)
    return paths, scores, with_folds(layout)


def of_contrast(
    made: tuple[list[Path], pd.DataFrame, Layout], **layout: Any
) -> dict[str, dict[str, Any]]:
    paths, scores, own = made
    paths = [path for path in paths if "-start_" not in str(path)]
    own = replace(own, **layout)
    compared = Comparison(
        reported_runs(scores, own), MODEL, METHOD, "validation", "published", own, NOTHING, 199
    )
    rows = compared.rows(paths)
    wanted = {"phase": "retrained", "first": "good", "second": "random"}
    return {row["task"]: row for row in rows if wanted.items() <= row.items()}


def by_fold(scores: pd.DataFrame, first: str, second: str) -> dict[str, np.ndarray]:
    """Differences of each task, seed by seed."""
    chosen = scores[(scores["split"] == "validation") & (scores["phase"] == "retrained")]
    table = chosen.pivot(index=["task", "seed"], columns="subnetwork", values="counted")
    difference = (table[first] - table[second]).unstack("seed")
    return {task: difference.loc[task].to_numpy(float) for task in TASKS}


def test_differences_have_the_folds_averaged_within_a_seed(
    made: tuple[list[Path], pd.DataFrame, Layout],
) -> None:
    rows = of_contrast(made)
    assert [*rows] == [*FOLDS, "a", "b", ALONE, "average"]
    values = by_fold(made[1], "good", "random")
    merged = {
        name: np.mean([values[fold] for fold in FOLDS if FOLDS[fold] == name], axis=0)
        for name in ("a", "b")
    } | {ALONE: values[ALONE]}
    errors = {}
    for name, numbers in merged.items():
        folds = [fold for fold in FOLDS if FOLDS[fold] == name] or [name]
        errors[name] = math.hypot(*(rows[fold]["se_examples"] for fold in folds)) / len(folds)
        expected = t_estimate([numbers], errors[name])
        for column, number in (("difference", expected.value), ("low", expected.low)):
            assert rows[name][column] == pytest.approx(number)
        assert rows[name]["n_examples"] == 200 * len(folds) and rows[name]["p"] is not None
        assert rows[name]["n_runs"] == 3
    average = t_estimate([*merged.values()], math.hypot(*errors.values()) / 3)
    for column, number in (("difference", average.value), ("high", average.high)):
        assert rows["average"][column] == pytest.approx(number)
    assert rows["average"]["n_tasks"] == 3
    for fold in FOLDS:  # shown with an interval, and not tested
        assert rows[fold]["low"] is not None and rows[fold]["p"] is None
        assert "p_examples" not in rows[fold]
    assert {name for name, row in rows.items() if "p_examples_holm" in row} == {*merged}


def test_a_seed_of_which_one_fold_collapsed_is_left_out(
    made: tuple[list[Path], pd.DataFrame, Layout],
) -> None:
    paths, scores, layout = made
    lost = (scores["task"] == "a_fold2") & (scores["seed"] == 2) & (scores["subnetwork"] == "good")
    changed = scores.assign(degenerate=scores["degenerate"] | lost)
    rows = of_contrast((paths, changed, layout))
    values = by_fold(scores, "good", "random")
    mean = np.mean([values[fold] for fold in FOLDS if FOLDS[fold] == "a"], axis=0)
    assert rows["a"]["n_collapsed"] == 1 and rows["a"]["n_seeds"] == 2
    assert rows["a"]["difference"] == pytest.approx(mean[[0, 2]].mean())
    assert rows["a"]["difference_with_collapsed"] == pytest.approx(mean.mean())


def test_starts_average_over_data_sets(made: tuple[list[Path], pd.DataFrame, Layout]) -> None:
    paths, scores, layout = made
    runs = reported_runs(scores, layout)
    table = start_table(runs, paths, overlap_of({}), layout, MODEL, METHOD)
    row = table[(table["task"] == "average") & (table["start"] == "shuffled")].iloc[0]
    values = by_fold(scores, "good-start_shuffled", "good")
    merged = [
        np.mean([values[task] for task in TASKS if FOLDS.get(task, task) == name], axis=0)
        for name in ("a", "b", ALONE)
    ]
    assert row["n_tasks"] == 3
    assert row["difference"] == pytest.approx(np.mean(merged))


def test_figures_show_data_sets(made: tuple[list[Path], pd.DataFrame, Layout]) -> None:
    _, scores, layout = made
    rows = files.table([*of_contrast(made).values()], DIFFERENCES)
    names = [column.id for column in layout.over_folds().tasks]
    with style.settings():
        drawn = draw_differences(rows, names, MODEL, METHOD, "validation")
        ticks = [label.get_text() for label in drawn.axes[0].get_yticklabels()]
        assert ticks == ["a", "b", ALONE, "average"]
        drawn = draw_scores(scores, layout, NOTHING, MODEL, METHOD)
        assert [axis.get_title() for axis in drawn.axes[:3]] == ["a", "b", ALONE]
        drawn = draw_overview(scores, layout, NOTHING, MODEL)
        assert "average of 3 tasks" in "".join(text.get_text() for text in drawn.findobj(Text))


def test_of_masks_the_first_fold_stands_for_its_data_set() -> None:
    masks = pd.DataFrame({"task": [*TASKS, "average"], "value": range(7)})
    found = of_data_sets(masks, layout_of(TASKS)).set_index("task")["value"]
    assert found.loc[["a", "b", ALONE, "average"]].tolist() == [0, 3, 5, 6]


def test_columns_are_those_of_scores() -> None:
    from lottery.results.folds import KEYS, NUMBERS

    assert {*KEYS, *NUMBERS} - {"counted"} <= {*SCHEMA}


def test_folds_alone_are_shown_and_enter_no_average(
    made: tuple[list[Path], pd.DataFrame, Layout],
) -> None:
    """As in a study that is not finished."""
    cells = {cell: number for cell, number in some_cells().items() if cell[0] == "a_fold1"}
    assert [*summary_of(cells)["task"].unique()] == ["a_fold1"]
    paths, scores, layout = made
    of_fold = scores["task"].isin(["a_fold1"])
    rows = of_contrast(
        ([path for path in paths if "a_fold1" in str(path)], scores[of_fold], layout)
    )
    assert [*rows] == ["a_fold1"]
    names = [column.id for column in layout.over_folds().tasks]
    with style.settings():
        draw_overview(scores[of_fold], layout, NOTHING, MODEL)
        draw_scores(scores[of_fold], layout, NOTHING, MODEL, METHOD)
        table = files.table([*rows.values()], DIFFERENCES)
        draw_differences(table, names, MODEL, METHOD, "validation")
