"""The page has a section, a table and an answer for each axis of a study, and no other."""

from __future__ import annotations

import pandas as pd
import pytest
from synthetic_axes import layout_of
from synthetic_latency import latency_rows
from synthetic_page import WORKFLOW

from lottery import files
from lottery.report.answers import AXES as ANSWERED
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
    "connectivity": [
        HEAD | {"subnetwork": "good", "metric": "accuracy", "barrier": 0.01, "verdict": "stable"}
    ],
}
# Axis -> its tables, the section of the page, and the table there.
AXES = {
    "size": (("score_over_size", "size_curves"), "small", "sizes"),
    "criterion": (("equal_sizes",), "which", "equal_sizes"),
    "start": (("starts",), "weights", "starts"),
    "source": (("transfer",), "whose", "transfer"),
    "training": (("connectivity",), "connected", "connectivity"),
}


def times(sizes, method="ours", granularity="units"):
    """latency.csv: sizes of good -> the ratio at batches of 1; that at 32 is a tenth less."""
    ratios = {f"good-kept_{kept}": (ratio, ratio - 0.1) for kept, ratio in sizes.items()}
    at = {"model": "bert_base", "method": method, "granularity": granularity}
    return latency_rows(ratios, ("rte",), **at)


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
    found += axis_answers(frames(*ROWS) | {"latency": times({0.5: 0.6})})
    assert len(found) == 5 + len(ANSWERED)
    lines = terminal_lines(found, [])
    assert len(lines) <= MOST_LINES
    assert any(line.startswith("how small") and "down to 0.50" in line for line in lines)
    assert any(line.startswith("method at one size") and "1 of 1" in line for line in lines)
    assert any(line.startswith("other weights") and "shuffled (−0.200)" in line for line in lines)
    assert any(
        line.startswith("masks of others") and "masks of other tasks 50 %" in line for line in lines
    )
    assert any(line.startswith("two trainings") and "1 of 1 stable" in line for line in lines)
    assert any(line.startswith("computing time") for line in lines)


def said_of_times(*tables, sizes):
    points = [
        HEAD | GOOD | {"method": "ours", "kept": kept, "kept_fraction": kept} | matches
        for kept, matches in sizes.items()
    ]
    known = {"latency": pd.concat(tables)}
    known["score_over_size"] = files.table(points, SCHEMAS["score_over_size"])
    return axis_answers(known)[0].parts[0]


@pytest.mark.parametrize(
    ("small", "chosen"),
    [
        ({"verdict": "supported", "within_sd": False}, "0.45 at batch 1 and 0.35 at batch 32"),
        ({"verdict": "undecided", "within_sd": True}, "0.75 at batch 1 and 0.65 at batch 32"),
    ],
)
def test_the_time_is_that_of_the_smallest_good_subnetwork_that_matches(small, chosen):
    """Non-inferior goes before within one standard deviation; sizes without times are left out."""
    supported = {"verdict": "supported", "within_sd": True}
    sizes = {0.8: supported, 0.4: small, 0.2: supported}
    part = said_of_times(times({0.8: 0.75, 0.4: 0.45}), sizes=sizes)
    assert part.word == chosen
    assert "smallest good subnetwork that is non-inferior" in part.text
    none = said_of_times(times({0.8: 0.75}), sizes={0.8: {"verdict": "undecided"}})
    assert none.word == "none matches" and "no good subnetwork that was timed" in none.text


def test_masks_of_weights_are_said_to_be_no_faster():
    weights = times({0.8: 1.1, 0.4: 1.2}, granularity="weights")
    part = said_of_times(weights, sizes={0.8: {"verdict": "supported"}})
    assert part.word == "weights: no faster"
    assert "take 1.00 to 1.20 times as long" in part.text
    assert "in 0 of 4 measurements the upper quartile is below 1" in part.text
