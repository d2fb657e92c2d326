"""The numeric table: means, averages, and the published numbers next to one's own."""

from __future__ import annotations

import math
import re
import statistics
from pathlib import Path

import pandas as pd
import pytest
import synthetic

from lottery import files
from lottery.report.tables.render import latex, markdown
from lottery.report.tables.scores import summary_tables
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import SCHEMA, with_counted
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


def run(task: str, seed: int, value: float | None, metric="accuracy", *, degenerate=False) -> dict:
    row = {"model": "m", "method": "none", "subnetwork": "full", "phase": "finetuned"}
    row |= {"task": task, "seed": seed, "split": "validation", "metric": metric, "value": value}
    return row | {"kept_fraction": 1.0, "degenerate": degenerate or value is None}


def summary_of(runs: list[dict], shown: Layout) -> pd.DataFrame:
    return summarize(with_counted(files.table(runs, SCHEMA)), shown, NOTHING)


def row_of(rows: pd.DataFrame, task: str) -> pd.Series:
    return rows.set_index("task", drop=False).loc[task]


def test_mean_and_sample_sd_over_seeds():
    scores = [run("rte", seed, value) for seed, value in enumerate((0.5, 0.6, 0.8))]
    row = row_of(summary_of(scores, layout({"rte": "accuracy"}, {})), "rte")
    assert [*row.index] == COLUMNS
    assert row["n"] == 3
    assert row["mean"] == pytest.approx(0.63333333)
    assert row["sd"] == pytest.approx(math.sqrt((0.13333**2 + 0.03333**2 + 0.16667**2) / 2), 1e-4)


def test_costs_are_means_over_seeds_and_averages_over_tasks():
    tasks = {"rte": (4.0, 8.0), "cola": (20.0, 20.0)}
    scores = [
        run(task, seed, 0.5) | {"flops": value, "parameters": 10 * value}
        for task, of_task in tasks.items()
        for seed, value in enumerate(of_task)
    ]
    rows = summary_of(scores, layout(dict.fromkeys(tasks, "accuracy"), {})).set_index("task")
    assert rows["flops"].to_dict() == {"rte": 6.0, "cola": 20.0, "average": 13.0}
    assert (rows["parameters"] == 10 * rows["flops"]).all()
    assert rows["file_bytes"].isna().all()


def test_one_seed_has_no_sd():
    row = row_of(summary_of([run("rte", 1, 0.5)], layout({"rte": "accuracy"}, {})), "rte")
    assert row["mean"] == 0.5
    assert pd.isna(row["sd"])


def test_other_metrics_of_a_task_stay_out():
    scores = [run("mrpc", 1, 0.8), run("mrpc", 1, 0.9, metric="f1")]
    row = row_of(summary_of(scores, layout({"mrpc": "accuracy"}, {})), "mrpc")
    assert (row["n"], row["mean"]) == (1, 0.8)


def test_an_undefined_value_counts_as_chance_with_degenerate_runs_and_not_without():
    scores = [run("cola", 1, 0.6, "matthews"), run("cola", 2, None, "matthews")]
    row = row_of(summary_of(scores, layout({"cola": "matthews"}, {})), "cola")
    assert (row["n_runs"], row["n"], row["mean"], row["n_degenerate"]) == (2, 2, 0.3, 1)
    assert (row["n_without_degenerate"], row["mean_without_degenerate"]) == (1, 0.6)


def test_average_is_over_the_tasks_that_take_part_and_its_sd_over_the_averages_of_seeds():
    scores = [run("rte", 1, 0.5), run("rte", 2, 0.7), run("qnli", 1, 0.9), run("qnli", 2, 0.8)]
    scores += [run("wnli", 1, 0.0), run("wnli", 2, 0.0)]
    tasks = {"rte": "accuracy", "qnli": "accuracy", "wnli": "accuracy"}
    row = row_of(summary_of(scores, layout(tasks, {})), "average")
    assert (row["n_tasks"], row["n"], row["n_runs"]) == (2, 2, 4)
    assert row["mean"] == pytest.approx(0.725)
    # The seeds average to 0.7 and 0.75.
    assert row["sd"] == pytest.approx(0.05 / math.sqrt(2))


