"""The table of the claims: tests, margins and thresholds, set before any run.

The five statements of the paper's abstract come first, then the claims in its text. What each null
hypothesis is, and why the margins are what they are, is in docs/claims.md as well.

Scores are in their metrics' own units (0.01 = one point). What is read as good, random and bad of
a method is in `lottery.statistics.runs`; `found` is the search's own result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from lottery.pruning.algorithms.declaration import UNITS, WEIGHTS
from lottery.results.published import Published
from lottery.statistics.claims import quantities, simulation
from lottery.statistics.claims.cells import Cells
from lottery.statistics.claims.evidence import MethodFacts, Subject
from lottery.statistics.claims.simulation import Truth
from lottery.statistics.claims.verdicts import (
    ABOVE,
    BELOW,
    EQUIVALENT,
    KEEP_SCORE,
    PERMUTATION,
    SIGN_FLIP,
    SOME_TASKS,
    Criterion,
)

# About the spread of a full model over seeds.
EQUAL = 0.02
# The least that separates the paper's own groups; also what "about so many points" may be more.
ABOUT = 0.05
# What the search itself allows a subnetwork to lose of a score near 1.
CLOSE = 0.10
# Landis and Koch (1977) call agreement above 0.4 moderate.
MODERATE = 0.4
# Half way between chance and masks that are all the same.
FEW = 0.5
# A correlation below 0.2 explains less than 4 % of the variance; Cohen (1988) calls 0.1 small.
EXPLAINS, SMALL = 0.2, 0.1
# Twice the median. Heads that are all alike and differ a little, but the same way in every seed,
# have a small p, and a ratio near 1.
STANDS_OUT = 2.0
SCORES = (
    "heterogeneous",
    "diagonal",
    "previous",
    "next",
    "special",
    "vertical",
    "block",
    "entropy",
)


@dataclass(frozen=True)
class Part:
    """One test of a claim.

    Attributes:
        words: what is measured, for readers; roles in braces, as "{good} - {random}, pruned".
        criterion: what must hold of it.
        measure: the quantity of this run.
        null: what the test must not reject too often, in words.
        boundary: where the null is hardest to keep, and how cells are simulated there; none where
            the test is another analysis' permutation test.
        effect: the same of an effect that the test should find.
        say: the finding in words, with `value`, `size`, `side` ("above" or "below") or `more`
            ("more" or "less") in braces.
        published: the paper's number, of its method, where its tables have it.
        difference: first, second and phase of the difference that is tested, if it is one.
        roles: the roles whose subnetworks are read.
        constructed: whether a search on the data that it is reported on makes it true.
    """

    words: str
    criterion: Criterion
    measure: Callable[[Subject], Cells]
    null: str
    say: str
    boundary: Truth | None = None
    effect: Truth | None = None
    published: Callable[[Published, str], float] | None = None
    difference: tuple[str, str, str] | None = None
    roles: tuple[str, ...] = ()
    constructed: bool = False

    def quantity(self, names: Mapping[str, str]) -> str:
        """What is measured, of the subnetworks that are read.

        Args:
            names: role -> what is read as it.
        """
        return self.words.format(**names)

    def finding(self, value: float, names: Mapping[str, str]) -> str:
        """The finding in a short phrase."""
        words = (
            {"side": "above", "more": "more"} if value > 0 else {"side": "below", "more": "less"}
        )
        return self.say.format(**names, **words, value=value, size=abs(value))


# Whether a method has what a claim needs beyond its granularity, and what the claim is about.
Need = tuple[Callable[[MethodFacts], bool], str]
_NO_SEARCH = "searches down to a threshold, and this method makes none"
THRESHOLD: Need = (lambda method: bool(method.search), _NO_SEARCH)
SIZED: Need = (lambda method: bool(method.search) or method.imported, _NO_SEARCH)
IMPORTANCE: Need = (
    lambda method: method.importance,
    "importances of units, and this method records none",
)
ONE_SHOT: Need = (
    lambda method: not method.trains,
    "pruning in one shot, and this method trains between its rounds",
)
HEADS: Need = (
    lambda method: "head" in method.units,
    "attention heads, and this method prunes none",
)
BOTH: Need = (
    lambda method: {"head", "mlp"} <= {*method.units},
    "heads and MLPs, and this method does not prune both",
)


@dataclass(frozen=True)
class Claim:
    """A claim of the paper.

    Attributes:
        id: A1 to A5 (the abstract), C1 to C15.
        statement: in this project's words.
        short: the same in a few words, for a narrow table.
        units, weights: tests that must all hold, for methods that prune units, or weights; none
            where the claim does not speak of them.
    """

    id: str
    statement: str
    short: str
    units: tuple[Part, ...] = ()
    weights: tuple[Part, ...] = ()
    needs: tuple[Need, ...] = ()

    @property
    def parts(self) -> dict[str, tuple[Part, ...]]:
        """The tests of each granularity that the claim speaks of."""
        both = {UNITS: self.units, WEIGHTS: self.weights}
        return {granularity: parts for granularity, parts in both.items() if parts}


def difference(
    first: str,
    second: str,
    phase: str,
    kind: str,
    bound: float,
    factor: float = 1.0,
    *,
    constructed: bool = False,
) -> Part:
    """A test of the mean difference of two systems: first - factor x second."""
    given: dict[str, Any] = {"first": first, "second": second, "phase": phase}
    scaled = f"{{{second}}}" if factor == 1 else f"{factor:g} x {{{second}}}"
    words, effect = f"{{{first}}} - {scaled}, {phase}", bound - 0.05 if kind == BELOW else 0.05
    measure = partial(quantities.score_difference, factor=factor, **given)
    null = f"the true mean difference is {bound:g}"
    boundary: Truth = partial(simulation.runs, truth=bound)
    found: Truth = partial(simulation.runs, truth=effect if kind == BELOW else bound + effect)
    if kind == SOME_TASKS:
        words, measure = f"{words}, task by task", partial(quantities.task_differences, **given)
        null = f"the first is above the second by {bound:g} on every task"
        found = partial(simulation.runs_on_some_tasks, truth=0.15)
    return Part(
        words=words,
        criterion=Criterion(kind, bound),
        measure=measure,
        null=null,
        say=f"{{{first}}} is {{size:.3f}} {{side}} {scaled}, {phase}",
        boundary=boundary,
        effect=found,
        published=partial(quantities.papers_difference, factor=factor, **given),
        difference=(first, second, phase) if factor == 1 else None,
        roles=(first, second),
        constructed=constructed,
    )


def _bad_above(of: str, measure: Callable[[Subject], Cells]) -> Part:
    return Part(
        words=f"{{bad}} - {of}, retrained",
        criterion=Criterion(ABOVE, 0.0),
        measure=measure,
        null="the true mean difference is 0",
        say=f"{{bad}} retrained is {{size:.3f}} {{side}} {of}",
        boundary=partial(simulation.runs, truth=0.0),
        effect=partial(simulation.runs, truth=0.05),
        roles=("bad",),
    )


def _against_baselines(kind: str) -> Part:
    return Part(
        words="BiLSTM - {bad}, retrained",
        criterion=Criterion(kind, ABOUT),
        measure=quantities.baseline_difference,
        null=f"the true mean difference is {ABOUT:g}",
        say="the BiLSTM is {size:.3f} {side} {bad}, retrained",
        boundary=partial(simulation.runs, truth=ABOUT),
        effect=partial(simulation.runs, truth=0.0 if kind == BELOW else 2 * ABOUT),
        roles=("bad",),
    )


def _search_noise(unit: str, plural: str) -> Part:
    return Part(
        words=f"agreement (phi) of masks of {plural}: same model, other examples - other model",
        criterion=Criterion(PERMUTATION, 0.0),
        measure=partial(quantities.search_noise, unit=unit),
        null="two searches of one model agree no more than searches of two models",
        say="searches of one model on other examples agree {size:.3f} {more} than those of other "
        f"models ({plural})",
    )


def _association(quantity: str, margin: float, scores: tuple[str, ...], words: str) -> Part:
    measure = partial(quantities.association, quantity=quantity, attention="normed", scores=scores)
    return Part(
        words=words,
        criterion=Criterion(EQUIVALENT, margin),
        measure=measure,
        null=f"the true correlation is {margin:g}",
        say=f"the largest of {len(scores)} correlations (limit ±{margin:g}) is {{value:.3f}}"
        if len(scores) > 1
        else "the correlation is {value:.3f}",
        boundary=partial(simulation.associations, truth=margin),
        effect=partial(simulation.associations, truth=0.0),
    )


FOUND = difference("found", "full", "pruned", ABOVE, 0.0, KEEP_SCORE, constructed=True)
COMPARABLE = difference("found", "full", "retrained", ABOVE, 0.0, KEEP_SCORE)
WORSE = tuple(difference("good", other, "pruned", ABOVE, 0.0) for other in ("random", "bad"))
LEARNS = (
    _bad_above("majority", quantities.above_majority),
    _bad_above("untrained control", quantities.above_untrained),
)
KEPT_LESS = Part(
    words="kept_fraction of good: structured - magnitude pruning",
    criterion=Criterion(ABOVE, 0.0),
    measure=quantities.size_difference,
    null="the true mean difference is 0",
    say="structured pruning keeps {size:.3f} {more} of the body than magnitude pruning",
    boundary=partial(simulation.sizes, truth=0.0),
    effect=partial(simulation.sizes, truth=0.05),
    published=quantities.papers_size_difference,
)
SPREAD = Part(
    words="standard deviation over seeds: {good} retrained / {full}",
    criterion=Criterion(SIGN_FLIP, 1.0),
    measure=quantities.spreads,
    null="both vary equally in every task, however much the tasks differ",
    say="{good} retrained varies {value:.2f} times as much as {full}",
    boundary=partial(simulation.spreads, truth=1.0),
    effect=partial(simulation.spreads, truth=2.0),
    published=quantities.papers_spreads,
    roles=("good", "full"),
)
SURVIVES = Part(
    words="what survives in all seeds, between chance (0) and masks that are all the same (1)",
    criterion=Criterion(BELOW, FEW),
    measure=quantities.survivors,
    null=f"a share {FEW:g} of the units is the same in all masks, the rest is drawn",
    say="what survives in all seeds lies {value:.3f} of the way from chance to equal masks",
    boundary=partial(simulation.survivors, truth=FEW),
    effect=partial(simulation.survivors, truth=0.25),
    roles=("found",),
)
KAPPA = Part(
    words="Fleiss' kappa of the seeds' head masks ({good})",
    criterion=Criterion(BELOW, MODERATE),
    measure=quantities.kappas,
    null=f"the true kappa is {MODERATE:g}",
    say="kappa of head masks over seeds is {value:.3f}",
    boundary=partial(simulation.agreements, truth=MODERATE),
    effect=partial(simulation.agreements, truth=0.2),
    roles=("good",),
)
OUTSTANDING = Part(
    words="importance of the top tenth of heads / median head, on seeds that did not choose them",
    criterion=Criterion(PERMUTATION, STANDS_OUT),
    measure=quantities.heads_that_stand_out,
    null="the heads of a layer are alike, or the true ratio is 2",
    say="the top tenth of heads is {value:.2f} times as important as the median head",
    boundary=partial(simulation.ratios, truth=STANDS_OUT),
    effect=partial(simulation.ratios, truth=2 * STANDS_OUT),
)
PAIRS = Part(
    words="standard deviation between pairs of tasks of the share of heads in common",
    criterion=Criterion(PERMUTATION, 0.0),
    measure=quantities.overlap_spread,
    null="no task prefers other heads than the rest",
    say="the share of heads in common differs by {value:.3f} (sd) between pairs of tasks",
)
MIX = Part(
    words="share of each class of maps, all heads: fine-tuned - pretrained",
    criterion=Criterion(EQUIVALENT, ABOUT),
    measure=partial(quantities.mix_changes, attention="raw"),
    null=f"the share of one class changes by {ABOUT:g}",
    say="the largest change of a class is {value:.3f}",
    boundary=partial(simulation.mixes, truth=ABOUT),
    effect=partial(simulation.mixes, truth=0.0),
)


ABSTRACT = (
    Claim(
        "A1",
        "Pruned, and retrained from the pretrained weights, the good subnetwork is comparable with "
        "the full model: it keeps nine tenths of the score.",
        "good comparable with full, pruned and retrained",
        units=(FOUND, COMPARABLE),
        weights=(FOUND, COMPARABLE),
    ),
    Claim(
        "A2",
        "Subnetworks of the same size from the rest of the model, pruned, are worse than the good "
        "one.",
        "random and bad worse than good, pruned",
        units=WORSE,
        weights=WORSE,
    ),
    Claim(
        "A3",
        "Retrained, even bad subnetworks learn: they are above majority and above subnetworks of "
        "an untrained model.",
        "bad retrained above majority and untrained",
        units=LEARNS,
        weights=LEARNS,
    ),
    Claim(
        "A4",
        "Good subnetworks are unstable over seeds, in heads and in MLPs: they agree less than "
        "searches of one model on other examples.",
        "good masks agree less over seeds than over data",
        units=(_search_noise("heads", "heads"), _search_noise("mlps", "MLPs")),
        needs=(BOTH,),
    ),
    Claim(
        "A5",
        "Which heads survive is not explained by the patterns of their attention.",
        "survival not explained by attention patterns",
        units=(
            _association(
                "association_within",
                EXPLAINS,
                SCORES,
                "correlation within layers of surviving in all seeds with each score of attention",
            ),
        ),
        needs=(HEADS,),
    ),
)


CLAIMS = (
    *ABSTRACT,
    Claim(
        "C1",
        "Without any retraining the subnetwork that the search finds scores at least nine tenths "
        "of the full model.",
        "found subnetworks keep 90 % of the score before retraining",
        units=(FOUND,),
        weights=(FOUND,),
        needs=(SIZED,),
    ),
    Claim(
        "C2",
        "Retrained, the good subnetwork of magnitude pruning is as good as the full model.",
        "good retrained as good as full",
        weights=(difference("full", "good", "retrained", BELOW, EQUAL),),
    ),
    Claim(
        "C3",
        "Retrained, the good subnetwork of structured pruning comes close to the full model, but "
        "varies much more over seeds.",
        "good retrained comes close to full, with a larger spread",
        units=(
            difference("full", "good", "retrained", BELOW, CLOSE),
            SPREAD,
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
        units=(difference("good", "random", "retrained", BELOW, ABOUT),),
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
            SURVIVES,
        ),
    ),
    Claim(
        "C9",
        "As many units that never survive, or that survive in some seeds, do worse than those "
        "that survive in all, but on some tasks only.",
        "super controls do worse on some tasks only",
        units=tuple(
            difference("super_good", other, "retrained", SOME_TASKS, ABOUT)
            for other in ("super_random", "super_bad")
        ),
    ),
    Claim(
        "C10",
        "Good subnetworks are unstable over seeds.",
        "good subnetworks are unstable over seeds",
        units=(KAPPA,),
        needs=(HEADS,),
    ),
    Claim(
        "C11",
        "Most heads have low and similar importance; few stand out.",
        "most heads have low importance, few stand out",
        units=(OUTSTANDING,),
        needs=(IMPORTANCE, HEADS),
    ),
    Claim(
        "C12",
        "Heads that survive in all seeds are not especially those with heterogeneous attention.",
        "survival does not go with heterogeneous attention",
        units=(
            _association(
                "association",
                SMALL,
                ("heterogeneous",),
                "correlation of surviving in all seeds with heterogeneous attention, over heads",
            ),
        ),
        needs=(HEADS,),
    ),
    Claim(
        "C13",
        "Fine-tuning does not change the mix of attention patterns.",
        "fine-tuning does not change the mix of patterns",
        units=(MIX,),
        needs=(HEADS,),
    ),
    Claim(
        "C14",
        "Some pairs of tasks share more surviving heads than others.",
        "some task pairs share more heads than others",
        units=(PAIRS,),
        needs=(HEADS,),
    ),
    Claim(
        "C15",
        "Retrained, bad subnetworks of structured pruning do about as well as a BiLSTM on GloVe or "
        "ELMo vectors; those of magnitude pruning do not.",
        "structured bad about like a BiLSTM, magnitude bad below",
        units=(_against_baselines(BELOW),),
        weights=(_against_baselines(ABOVE),),
    ),
)
