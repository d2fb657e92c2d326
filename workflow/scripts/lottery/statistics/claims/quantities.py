"""What the claims measure: each quantity of this run, and the paper's by the same formula.

The paper's numbers are over its eight tasks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean
from typing import TYPE_CHECKING, cast

import numpy as np

from lottery.pruning.algorithms.declaration import PAPERS_METHODS, UNITS, WEIGHTS
from lottery.results.published import Published, PublishedScore
from lottery.statistics.claims.cells import (
    Agreements,
    Association,
    Permuted,
    Runs,
    Spreads,
    Survivors,
    Worst,
)
from lottery.statistics.claims.evidence import Subject, UnmeasuredError
from lottery.statistics.claims.verdicts import NOT_RUN, UNDECIDED
from lottery.statistics.differences import AVERAGE
from lottery.statistics.intervals import Estimate
from lottery.statistics.runs import NAMES, by_task, difference
from lottery.tasks.task import GLUE

if TYPE_CHECKING:
    import pandas as pd

NO_RUNS = "No task that enters averages has these runs."
NO_MAPS = "No task has attention maps of enough tokens."
# Of agreement against chance, which is shown with kappa and decides nothing.
SIGNIFICANT = 0.05
# Task and reported metric of the paper's averages: GLUE without WNLI.
PAPERS_TASKS = {name: task.metric for name, task in GLUE.items() if task.in_average}


def score_difference(
    subject: Subject, first: str, second: str, phase: str, factor: float = 1.0
) -> Runs:
    """Mean over tasks and seeds of first - factor x second."""
    sides = subject.runs(first, phase), subject.runs(second, phase)
    runs = runs_of(difference(*sides, factor))
    rows = subject.differences(first, second, phase)
    known = dict(zip(rows["task"], rows["se_examples"], strict=True))
    scores = [mean_scores(subject, side) for side in sides]
    errors = {}
    for task in runs.values:
        a, b = (side[task] for side in scores)
        error = known.get(task)
        if error is None or math.isnan(error):
            error = largest_error(a, b)
        # first - f second = (first - second) + (1 - f) second.
        errors[task] = error + abs(1 - factor) * b.error
    return replace(runs, se_examples=errors)


def task_differences(subject: Subject, first: str, second: str, phase: str) -> Runs:
    """`score_difference`, of at least two tasks."""
    runs = score_difference(subject, first, second, phase)
    if len(runs.values) < 2:
        raise UnmeasuredError(NOT_RUN, "One task alone cannot tell some tasks from all.")
    return runs


def above_majority(subject: Subject) -> Runs:
    """Bad subnetworks, retrained - majority."""
    majority = subject.scores[subject.scores["subnetwork"] == "majority"]
    levels = dict(zip(majority["task"], majority["counted"], strict=True))
    return _above_level(subject, levels, "No score of the majority baseline is there.", sign=1)


def above_untrained(subject: Subject) -> Runs:
    """Bad subnetworks, retrained - random subnetworks of an untrained model, trained likewise."""
    bad = subject.runs("bad", "retrained")
    others = [each for each in subject.evidence.methods.values() if each.id != subject.method.id]
    for method in (subject.method, *others):
        model = method.untrained.get(subject.model)
        if model is None:
            continue
        draws = Subject(model, method, subject.evidence).draws("random")
        control = subject.by_seed(method, "retrained", draws, model)
        found = difference(bad, control)
        if len(found):
            runs, sides = (
                runs_of(found, all_runs=True),
                [mean_scores(subject, side) for side in (bad, control)],
            )
            errors = {task: largest_error(*(side[task] for side in sides)) for task in runs.values}
            return replace(runs, se_examples=errors)
    raise UnmeasuredError(NOT_RUN, "The untrained control was not run.")


def baseline_difference(subject: Subject) -> Runs:
    """BiLSTM - bad subnetworks, retrained; the BiLSTM's scores are taken as they are given."""
    baselines = subject.evidence.baselines
    bilstm = baselines[baselines["name"].str.lower().str.contains("bilstm")]
    levels = {task: fmean(scores) for task, scores in bilstm.groupby("task")["score"]}
    return _above_level(subject, levels, "No scores of a BiLSTM were given.", sign=-1)


