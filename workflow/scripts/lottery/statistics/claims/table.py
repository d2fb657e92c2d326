"""THE table of the claims: tests, margins and thresholds, laid down before any run.

Scores are in their metrics' own units (0.01 = one point). What is read as good, random and bad of
a method stands in `lottery.statistics.roles`; `found` is the search's own result.

Why these margins: EQUAL, two points, is about the spread of a full model over seeds; ABOUT, five
points, is the least that separates the paper's own groups; CLOSE, ten points, is what the search
itself allows a subnetwork to lose of a score near 1. A loss of "about" so many points may be ABOUT
larger.
"""

from __future__ import annotations

from dataclasses import dataclass

from lottery.pruning.algorithms.declaration import UNITS, WEIGHTS

EQUAL = 0.02
ABOUT = 0.05
CLOSE = 0.10
KEEP_SCORE = 0.90

ABOVE, BELOW, EQUIVALENT, SOME_TASKS = "above", "below", "equivalent", "some tasks"

# What a claim may need of a method beyond its granularity.
THRESHOLD, SIZED, IMPORTANCE, HEADS = "threshold", "sized", "importance", "heads"


@dataclass(frozen=True)
class Part:
    """One test of a claim.

    Attributes:
        quantity: what is estimated: a function of `lottery.statistics.claims.quantities`.
        test: `above` or `below` the bound (the 95 % interval clears it); `equivalent` (the 90 %
            interval lies within +- the bound: two one-sided tests at 5 %); `some tasks`: first is
            above second on at least one task and on at least one other not so by the bound.
        bound: threshold or margin.
        options: of the quantity.
        words: what is measured, for readers.
    """

    quantity: str
    test: str
    bound: float
    words: str
    options: tuple[tuple[str, object], ...] = ()


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        id: C1 to C15.
        statement: in this project's words.
        short: the same in a few words, for a narrow table.
        parts: for each granularity that the claim speaks of, tests that must all hold.
        needs: what it needs of a method beyond its granularity: a search down to a `threshold`;
            masks `sized` by such a search, here or elsewhere; `importance` of units; `heads` among
            the units that it prunes.
        by_construction: whether a search on the data that it is reported on makes it true.
    """

    id: str
    statement: str
    short: str
    parts: dict[str, tuple[Part, ...]]
    by_construction: bool = False
    needs: tuple[str, ...] = ()


def difference(
    first: str, second: str, phase: str, test: str, bound: float, factor: float = 1.0
) -> Part:
    """A test of the mean difference of two systems: first - factor x second."""
    scaled = second if factor == 1 else f"{factor} x {second}"
    options = (("first", first), ("second", second), ("phase", phase), ("factor", factor))
    return Part("difference", test, bound, f"{first} - {scaled}, {phase}", options)


FOUND = difference("found", "full", "pruned", ABOVE, 0.0, factor=KEEP_SCORE)
KEPT_LESS = Part(
    "kept_difference", ABOVE, 0.0, "kept_fraction of good: structured - magnitude pruning"
)


def _against_baselines(test: str, words: str) -> Part:
    return Part("baseline_difference", test, ABOUT, words)


def _some_tasks(second: str) -> Part:
    options = (("first", "super_good"), ("second", second), ("phase", "retrained"))
    words = f"super_good - {second}, retrained, task by task"
    return Part("task_differences", SOME_TASKS, ABOUT, words, options)


CLAIMS = (
    Claim(
        "C1",
        "Without any retraining the subnetwork that the search finds scores at least nine tenths "
        "of the full model.",
        "found subnetworks keep 90 % of the score before retraining",
        {UNITS: (FOUND,), WEIGHTS: (FOUND,)},
        by_construction=True,
        needs=(SIZED,),
    ),
    Claim(
        "C2",
        "Retrained, the good subnetwork of magnitude pruning equals the full model.",
        "good retrained equals full",
        {WEIGHTS: (difference("full", "good", "retrained", EQUIVALENT, EQUAL),)},
    ),
    Claim(
        "C3",
        "Retrained, the good subnetwork of structured pruning comes close to the full model, but "
        "varies much more over seeds.",
        "good retrained comes close to full, with a larger spread",
        {
            UNITS: (
                difference("full", "good", "retrained", EQUIVALENT, CLOSE),
                Part(
                    "spread_ratio",
                    ABOVE,
                    1.0,
                    "standard deviation over seeds: good retrained / full",
                ),
            )
        },
    ),
    Claim(
        "C4",
        "At the same threshold magnitude pruning keeps fewer weights than structured pruning.",
        "magnitude pruning keeps less than structured",
        {UNITS: (KEPT_LESS,), WEIGHTS: (KEPT_LESS,)},
        needs=(THRESHOLD,),
    ),
    Claim(
        "C5",
        "Magnitude pruning, retrained: random subnetworks stay below good ones, and bad ones "
        "below random ones.",
        "random below good, bad below random",
        {
            WEIGHTS: (
                difference("good", "random", "retrained", ABOVE, 0.0),
                difference("random", "bad", "retrained", ABOVE, 0.0),
            )
        },
    ),
    Claim(
        "C6",
        "Structured pruning, retrained: random subnetworks do about as well as good ones.",
        "random about like good",
        {UNITS: (difference("good", "random", "retrained", EQUIVALENT, ABOUT),)},
    ),
    Claim(
        "C7",
        "Structured pruning, retrained: even bad subnetworks lose only about 15 points against the "
        "full model.",
        "bad loses only about 15 points",
        {UNITS: (difference("full", "bad", "retrained", BELOW, 0.15 + ABOUT),)},
    ),
    Claim(
        "C8",
        "Units that survive in all seeds are few, yet retrained they lose only about 10 points.",
        "survivors of all seeds are few and lose only about 10 points",
        {
            UNITS: (
                difference("full", "super_good", "retrained", BELOW, 0.10 + ABOUT),
                Part("super_size", BELOW, 0.5, "kept_fraction of super_good"),
            )
        },
    ),
    Claim(
        "C9",
        "As many units that never survive, or that survive in some seeds, do worse than those "
        "that survive in all, but on some tasks only.",
        "super controls do worse on some tasks only",
        {UNITS: (_some_tasks("super_random"), _some_tasks("super_bad"))},
    ),
    Claim(
        "C10",
        "Good subnetworks are unstable over seeds.",
        "good subnetworks are unstable over seeds",
        # Landis and Koch (1977) call agreement above 0.4 moderate.
        {UNITS: (Part("kappa", BELOW, 0.4, "Fleiss' kappa of the seeds' head masks"),)},
        needs=(HEADS,),
    ),
    Claim(
        "C11",
        "Most heads have low and similar importance; few stand out.",
        "most heads have low importance, few stand out",
        {
            UNITS: (
                Part(
                    "importance_share",
                    ABOVE,
                    0.5,
                    "share of heads whose importance, at the first "
                    "step, is below half of the largest",
                    (("above", 0.0), ("below", 0.5)),
                ),
                Part(
                    "importance_share",
                    BELOW,
                    0.1,
                    "share of heads above three quarters of the largest importance",
                    (("above", 0.75), ("below", 1.0)),
                ),
            )
        },
        needs=(IMPORTANCE, HEADS),
    ),
    Claim(
        "C12",
        "Heads that survive in all seeds are not especially those with heterogeneous attention.",
        "survival does not go with heterogeneous attention",
        {
            UNITS: (
                Part(
                    "pattern",
                    EQUIVALENT,
                    0.1,
                    "correlation of surviving in all seeds with "
                    "heterogeneous attention, over heads",
                    (("quantity", "association"), ("attention", "normed")),
                ),
            )
        },
        needs=(HEADS,),
    ),
    Claim(
        "C13",
        "Fine-tuning does not change the mix of attention patterns.",
        "fine-tuning does not change the mix of patterns",
        {
            UNITS: (
                Part(
                    "pattern",
                    EQUIVALENT,
                    0.05,
                    "share of heterogeneous maps, all heads: fine-tuned - pretrained",
                    (("quantity", "change"), ("attention", "raw")),
                ),
            )
        },
        needs=(HEADS,),
    ),
    Claim(
        "C14",
        "Some pairs of tasks share more surviving heads than others.",
        "some task pairs share more heads than others",
        {
            UNITS: (
                Part(
                    "overlap_spread",
                    ABOVE,
                    0.02,
                    "standard deviation between task pairs of the share of heads in common",
                ),
            )
        },
        needs=(HEADS,),
    ),
    Claim(
        "C15",
        "Retrained, bad subnetworks of structured pruning do about as well as a BiLSTM on GloVe or "
        "ELMo vectors; those of magnitude pruning do not.",
        "structured bad about like a BiLSTM, magnitude bad below",
        {
            UNITS: (_against_baselines(EQUIVALENT, "BiLSTM - bad, retrained"),),
            WEIGHTS: (_against_baselines(ABOVE, "BiLSTM - bad, retrained"),),
        },
    ),
)
