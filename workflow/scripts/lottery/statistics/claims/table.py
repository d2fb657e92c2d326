"""The table of the claims: tests, margins and thresholds, set before any run.

Scores are in their metrics' own units (0.01 = one point). What is read as good, random and bad of
a method is in `lottery.statistics.runs`; `found` is the search's own result.

Why these margins: EQUAL, two points, is about the spread of a full model over seeds; ABOUT, five
points, is the least that separates the paper's own groups; CLOSE, ten points, is what the search
itself allows a subnetwork to lose of a score near 1. A loss of "about" so many points may be ABOUT
larger.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from lottery.pruning.algorithms.declaration import UNITS, WEIGHTS
from lottery.results.published import Published
from lottery.statistics.claims import quantities
from lottery.statistics.claims.evidence import MethodFacts, Subject
from lottery.statistics.claims.quantities import Measured
from lottery.statistics.claims.verdicts import ABOVE, BELOW, EQUIVALENT, SOME_TASKS

EQUAL = 0.02
ABOUT = 0.05
CLOSE = 0.10
KEEP_SCORE = 0.90


@dataclass(frozen=True)
class Part:
    """One test of a claim.

    Attributes:
        words: what is measured, for readers.
        test, bound: see `lottery.statistics.claims.verdicts`.
        measure: the quantity of this run.
        published: the paper's, of its method; None where resources/paper/claims.csv has it.
        difference: first, second and phase of the difference that is tested, if it is one.
    """

    words: str
    test: str
    bound: float
    measure: Callable[[Subject], Measured]
    published: Callable[[Published, str], float] | None = None
    difference: tuple[str, str, str] | None = None


# Whether a method has what a claim needs beyond its granularity, and what the claim is about.
Need = tuple[Callable[[MethodFacts], bool], str]
_NO_SEARCH = "searches down to a threshold, and this method makes none"
THRESHOLD: Need = (lambda method: bool(method.search), _NO_SEARCH)
SIZED: Need = (lambda method: bool(method.search) or method.imported, _NO_SEARCH)
IMPORTANCE: Need = (
    lambda method: method.importance,
    "importances of units, and this method records none",
)
HEADS: Need = (
    lambda method: "head" in method.units,
    "attention heads, and this method prunes none",
)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        id: C1 to C15.
        statement: in this project's words.
        short: the same in a few words, for a narrow table.
        units, weights: tests that must all hold, for methods that prune units, or weights; none
            where the claim does not speak of them.
        by_construction: whether a search on the data that it is reported on makes it true.
    """

    id: str
    statement: str
    short: str
    units: tuple[Part, ...] = ()
    weights: tuple[Part, ...] = ()
    by_construction: bool = False
    needs: tuple[Need, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Part, ...]]:
        """The tests of each granularity that the claim speaks of."""
        both = {UNITS: self.units, WEIGHTS: self.weights}
        return {granularity: parts for granularity, parts in both.items() if parts}


def difference(
    first: str, second: str, phase: str, test: str, bound: float, factor: float = 1.0
) -> Part:
    """A test of the mean difference of two systems: first - factor x second."""
    given: dict[str, Any] = {"first": first, "second": second, "phase": phase}
    words = f"{first} - {second if factor == 1 else f'{factor} x {second}'}, {phase}"
    if test == SOME_TASKS:
        words, measure = f"{words}, task by task", partial(quantities.task_differences, **given)
    else:
        measure = partial(quantities.score_difference, factor=factor, **given)
    published = partial(quantities.papers_difference, factor=factor, **given)
    tested = (first, second, phase) if factor == 1 else None
    return Part(words, test, bound, measure, published, tested)


def _super_control(name: str) -> Part:
    return difference("super_good", name, "retrained", SOME_TASKS, ABOUT)


def _against_baselines(test: str) -> Part:
    return Part("BiLSTM - bad, retrained", test, ABOUT, quantities.baseline_difference)


FOUND = difference("found", "full", "pruned", ABOVE, 0.0, factor=KEEP_SCORE)
KEPT_LESS = Part(
    "kept_fraction of good: structured - magnitude pruning",
    ABOVE,
    0.0,
    quantities.size_difference,
    quantities.papers_size_difference,
)


