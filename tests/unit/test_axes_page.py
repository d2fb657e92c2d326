"""The page has a section, a table and an answer for each axis of a study, and no other."""

from __future__ import annotations

import pytest
from synthetic_axes import layout_of
from synthetic_page import WORKFLOW

from lottery import files
from lottery.report.answers import MOST_LINES, answers, axis_answers, terminal_lines
from lottery.report.page.figures import SECTIONS, tables_of
from lottery.report.tables.model import read_caption
from lottery.results import summary
from lottery.statistics.claims import check
from lottery.steps.write_report import SCHEMAS, _tables

HEAD = {"model": "bert_base", "method": "ours", "split": "validation", "task": "rte"}
GOOD = {"subnetwork": "good", "phase": "retrained"}
ROWS = {
    "score_over_size": [HEAD | GOOD | {"kept": 0.5, "kept_fraction": 0.5, "score": 0.8}],
    "size_curves": [HEAD | GOOD | {"area": 0.8, "smallest_comparable": 0.5}],
    "equal_sizes": [
        HEAD | GOOD | {"kept": 0.5, "score": 0.8, "reference": "ours"},
        HEAD
        | GOOD
        | {"method": "theirs", "kept": 0.5, "score": 0.6, "reference": "ours", "difference": -0.2}
        | {"p_holm": 0.01},
    ],
    "starts": [
        HEAD | {"mask": "good", "start": "pretrained", "score": 0.8, "n_tasks": 1},
        HEAD | {"mask": "good", "start": "shuffled", "score": 0.6, "change": -0.2},
    ],
    "transfer": [
        HEAD | GOOD | {"source": "sst2", "relation": "task", "score": 0.7, "recovered": 0.5}
    ],
}
# Axis -> its tables, the section of the page, and the table there.
AXES = {
    "size": (("score_over_size", "size_curves"), "small", "sizes"),
    "criterion": (("equal_sizes",), "which", "equal_sizes"),
    "start": (("starts",), "weights", "starts"),
    "source": (("transfer",), "whose", "transfer"),
}


def frames(*names):
    known = {"n_collapsed": 0, "n_seeds": 3, "n_draws": 1}
    return {
        name: files.table(
            [row | {k: v for k, v in known.items() if k in SCHEMAS[name]} for row in ROWS[name]],
            SCHEMAS[name],
        )
        for name in names
    }


@pytest.mark.parametrize("axis", AXES)
def test_an_axis_has_its_section_table_figure_and_one_answer(axis):
    names, section, table = AXES[axis]
    captions = {path.stem: read_caption(path) for path in (WORKFLOW / "report").glob("*.rst")}
    made = _tables(frames(*names), layout_of(("good",)), captions)
    assert [*made] == [table] and made[table].caption
    placed = {one.id for one in SECTIONS if tables_of(one, made)}
    assert placed == {section}
    (own,) = (one for one in SECTIONS if one.id == section)
    for shown in own.figures:
        assert (WORKFLOW / "report" / f"{shown.name}.rst").exists()
    assert len(axis_answers(frames(*names))) == 1


def test_all_axes_and_answers_fit_the_terminal():
    claims, means = files.table([], check.SCHEMA), files.table([], summary.SCHEMA)
    found = answers(claims, means, layout_of(("good",)), ["bert_base"])
    found += axis_answers(frames(*ROWS))
    assert len(found) == 5 + 4
    lines = terminal_lines(found, [])
    assert len(lines) <= MOST_LINES
    assert any(line.startswith("how small") and "down to 0.50" in line for line in lines)
    assert any(line.startswith("method at one size") and "1 of 1" in line for line in lines)
    assert any(line.startswith("other weights") and "shuffled (−0.200)" in line for line in lines)
    assert any(line.startswith("masks of others") and "50 %" in line for line in lines)
