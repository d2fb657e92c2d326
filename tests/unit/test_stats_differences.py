"""differences.csv and its figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from synthetic_runs import MODEL, SEEDS, write_runs, write_scores

from lottery import files
from lottery.files.errors import StudyError
from lottery.report import style
from lottery.statistics.differences import SCHEMA
from lottery.statistics.runs import run_of
from lottery.steps.compare_subnetworks import compare_subnetworks
from lottery.steps.gather_tables import gather_tables
from lottery.steps.plot_differences import draw_differences, plot_differences

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
TASKS = {"rte": "accuracy", "cola": "matthews", "stsb": "pearson", "wnli": "accuracy"}
METHODS = {
    "structured": ("good", "random", "bad"),
    "strict": ("good", "good_half", "random_half", "random_half_2", "bad_half", "super_good"),
}
LEVELS = {"full": 0.95, "good": 0.9, "random": 0.75, "bad": 0.6, "super": 0.7}


def level(task, run, seed):
    kind = run[1].split("_")[0]
    if (task, run, seed) == ("cola", ("structured", "bad", "retrained"), 42):
        return 0  # a run that collapsed
    other_draw = -0.3 if run[1].endswith("_2") else 0
    return (
        LEVELS[kind]
        + other_draw
        - (0.1 if run[2] == "pruned" else 0)
        + 0.02 * SEEDS.index(seed) / 4
    )


def params(method, tasks=None, methods=None):
    """The settings of compare_subnetworks for one method."""
    tasks, names = tasks or TASKS, (methods or METHODS)[method]
    controls = controls_of(names)
    layout = {
        "models": [MODEL],
        "published_models": [MODEL],
        "tasks": {
            task: {"metric": metric, "in_average": task != "wnli", "published": task}
            for task, metric in tasks.items()
        },
        "methods": {
            method: {
                "preset": controls,
                "published": "structured" if method == "structured" else None,
                "subnetworks": list(names),
            }
        },
    }
    return {"layout": layout, "controls": controls, "permutations": 199}


def controls_of(subnetworks):
    return "strict" if "good_half" in subnetworks else "published"


def compare(
    root: Path, paths: list, scores: list, tasks=None, methods=None
) -> list[dict[str, str]]:
    """Makes differences.csv as the rules do: a table of each method and split, gathered."""
    methods = methods or METHODS
    strict = any(controls_of(names) == "strict" for names in methods.values())
    tables = []
    for method, names in methods.items():
        own = ("none", method)
        write_scores(root / method / "scores.csv", [s for s in scores if s.method in own])
        shown = "validation" if controls_of(names) == "published" else "report_half"
        for split in dict.fromkeys([shown, *["report_half"] * strict]):
            tables.append(root / method / f"{split}.csv")
            compare_subnetworks(
                paths_to_predictions=[path for path in paths if run_of(path).method in own],
                path_to_scores=root / method / "scores.csv",
                paths_to_published=[PAPER / "scores.csv", PAPER / "sizes.csv"],
                path_to_differences=tables[-1],
                model=MODEL,
                method=method,
                split=split,
                **params(method, tasks, methods),
            )
    gather_tables(
        paths_to_tables=tables, path_to_table=root / "differences.csv", name="differences"
    )
    return files.read_csv(root / "differences.csv")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Folder, predictions, scores, and the rows that come of them."""
    root = tmp_path_factory.mktemp("differences")
    paths, scores = write_runs(root, TASKS, METHODS, level)
    return root, paths, scores, compare(root, paths, scores)


def row_of(rows, **wanted):
    (row,) = (row for row in rows if all(row[key] == value for key, value in wanted.items()))
    return row


def values_of(scores, split, task, method, subnetworks, phase):
    """Values [seeds, draws], an undefined one as 0."""
    by_run = {
        (s.seed, s.subnetwork): s.value or 0.0
        for s in scores
        if (s.split, s.task, s.method, s.phase) == (split, task, method, phase)
    }
    return np.array([[by_run[seed, name] for name in subnetworks] for seed in SEEDS])  # fmt: skip


