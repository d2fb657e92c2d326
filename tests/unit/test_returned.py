"""What a plugin returns is checked: nothing that its declaration forbids gets into a file."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tiny import tiny_model

from lottery.files.errors import StudyError
from lottery.pruning.algorithms import algorithm, plugins
from lottery.pruning.algorithms.declaration import Plugin
from lottery.pruning.algorithms.search import SearchResult, Step
from lottery.pruning.masks import UnitMask, WeightMask, body_shapes

ARCHITECTURE = tiny_model().architecture
OPTIONS = {"units": ["head"], "emptied_attention": "drop_bias", "halves": False}
PLUGIN = Plugin("mine.py", "0" * 64)
HEADS = replace(
    algorithm("structured"), plugin=PLUGIN, units=("head",), importance=False, prunes_to_half=False
)
WEIGHTS = replace(algorithm("magnitude"), plugin=PLUGIN, to_threshold=False)
FULL = UnitMask.full(ARCHITECTURE, emptied_attention="drop_bias")


def without_a_head(mask: UnitMask = FULL) -> UnitMask:
    heads = mask.units["head"].copy()
    heads[0, 0] = False
    return mask.with_units({"head": heads})


def step(**changes) -> Step:
    return replace(Step("both", 3, 2, 0.5, 0.9, 0.8, accepted=True), **changes)


GOOD = SearchResult(
    {"good": without_a_head()},
    [step(), step()],
    {"heads": np.ones((2, *FULL.units["head"].shape), np.uint8)},
)
NO_MLP = FULL.with_units({"mlp": np.zeros_like(FULL.units["mlp"])})
WEIGHT_MASK = WeightMask({k: np.ones(s, bool) for k, s in body_shapes(ARCHITECTURE).items()})
OTHER = UnitMask(
    {"head": np.ones((1, 2), bool), "mlp": np.ones(1, bool)}, emptied_attention="drop_bias"
)


def check(found: object, declared=HEADS, wanted=("good",)) -> None:
    problems = plugins.of_search(declared, OPTIONS, found, list(wanted), ARCHITECTURE)
    plugins.check(declared, "search", problems)


def check_sample(mask: object) -> None:
    problems = plugins.of_sample(HEADS, "random", mask, without_a_head(), ARCHITECTURE)
    plugins.check(HEADS, "sample", problems)


def test_what_is_declared_passes():
    check(GOOD)
    weights = SearchResult({"good": WEIGHT_MASK}, [])
    check(weights, WEIGHTS)
    check_sample(without_a_head())


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (None, "search returned None; it must be a SearchResult"),
        (without_a_head(), "a value of type UnitMask; it must be a SearchResult"),
        (replace(GOOD, masks={}), "no masks['good']"),
        (replace(GOOD, masks={"good": np.ones(3)}), "of type ndarray as masks['good']"),
        (replace(GOOD, masks={"good": WEIGHT_MASK}), "granularity is units: UnitMask"),
        (replace(GOOD, masks={"good": OTHER}), "[1, 2] of head; it must be bool"),
        (replace(GOOD, masks={"good": NO_MLP}), "prunes units of kind mlp; allowed: head"),
        (
            replace(GOOD, masks={"good": replace(FULL, emptied_attention="keep_bias")}),
            "emptied_attention 'keep_bias', where the method's option is 'drop_bias'",
        ),
        (replace(GOOD, trajectory=[]), "an empty trajectory"),
        (replace(GOOD, trajectory=[step(), {"score": 1}]), "of type dict, which is no Step,"),
        (replace(GOOD, trajectory=[step(), step(score="hi")]), "score='hi', which is no number"),
        (replace(GOOD, trajectory=[step(score=float("nan")), step()]), "score=nan"),
        (replace(GOOD, trajectory=[step(), step(kept_fraction=2)]), "which is no share"),
        (replace(GOOD, path={}), "none as path['heads']"),
        (replace(GOOD, path={"heads": np.ones((3, 2, 2))}), "3 rows as path['heads']"),
        (replace(GOOD, path={"heads": [1, 2]}), "of type list as path['heads']"),
        (replace(GOOD, importance={"heads": np.ones(2)}), "importance, against its declaration"),
    ],
)
def test_what_is_not_is_one_sentence(found, words):
    with pytest.raises(StudyError) as refusal:
        check(found)
    assert str(refusal.value).startswith("mine.py: search returned ")
    assert words in str(refusal.value)


def test_importances_that_are_declared_must_be_there():
    with pytest.raises(StudyError, match="no importance, against its declaration"):
        check(GOOD, replace(HEADS, importance=True))


def test_masks_of_weights_have_the_parameters_of_the_body():
    fewer = WeightMask(dict(list(WEIGHT_MASK.parameters.items())[1:]))
    with pytest.raises(StudyError, match="other parameters or shapes"):
        check(SearchResult({"good": fewer}, []), WEIGHTS)


@pytest.mark.parametrize(
    ("mask", "words"),
    [
        (None, "None as a mask"),
        (FULL, "a control has the size of what it is compared with"),
        (without_a_head(replace(FULL, emptied_attention="keep_bias")), "emptied_attention"),
    ],
)
def test_controls_have_the_size_of_their_source(mask, words):
    with pytest.raises(StudyError, match=r"mine\.py: sample returned") as refusal:
        check_sample(mask)
    assert words in str(refusal.value)


def test_the_workflows_own_are_not_checked():
    check(None, algorithm("structured"))
