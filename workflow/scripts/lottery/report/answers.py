"""The answers of a study: a sentence per question and method, for the page and the terminal.

They rest on the rows A1 to A5 of claims.csv, which judge the paper's abstract, and on the averages
of summary.csv.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from lottery.config.sentences import listed
from lottery.pruning.subnetworks import base_name
from lottery.report.tables.axes import (
    equal_size_answer,
    size_answer,
    start_answer,
    transfer_answer,
)
from lottery.report.tables.claims import SHORT
from lottery.report.tables.connectivity import connectivity_answer
from lottery.report.tables.model import Record, Said, records
from lottery.report.tables.numbers import counted, interval, percent, rounded, signs
from lottery.report.tables.others import latency_answer
from lottery.results.layout import Layout, MethodRows
from lottery.results.summary import AVERAGE
from lottery.statistics.claims.verdicts import (
    AGAINST,
    BY_CONSTRUCTION,
    CONTRADICTED,
    FEWEST_SEEDS,
    NOT_APPLICABLE,
    NOT_RUN,
    SUPPORTED,
    SUPPORTS,
    UNDECIDED,
)
from lottery.statistics.runs import roles

if TYPE_CHECKING:
    import pandas as pd

MOST_LINES = 12  # on the terminal
ALIKE = 0.02  # sizes that differ by less are given once
MANY = 0.2  # a larger share of collapsed runs is part of the answer
# Where a claim has several parts, and not all of them were run.
IN_PART = "run in part"


@dataclass(frozen=True)
class Question:
    """A question that the paper's abstract answers.

    Attributes:
        claim: the row of claims.csv that answers it.
        words: the question.
        short: the same in a few words, for the terminal.
        supported: the answer where the claim holds; the other one where it does not.
        phase: whose average scores the answer names, if any.
        scored: of which subnetworks, by role.
        also: claims whose verdicts the answer names, with their numbers where it has none itself.
    """

    claim: str
    words: str
    short: str
    supported: str = "yes"
    phase: str = ""
    scored: tuple[str, ...] = ("good", "random", "bad", "full")
    also: tuple[str, ...] = ()

    def answer(self, row: Record) -> str:
        """The verdict of a row as an answer to the question."""
        other = {"yes": "no", "no": "yes"}[self.supported]
        if row["verdict"] == SUPPORTED:
            return f"{self.supported}, as in the paper"
        if row["verdict"] == CONTRADICTED:
            return f"{other}, unlike the paper"
        if row["verdict"] == BY_CONSTRUCTION:
            return f"{self.supported}, by construction"
        if row["verdict"].startswith(UNDECIDED):
            leaning = {SUPPORTS: "towards", AGAINST: "against"}.get(row["direction"])
            return f"{UNDECIDED}, leans {leaning} the paper" if leaning else UNDECIDED
        if row["verdict"] == NOT_RUN and row["estimate"] is not None:
            return IN_PART
        return str(row["verdict"])


QUESTIONS = (
    Question(
        "A1",
        "Are there winning tickets?",
        "winning tickets",
        phase="retrained",
        scored=("good", "full"),
    ),
    Question(
        "A2",
        "Does the rest do worse before retraining?",
        "rest worse, pruned",
        phase="pruned",
    ),
    Question(
        "A3",
        "Does even the worst subnetwork still train?",
        "worst still trains",
        phase="retrained",
        also=("C5", "C6", "C7"),
    ),
    Question(
        "A4",
        "Are the good subnetworks stable over seeds?",
        "stable over seeds",
        supported="no",
        also=("C10",),
    ),
    Question(
        "A5",
        "Do attention patterns explain what survives?",
        "explained by attention",
        supported="no",
    ),
)


@dataclass(frozen=True)
class Part:
    """What a question's answer says of one method on one model, or of several alike.

    Attributes:
        subject: the method, with the model where there are several.
        model, method: the same apart, with spaces between several.
        word: yes, no, undecided, not run, ...
        verdict: the verdict of claims.csv.
        text: numbers, or the reason that there are none; no full stop at the end.
    """

    subject: str
    model: str
    method: str
    word: str
    verdict: str
    text: str


@dataclass(frozen=True)
class Axis:
    """A question about an axis of the study, which no claim of the paper answers.

    Attributes:
        table: the name of the table that answers it.
        words, short: see `Question`.
        say: the answer, from that table and those of `also`; None where it has none.
        also: further tables, None where the study has them not.
    """

    table: str
    words: str
    short: str
    say: Callable[..., Said | None]
    also: tuple[str, ...] = ()


AXES = (
    Axis("size_curves", "How small may a subnetwork be?", "how small", size_answer),
    Axis("equal_sizes", "Does the method matter?", "method at one size", equal_size_answer),
    Axis("starts", "From which weights does it learn?", "other weights", start_answer),
    Axis("transfer", "Does it matter whose mask it is?", "masks of others", transfer_answer),
    Axis("connectivity", "Are two trainings connected?", "two trainings", connectivity_answer),
    Axis(
        "latency", "Is a subnetwork faster?", "computing time", latency_answer, ("score_over_size",)
    ),
)


@dataclass(frozen=True)
class Answer:
    """A question with its answer for each method that it is about."""

    question: Question | Axis
    parts: Sequence[Part]


def answers(
    claims: pd.DataFrame, summary: pd.DataFrame, layout: Layout, models: Collection[str]
) -> list[Answer]:
    """Answers the questions.

    Args:
        claims: claims.csv.
        summary: summary.csv.
        layout: of the study.
        models: those that the questions are about, pretrained ones.
    """
    rows = records(claims[claims["model"].isin(list(models))])
    by_subject = {(row["claim"], row["model"], row["method"]): row for row in rows}
    found = []
    for question in QUESTIONS:
        parts = [
            _part(question, row, by_subject, summary, layout, several=len(models) > 1)
            for row in rows
            if row["claim"] == question.claim and row["verdict"] != NOT_APPLICABLE
        ]
        found.append(Answer(question, _merged(parts)))
    return found


def axis_answers(frames: Mapping[str, pd.DataFrame]) -> list[Answer]:
    """One answer for each axis that the study has, all models and methods in one part.

    Args:
        frames: the tables of the axes by name, those that there are.
    """
    found = []
    for question in AXES:
        frame = frames.get(question.table)
        also = (frames.get(name) for name in question.also)
        said = None if frame is None or frame.empty else question.say(frame, *also)
        if frame is not None and said:
            names = ([*dict.fromkeys(said.about[key])] for key in ("model", "method"))
            models, methods = names
            part = Part(
                listed(methods), " ".join(models), " ".join(methods), said.word, "", said.text
            )
            found.append(Answer(question, [part]))
    return found


def _merged(parts: Sequence[Part]) -> list[Part]:
    """Parts that differ in nothing but their subject, as one."""
    alike: dict[tuple[str, str], list[Part]] = {}
    for part in parts:
        alike.setdefault((part.word, part.text), []).append(part)
    return [
        replace(
            same[0],
            subject=listed(part.subject for part in same),
            model=" ".join(dict.fromkeys(part.model for part in same)),
            method=" ".join(dict.fromkeys(part.method for part in same)),
        )
        for same in alike.values()
    ]


def _part(
    question: Question,
    row: Record,
    by_subject: Mapping[tuple[str, str, str], Record],
    summary: pd.DataFrame,
    layout: Layout,
    *,
    several: bool,
) -> Part:
    model, method = row["model"], row["method"]
    decided = row["verdict"] in (SUPPORTED, CONTRADICTED, BY_CONSTRUCTION)
    reason = row["reason"].rstrip(".")
    reason = "" if decided else reason[:1].lower() + reason[1:]
    texts = [reason, measured(row), _collapsed(row), row["incomplete"]]
    if question.phase and row["estimate"] is not None:
        texts.append(_averages(summary, layout, model, method, question))
    others = (by_subject.get((claim, model, method)) for claim in question.also)
    texts += [
        f"{SHORT[other['claim']]} ({other['claim']}): {other['verdict']}"
        + (f", {measured(other)}" if not row["effect"] and other["effect"] else "")
        + (f", {_collapsed(other)}" if _collapsed(other) else "")
        for other in others
        if other and other["verdict"] not in (NOT_APPLICABLE, NOT_RUN)
    ]
    return Part(
        subject=f"{method} on {model}" if several else method,
        model=model,
        method=method,
        word=question.answer(row),
        verdict=row["verdict"],
        text="; ".join(filter(None, texts)),
    )


def _collapsed(row: Record) -> str:
    """How many runs of a row of claims.csv collapsed; empty if few did."""
    n, runs = row["n_collapsed"] or 0, row["n_runs"] or 0
    return f"{n} of {counted(runs, 'run')} collapsed" if n > MANY * runs else ""


def measured(row: Record) -> str:
    """The effect of a row of claims.csv in words, with its interval; empty where there is none.

    The effect says on which side of 0 the estimate lies, and the interval has its sign.
    """
    effect = signs(row["effect"])
    return f"{effect} {interval(row['low'], row['high'])}".rstrip() if effect else ""


def _averages(
    summary: pd.DataFrame, layout: Layout, model: str, method: str, question: Question
) -> str:
    """Average scores of what is compared, with the share of the body that is kept.

    As `retrained: good 0.79 (62 % kept), random 0.77 (55 % kept), full 0.8`. Sizes that are alike
    are given once. Halves are named as such: they are what is compared where a method makes them.
    """
    rows = next(each for each in layout.methods if each.id == method)
    shown = summary[
        (summary["model"] == model)
        & (summary["split"] == rows.display_split)
        & (summary["task"] == AVERAGE)
    ]
    texts, phase, said = [], question.phase, math.nan
    for role, names in _compared(rows, question.scored).items():
        of_full = role == "full"
        own = shown[
            shown["subnetwork"].isin(names)
            & (shown["method"] == ("none" if of_full else method))
            & (shown["phase"] == ("finetuned" if of_full else phase))
        ].dropna(subset="mean")
        if len(own):
            share = own["kept_fraction"].dropna().mean()
            kept = ""
            if not of_full and not abs(share - said) < ALIKE and share == share:
                kept, said = f" ({percent(share)} kept)", share
            name = base_name(names[0]).replace("_", " ")
            texts.append(f"{name} {rounded(own['mean'].mean(), 2)}{kept}")
    return f"{phase}: {', '.join(texts)}" if texts else ""


def _compared(rows: MethodRows, scored: Sequence[str]) -> dict[str, tuple[str, ...]]:
    halves = any(base_name(name).endswith("_half") for name in rows.subnetworks)
    known = roles(rows.subnetworks, "strict" if halves else "published")
    return {role: known[role] for role in scored if role in known}


def notes(facts: Mapping[str, Any], missing: Sequence[str] = ()) -> list[str]:
    """What a reader must know of the study before its answers, a sentence each.

    Args:
        facts: the params of write_report (`lottery.planning.params.report_params`).
        missing: what a partial study lacks, in words first, then line by line.
    """
    trained = [task for task in facts["tasks"] if not task["evaluate_with"]]
    generated = [task["id"] for task in trained if task["generated"]]
    seeds, sentences = len(facts["seeds"]), []
    if missing:
        sentences.append(f"The study is not finished, its answers may change. {missing[0]}.")
    if len(generated) == len(trained):
        sentences.append(
            "The tasks are artificial (generated sentences): the answers illustrate the method and"
            " say nothing about real tasks."
        )
    elif generated:
        sentences.append(f"Artificial (generated) tasks among them: {listed(generated)}.")
    if seeds < FEWEST_SEEDS:
        sentences.append(
            f"{counted(seeds, 'seed')}: no verdict that rests on seeds is given below"
            f" {FEWEST_SEEDS}, only a direction."
        )
    return sentences


def grouped(answer: Answer) -> list[tuple[str, str, list[Part]]]:
    """The parts by answer, in their order: (word, verdict of the first, parts)."""
    by_word: dict[str, list[Part]] = {}
    for part in answer.parts:
        by_word.setdefault(part.word, []).append(part)
    return [(word, parts[0].verdict, parts) for word, parts in by_word.items()]


def terminal_lines(found: Sequence[Answer], said: Sequence[str]) -> list[str]:
    """The answers as at most `MOST_LINES` lines; `said`: what `notes` says.

    A method has a line of its own where there is room, else methods with the same answer share one.
    """
    lines = [" ".join(["Answers.", *said])]
    alone = sum(max(1, len(answer.parts)) for answer in found) < MOST_LINES
    for answer in found:
        name = answer.question.short
        if not answer.parts:
            own = ["not applicable"]
        elif alone:
            own = [f"{part.subject}: {part.word}; {part.text}" for part in answer.parts]
        else:
            own = [
                "; ".join(
                    f"{word}: {listed(part.subject for part in parts)}"
                    for word, _, parts in grouped(answer)
                )
            ]
        lines += [f"{name if not number else '':22}  {line}" for number, line in enumerate(own)]
    return lines
