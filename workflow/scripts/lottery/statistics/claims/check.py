"""The rows of claims.csv: every claim for every model and method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lottery import files
from lottery.pruning.algorithms.declaration import PAPERS_METHODS
from lottery.statistics.claims import verdicts
from lottery.statistics.claims.cells import Runs, Spreads
from lottery.statistics.claims.evidence import Evidence, MethodFacts, Subject, UnmeasuredError
from lottery.statistics.claims.follow_ups import FOLLOW_UPS
from lottery.statistics.claims.table import CLAIMS, Claim, Part
from lottery.statistics.claims.verdicts import Tested
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import Estimate, exact_share, holm

# quantity, test, effect, estimate, low, high (95 %, over seeds and examples), published_value: of
# the part that decides the verdict; details has all parts. judged: the subnetworks that
# are read, where they are not those of the claim. direction: the side on which the estimate lies.
# p: one-sided p-value of the claim on that side; p_holm: corrected over the claims of the method on
# the model; p_examples: of the pooled permutation test in differences.csv, for information.
# n_runs: tasks x seeds; n_collapsed of them collapsed and are left out; collapsed_*: the exact 95 %
# interval of their share. incomplete: of an unfinished study, on how many of the runs that the
# config asks for the claim rests, where it is not all of them.
SCHEMA: files.Schema = {
    **dict.fromkeys("claim model method statement judged verdict direction effect".split(), str),
    **dict.fromkeys("quantity test".split(), str),
    **dict.fromkeys("estimate low high p p_holm p_examples".split(), float),
    "published": str,
    "published_value": float,
    "published_note": str,
    **dict.fromkeys("n_tasks n_seeds n_runs n_collapsed".split(), int),
    **dict.fromkeys("collapsed_low collapsed_high".split(), float),
    **dict.fromkeys("split details reason incomplete".split(), str),
}
CONSTRUCTED = "The search stopped at this threshold, on the examples scored here"
YET = ", yet the scores are below it: evaluation computes something else than the search."
ROLES = ("full", "good", "random", "bad", "found", "super_good", "super_random", "super_bad")


@dataclass(frozen=True)
class Outcome:
    """One part of a claim after its test.

    Attributes:
        n_runs, n_collapsed: of `lottery.statistics.claims.cells.Runs`; 0 for other numbers.
        used: tasks x seeds that any number rests on.
        constructed: whether the search makes it true.
    """

    part: Part
    tested: Tested
    n_runs: int = 0
    n_collapsed: int = 0
    used: int = 0
    constructed: bool = False


def check(
    evidence: Evidence,
    claims: Sequence[Claim] = CLAIMS,
    follow_ups: Sequence[Claim] = FOLLOW_UPS,
) -> list[dict[str, Any]]:
    """Judges the claims for every method and each of its models.

    Args:
        evidence: what they are judged by.
        claims: those of the paper that are judged, and corrected for one another.
        follow_ups: those of later studies, likewise; only where the study makes what they speak of.

    Returns:
        Rows of claims.csv, by claim, then in the order of the layout.
    """
    rows = []
    for model in evidence.layout.models:
        for method in evidence.methods.values():
            if model in method.models:
                subject = Subject(model, method, evidence)
                further = _judge_all(subject, follow_ups)
                left_out = (verdicts.NOT_RUN, verdicts.NOT_APPLICABLE)
                rows += _judge_all(subject, claims)
                rows += [row for row in further if row["verdict"] not in left_out]
    order = [claim.id for claim in (*claims, *follow_ups)]
    return sorted(rows, key=lambda row: order.index(row["claim"]))


def _judge_all(subject: Subject, claims: Sequence[Claim]) -> list[dict[str, Any]]:
    """All claims of one method on one model: the family that is corrected for."""
    rows = [_judge(claim, subject) for claim in claims]
    tested = [row for row in rows if "p" in row and "verdict" not in row]
    for row, p in zip(tested, holm([row["p"] for row in tested]), strict=True):
        row["p_holm"] = p
        _decide(row, len(tested))
    for row in rows:
        config = subject.evidence.left_out.get(row["claim"])
        if config and row["verdict"] == verdicts.NOT_RUN:
            row["reason"] = f"{row['reason'].rstrip('.')}: left out here, {config} runs it."
    return rows


def _decide(row: dict[str, Any], n_claims: int) -> None:
    """Sets the verdict of a row with p-values, and why there is none."""
    few, missing = row.pop("few_seeds"), row.pop("missing")
    word = verdicts.verdict(row["direction"], row["p_holm"])
    if few:
        word = verdicts.UNDECIDED
        row["reason"] = f"A verdict takes {verdicts.FEWEST_SEEDS} seeds; this run has {few}."
    elif missing and word != verdicts.CONTRADICTED:
        word, row["reason"] = missing.verdict, missing.reason
    elif word == verdicts.UNDECIDED and not row.get("reason") and row["p"] < verdicts.ALPHA:
        row["reason"] = f"Not significant after Holm's correction for {n_claims} claims."
    row["verdict"] = word


def _judge(claim: Claim, subject: Subject) -> dict[str, Any]:
    """A row of claims.csv; with a p-value but without a verdict where it must be corrected."""
    method, paper = subject.method, subject.evidence.paper
    row: dict[str, Any] = {"claim": claim.id, "model": subject.model, "method": method.id}
    row |= {"statement": claim.statement, "split": method.split}
    granularity, lacking = method.granularity, None
    if granularity not in claim.parts:
        (granularity,) = claim.parts
        lacking = f"{PAPERS_METHODS[granularity]} pruning"
    else:
        lacking = next((about for given, about in claim.needs if not given(method)), None)
    if lacking:
        reason = f"The claim is about {lacking}."
        return row | {"verdict": verdicts.NOT_APPLICABLE, "reason": reason}
    names = {role: subject.name(role) for role in ROLES} | {"found": "good"}
    row["judged"] = _judged(claim.parts[granularity], names)
    known = paper.get((claim.id, granularity), {})
    row["published_note"] = known.get("note", "")
    if row["judged"]:
        row["published_note"] = f"the paper's number is not of {row['judged']}"
    else:
        row["published"] = known.get("words", "")
    outcomes, missing = _test_parts(claim, subject)
    if not outcomes:
        return row | {"verdict": missing.verdict, "reason": missing.reason} if missing else row
    return row | _of_parts(claim, outcomes, missing, subject, names)


def _judged(parts: Sequence[Part], names: Mapping[str, str]) -> str:
    """The subnetworks that are read, where they are not those that the claim names."""
    roles = dict.fromkeys(role for part in parts for role in part.roles)
    return ", ".join(names[role] for role in roles if role != "found" and names[role] != role)


def _of_parts(
    claim: Claim,
    outcomes: list[Outcome],
    missing: UnmeasuredError | None,
    subject: Subject,
    names: Mapping[str, str],
) -> dict[str, Any]:
    """What the tested parts of a claim add to its row."""
    # A search's own threshold proves nothing, unless the scores fall below it nevertheless.
    failing = [
        each for each in outcomes if each.constructed and each.tested.against < verdicts.ALPHA
    ]
    counted = failing or [each for each in outcomes if not each.constructed]
    deciding = counted or outcomes
    supports, against, place = verdicts.together([each.tested for each in deciding])
    shown = deciding[place]
    direction = verdicts.SUPPORTS if all(one.tested.holds for one in deciding) else verdicts.AGAINST
    row = _numbers(claim, shown, subject, names, known=not _judged([shown.part], names))
    row |= {"direction": direction, "reason": shown.tested.reason}
    row["incomplete"] = _incomplete(outcomes, subject)
    row["p"] = supports if direction == verdicts.SUPPORTS else against
    row["details"] = ". ".join(_words(each, names) for each in outcomes) + "."
    if failing:
        return row | {"verdict": verdicts.CONTRADICTED, "reason": CONSTRUCTED + YET}
    if not counted and not missing:
        return row | {"verdict": verdicts.BY_CONSTRUCTION, "reason": CONSTRUCTED + ".", "p": None}
    if not counted and missing:
        return row | {"verdict": missing.verdict, "reason": missing.reason}
    n_seeds = shown.tested.estimate.n_seeds
    few = n_seeds if n_seeds < verdicts.FEWEST_SEEDS else 0
    return row | {"few_seeds": few, "missing": missing}


def constructed(method: MethodFacts) -> bool:
    """Whether the search itself makes a good subnetwork keep nine tenths where it is shown."""
    search = method.search
    return bool(search) and search["search_on"] == method.split and search["keep_score"] >= 0.9


def _test_parts(claim: Claim, subject: Subject) -> tuple[list[Outcome], UnmeasuredError | None]:
    """The parts of a claim that could be tested, and why the first other one could not."""
    outcomes, missing = [], None
    for part in claim.parts[subject.method.granularity]:
        try:
            cells = part.measure(subject)
        except UnmeasuredError as error:
            missing = missing or error
            continue
        tested = cells.tested(part.criterion)
        n_runs, n_collapsed, used = 0, 0, tested.estimate.n_tasks * tested.estimate.n_seeds
        if isinstance(cells, Runs):
            n_runs, n_collapsed = cells.n_runs, cells.n_collapsed
            used = n_runs or sum(map(len, cells.values.values()))
        elif isinstance(cells, Spreads):
            used = cells.n_runs
        built = part.constructed and constructed(subject.method)
        outcomes.append(Outcome(part, tested, n_runs, n_collapsed, used, built))
    return outcomes, missing


def _incomplete(outcomes: Sequence[Outcome], subject: Subject) -> str:
    """On how many of the runs asked for the part with the fewest rests; empty if on all."""
    asked = subject.evidence.asked_tasks.get(subject.method.id, 0) * subject.evidence.n_seeds
    used = min(each.used for each in outcomes)
    return f"rests on {used} of {asked} runs" if used < asked else ""


def _numbers(
    claim: Claim, shown: Outcome, subject: Subject, names: Mapping[str, str], *, known: bool
) -> dict[str, Any]:
    """The numbers of the part that decides."""
    part, estimate = shown.part, shown.tested.estimate
    share = exact_share(shown.n_collapsed, shown.n_runs) if shown.n_runs else (None, None)
    granularity = subject.method.granularity
    value = papers_value(claim, part, granularity, subject.evidence) if known else None
    return {
        "effect": part.finding(estimate.value, names),
        "quantity": part.quantity(names),
        "test": part.criterion.words,
        "estimate": estimate.value,
        "low": estimate.low,
        "high": estimate.high,
        "p_examples": _example_level(part, subject),
        "published_value": value,
        "n_tasks": estimate.n_tasks,
        "n_seeds": estimate.n_seeds,
        "n_runs": shown.n_runs,
        "n_collapsed": shown.n_collapsed,
        "collapsed_low": share[0],
        "collapsed_high": share[1],
    }


def papers_value(claim: Claim, part: Part, granularity: str, evidence: Evidence) -> float | None:
    """The paper's value of a part of a claim; None where the paper has none by this formula."""
    if part.published:
        return part.published(evidence.published, PAPERS_METHODS[granularity])
    text = evidence.paper.get((claim.id, granularity), {}).get("value", "")
    return float(text) if text else None


def _example_level(part: Part, subject: Subject) -> float | None:
    """P-value of the pooled permutation test of the same difference."""
    if not part.difference:
        return None
    rows = subject.differences(*part.difference)
    values: Iterable[float] = rows.loc[rows["task"] == AVERAGE, "p_examples"]
    return next(iter(values), None)


def _words(outcome: Outcome, names: Mapping[str, str]) -> str:
    """A part in a line."""
    part, tested = outcome.part, outcome.tested
    text = f"{part.quantity(names)}: {_interval(tested.estimate)}"
    if tested.note:
        text += f" ({tested.note})"
    if outcome.constructed:
        return f"{text}; {verdicts.BY_CONSTRUCTION}"
    if tested.reason:
        return f"{text}; not decidable"
    p = tested.supports if tested.holds else tested.against
    side = "for" if tested.holds else "against"
    return f"{text}; {part.criterion.words}: p {p:.2g} {side} it"


def _interval(estimate: Estimate) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"
