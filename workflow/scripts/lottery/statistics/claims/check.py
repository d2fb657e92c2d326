"""The rows of claims.csv: every claim for every model and method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.statistics.claims import verdicts
from lottery.statistics.claims.evidence import Evidence, MethodFacts, Subject, UnmeasuredError
from lottery.statistics.claims.quantities import Measured
from lottery.statistics.claims.table import CLAIMS, Claim, Part
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import Estimate

# quantity, test, estimate, low, high (95 %), p_seeds and published_value are those of the part that
# decides the verdict (the first one with that verdict); details has all parts. p_examples: of the
# pooled permutation test in differences.csv, for information.
SCHEMA: files.Schema = {
    **dict.fromkeys("claim model method statement verdict verdict_without_degenerate".split(), str),
    **dict.fromkeys("quantity test".split(), str),
    **dict.fromkeys("estimate low high".split(), float),
    "published": str,
    **dict.fromkeys("published_value p_seeds p_examples smallest_p_examples".split(), float),
    **dict.fromkeys("n_tasks n_seeds n_degenerate".split(), int),
    "estimate_without_degenerate": float,
    "low_without_degenerate": float,
    "high_without_degenerate": float,
    **dict.fromkeys("split details reason".split(), str),
    **dict.fromkeys("judged direction effect published_note".split(), str),
    **dict.fromkeys("p p_holm collapsed_low collapsed_high".split(), float),
    **dict.fromkeys("n_runs n_collapsed".split(), int),
}
DEGENERATE = "Every run that it rests on is degenerate."
CONSTRUCTED = "The search stopped at this threshold, on the examples scored here"
YET = ", yet the scores are below it: evaluation computes something else than the search."


@dataclass(frozen=True)
class Tested:
    """One part of a claim after its test."""

    part: Part
    measured: Measured
    verdict: str
    verdict_without: str

    @property
    def words(self) -> str:
        """The part in a line."""
        measured = self.measured
        text = f"{self.part.words}: {_interval(measured.estimate)}"
        if measured.note:
            text += f" ({measured.note})"
        if self.part.test == verdicts.SOME_TASKS:
            each = [f"{name} {_interval(one)}" for name, one in measured.by_task.items()]
            text += f" ({', '.join(each)})"
        return f"{text}; {verdicts.words(self.part.test, self.part.bound)}: {self.verdict}"


def check(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Judges every claim for every method and each of its models.

    Yields:
        Rows of claims.csv, by claim, then in the order of the layout.
    """
    for claim in CLAIMS:
        for model in evidence.layout.models:
            for method in evidence.methods.values():
                if model in method.models:
                    head = {"claim": claim.id, "model": model, "method": method.id}
                    head |= {"statement": claim.statement, "split": method.split}
                    yield head | _judge(claim, Subject(model, method, evidence))


def _judge(claim: Claim, subject: Subject) -> dict[str, Any]:
    method, paper = subject.method, subject.evidence.paper
    granularity, lacking = method.granularity, None
    if granularity not in claim.parts:
        (granularity,) = claim.parts
        lacking = f"{PAPERS_METHODS[granularity]} pruning"
    else:
        lacking = next((about for given, about in claim.needs if not given(method)), None)
    row = {"published": paper.get((claim.id, granularity), {}).get("words", "")}
    if lacking:
        reason = f"The claim is about {lacking}."
        return row | {"verdict": verdicts.NOT_APPLICABLE, "reason": reason}
    tested, missing = _test_parts(claim, subject)
    words, others = ([each.verdict for each in tested], [each.verdict_without for each in tested])
    if tested:
        deciding = tested[words.index(verdicts.combined(words))]
        row |= _numbers(claim, deciding, subject)
        row["details"] = ". ".join(each.words for each in tested) + "."
    if missing:
        row["reason"] = missing.reason
        if missing.verdict in (verdicts.NOT_RUN, verdicts.NOT_COMPARABLE):
            return row | {"verdict": missing.verdict}
        words, others = [*words, missing.verdict], [*others, missing.verdict]
    overall, without = verdicts.combined(words), verdicts.combined(others)
    if any(each.measured.without is None for each in tested) and overall in verdicts.DECIDED:
        overall, row["reason"] = verdicts.UNDECIDED, DEGENERATE
    if claim.by_construction and constructed(method):
        # If scores fall below the threshold nevertheless, evaluation differs from the search.
        fails = verdicts.CONTRADICTED
        row["reason"] = CONSTRUCTED + (YET if overall == fails else ".")
        overall, without = (
            word if word == fails else verdicts.BY_CONSTRUCTION for word in (overall, without)
        )
    return row | {"verdict": overall, "verdict_without_degenerate": without}


def constructed(method: MethodFacts) -> bool:
    """Whether the search itself makes C1 true on the split where the method is shown."""
    search = method.search
    return bool(search) and search["search_on"] == method.split and search["keep_score"] >= 0.9


def _test_parts(claim: Claim, subject: Subject) -> tuple[list[Tested], UnmeasuredError | None]:
    """The parts of a claim that could be tested, and why the first other one could not."""
    tested, missing = [], None
    for part in claim.parts[subject.method.granularity]:
        try:
            measured = part.measure(subject)
        except UnmeasuredError as error:
            missing = missing or error
            continue
        words = [
            verdicts.verdict(part.test, part.bound, estimate, [*by_task.values()])
            for estimate, by_task in (
                (measured.estimate, measured.by_task),
                (measured.without, measured.without_by_task),
            )
        ]
        tested.append(Tested(part, measured, *words))
    return tested, missing


def _numbers(claim: Claim, deciding: Tested, subject: Subject) -> dict[str, Any]:
    """The numbers of the part that decides."""
    part, measured = deciding.part, deciding.measured
    estimate, without = measured.estimate, measured.without
    return {
        "quantity": part.words,
        "test": verdicts.words(part.test, part.bound),
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "published_value": papers_value(claim, part, subject.method.granularity, subject.evidence),
        "p_seeds": verdicts.p_value(part.test, part.bound, estimate),
        **_example_level(part, subject),
        "n_tasks": estimate.n_tasks,
        "n_seeds": estimate.n_seeds,
        "n_degenerate": measured.n_degenerate,
        "estimate_without_degenerate": without and without.value,
        "low_without_degenerate": without and without.low,
        "high_without_degenerate": without and without.high,
    }


def papers_value(claim: Claim, part: Part, granularity: str, evidence: Evidence) -> float | None:
    """The paper's value of a part of a claim; None where the paper has none."""
    if part.published:
        return part.published(evidence.published, PAPERS_METHODS[granularity])
    text = evidence.paper.get((claim.id, granularity), {}).get("value", "")
    return float(text) if text else None


def _example_level(part: Part, subject: Subject) -> dict[str, float]:
    """The pooled permutation test of the same difference."""
    if not part.difference:
        return {}
    first, second, phase = part.difference
    rows = subject.evidence.differences
    wanted = {
        "model": subject.model,
        "method": subject.method.id,
        "split": subject.method.split,
        "phase": phase,
        "first": subject.draws(first)[0],
        "second": subject.draws(second)[0],
        "task": AVERAGE,
    }
    for column, value in wanted.items():
        rows = rows[rows[column] == value]
    return next(iter(rows[["p_examples", "smallest_p_examples"]].to_dict("records")), {})


def _interval(estimate: Estimate) -> str:
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
