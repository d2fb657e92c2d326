"""Code of a stage has not changed unless somebody decided what that means for its results."""

from __future__ import annotations

import pytest
from lottery.versions import STAGES

import accept_stages
from accept_stages import changes, digest, read_record, stages

WHAT_TO_DO = (
    "The code of these stages has changed since it was last decided about:\n{}\n"
    "Does it change what a stage writes? Then raise its version in "
    "workflow/scripts/lottery/versions.py, and every study runs it again. Otherwise leave the "
    "version. In both cases record the decision:\n    python tests/accept_stages.py"
)


@pytest.fixture(scope="module")
def now() -> accept_stages.Record:
    return stages(STAGES)


def test_nobody_changed_a_stage_without_deciding(now: accept_stages.Record) -> None:
    told = [
        f"  {stage}: {', '.join(names)}" for stage, names in changes(read_record(), now).items()
    ]
    assert not told, WHAT_TO_DO.format("\n".join(told))


def test_every_stage_belongs_to_a_rule_and_reaches_its_step(now: accept_stages.Record) -> None:
    assert now.keys() == STAGES.keys()
    for stage, entry in now.items():
        assert any(name.startswith("lottery.steps.") for name in entry["code"]), stage


def test_a_stage_reaches_what_it_computes_with(now: accept_stages.Record) -> None:
    assert "lottery.optimizer" in now["finetune"]["code"]
    assert "lottery.optimizer" in now["retrain"]["code"]
    assert "lottery.algorithms.search_structured" in now["search_structured"]["code"]
    assert "lottery.algorithms.search_structured" not in now["search_magnitude"]["code"]
    assert "lottery.optimizer" not in now["plot_scores"]["code"]
    assert "lottery.plots.style" in now["plot_scores"]["code"]


CODE = "def f(x):\n    return x + 1\n"


@pytest.mark.parametrize(
    "same",
    [
        "def f(x):  # adds\n    return (\n        x + 1\n    )\n",
        '"""Module."""\n\n\ndef f(x):\n    """Adds."""\n    return x + 1\n',
    ],
)
def test_words_and_layout_change_nothing(same: str) -> None:
    assert digest(same) == digest(CODE)


@pytest.mark.parametrize("other", [CODE.replace("1", "2"), CODE.replace("+", "-"), CODE * 2])
def test_code_changes_the_digest(other: str) -> None:
    assert digest(other) != digest(CODE)


def test_a_string_that_is_no_docstring_counts() -> None:
    assert digest("def f():\n    x = 'a'\n    return x\n") != digest(
        "def f():\n    x = 'b'\n    return x\n"
    )


def test_a_change_is_told_with_stage_and_module(now: accept_stages.Record) -> None:
    module = "lottery.steps.finetune"
    code = now["finetune"]["code"] | {module: "another"}
    before = now | {"finetune": now["finetune"] | {"code": code}}
    assert changes(before, now) == {"finetune": [module]}


def test_a_raised_version_has_to_be_recorded(now: accept_stages.Record) -> None:
    before = now | {"finetune": now["finetune"] | {"version": 0}}
    assert changes(before, now) == {"finetune": []}


def test_the_record_is_read_as_it_was_written(
    now: accept_stages.Record, tmp_path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept_stages, "RECORD", tmp_path / "stages.json")
    assert read_record() == {}
    accept_stages.write_record(now)
    assert read_record() == now