def _above_level(subject: Subject, levels: Mapping[str, float], missing: str, sign: int) -> Runs:
    """Bad subnetworks, retrained, minus a number per task that no run gives; or the reverse."""
    bad = subject.runs("bad", "retrained")
    level = bad.index.get_level_values("task").map(levels)
    found = bad.assign(value=sign * (bad["value"] - level))
    found = found[found.index.isin(levels, level="task")]
    if not len(found):
        raise UnmeasuredError(NOT_RUN, missing)
    runs = runs_of(found, all_runs=sign > 0)
    scored = {task: each for task, each in mean_scores(subject, bad).items() if task in runs.values}
    errors = {
        # A system given from outside has examples of its own: they are held fixed.
        task: each.error if sign < 0 else largest_error(each, replace(each, value=levels[task]))
        for task, each in scored.items()
    }
    return replace(runs, se_examples=errors)


@dataclass(frozen=True)
class Score:
    """A mean score of one task and how far the choice of examples can move it.

    Attributes:
        value: mean over seeds.
        n: examples.
        counts: whether it is a share of examples, as accuracy is.
    """

    value: float
    n: int
    counts: bool

    @property
    def error(self) -> float:
        """Standard error over examples: of a share the binomial, of others at most 1 / sqrt(n)."""
        spread = self.value * (1 - self.value) if self.counts else 1.0
        return math.sqrt(max(spread, 0.0) / self.n)


def mean_scores(subject: Subject, runs: pd.DataFrame) -> dict[str, Score]:
    """The mean score of each task, from `lottery.statistics.runs.by_seed`."""
    metrics = subject.evidence.layout.metrics
    means = runs["value"].groupby(level="task").mean()
    return {
        str(task): Score(
            float(mean), int(subject.sizes[str(task)]), counts=metrics[str(task)] == "accuracy"
        )
        for task, mean in means.items()
    }


def largest_error(first: Score, second: Score) -> float:
    """The largest standard error that a difference can have over the examples that both share.

    Of two shares of right answers a and b as many examples as possible are right in one system
    alone: min(a, 1 - b) + min(1 - a, b). Of other metrics twice the variance of one.
    """
    a, b = first.value, second.value
    if not first.counts:
        return math.sqrt(2 / first.n)
    apart = min(a, 1 - b) + min(1 - a, b) - (a - b) ** 2
    return math.sqrt(max(apart, 0.0) / first.n)


def runs_of(found: pd.DataFrame, *, all_runs: bool = False) -> Runs:
    """The runs of a difference that did not collapse; a task needs two of them, if it has two.

    Args:
        found: of `lottery.statistics.runs.difference`.
        all_runs: whether collapsed runs count, where the question is if anything is learnt at all.
    """
    every = by_task(found)
    if not every:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    sound = by_task(found, degenerate=False)
    n_runs = sum(map(len, every.values()))
    n_collapsed = n_runs - sum(map(len, sound.values()))
    needed = min(2, *map(len, every.values()))
    left = {task: each for task, each in sound.items() if len(each) >= needed}
    values = every if all_runs else left
    if not values:
        raise UnmeasuredError(UNDECIDED, "Too many of the runs that it rests on collapsed.")
    note = f"median of all runs {np.median(np.concatenate([*every.values()])):.3f}"
    if all_runs and n_collapsed:
        note += "; collapsed runs count here"
    fewest = min(map(len, every.values()))
    return Runs(values, n_runs=n_runs, n_collapsed=n_collapsed, n_seeds=fewest, note=note)


def spreads(subject: Subject) -> Spreads:
    """Spread over seeds of good subnetworks, retrained / that of the full model."""
    sides = [subject.runs(role, "retrained") for role in ("good", "full")]
    good, full = (by_task(side, degenerate=False) for side in sides)
    shared = {task: (good[task], full[task]) for task in good if task in full}
    if not shared:
        raise UnmeasuredError(NOT_RUN, NO_RUNS)
    pairs = {task: pair for task, pair in shared.items() if all(np.ptp(side) > 0 for side in pair)}
    if not pairs:
        raise UnmeasuredError(UNDECIDED, "No task has a spread of scores on both sides.")
    counts = [len(each) for each in by_task(difference(*sides)).values()]
    return Spreads(pairs, min(counts), sum(counts))