def test_rows_stand_for_every_task_and_their_average_on_the_splits_to_compare(made):
    rows = made[-1]
    columns = list(SCHEMA)
    assert list(rows[0]) == columns
    splits = {(row["method"], row["split"]) for row in rows}
    assert splits == {
        ("structured", "validation"),
        ("structured", "report_half"),
        ("strict", "report_half"),
    }
    keys = [tuple(row[key] for key in columns[:7]) for row in rows]
    assert len(set(keys)) == len(keys) == (2 * 6 + 8) * 2 * (len(TASKS) + 1)


def test_a_task_has_its_mean_difference_and_an_interval_over_seeds_and_examples(made):
    _, paths, scores, rows = made
    first, second = (
        values_of(scores, "validation", "stsb", "structured", (name,), "retrained")[:, 0]
        for name in ("good", "bad")
    )
    row = row_of(
        rows, split="validation", task="stsb", first="good", second="bad", phase="retrained"
    )
    seeds = (first - second).std(ddof=1) / 5**0.5
    # Leaving out one example after the other, for all seeds at once.
    tables = {run_of(path): path for path in paths if run_of(path).task == "stsb"}
    without = []
    for example in range(60):
        differences = []
        for seed in SEEDS:
            sides = []
            for name in ("good", "bad"):
                place = (MODEL, "stsb", "structured", name, "retrained", seed)
                table = files.read_parquet(tables[place]).to_pandas()
                table = table[table["idx"] != example]
                sides.append(np.corrcoef(table["label"], table["prediction"])[0, 1])
            differences.append(sides[0] - sides[1])
        without.append(differences)
    covariance = 59 * np.cov(np.transpose(without), bias=True)
    between = covariance[~np.eye(5, dtype=bool)].mean()
    examples = max(between, 0.0) ** 0.5
    assert float(row["difference"]) == pytest.approx(np.mean(first - second))
    assert float(row["se_seeds"]) == pytest.approx(seeds)
    assert float(row["se_examples"]) == pytest.approx(examples, rel=0.05)
    half = np.hypot(stats.t.ppf(0.975, 4) * seeds, 1.959964 * float(row["se_examples"]))
    assert float(row["high"]) - float(row["difference"]) == pytest.approx(half)
    assert (float(row["p"]) < 0.05) == (float(row["low"]) > 0)
    assert (row["n_seeds"], row["n_examples"], row["df"]) == ("5", "60", "4.0")
    assert (row["n_runs"], row["n_collapsed"], row["collapsed_low"]) == ("5", "0", "0.0")
    assert row["smallest_p_examples"] == "0.005"
    assert float(row["p_examples"]) <= float(row["p_examples_holm"])


def test_draws_are_averaged_per_seed_and_have_a_spread_of_their_own(made):
    *_, scores, rows = made
    draws = values_of(
        scores, "report_half", "rte", "strict", ("random_half", "random_half_2"), "pruned"
    )
    good = values_of(scores, "report_half", "rte", "strict", ("good_half",), "pruned")[:, 0]
    row = row_of(
        rows, method="strict", task="rte", first="good_half", second="random_half", phase="pruned"
    )
    assert (row["n_draws"], row["n_seeds"]) == ("2", "5")
    # Draws are nested in seeds, whose means vary by both.
    per_seed = good - draws.mean(1)
    assert float(row["se_seeds"]) == pytest.approx(per_seed.std(ddof=1) / 5**0.5)
    assert float(row["draw_sd"]) ** 2 == pytest.approx(draws.var(axis=1, ddof=1).mean())
    assert row["seed_sd"] != ""
    other = row_of(
        rows, method="strict", task="rte", first="good_half", second="bad_half", phase="pruned"
    )
    assert other["draw_sd"] == other["seed_sd"] == ""
    # In the average the variances of the tasks that take part are averaged.
    averaged = [task for task in TASKS if task != "wnli"]
    wanted = {"method": "strict", "first": "good_half", "second": "random_half", "phase": "pruned"}
    by_task = {task: row_of(rows, **wanted, task=task) for task in (*averaged, "average")}
    for name in ("seed_sd", "draw_sd"):
        variances = [float(by_task[task][name]) ** 2 for task in averaged]
        assert float(by_task["average"][name]) ** 2 == pytest.approx(np.mean(variances))


