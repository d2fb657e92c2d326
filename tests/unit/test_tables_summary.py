"""The numeric table: means, averages, and the published numbers beside one's own."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import synthetic

from lottery import files
from lottery.results.layout import Layout
from lottery.results.printed import line, print_summary
from lottery.results.published import Published
from lottery.results.scores import Score, mean
from lottery.results.summary import COLUMNS, summarize
from lottery.steps.collect_scores import collect_scores
from lottery.steps.summarize import summarize as summarize_step

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
FILES = [PAPER / "scores.csv", PAPER / "sizes.csv"]
NOTHING = Published({}, {})

# Averages over the eight tasks without WNLI, as the paper's specification prints them.
AVERAGES = {
    ("none", "full", "finetuned"): 0.814,
    ("structured", "good", "pruned"): 0.740,
    ("structured", "good", "retrained"): 0.756,
    ("structured", "random", "pruned"): 0.589,
    ("structured", "random", "retrained"): 0.732,
    ("structured", "bad", "pruned"): 0.513,
    ("structured", "bad", "retrained"): 0.691,
    ("structured", "super_good", "pruned"): 0.436,
    ("structured", "super_good", "retrained"): 0.726,
    ("structured", "super_random", "pruned"): 0.361,
    ("structured", "super_random", "retrained"): 0.582,
    ("structured", "super_bad", "pruned"): 0.361,
    ("structured", "super_bad", "retrained"): 0.560,
    ("magnitude", "good", "pruned"): 0.754,
    ("magnitude", "good", "retrained"): 0.806,
    ("magnitude", "random", "pruned"): 0.372,
    ("magnitude", "random", "retrained"): 0.613,
    ("magnitude", "bad", "pruned"): 0.361,
    ("magnitude", "bad", "retrained"): 0.512,
}


def layout(tasks: dict[str, str], methods: dict[str, dict], changes: dict | None = None) -> Layout:
    params = {
        "models": ["m"],
        "published_models": ["m"],
        "tasks": {
            task: {"metric": metric, "in_average": task != "wnli", "published": task}
            for task, metric in tasks.items()
        },
        "methods": methods,
    }
    return Layout.of(**params | (changes or {}))


def facts(preset: str, published: str | None, *subnetworks: str) -> dict:
    return {"preset": preset, "published": published, "subnetworks": list(subnetworks)}


def run(task: str, seed: int, value: float | None, metric="accuracy", *, degenerate=False) -> Score:
    return Score(
        model="m",
        task=task,
        seed=seed,
        method="none",
        subnetwork="full",
        phase="finetuned",
        split="validation",
        metric=metric,
        value=value,
        n_examples=10,
        kept_fraction=1.0,
        heads_kept=None,
        mlps_kept=None,
        degenerate=degenerate or value is None,
    )


def row_of(rows: list[dict], task: str) -> dict:
    (row,) = (row for row in rows if row["task"] == task)
    return row


def test_mean_and_sample_sd_over_seeds():
    scores = [run("rte", seed, value) for seed, value in enumerate((0.5, 0.6, 0.8))]
    row = row_of(summarize(scores, layout({"rte": "accuracy"}, {}), NOTHING), "rte")
    assert set(row) <= set(COLUMNS)
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(0.63333333)
    assert row["sd"] == pytest.approx(math.sqrt((0.13333**2 + 0.03333**2 + 0.16667**2) / 2), 1e-4)


def test_one_seed_has_no_sd():
    row = row_of(summarize([run("rte", 1, 0.5)], layout({"rte": "accuracy"}, {}), NOTHING), "rte")
    assert row["mean"] == 0.5
    assert row["sd"] is None


def test_other_metrics_of_a_task_stay_out():
    scores = [run("mrpc", 1, 0.8), run("mrpc", 1, 0.9, metric="f1")]
    row = row_of(summarize(scores, layout({"mrpc": "accuracy"}, {}), NOTHING), "mrpc")
    assert (row["n"], row["mean"]) == (1, 0.8)


def test_an_undefined_value_counts_as_chance_with_degenerate_runs_and_not_without():
    scores = [run("cola", 1, 0.6, "matthews"), run("cola", 2, None, "matthews")]
    row = row_of(summarize(scores, layout({"cola": "matthews"}, {}), NOTHING), "cola")
    assert (row["n_runs"], row["n"], row["mean"], row["n_degenerate"]) == (2, 2, 0.3, 1)
    assert (row["n_without_degenerate"], row["mean_without_degenerate"]) == (1, 0.6)


def test_average_is_over_the_tasks_that_take_part_and_its_sd_over_the_averages_of_seeds():
    scores = [run("rte", 1, 0.5), run("rte", 2, 0.7), run("qnli", 1, 0.9), run("qnli", 2, 0.8)]
    scores += [run("wnli", 1, 0.0), run("wnli", 2, 0.0)]
    tasks = {"rte": "accuracy", "qnli": "accuracy", "wnli": "accuracy"}
    row = row_of(summarize(scores, layout(tasks, {}), NOTHING), "average")
    assert (row["n_tasks"], row["n"], row["n_runs"]) == (2, 2, 4)
    assert row["mean"] == pytest.approx(0.725)
    # The seeds average to 0.7 and 0.75.
    assert row["sd"] == pytest.approx(0.05 / math.sqrt(2))


def test_average_without_degenerate_runs_says_how_many_tasks_are_left():
    scores = [run("rte", 1, 0.5, degenerate=True), run("qnli", 1, 0.9)]
    tasks = {"rte": "accuracy", "qnli": "accuracy"}
    shown = layout(tasks, {"x": facts("published", None)})
    rows = summarize(scores, shown, NOTHING)
    row = row_of(rows, "average")
    assert (row["mean"], row["mean_without_degenerate"]) == (0.7, 0.9)
    assert (row["n_degenerate"], row["n_tasks_without_degenerate"]) == (1, 1)
    printed = print_summary(rows, shown)
    assert "| 0.500 †1 | 0.900 | 0.700 †1 | 0.900 (1 of 2 tasks) |" in printed


def test_the_papers_averages_come_out_of_the_copied_numbers():
    published = Published.read(*FILES)
    tasks = [task for task in synthetic.GLUE if task != "wnli"]
    for row, average in AVERAGES.items():
        scores = [published.score(*row, task, "validation", synthetic.GLUE[task]) for task in tasks]
        assert mean([score.mean for score in scores]) == pytest.approx(average, abs=5e-4), row


def test_published_sd_is_that_of_the_sample():
    by_cell = {
        (row["method"], row["subnetwork"], row["phase"], row["task"], row["metric"]): row
        for row in files.read_csv(FILES[0])
    }
    row = by_cell["structured", "good", "retrained", "stsb", "pearson"]
    score = Published.read(*FILES).score(
        "structured", "good", "retrained", "stsb", "validation", "pearson"
    )
    assert score.sd == pytest.approx(float(row["sd_population"]) * math.sqrt(5 / 4))
    assert score.sd == pytest.approx(0.228, abs=5e-4)
    assert score.n_seeds == 5


def test_published_sizes_are_the_means_over_seeds():
    published = Published.read(*FILES)
    assert published.kept_fraction("structured", "good", "mnli") == pytest.approx(0.687, abs=5e-4)
    assert published.kept_fraction("structured", "super_good", "cola") == pytest.approx(0.579, 1e-3)
    assert published.kept_fraction("magnitude", "bad", "qqp") == pytest.approx(0.478, abs=5e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {"published_models": []},
        {"tasks": {"rte": {"metric": "accuracy", "in_average": True, "published": None}}},
        {"methods": {"structured": facts("published", None, "good")}},
    ],
)
def test_the_paper_stands_beside_nothing_that_is_not_its_own(changes):
    published = Published.read(*FILES)
    methods = {"structured": facts("published", "structured", "good")}
    row, split = ("structured", "good", "pruned"), "validation"
    same = layout({"rte": "accuracy"}, methods)
    assert same.published_score(published, "m", row, same.tasks[0], split).n_seeds == 5
    assert same.published_score(published, "m", row, same.tasks[0], "report_half") is None
    other = layout({"rte": "accuracy"}, methods, changes)
    assert other.published_score(published, "m", row, other.tasks[0], split) is None


@pytest.fixture(scope="module")
def summary(tmp_path_factory):
    """The two files of the step for published and strict methods side by side."""
    root = tmp_path_factory.mktemp("summary")
    tree = synthetic.Tree(
        root,
        tasks={task: synthetic.GLUE[task] for task in ("cola", "rte", "wnli")},
        seeds=(1337, 42),
        methods={
            "structured": synthetic.method("structured", "structured", ("good", "bad")),
            "strict": synthetic.method("structured", None, ("good_half",), preset="strict"),
        },
    )
    synthetic.write_tree(tree)
    collect_scores(
        paths_to_metrics=tree.metrics(),
        paths_to_majority=tree.majority(),
        path_to_scores=root / "scores.csv",
        reported_metrics=tree.tasks,
    )
    summarize_step(
        path_to_scores=root / "scores.csv",
        paths_to_published=FILES,
        path_to_summary=root / "summary.csv",
        path_to_printed=root / "summary.md",
        layout=tree.layout,
    )
    return files.read_csv(root / "summary.csv"), (root / "summary.md").read_text()


def test_the_step_writes_a_row_for_every_cell(summary):
    rows, _ = summary
    cells = [tuple(row[key] for key in COLUMNS[:6]) for row in rows]
    assert len(set(cells)) == len(cells)
    # Majority and full, then four and two masked rows; three tasks and the average; three splits.
    assert len(cells) == (2 + 4 + 2) * 4 * 3


def test_published_numbers_stand_beside_the_published_method_on_validation_only(summary):
    rows, _ = summary
    beside = {(row["method"], row["split"]) for row in rows if row["published_mean"]}
    assert beside == {("none", "validation"), ("structured", "validation")}


def test_wnli_is_printed_but_not_averaged(summary):
    rows, printed = summary
    assert "Not in the average: `wnli`." in printed
    cell = {"method": "none", "subnetwork": "full", "split": "validation"}
    values = {
        row["task"]: row["mean"] for row in rows if all(row[key] == cell[key] for key in cell)
    }
    average = (float(values["cola"]) + float(values["rte"])) / 2
    assert float(values["average"]) == pytest.approx(average)


def test_printed_tables_show_each_method_on_its_split(summary):
    _, printed = summary
    validation, half = printed.split("### bert_base, report half of validation")
    assert "| structured: bad, retrained |" in validation
    assert "| strict: good_half, pruned |" not in validation
    assert "| structured: bad, retrained |" in half
    assert "| strict: good_half, pruned |" in half
    assert "have seen this half too" in half
    lines = validation.splitlines()
    ours = next(i for i, line in enumerate(lines) if line.startswith("| structured: good, pruned"))
    assert lines[ours + 1].startswith("| *paper* | *5* |")
    assert "*0.511 ± 0.007*" in lines[ours + 1]
    assert "*paper*" not in half


def test_every_printed_row_has_as_many_cells_as_the_header(summary):
    _, printed = summary
    counts = {line.count("|") for line in printed.splitlines() if line.startswith("|")}
    assert counts == {len(["", "n", "kept", "cola", "rte", "wnli", "average", "without"]) + 1}


def test_a_bar_in_a_name_stays_within_its_cell():
    assert line(["a|b", "1"]) == "| a\\|b | 1 |"
