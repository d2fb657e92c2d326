"""Tables and sections of the page that no other file holds."""

from __future__ import annotations

import pandas as pd
import pyarrow
import pyarrow.parquet
import pytest
from synthetic_latency import latency_rows
from synthetic_page import WORKFLOW

from lottery import files
from lottery.report.page.claims import judged_tables, not_applicable, not_run
from lottery.report.page.figures import SECTIONS, tables_of
from lottery.report.page.study import examples_of
from lottery.report.tables.model import Cell, Table
from lottery.report.tables.others import latency_table
from lottery.report.tables.scores import evaluation_only_tables
from lottery.results.summary import ON_SCHEMA
from lottery.statistics.claims.check import SCHEMA


@pytest.mark.parametrize("rule", ["fetch_task", "fetch_task_alone"])
def test_tasks_tell_how_many_examples_were_fetched(tmp_path, rule):
    table = pyarrow.table({"a": list(range(1234))})
    paths = [tmp_path / "rte/train.parquet", tmp_path / "rte/validation.parquet"]
    paths[0].parent.mkdir()
    pyarrow.parquet.write_table(table, paths[0])
    paths[1].write_text("damaged")
    outputs = {path.stem: {str(path): "0"} for path in paths}
    # Tasks without training data have a rule of their own.
    record = {"rule": rule, "step": "fetch_task", "wildcards": {"task": "rte"}, "outputs": outputs}
    assert examples_of([record]) == {"rte": {"train": 1234}}


def test_scores_outside_stand_group_by_group():
    row = {"model": "bert_base", "task": "mnli", "eval_task": "hans", "metric": "accuracy"}
    full = row | {"method": "none", "subnetwork": "full", "phase": "finetuned", "n_runs": 5}
    good = row | {"method": "structured", "subnetwork": "good", "phase": "pruned", "n_runs": 5}
    rows = [
        full | {"group": "lexical", "mean": 0.25, "sd": 0.125, "n_examples": 30},
        full | {"group": "", "mean": 0.5, "n_examples": 90, "published_mean": 0.45},
        full | {"group": "", "label": "entailment", "mean": 0.999, "n_examples": 45},
        good | {"group": "", "mean": 0.375, "kept_fraction": 0.6, "n_examples": 90},
    ]
    (table,) = evaluation_only_tables(files.table(rows, ON_SCHEMA), "Mean.")
    lines = [
        [group.title] + [[cell_text(cell) for cell in row] for row in group.rows]
        for group in table.groups
    ]
    assert table.columns == ["", "n", "kept", "all (90)", "lexical (30)"]
    assert lines == [
        ["bert_base", ["full", "5", "–", "0.500 0.450", "0.250 ± 0.125"]],
        ["structured, bert_base", ["good, pruned", "5", "0.600", "0.375", "–"]],
    ]
    assert (
        table.caption == "hans (accuracy), models of mnli. Mean."
        and "the paper's numbers" in table.published
    )


def test_times_are_means_over_tasks_with_the_range_of_the_quartiles():
    first = latency_rows({"good": (0.7, 0.6)}, ("a",))
    second = latency_rows({"good": (0.5, 0.5)}, ("b",))
    weights = latency_rows({"good": (1.02, 0.9)}, method="magnitude", granularity="weights")
    table = latency_table(pd.concat([first, second, weights]), "Times.")
    assert [*table.columns] == ["", "tasks", "kept", "FLOPs", "time, batch 1", "time, batch 32"]
    units, zeros = table.groups
    assert units.title == "structured, m, cpu, 2 threads"
    full, good = ([cell.text for cell in row] for row in units.rows)
    assert full == ["full", "2", "1.000", "0.750", "1.00", "1.00"]
    assert good == ["good", "2", "0.500", "0.750", "0.60", "0.55"]
    assert units.rows[1][4].below == ("[0.450, 0.750]",)
    assert [cell.text for cell in zeros.rows[1]][4:] == ["1.02", "0.90"]
    # Of two measurements of masks of weights one has an upper quartile below 1.
    assert "keep 50 % of the body and take 0.90 to 1.02 times" in table.note
    assert "In 1 of 2 measurements the upper quartile is below 1." in table.note
    assert latency_table(first, "").note == ""
    assert latency_table(first[:0], "") is None


def test_a_section_takes_the_tables_that_its_names_fit():
    (outside,) = (section for section in SECTIONS if section.id == "outside")
    tables = {name: Table(name, "", [], []) for name in ("overlap", "on_hans", "on_own")}
    assert [table.name for table in tables_of(outside, tables)] == ["on_hans", "on_own"]


def test_claims_are_in_the_part_of_their_verdict():
    row = {"claim": "C1", "model": "m", "statement": "True.", "estimate": 0.5}
    verdicts = {"a": "supported", "b": "undecided", "c": "not run", "d": "not applicable"}
    verdicts |= {"e": "contradicted", "f": "undecided (too few seeds)"}
    rows = [row | {"method": name, "verdict": word} for name, word in verdicts.items()]
    table = files.table(rows, SCHEMA)
    decided, undecided = judged_tables(table)
    methods = [
        [line[1].text for group in each.groups for line in group.rows]
        for each in (decided, undecided)
    ]
    assert methods == [["a", "e"], ["b", "f"]]
    assert not_applicable(table) == "d: C1"
    assert [one["subjects"] for one in not_run(table)] == ["c"]
    assert [each.name for each in judged_tables(table[:1])] == ["claims-decided"]


def test_sections_name_a_figure_once_and_its_caption_exists():
    named = [shown for section in SECTIONS for shown in section.figures]
    assert len({shown.name for shown in named}) == len(named)
    assert len({section.id for section in SECTIONS}) == len(SECTIONS)
    for shown in named:
        assert (WORKFLOW / "report" / f"{shown.caption or shown.name}.rst").exists(), shown.name


def cell_text(cell: Cell) -> str:
    return " ".join(filter(None, [cell.text, cell.sd, *cell.below, cell.paper]))