def test_the_average_is_over_tasks_that_take_part(made):
    rows = made[-1]
    cell = {"split": "validation", "first": "good", "second": "random", "phase": "retrained"}
    averaged = [row_of(rows, task=task, **cell) for task in ("rte", "cola", "stsb")]
    row = row_of(rows, task="average", **cell)
    mean = np.mean([float(each["difference"]) for each in averaged])
    assert float(row["difference"]) == pytest.approx(mean)
    assert (row["n_tasks"], row["metric"], row["n_seeds"]) == ("3", "", "5")
    assert 4 <= float(row["df"]) <= 12
    for name in ("se_seeds", "se_examples"):
        of_tasks = [float(each[name]) for each in averaged]
        assert float(row[name]) == pytest.approx(np.hypot.reduce(of_tasks) / 3)
    published = np.mean([float(each["published_difference"]) for each in averaged])
    assert float(row["published_difference"]) == pytest.approx(published)


def test_a_task_outside_averages_has_intervals_but_no_test(made):
    row = row_of(
        made[-1], split="validation", task="wnli", first="full", second="bad", phase="pruned"
    )
    assert row["difference"] and row["low"] and row["se_examples"]
    assert row["p"] == row["p_examples"] == row["p_examples_holm"] == ""


def test_collapsed_runs_are_left_out_and_counted(made):
    *_, scores, rows = made
    cell = {"split": "validation", "first": "good", "second": "bad", "phase": "retrained"}
    row = row_of(rows, task="cola", **cell)
    first, second = (
        values_of(scores, "validation", "cola", "structured", (name,), "retrained")[:, 0]
        for name in ("good", "bad")
    )
    place = SEEDS.index(42)
    assert second[place] == 0
    assert (row["n_runs"], row["n_collapsed"], row["n_seeds"]) == ("5", "1", "4")
    bounds = stats.binomtest(1, 5).proportion_ci(0.95, method="exact")
    assert float(row["collapsed_low"]) == pytest.approx(bounds.low)
    assert float(row["collapsed_high"]) == pytest.approx(bounds.high)
    sound = np.delete(first - second, place)
    assert float(row["difference"]) == pytest.approx(sound.mean())
    assert float(row["se_seeds"]) == pytest.approx(sound.std(ddof=1) / 2)
    assert float(row["difference_with_collapsed"]) == pytest.approx(np.mean(first - second))
    assert float(row["median"]) == pytest.approx(np.median(first - second))
    average = row_of(rows, task="average", **cell)
    assert (average["n_runs"], average["n_collapsed"], average["n_tasks"]) == ("15", "1", "3")
    assert average["difference"] != average["difference_with_collapsed"]


def test_a_task_with_one_run_left_of_several_is_left_out(tmp_path):
    tasks, methods = {"rte": "accuracy", "cola": "matthews"}, {"structured": ("good", "bad")}

    def collapsing(task, run, seed):
        lost = task == "cola" and run[1] == "bad" and seed != 86
        return 0 if lost else LEVELS[run[1]] + 0.01 * SEEDS.index(seed)

    paths, scores = write_runs(tmp_path, tasks, methods, collapsing)
    rows = compare(tmp_path, paths, scores, tasks, methods)
    cell = {"first": "good", "second": "bad", "phase": "retrained"}
    cola, rte, average = (row_of(rows, task=task, **cell) for task in ("cola", "rte", "average"))
    assert (cola["n_tasks"], cola["n_collapsed"], cola["difference"]) == ("0", "4", "")
    assert cola["difference_with_collapsed"] and cola["p_examples"] == ""
    assert (average["n_tasks"], average["n_runs"], average["n_collapsed"]) == ("1", "10", "4")
    for name in ("difference", "low", "se_examples"):
        assert average[name] == rte[name]


def test_a_published_difference_stands_beside_the_published_method_on_validation_only(made):
    compared = {(row["method"], row["split"]) for row in made[-1] if row["published_difference"]}
    assert compared == {("structured", "validation")}