CLAIMS = (
    Claim(
        "C1",
        "Without any retraining the subnetwork that the search finds scores at least nine tenths "
        "of the full model.",
        "found subnetworks keep 90 % of the score before retraining",
        units=(FOUND,),
        weights=(FOUND,),
        by_construction=True,
        needs=(SIZED,),
    ),
    Claim(
        "C2",
        "Retrained, the good subnetwork of magnitude pruning equals the full model.",
        "good retrained equals full",
        weights=(difference("full", "good", "retrained", EQUIVALENT, EQUAL),),
    ),
    Claim(
        "C3",
        "Retrained, the good subnetwork of structured pruning comes close to the full model, but "
        "varies much more over seeds.",
        "good retrained comes close to full, with a larger spread",
        units=(
            difference("full", "good", "retrained", EQUIVALENT, CLOSE),
            Part(
                "standard deviation over seeds: good retrained / full",
                ABOVE,
                1.0,
                quantities.good_spread,
                quantities.papers_good_spread,
            ),
        ),
    ),
    Claim(
        "C4",
        "At the same threshold magnitude pruning keeps fewer weights than structured pruning.",
        "magnitude pruning keeps less than structured",
        units=(KEPT_LESS,),
        weights=(KEPT_LESS,),
        needs=(THRESHOLD,),
    ),
    Claim(
        "C5",
        "Magnitude pruning, retrained: random subnetworks stay below good ones, and bad ones "
        "below random ones.",
        "random below good, bad below random",
        weights=(
            difference("good", "random", "retrained", ABOVE, 0.0),
            difference("random", "bad", "retrained", ABOVE, 0.0),
        ),
    ),
    Claim(
        "C6",
        "Structured pruning, retrained: random subnetworks do about as well as good ones.",
        "random about like good",
        units=(difference("good", "random", "retrained", EQUIVALENT, ABOUT),),
    ),
    Claim(
        "C7",
        "Structured pruning, retrained: even bad subnetworks lose only about 15 points against the "
        "full model.",
        "bad loses only about 15 points",
        units=(difference("full", "bad", "retrained", BELOW, 0.15 + ABOUT),),
    ),
    Claim(
        "C8",
        "Units that survive in all seeds are few, yet retrained they lose only about 10 points.",
        "survivors of all seeds are few and lose only about 10 points",
        units=(
            difference("full", "super_good", "retrained", BELOW, 0.10 + ABOUT),
            Part(
                "kept_fraction of super_good",
                BELOW,
                0.5,
                quantities.super_size,
                quantities.papers_size,
            ),
        ),
    ),
    Claim(
        "C9",
        "As many units that never survive, or that survive in some seeds, do worse than those "
        "that survive in all, but on some tasks only.",
        "super controls do worse on some tasks only",
        units=(_super_control("super_random"), _super_control("super_bad")),
    ),
    Claim(
        "C10",
        "Good subnetworks are unstable over seeds.",
        "good subnetworks are unstable over seeds",
        # Landis and Koch (1977) call agreement above 0.4 moderate.
        units=(Part("Fleiss' kappa of the seeds' head masks", BELOW, 0.4, quantities.kappa),),
        needs=(HEADS,),
    ),
    Claim(
        "C11",
        "Most heads have low and similar importance; few stand out.",
        "most heads have low importance, few stand out",
        units=(
            Part(
                "share of heads whose importance, at the first step, is below half of the largest",
                ABOVE,
                0.5,
                partial(quantities.importance_share, above=0.0, below=0.5),
            ),
            Part(
                "share of heads above three quarters of the largest importance",
                BELOW,
                0.1,
                partial(quantities.importance_share, above=0.75, below=1.0),
            ),
        ),
        needs=(IMPORTANCE, HEADS),
    ),
    Claim(
        "C12",
        "Heads that survive in all seeds are not especially those with heterogeneous attention.",
        "survival does not go with heterogeneous attention",
        units=(
            Part(
                "correlation of surviving in all seeds with heterogeneous attention, over heads",
                EQUIVALENT,
                0.1,
                partial(quantities.pattern, quantity="association", attention="normed"),
            ),
        ),
        needs=(HEADS,),
    ),
    Claim(
        "C13",
        "Fine-tuning does not change the mix of attention patterns.",
        "fine-tuning does not change the mix of patterns",
        units=(
            Part(
                "share of heterogeneous maps, all heads: fine-tuned - pretrained",
                EQUIVALENT,
                0.05,
                partial(quantities.pattern, quantity="mix_change", attention="raw"),
            ),
        ),
        needs=(HEADS,),
    ),
    Claim(
        "C14",
        "Some pairs of tasks share more surviving heads than others.",
        "some task pairs share more heads than others",
        units=(
            Part(
                "standard deviation between task pairs of the share of heads in common",
                ABOVE,
                0.02,
                quantities.overlap_spread,
            ),
        ),
        needs=(HEADS,),
    ),
    Claim(
        "C15",
        "Retrained, bad subnetworks of structured pruning do about as well as a BiLSTM on GloVe or "
        "ELMo vectors; those of magnitude pruning do not.",
        "structured bad about like a BiLSTM, magnitude bad below",
        units=(_against_baselines(EQUIVALENT),),
        weights=(_against_baselines(ABOVE),),
    ),
)
