"""Tables of the page that no other file holds: sizes of tasks, and scores outside the training."""

from __future__ import annotations

import pyarrow
import pyarrow.parquet

from lottery.page.outside import outside_tables
from lottery.page.render import Page
from lottery.page.sections import SECTIONS
from lottery.page.study import examples_of
from lottery.page.table import Cell, Table
from lottery.tables import evaluation_only


def test_tasks_tell_how_many_examples_were_fetched(tmp_path):
    table = pyarrow.table({"a": list(range(1234))})
    paths = [tmp_path / "rte/train.parquet", tmp_path / "rte/validation.parquet"]
    paths[0].parent.mkdir()
    pyarrow.parquet.write_table(table, paths[0])
    paths[1].write_text("damaged")
    outputs = {path.stem: {str(path): "0"} for path in paths}
    record = {"rule": "fetch_task", "wildcards": {"task": "rte"}, "outputs": outputs}
    assert examples_of([record]) == {"rte": {"train": 1234}}


def test_scores_outside_stand_group_by_group():
    row = dict.fromkeys(evaluation_only.COLUMNS, "")
    row |= {"model": "bert_base", "task": "mnli", "eval_task": "hans", "metric": "accuracy"}
    full = row | {"method": "none", "subnetwork": "full", "phase": "finetuned", "n_runs": "5"}
    good = row | {"method": "structured", "subnetwork": "good", "phase": "pruned", "n_runs": "5"}
    rows = [
        full | {"group": "lexical", "mean": "0.25", "sd": "0.125", "n_examples": "30"},
        full | {"group": "", "mean": "0.5", "n_examples": "90", "published_mean": "0.45"},
        full | {"group": "", "label": "entailment", "mean": "0.999", "n_examples": "45"},
        good | {"group": "", "mean": "0.375", "kept_fraction": "0.6", "n_examples": "90"},
    ]
    (table,) = outside_tables(rows)
    lines = [
        [group.title] + [[cell_text(cell) for cell in row] for row in group.rows]
        for group in table.groups
    ]
    assert table.columns == ["", "n", "kept", "all (90)", "lexical (30)"]
    assert lines == [
        ["bert_base", ["full", "5", "–", "0.500 0.450", "0.250 ± 0.125"]],
        ["structured, bert_base", ["good, pruned", "5", "0.600", "0.375", "–"]],
    ]
    assert "models trained on mnli" in table.caption and "the paper's numbers" in table.caption


def test_a_section_takes_the_tables_that_its_names_fit():
    (outside,) = (section for section in SECTIONS if section.id == "outside")
    tables = {name: Table(name, "", [], []) for name in ("overlap", "on_hans", "on_own")}
    page = Page([], [], [], None, [], [], tables, [], "", {})
    assert [table.name for table in page.tables_of(outside)] == ["on_hans", "on_own"]


def cell_text(cell: Cell) -> str:
    return " ".join([cell.text, *cell.below, *([cell.paper] if cell.paper else [])])
