"""The answers of a study: their words, their numbers, and what ends a run on the terminal."""

from __future__ import annotations

import pytest

from lottery import files
from lottery.report.answers import MOST_LINES, QUESTIONS, answers, notes, terminal_lines
from lottery.results import summary
from lottery.results.layout import Layout
from lottery.runtime import progress
from lottery.statistics.claims.check import SCHEMA

SUPPORTED = {"A1": "yes", "A2": "yes", "A3": "yes", "A4": "no", "A5": "no"}
OPPOSITE = {"yes": "no", "no": "yes"}


def layout(*methods: str, preset: str = "published", names: tuple[str, ...] = ()) -> Layout:
    names = names or ("good", "random", "bad")
    facts = {"preset": preset, "published": None, "subnetworks": list(names)}
    tasks = {"tone": {"metric": "accuracy", "in_average": True, "published": None}}
    return Layout.of(
        models=["m"], published_models=[], tasks=tasks, methods=dict.fromkeys(methods, facts)
    )


def row(claim: str, verdict: str, method: str = "a", **changes: object) -> dict:
    known = {"model": "m", "method": method, "claim": claim, "verdict": verdict}
    known |= {"effect": "good is 0.021 below full", "quantity": "good - full, retrained"}
    return known | {"estimate": -0.021, "low": -0.052, "high": 0.01} | changes


def averages(scores: dict[tuple[str, str], float], split: str = "validation") -> list[dict]:
    """Rows of summary.csv: (subnetwork, phase) -> average."""
    return [
        {
            "model": "m",
            "method": "none" if name == "full" else "a",
            "subnetwork": name,
            "phase": phase,
            "split": split,
            "task": "average",
            "mean": value,
        }
        for (name, phase), value in scores.items()
    ]


def said(rows: list[dict], own: Layout | None = None, scores: list[dict] | None = None) -> dict:
    """claim -> (subject, word, text) of each part."""
    claims, means = files.table(rows, SCHEMA), files.table(scores or [], summary.SCHEMA)
    found = answers(claims, means, own or layout("a", "b"), ["m"])
    return {
        answer.question.claim: [(part.subject, part.word, part.text) for part in answer.parts]
        for answer in found
    }


@pytest.mark.parametrize("claim", SUPPORTED)
def test_a_verdict_is_an_answer_to_its_question(claim):
    yes = SUPPORTED[claim]
    words = {
        ("supported", "supports"): f"{yes}, as in the paper",
        ("contradicted", "against"): f"{OPPOSITE[yes]}, unlike the paper",
        ("undecided", "supports"): "undecided, leans towards the paper",
        ("undecided", "against"): "undecided, leans against the paper",
        ("not run", ""): "run in part",  # there is an estimate
        ("undecided", ""): "undecided",
        ("true by construction", ""): f"{yes}, by construction",
    }
    for (verdict, direction), word in words.items():
        ((_, found, text),) = said([row(claim, verdict, direction=direction)])[claim]
        assert found == word
        assert text.split("; ")[0] == "good is 0.021 below full [−0.052, 0.010]"


def test_an_answer_of_an_unfinished_study_says_on_how_many_runs_it_rests():
    ((_, _, text),) = said([row("A1", "supported", incomplete="rests on 5 of 6 runs")])["A1"]
    assert text.split("; ")[1] == "rests on 5 of 6 runs"


def test_the_five_questions_are_asked_in_the_order_of_the_abstract():
    assert [question.claim for question in QUESTIONS] == [*SUPPORTED]


def test_what_was_not_run_gives_its_reason_once_for_all_methods():
    reason = "The demo leaves the untrained control out."
    empty = dict.fromkeys(("effect", "quantity", "estimate", "low", "high"))
    rows = [row("A3", "not run", name, reason=reason, **empty) for name in "ab"]
    words = "the demo leaves the untrained control out"
    assert said(rows)["A3"] == [("a and b", "not run", words)]


def test_an_answer_without_a_number_gives_that_of_a_claim_that_belongs_to_it():
    empty = dict.fromkeys(("effect", "quantity", "estimate", "low", "high"))
    rows = [
        row("A4", "not run", reason="", **empty),
        row("C10", "undecided", effect="kappa is 0.1"),
    ]
    ((_, _, text),) = said(rows)["A4"]
    assert text.endswith(" (C10): undecided, kappa is 0.1 [−0.052, 0.010]")


def test_a_method_that_a_question_is_not_about_is_left_out():
    rows = [row("A5", "supported"), row("A5", "not applicable", "b")]
    assert [subject for subject, *_ in said(rows)["A5"]] == ["a"]