def test_average_without_degenerate_runs_says_how_many_tasks_are_left():
    scores = [run("rte", 1, 0.5, degenerate=True), run("qnli", 1, 0.9)]
    tasks = {"rte": "accuracy", "qnli": "accuracy"}
    shown = layout(tasks, {"x": facts("published", None)})
    rows = summary_of(scores, shown)
    row = row_of(rows, "average")
    assert (row["mean"], row["mean_without_degenerate"]) == (0.7, 0.9)
    assert (row["n_degenerate"], row["n_tasks_without_degenerate"]) == (1, 1)
    (table,) = summary_tables(rows, shown, "Mean.")
    cells = "0.700 †1 | 0.900 (1 of 2 tasks) | 0.500 †1 | 0.900"
    assert f"| full | 1 | 1.000 | {cells} |" in markdown(table)
    tex = cells.replace("|", "&").replace("†", r"$\dagger$")
    assert rf"full & 1 & 1.000 & {tex} \\" in latex(table)


def test_the_papers_averages_come_out_of_the_copied_numbers():
    published = Published.read(*FILES)
    tasks = [task for task in synthetic.GLUE if task != "wnli"]
    for row, average in AVERAGES.items():
        scores = [published.score(*row, task, "validation", synthetic.GLUE[task]) for task in tasks]
        assert statistics.fmean(score.mean for score in scores) == pytest.approx(
            average, abs=5e-4
        ), row


def test_published_sd_is_that_of_the_sample():
    (of_population,) = (
        float(row["stsb validation pearson"])
        for row in files.read_csv(FILES[0])
        if row["source_dir"] == "head_mlp_retrained" and row["number"] == "sd_population"
    )
    score = Published.read(*FILES).score(
        "structured", "good", "retrained", "stsb", "validation", "pearson"
    )
    assert score.sd == pytest.approx(of_population * math.sqrt(5 / 4))
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
        path_to_latex=root / "summary.tex",
        path_to_caption=PAPER.parents[1] / "report/summary.rst",
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
    compared = {(row["method"], row["split"]) for row in rows if row["published_mean"]}
    assert compared == {("none", "validation"), ("structured", "validation")}


def test_wnli_is_printed_but_not_averaged(summary):
    rows, printed = summary
    assert "Not in the average: wnli." in printed
    cell = {"method": "none", "subnetwork": "full", "split": "validation"}
    values = {
        row["task"]: row["mean"] for row in rows if all(row[key] == cell[key] for key in cell)
    }
    average = (float(values["cola"]) + float(values["rte"])) / 2
    assert float(values["average"]) == pytest.approx(average)


def test_printed_tables_show_each_method_on_its_split(summary):
    _, printed = summary
    validation, half = printed.split("## bert_base, report half of validation")
    assert "| **structured** |" in validation and "| bad, retrained |" in validation
    assert "| **strict** |" not in validation and "| good_half, pruned |" not in validation
    assert "| **structured** |" in half and "| bad, retrained |" in half
    assert half.index("| **strict** |") < half.index("| good_half, pruned |")
    assert "have seen this half too" in half
    lines = validation.splitlines()
    ours = next(i for i, line in enumerate(lines) if line.startswith("| good, pruned"))
    assert lines[ours + 1].startswith("| *paper* | *5* |")
    assert "*0.511 ± 0.007*" in lines[ours + 1]
    assert "*paper*" not in half


def test_every_printed_row_has_as_many_cells_as_the_header(summary):
    _, printed = summary
    counts = {line.count("|") for line in printed.splitlines() if line.startswith("|")}
    assert counts == {len(["", "n", "kept", "average", "without", "cola", "rte", "wnli"]) + 1}


def test_latex_holds_the_numbers_of_the_markdown(summary, tmp_path_factory):
    _, printed = summary
    tex = (tmp_path_factory.getbasetemp() / "summary0/summary.tex").read_text()
    for opened in ("table", "tabular"):
        assert tex.count(f"\\begin{{{opened}}}") == tex.count(f"\\end{{{opened}}}") == 2
    numbers = re.compile(r"\d\.\d{3}")
    rows = [line for line in printed.splitlines() if line.startswith("|")]
    lines = [line for line in tex.splitlines() if line.endswith("\\\\")]
    assert numbers.findall("".join(rows)) == numbers.findall("".join(lines))