def size_difference(subject: Subject) -> Runs:
    """kept_fraction of good: structured - magnitude, under the same threshold and search data."""
    method = subject.method
    partner = next(
        (
            each
            for each in subject.evidence.methods.values()
            if each.granularity != method.granularity
            and each.search
            and dict(each.search) == dict(method.search)
            and subject.model in each.models
        ),
        None,
    )
    if partner is None:
        raise UnmeasuredError(NOT_RUN, "No method of the other granularity has the same threshold.")
    subject.draws("found")
    sizes = {}
    for each in (method, partner):
        runs = subject.by_seed(each, "pruned", ("good",))
        sizes[each.granularity] = runs.assign(value=runs["kept_fraction"])
    values = by_task(difference(sizes[UNITS], sizes[WEIGHTS]))
    if not values:
        raise UnmeasuredError(NOT_RUN, f"{partner.id} has no good subnetworks to compare with.")
    return Runs(values, ends=(-1.0, 1.0), n_seeds=min(map(len, values.values())))


def survivors(subject: Subject) -> Survivors:
    """What survives in all seeds, between chance and the size of a good mask."""
    rows = subject.rows("survivors", unit="body", statistic="super_kept_fraction")
    sizes = subject.runs("found", "pruned")["kept_fraction"].groupby(level="task").mean()
    rows = rows.assign(kept=rows["task"].map(sizes))
    rows = rows[(rows["kept"] > rows["expected"]) & (rows["expected_sd"] > 0)]
    rows = rows[rows["task"].isin(subject.evidence.tasks)]
    if rows.empty:
        raise UnmeasuredError(NOT_RUN, "No task has survivors to compare with chance.")
    survive, kept, expected, sd = (
        rows[name].to_numpy() for name in ("value", "kept", "expected", "expected_sd")
    )
    note = f"{rows['value'].mean():.3f} of the body, {rows['expected'].mean():.3f} by chance"
    return Survivors(survive, kept, expected, sd, int(rows["n_seeds"].min()), note)


def kappas(subject: Subject) -> Agreements:
    """Agreement of the seeds' head masks; under strict of the good halves."""
    name = NAMES[subject.method.controls]["good"]
    where = {"unit": "heads", "subnetwork": name}
    pairs = subject.rows("stability_pairs", **where)
    whole = subject.rows("stability", **where, statistic="fleiss_kappa", other_task="")
    whole = whole.dropna(subset="value").set_index("task")
    shared = {
        str(task): _shared(of_task)
        for task, of_task in pairs.groupby("task", sort=False)
        if task in whole.index
    }
    if not shared:
        raise UnmeasuredError(NOT_RUN, "No task has a kappa of head masks.")
    chance = whole["p"].loc[[*shared]]
    above = int((chance < SIGNIFICANT).sum())
    note = f"above chance on {above} of {len(shared)} tasks (p < {SIGNIFICANT:g}, permutation)"
    return Agreements(shared, int(whole["n_units"].iloc[0]), note)


def _shared(pairs: pd.DataFrame) -> np.ndarray:
    """How many units each two masks of a task share, from a row per pair: [seeds, seeds]."""
    place = {
        seed: n for n, seed in enumerate(dict.fromkeys([*pairs["seed"], *pairs["other_seed"]]))
    }
    shared = np.zeros((len(place), len(place)))
    for pair in pairs.itertuples():
        a, b = place[pair.seed], place[pair.other_seed]
        shared[a, b] = shared[b, a] = pair.shared
        shared[a, a], shared[b, b] = pair.kept, pair.other_kept
    return shared


def search_noise(subject: Subject, unit: str) -> Permuted:
    """Agreement of searches of one model on other examples - agreement of other seeds as well."""
    rows = subject.rows("search_noise", unit=unit, disjoint=True)
    rows = rows.dropna(subset="difference")
    if rows.empty:
        raise UnmeasuredError(NOT_RUN, "No search of the same models on other examples was run.")
    row = rows[rows["other_method"] == rows["other_method"].iloc[0]]
    row = row[row["task"] == AVERAGE].iloc[0]
    note = (
        f"same model, other examples {row['same_model']:.3f}; other model {row['other_model']:.3f}"
    )
    seeds = subject.rows(
        "seed_agreement",
        unit=unit,
        subnetwork="good",
        statistic="fleiss_kappa",
        task=AVERAGE,
    ).iloc[0]
    words = "above" if seeds["p"] < SIGNIFICANT else "not above"
    note += f"; kappa over seeds {seeds['value']:.3f}, {words} chance (p {seeds['p']:.2g})"
    estimate = Estimate(row["difference"], n_tasks=row["n_tasks"], n_seeds=row["n_seeds"])
    return Permuted(estimate, row["p"], row["smallest_p"], row["p_below"], note=note)


