"""The rows of claims.csv: every claim for every model and method."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.statistics.claims import outcomes, verdicts
from lottery.statistics.claims.evidence import Evidence, MethodFacts, Subject, UnmeasuredError
from lottery.statistics.claims.measured import Measured
from lottery.statistics.claims.paper import papers_value
from lottery.statistics.claims.quantities import measure
from lottery.statistics.claims.table import CLAIMS, HEADS, IMPORTANCE, SIZED, THRESHOLD, Claim, Part
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import Estimate

# quantity, test, estimate, low, high (95 %), p_seeds and published_value are those of the part that
# decides the verdict (the first one with that verdict); details has all parts. p_examples: of the
# pooled permutation test in differences.csv, for information.
COLUMNS = """claim model method statement verdict verdict_without_degenerate quantity test estimate
low high published published_value p_seeds p_examples smallest_p_examples n_tasks n_seeds
n_degenerate estimate_without_degenerate low_without_degenerate high_without_degenerate split
details reason""".split()


DEGENERATE = "Every run that it rests on is degenerate."
CONSTRUCTED = "The search stopped at this threshold, on the examples scored here"
# What a claim may need -> (whether a method has it, what the claim is about).
NEEDS: dict[str, tuple[Callable[[MethodFacts], bool], str]] = {
    THRESHOLD: (
        lambda method: method.to_threshold,
        "searches down to a threshold, and this method makes none",
    ),
    SIZED: (
        lambda method: method.to_threshold or method.imported,
        "searches down to a threshold, and this method makes none",
    ),
    IMPORTANCE: (
        lambda method: method.importance,
        "importances of units, and this method records none",
    ),
    HEADS: (
        lambda method: "head" in method.units,
        "attention heads, and this method prunes none",
    ),
}
YET = ", yet the scores are below it: evaluation computes something else than the search."


@dataclass(frozen=True)
class Tested:
    """One part of a claim after its test."""

    part: Part
    measured: Measured
    verdict: str
    verdict_sound: str
    published: float | None

    @property
    def words(self) -> str:
        """The part in a line."""
        estimate = self.measured.estimate
        text = f"{self.part.words}: {_interval(estimate)}"
        if self.measured.beside:
            text += f" ({self.measured.beside})"
        if self.measured.by_task:
            each = [f"{name} {_interval(one)}" for name, one in self.measured.by_task.items()]
            text += f" ({', '.join(each)})"
        return f"{text}; {verdicts.words(self.part)}: {self.verdict}"


def check(evidence: Evidence) -> Iterator[dict[str, Any]]:
    """Judges every claim for every method and each of its models.

    Yields:
        Rows with the keys `COLUMNS`, by claim, then in the order of the layout.
    """
    for claim in CLAIMS:
        for model in evidence.layout.models:
            for method in evidence.methods.values():
                if model in method.models:
                    head = {"claim": claim.id, "model": model, "method": method.id}
                    head |= {"statement": claim.statement, "split": method.split}
                    yield head | _judge(claim, Subject(model, method, evidence))


def _judge(claim: Claim, subject: Subject) -> dict[str, Any]:
    method, evidence = subject.method, subject.evidence
    if method.granularity not in claim.parts:
        return _about_another_granularity(claim, evidence)
    facts = evidence.paper.get((claim.id, method.granularity), {})
    numbers = {"published": facts.get("words", "")}
    if lacking := [need for need in claim.needs if not NEEDS[need][0](method)]:
        reason = f"The claim is about {NEEDS[lacking[0]][1]}."
        return numbers | {"verdict": outcomes.NOT_APPLICABLE, "reason": reason}
    tested, missing = _test_parts(claim, subject)
    if tested:
        numbers |= _summary(tested, subject)
    left = [missing.verdict] if missing else []
    if missing:
        numbers["reason"] = missing.reason
    if outcomes.NOT_RUN in left or outcomes.NOT_COMPARABLE in left:
        return numbers | {"verdict": missing.verdict}
    overall = verdicts.combined([each.verdict for each in tested] + left)
    if any(each.measured.sound is None for each in tested) and overall in outcomes.DECIDED:
        overall, numbers["reason"] = outcomes.UNDECIDED, DEGENERATE
    sound = verdicts.combined([each.verdict_sound for each in tested] + left)
    if claim.by_construction and constructed(method):
        # If scores fall below the threshold nevertheless, evaluation differs from the search.
        fails = outcomes.CONTRADICTED
        numbers["reason"] = CONSTRUCTED + (YET if overall == fails else ".")
        overall, sound = (
            word if word == fails else outcomes.BY_CONSTRUCTION for word in (overall, sound)
        )
    return numbers | {"verdict": overall, "verdict_without_degenerate": sound}


def _test_parts(claim: Claim, subject: Subject) -> tuple[list[Tested], UnmeasuredError | None]:
    """The parts of a claim that could be tested, and why the first other one could not."""
    tested, missing = [], None
    for part in claim.parts[subject.method.granularity]:
        try:
            tested.append(_test(claim, part, subject))
        except UnmeasuredError as error:
            missing = missing or error
    return tested, missing


def _summary(tested: list[Tested], subject: Subject) -> dict[str, Any]:
    """The numbers of the part that decides, and all parts in words."""
    overall = verdicts.combined([each.verdict for each in tested])
    deciding = next(each for each in tested if each.verdict == overall)
    details = ". ".join(each.words for each in tested) + "."
    return _numbers(deciding, subject) | {"details": details}


def constructed(method: MethodFacts) -> bool:
    """Whether the search itself makes C1 true on the split where the method is shown."""
    search = method.search
    return (
        method.to_threshold and search["search_on"] == method.split and search["keep_score"] >= 0.9
    )


def _about_another_granularity(claim: Claim, evidence: Evidence) -> dict[str, Any]:
    (granularity,) = claim.parts
    return {
        "published": evidence.paper.get((claim.id, granularity), {}).get("words", ""),
        "verdict": outcomes.NOT_APPLICABLE,
        "reason": f"The claim is about {PAPERS_METHODS[granularity]} pruning.",
    }


def _test(claim: Claim, part: Part, subject: Subject) -> Tested:
    measured = measure(part, subject)
    words = [
        verdicts.verdict(part, *sides)
        for sides in (
            (measured.estimate, list(measured.by_task.values())),
            (measured.sound, list(measured.sound_by_task.values())),
        )
    ]
    granularity, evidence = subject.method.granularity, subject.evidence
    published = papers_value(part, claim.id, granularity, evidence.published, evidence.paper)
    return Tested(part, measured, *words, published)


def _numbers(tested: Tested, subject: Subject) -> dict[str, Any]:
    part, estimate, sound = tested.part, tested.measured.estimate, tested.measured.sound
    beside = _example_level(part, subject)
    return {
        "quantity": part.words,
        "test": verdicts.words(part),
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "published_value": tested.published,
        "p_seeds": verdicts.p_value(part, estimate),
        "p_examples": beside.get("p_examples", ""),
        "smallest_p_examples": beside.get("smallest_p_examples", ""),
        "n_tasks": estimate.n_tasks,
        "n_seeds": estimate.n_seeds,
        "n_degenerate": tested.measured.n_degenerate,
        "estimate_without_degenerate": sound.value if sound else None,
        "low_without_degenerate": sound.low if sound else None,
        "high_without_degenerate": sound.high if sound else None,
    }


def _example_level(part: Part, subject: Subject) -> dict[str, str]:
    """The pooled permutation test of the same difference."""
    options = dict(part.options)
    if part.quantity not in ("difference", "task_differences") or options.get("factor", 1.0) != 1:
        return {}
    names = [subject.draws(str(options[side]))[0] for side in ("first", "second")]
    wanted = {
        "model": subject.model,
        "method": subject.method.id,
        "split": subject.method.split,
        "phase": options["phase"],
        "first": names[0],
        "second": names[1],
        "task": AVERAGE,
    }
    rows = subject.evidence.differences
    return next(
        (dict(row) for row in rows if all(row[key] == value for key, value in wanted.items())), {}
    )


def _interval(estimate: Estimate) -> str:
    if estimate.low is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