def test_averages_and_further_claims_are_part_of_the_answers_that_they_belong_to():
    scores = {("full", "finetuned"): 0.9, ("good", "pruned"): 0.8, ("random", "pruned"): 0.55}
    scores |= {("bad", "pruned"): 0.4, ("good", "retrained"): 0.88, ("bad", "retrained"): 0.7}
    rows = [row(claim, "supported") for claim in ("A1", "A2", "A3", "C6", "C7")]
    rows += [row("C5", "not applicable")]
    found = said(rows, layout("a"), averages(scores))
    ((_, _, winning),), ((_, _, pruned),), ((_, _, retrained),) = (
        found[claim] for claim in ("A1", "A2", "A3")
    )
    assert winning.endswith("; retrained: good 0.88, full 0.90")
    assert pruned.endswith("; pruned: good 0.80, random 0.55, bad 0.40, full 0.90")
    assert "; retrained: good 0.88, bad 0.70, full 0.90; " in retrained
    assert retrained.count("(C6): supported") == retrained.count("(C7): supported") == 1
    assert "C5" not in retrained


def test_sizes_and_collapsed_runs_stand_next_to_the_scores():
    scores = averages({("full", "finetuned"): 0.9, ("good", "pruned"): 0.8})
    scores = [each | {"kept_fraction": 0.45} for each in scores]
    counts = {"n_runs": 6, "n_collapsed": 5, "collapsed_low": 0.36, "collapsed_high": 0.996}
    rows = [
        row("A2", "supported", **counts),
        row("A3", "supported"),
        row("C5", "undecided", **counts),
    ]
    found = said(rows, layout("a"), scores)
    ((_, _, text),) = found["A2"]
    assert "; 5 of 6 runs collapsed; " in text
    assert text.endswith("; pruned: good 0.80 (45 % kept), full 0.90")
    ((_, _, also),) = found["A3"]
    assert "(C5): undecided, 5 of 6 runs collapsed" in also


def test_where_halves_are_compared_halves_are_named():
    names = ("good", "good_half", "random_half", "random_half_2", "bad_half")
    scores = {(name, "pruned"): 0.1 * number for number, name in enumerate(names, start=1)}
    own = layout("a", preset="strict", names=names)
    ((_, _, text),) = said([row("A2", "supported")], own, averages(scores, "report_half"))["A2"]
    # Draws of a random subnetwork count together.
    assert text.endswith("; pruned: good half 0.20, random half 0.35, bad half 0.50")


def facts(*generated: bool, seeds: int = 5) -> dict:
    tasks = [
        {"id": f"t{number}", "generated": each, "evaluate_with": ""}
        for number, each in enumerate(generated)
    ]
    return {"tasks": tasks, "seeds": list(range(seeds))}


def test_artificial_tasks_and_too_few_seeds_are_said_before_the_answers():
    assert notes(facts(False, False)) == []
    (artificial,) = notes(facts(True, True))
    assert artificial.startswith("The tasks are artificial")
    assert notes(facts(False, True)) == ["Artificial (generated) tasks among them: t1."]
    assert "2 seeds: no verdict" in notes(facts(False, seeds=2))[0]
    lines = terminal_lines([], notes(facts(True, seeds=2)))
    assert "artificial" in lines[0] and "2 seeds" in lines[0]


@pytest.mark.parametrize("methods", ["a", "ab", "abcdefghi"])
def test_the_answers_fit_on_twelve_lines(methods):
    rows = [
        row(claim, "supported", method, effect=f"effect of {method}")
        for claim in SUPPORTED
        for method in methods
    ]
    empty = files.table([], summary.SCHEMA)
    found = answers(files.table(rows, SCHEMA), empty, layout(*methods), ["m"])
    lines = terminal_lines(found, notes(facts(True, seeds=2)))
    assert len(lines) <= MOST_LINES == 12
    for method in methods:  # none is lost
        assert sum(f"{method}" in line for line in lines[1:]) >= 5
    if len(methods) < 3:
        assert sum("[−0.052, 0.010]" in line for line in lines) == 5 * len(methods)


def test_a_run_ends_with_its_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    tables = tmp_path / "own/tables"
    tables.mkdir(parents=True)
    (tables / "summary.md").write_text("")
    progress.show_results("own")
    assert "winning" not in capsys.readouterr().out  # of a run without a report
    (tables / "answers.txt").write_text("Answers.\nwinning tickets  a: yes\n")
    progress.show_results("own")
    text = capsys.readouterr().out
    assert text.index("winning tickets  a: yes") < text.index("own/tables/summary.md")