def heads_that_stand_out(subject: Subject) -> Permuted:
    """Importance of the top tenth of heads / the median head, on seeds that did not choose them."""
    row = subject.rows("importance_test", unit="heads", task=AVERAGE).iloc[0]
    _require(row, "ratio", "It takes two seeds to choose heads on the others.")
    low, high = (None if _is_missing(row[name]) else row[name] for name in ("low", "high"))
    counts = {"n_tasks": row["n_tasks"], "n_seeds": row["n_seeds"]}
    estimate = Estimate(row["ratio"], low, high, **counts)
    note = f"expected {row['expected']:.3f} of heads that are all alike"
    return Permuted(
        estimate, row["p"], row["smallest_p"], log_df=float(row["n_seeds"] - 1), note=note
    )


def overlap_spread(subject: Subject) -> Permuted:
    """How much pairs of tasks differ in the share of heads that they have in common."""
    row = subject.rows("task_pairs", unit="heads").iloc[0]
    _require(row, "sd", "It takes four tasks and two seeds to compare pairs of tasks.")
    estimate = Estimate(row["sd"], n_tasks=row["n_tasks"], n_seeds=row["n_seeds"])
    note = f"expected {row['expected']:.3f} if no task prefers other heads"
    return Permuted(estimate, row["p"], row["smallest_p"], note=note)


def _require(row: pd.Series, name: str, reason: str) -> None:
    """Raises UnmeasuredError where a table of tests has no number, or no p-value, in a row."""
    if _is_missing(row[name]) or _is_missing(row["p"]):
        raise UnmeasuredError(NOT_RUN, reason)


def _is_missing(value: object) -> bool:
    import pandas as pd

    return bool(pd.isna(value))  # an empty cell is NaN or NA, as its column has it


def association(subject: Subject, quantity: str, attention: str, scores: Sequence[str]) -> Worst:
    """Correlation over heads of surviving in all seeds with scores of their attention."""
    where = {"weights": "fine_tuned", "attention": attention, "task": AVERAGE, "seed": ""}
    rows = subject.rows("patterns", quantity=quantity, **where).dropna(subset=["value", "se"])
    rows = rows[rows["score"].isin(scores)]
    if rows.empty:
        raise UnmeasuredError(NOT_RUN, NO_MAPS)
    return Worst(
        {
            row.score: Association(row.value, row.se, row.n_tasks, row.n_seeds)
            for row in rows.itertuples()
        }
    )


def mix_changes(subject: Subject, attention: str) -> Worst:
    """Share of each class of attention maps: fine-tuned - pretrained."""
    rows = subject.rows("patterns", quantity="mix_change", attention=attention)
    rows = rows.dropna(subset="value")
    if rows.empty:
        raise UnmeasuredError(NOT_RUN, NO_MAPS)
    return Worst(
        {
            str(name): Runs(
                {
                    str(task): values.to_numpy()
                    for task, values in of_class.groupby("task", sort=False)["value"]
                },
                ends=(-1.0, 1.0),
            )
            for name, of_class in rows.groupby("score", sort=False)
        }
    )


def papers_difference(
    published: Published, method: str, first: str, second: str, phase: str, factor: float = 1.0
) -> float:
    """The paper's `score_difference`."""
    sides = (_papers_scores(published, method, role, phase) for role in (first, second))
    return fmean([a.mean - factor * b.mean for a, b in zip(*sides, strict=True)])


def papers_spreads(published: Published, method: str) -> float:
    """The paper's `spreads`: the geometric mean of the tasks' ratios."""
    good, full = (_papers_scores(published, method, role) for role in ("good", "full"))
    return math.exp(
        fmean(
            math.log(cast(float, a.sd) / cast(float, b.sd)) for a, b in zip(good, full, strict=True)
        )
    )


def papers_size_difference(published: Published, _method: str) -> float:
    """The paper's `size_difference`."""
    sizes = [
        fmean(
            cast(float, published.kept_fraction(PAPERS_METHODS[each], "good", task))
            for task in PAPERS_TASKS
        )
        for each in (UNITS, WEIGHTS)
    ]
    return sizes[0] - sizes[1]


def _papers_scores(
    published: Published, method: str, role: str, phase: str = "retrained"
) -> list[PublishedScore]:
    """The published scores of a role on the paper's tasks."""
    row = (method, {"found": "good"}.get(role, role), phase)
    if role == "full":
        row = ("none", "full", "finetuned")
    scores = [
        published.score(*row, task, "validation", metric) for task, metric in PAPERS_TASKS.items()
    ]
    return cast(list[PublishedScore], scores)