@pytest.mark.slow
def test_the_same_study_gives_the_same_table(made, tmp_path):
    root, paths, scores, _ = made
    compare(tmp_path, paths[::-1], scores)
    assert (tmp_path / "differences.csv").read_bytes() == (root / "differences.csv").read_bytes()


def test_a_method_alone_gives_the_same_rows(made, tmp_path):
    _, paths, scores, rows = made
    found = compare(tmp_path, paths, scores, methods={"structured": METHODS["structured"]})
    assert found == [
        row for row in rows if (row["method"], row["split"]) == ("structured", "validation")
    ]


def test_one_seed_gives_differences_without_intervals(tmp_path):
    tasks, methods = {"rte": "accuracy"}, {"structured": ("good", "bad")}
    paths, scores = write_runs(tmp_path, tasks, methods, level, seeds=(1337,))
    rows = compare(tmp_path, paths, scores, tasks, methods)
    assert {row["low"] for row in rows} == {row["p"] for row in rows} == {""}
    assert all(row["difference"] and row["p_examples"] for row in rows)


def test_scores_of_other_predictions_are_refused(tmp_path):
    tasks, methods = {"rte": "accuracy"}, {"structured": ("good", "bad")}
    paths, scores = write_runs(tmp_path, tasks, methods, level, seeds=(1337, 42))
    scores = [type(s)(**vars(s) | {"value": s.value / 2}) for s in scores]
    with pytest.raises(StudyError, match=r"predictions of rte .* delete that table"):
        compare(tmp_path, paths, scores, tasks, methods)


def test_predictions_of_other_examples_are_refused(tmp_path):
    tasks, methods = {"rte": "accuracy"}, {"structured": ("good", "bad")}
    paths, scores = write_runs(tmp_path, tasks, methods, level, seeds=(1337, 42))
    shorter = files.read_parquet(paths[-1]).slice(0, 50)
    files.write_parquet(paths[-1], shorter)
    with pytest.raises(StudyError, match="other examples of validation"):
        compare(tmp_path, paths, scores, tasks, methods)


def test_the_figure_shows_the_numbers(made):
    rows = made[-1]
    table = files.read_table(made[0] / "structured/validation.csv", SCHEMA)
    with style.settings():
        figure = draw_differences(table, list(TASKS), MODEL, "structured", "validation")
    assert [axis.get_title() for axis in figure.axes][:2] == [
        "good \N{MINUS SIGN} random",
        "good \N{MINUS SIGN} bad",
    ]
    axis = figure.axes[0]
    labels = [label.get_text() for label in axis.get_yticklabels()]
    assert labels == ["rte", "cola", "stsb", "wnli", "average"]
    marks = {round(float(line.get_xdata()[0]), 9) for line in axis.lines
             if line.get_marker() in ("o", "D")}  # fmt: skip
    shown = [
        row for row in rows
        if (row["method"], row["split"], row["first"], row["second"])
        == ("structured", "validation", "good", "random")
    ]  # fmt: skip
    assert marks == {round(float(row["difference"]), 9) for row in shown}
    assert "5 seeds" in figure._suptitle.get_text()


def test_the_step_draws_every_method_even_without_subnetworks(made, tmp_path):
    gather_tables(paths_to_tables=[], path_to_table=tmp_path / "none.csv", name="differences")
    tables = {
        "structured": made[0] / "structured/validation.csv",
        "strict": made[0] / "strict/report_half.csv",
        "bare": tmp_path / "none.csv",
    }
    for method, table in tables.items():
        plot_differences(
            path_to_differences=table,
            paths_to_figure=[tmp_path / f"{method}.{kind}" for kind in ("svg", "png")],
            model=MODEL,
            method=method,
            layout=params(method, methods=METHODS | {"bare": ()})["layout"],
        )
        drawn = (tmp_path / f"{method}.svg").read_text()
        assert ("no two subnetworks to compare" in drawn) == (method == "bare")
    assert (tmp_path / "strict.png").read_bytes()[1:4] == b"PNG"
