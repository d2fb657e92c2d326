"""Whether a finished step was made with what the config says now."""

from __future__ import annotations

import pytest
from lottery.unrecorded import refuse_other_params

from lottery.errors import StudyError

MADE = {"params": {"settings": {"rate": 0.1, "splits": ["a", "b"]}, "version": "finetune 2"}}
WORDS = "a.json was made with {}, and Snakemake has no record of it"


def test_the_same_params_pass() -> None:
    params = {"settings": {"rate": 0.1, "splits": ("a", "b")}, "version": "finetune 2"}
    refuse_other_params("a.json", MADE, params, "finetune")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"settings": {"rate": 0.2, "splits": ["a", "b"]}}, "rate 0.1 (now 0.2)"),
        ({"version": "finetune 3"}, "version 'finetune 2' (now 'finetune 3')"),
        ({"torch_threads": 1}, "torch_threads none (now 1)"),
        (
            {"settings": {"rate": 1, "a": 1, "b": 2, "c": 3}},
            "rate 0.1 (now 1), splits ['a', 'b'] (now none), a none (now 1) and 2 more",
        ),
    ],
)
def test_other_params_are_told_in_one_sentence(changed: dict, told: str) -> None:
    with pytest.raises(StudyError) as refusal:
        refuse_other_params("a.json", MADE, MADE["params"] | changed, "finetune")
    sentence = str(refusal.value)
    assert sentence.startswith(WORDS.format(told))
    assert "--forcerun finetune" in sentence and sentence.endswith(".")


@pytest.mark.parametrize("made", [[], {}, {"params": None}])
def test_a_record_without_params_is_named(made: object) -> None:
    with pytest.raises(StudyError, match=r"^a\.json names no params .*delete it"):
        refuse_other_params("a.json", made, {}, "finetune")
