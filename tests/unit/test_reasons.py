"""Reasons of Snakemake's in a few words, and the params that differ between two runs of a step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from snakemake.jobs import Reason

from lottery import files
from lottery.runtime.provenance import changed_leaves
from lottery.runtime.status import FOLLOWS, _reason

RECORD = {
    "step": "search 2",
    "settings": {"options": {"keep_score": 0.9, "on": [1]}},
    "sources": {"a.csv": "0" * 64},
}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"missing_output": {"b", "a"}}, "missing: a, b"),
        ({"incomplete_output": {"a"}}, "left half done: a"),
        ({"updated_input": {"a", "b"}, "updated_input_run": {"b"}}, "changed input: a"),
        ({"updated_input_run": {"a"}}, FOLLOWS),
        ({"missing_output": {"a"}, "updated_input_run": {"b"}}, "missing: a"),
        ({"input_changed": True}, "other input files than before"),
        ({"forced": True}, "forced"),
        (
            {"software_stack_changed": True, "params_changed": True},
            "its environment has changed; options.keep_score 0.9 -> 0.8, "
            "content of a.csv 00000000 -> 1a1a1a1a, step 'search 2' -> 'search 3', "
            "content of b/b.csv none -> 2b2b2b2b, torch_threads none -> 2",
        ),
    ],
)
def test_a_reason_in_a_few_words(tmp_path, fields: dict, words: str) -> None:
    path = tmp_path / "provenance.json"
    files.write_json(path, {"params": RECORD})
    options = {"keep_score": 0.8, "on": (1,)}
    sources = {"a.csv": "1a" * 32, "b/b.csv": "2b" * 32}
    params = {"step": "search 3", "settings": {"options": options}, "sources": sources}
    params["torch_threads"] = 2
    job = SimpleNamespace(output={"provenance": str(path)}, params=params)
    reason = Reason()
    for name, value in fields.items():
        if isinstance(value, set):
            getattr(reason, name).update(value)
        else:
            setattr(reason, name, value)
    assert _reason(job, reason, begun=False) == words


def test_a_job_without_a_record_and_one_that_has_begun(tmp_path) -> None:
    reason = Reason()
    reason.params_changed = True
    job = SimpleNamespace(output={"provenance": str(tmp_path / "none.json")}, params={})
    assert _reason(job, reason, begun=False) == "changed params"
    reason.params_changed, reason.forced = False, True
    assert _reason(job, reason, begun=True) == "left half done"


LEAVES = st.none() | st.booleans() | st.integers() | st.text("ab ,->'", max_size=5)
SETTINGS = st.dictionaries(st.text("abc", min_size=1, max_size=3), LEAVES, max_size=4)


@given(SETTINGS, SETTINGS)
def test_exactly_the_leaves_that_differ_are_listed(old: dict, new: dict) -> None:
    before, after = ({"settings": {"s": each}, "same": 1} for each in (old, new))
    names = {name for name, _, _ in changed_leaves(before, after)} - {"s"}
    missing = object()
    different = {
        f"s.{name}"
        for name in old | new
        if repr(old.get(name, missing)) != repr(new.get(name, missing))
    }
    assert names == different
