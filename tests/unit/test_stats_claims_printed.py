"""claims.md: the rows of claims.csv as a reader of a README sees them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_reader import tables_of
from synthetic_claims import World, rows_of

from lottery import files
from lottery.report.tables.claims import SCHEMA, narrow_tables
from lottery.report.tables.render import markdown
from lottery.statistics.claims.table import CLAIMS
from lottery.statistics.runs import Runs

STRUCTURED, MAGNITUDE = "bert_base, structured", "bert_base, magnitude"


def printed(world: World, **changes: object) -> str:
    claims = [
        {name: row[name] if row.get(name) != "" else None for name in SCHEMA if name in row}
        for row in rows_of(world, **changes).values()
    ]
    return "\n\n".join(map(markdown, narrow_tables(files.table(claims, SCHEMA))))


@pytest.fixture(scope="module")
def text() -> str:
    return printed(World())


def test_a_row_holds_the_claim_both_numbers_and_the_verdict(text):
    row = rows_of(World())["C7", "structured"]
    claim, measured, paper, own, verdict = tables_of(text)[STRUCTURED]["C7"]
    assert claim == "C7 bad loses only about 15 points"
    assert measured == row["quantity"] == "full - bad, retrained"
    assert paper == f"{row['published_value']:.3f}" == "0.124"
    assert own == f"{row['estimate']:.3f} [{row['low']:.3f}, {row['high']:.3f}]"
    assert verdict == "supported"


def test_where_the_paper_has_no_such_number_its_words_stand(text):
    assert tables_of(text)[STRUCTURED]["C11"][2] == "a histogram of CoLA, first step"


def test_each_method_has_the_claims_about_it_in_order(text):
    tables = tables_of(text)
    for title, granularity in ((STRUCTURED, "units"), (MAGNITUDE, "weights")):
        assert list(tables[title]) == [c.id for c in CLAIMS if granularity in c.parts]
    assert set(tables) == {STRUCTURED, MAGNITUDE}


def test_the_cells_of_claims_are_short():
    for claim in CLAIMS:
        assert 0 < len(claim.short) <= 60, claim.id


def test_claims_without_numbers_stand_below_with_their_reason(text):
    own = text[text.index(f"## {MAGNITUDE}") :]
    assert "- C3, C6, C7, C8, C9, C10, C11, C12, C13, C14: not applicable. The claim is" in own
    assert "C1: true by construction. The search stopped at this threshold" in own


def test_a_method_of_which_nothing_can_be_said_has_no_table():
    lonely = printed(World(methods={"structured": ()}), tables={})
    assert tables_of(lonely) == {}
    assert "The method has no bad subnetworks." in lonely
    assert "C2, C5: not applicable. The claim is about magnitude pruning" in lonely


def test_numbers_and_verdicts_without_degenerate_runs_stand_beside():
    failed = ("rte", "good", "retrained")
    scores = [
        replace(score, value=0.0, degenerate=True)
        if (score.task, score.subnetwork, score.phase) == failed and score.seed != 1337
        else score
        for score in World().scores()
    ]
    world = World()
    runs = Runs(scores, dict.fromkeys(world.tasks, "accuracy"))
    row = rows_of(world, runs=runs)["C2", "magnitude"]
    cells = tables_of(printed(world, runs=runs))[MAGNITUDE]["C2"]
    assert cells[3].startswith(f"{row['estimate']:.3f} [")
    without = f" (without 4 degenerate {row['estimate_without_degenerate']:.3f} ["
    assert without in cells[3]
    assert cells[4] == "contradicted (without degenerate runs: supported)"
