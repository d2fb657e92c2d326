"""Tables as Markdown and LaTeX, and claims.md: what a reader of a README sees of claims.csv."""

from __future__ import annotations

from dataclasses import replace

import pytest
from markdown_reader import tables_of
from synthetic_claims import PAPER, TASKS, World, reported, rows_of

from lottery import files
from lottery.report.tables.claims import narrow_tables
from lottery.report.tables.model import Cell, Group, Table, read_caption
from lottery.report.tables.render import latex, markdown
from lottery.statistics.claims.check import SCHEMA
from lottery.statistics.claims.table import CLAIMS

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
    assert (
        "- A4, A5, C3, C6, C7, C8, C9, C10, C11, C12, C13, C14: not applicable. The claim is" in own
    )
    assert "C1: true by construction. The search stopped at this threshold" in own


def test_a_method_of_which_nothing_can_be_said_has_no_table():
    lonely = printed(World(methods={"structured": ()}), tables={})
    assert tables_of(lonely) == {}
    assert "The method has no bad subnetworks." in lonely
    assert "C2, C5: not applicable. The claim is about magnitude pruning" in lonely


def test_what_is_not_decided_leans_to_a_side_and_collapsed_runs_are_counted():
    world = World(seeds=(1337, 42))
    assert tables_of(printed(world))[MAGNITUDE]["C2"][4] == ("undecided (leans towards the claim)")
    failed = ("rte", "good", "retrained")
    scores = [
        replace(score, value=0.0, degenerate=True)
        if (score.task, score.subnetwork, score.phase) == failed and score.seed == 1337
        else score
        for score in World().scores()
    ]
    cells = tables_of(printed(World(), scores=reported(scores, World())))[MAGNITUDE]["C2"]
    assert cells[3].endswith("(1 of 30 runs collapsed (0 % to 17 %))")


def test_a_claim_of_an_unfinished_study_shows_on_how_many_runs_it_rests():
    one_more = printed(World(), asked_tasks={"magnitude": len(TASKS) + 1})
    assert tables_of(one_more)[MAGNITUDE]["C2"][4] == "supported (rests on 30 of 35 runs)"


def test_odd_signs_stay_within_their_cells():
    table = Table("odd", "", ["", "n"], [Group("", [[Cell("a|b & c_d", sd="± 50 %"), Cell("1")]])])
    assert "| a\\|b & c_d ± 50 % | 1 |" in markdown(table)
    assert r"a$|$b \& c\_d $\pm$ 50 \% & 1 \\" in latex(table)


def test_published_numbers_have_a_row_of_their_own():
    rows = [
        [Cell("good"), Cell("0.5", ("1 of 2 tasks",), paper="0.4", sd="± 0.1", paper_sd="± 0.2")]
    ]
    table = Table("t", "Seen.", ["", "n"], [Group("s_1", rows)], title="T", published="theirs.")
    assert markdown(table).splitlines() == [
        "## T",
        "",
        "Seen. Rows *paper*: theirs.",
        "",
        "|  | n |",
        "| --- | ---: |",
        "| **s_1** |  |",
        "| good | 0.5 ± 0.1 (1 of 2 tasks) |",
        "| *paper* | *0.4 ± 0.2* |",
    ]
    tex = latex(table)
    assert r"\caption{T. Seen. Rows paper: theirs.}" in tex
    assert r"\multicolumn{2}{l}{\textbf{s\_1}} \\" in tex
    assert r"\textit{paper} & \textit{0.4 $\pm$ 0.2} \\" in tex


def test_captions_of_tables_are_plain_first_paragraphs():
    names = ("summary", "claims", "trainability", "overlap", "differences_table", "evaluation_only")
    for name in names:
        caption = read_caption(PAPER.parents[1] / f"report/{name}.rst")
        assert caption.endswith("."), name
        assert not set("`*_{|").intersection(caption.replace("good_half", "")), name
