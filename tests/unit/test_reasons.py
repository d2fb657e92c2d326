"""Snakemake's reasons in a few words."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery.runtime.rerun_reasons import FOLLOWS, told_params, told_reason

PARAMS = (
    "Params have changed since last execution: Union of exclusive params before and now across "
    "all output: before: {} now: {} "
)


@pytest.mark.parametrize(
    ("reason", "told"),
    [
        (
            PARAMS.format("{'a': {'b': 1, 'c': [2]}}", "{'a': {'b': 3, 'c': [2]}}"),
            "a.b 1 -> 3",
        ),
        (PARAMS.format("<nothing exclusive>", "2"), "torch_threads none -> 2"),
        (PARAMS.format("1", "2"), "torch_threads 1 -> 2"),
        (
            PARAMS.format("'finetune 2',1", "'finetune 3',2"),
            "version 'finetune 2' -> 'finetune 3', torch_threads 1 -> 2",
        ),
        (PARAMS.format("{'a': nan}", "{'a': 1}"), "params: {'a': nan} -> {'a': 1}"),
        (
            "Input files updated by another job: a, b; " + PARAMS.format("{'x': 1}", "{'x': 2}"),
            "x 1 -> 2",
        ),
        ("Input files updated by another job: a, b", FOLLOWS),
        ("Missing output files: a; Input files updated by another job: b", "missing: a"),
        ("Updated input files: a.csv", "changed input: a.csv"),
        ("Set of input files has changed since last execution", "other input files than before"),
        (
            PARAMS.format("1", "2")
            + "; Software environment definition has changed since last execution",
            "its environment has changed; torch_threads 1 -> 2",
        ),
        ("Forced execution", "left half done"),
        ("Something new", "Something new"),
    ],
)
def test_a_reason_in_a_few_words(reason: str, told: str) -> None:
    assert told_reason(reason) == told


LEAVES = st.none() | st.booleans() | st.integers() | st.text("ab ,->'", max_size=5)
SETTINGS = st.dictionaries(st.text("abc", min_size=1, max_size=3), LEAVES, max_size=4)


@given(SETTINGS, SETTINGS)
def test_exactly_the_leaves_that_differ_are_told(old: dict, new: dict) -> None:
    told = told_params(repr({"s": old, "same": 1}), repr({"s": new, "same": 1}))
    before, after = ({name: repr(value) for name, value in each.items()} for each in (old, new))
    different = [name for name in old | new if before.get(name) != after.get(name)]
    assert "same" not in told
    assert all(f"s.{name} " in told for name in different)
    equal = {*old} & {*new} - {*different}
    assert not any(told.startswith(f"s.{name} ") or f", s.{name} " in told for name in equal)
