"""What is refused before a run: results of an older version, and of other params."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from small_study import study

from lottery import files
from lottery.files.errors import StudyError
from lottery.planning.hooks import reject_older_results, reject_other_params
from lottery.runtime.provenance import FORMAT

MADE = {"params": {"settings": {"rate": 0.1, "splits": ["a", "b"]}, "step": "finetune 2"}}
WORDS = "a.json was made with {}, and Snakemake has no record of it"


def test_the_same_params_pass() -> None:
    params = {"settings": {"rate": 0.1, "splits": ("a", "b")}, "step": "finetune 2"}
    reject_other_params("a.json", MADE, params, "finetune")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"settings": {"rate": 0.2, "splits": ["a", "b"]}}, "rate 0.1 (now 0.2)"),
        ({"step": "finetune 3"}, "step 'finetune 2' (now 'finetune 3')"),
        ({"torch_threads": 1}, "torch_threads none (now 1)"),
        (
            {"settings": {"rate": 1, "a": 1, "b": 2, "c": 3}},
            "rate 0.1 (now 1), splits ['a', 'b'] (now none), a none (now 1) and 2 more",
        ),
    ],
)
def test_other_params_are_told_in_one_sentence(changed: dict, told: str) -> None:
    with pytest.raises(StudyError) as refusal:
        reject_other_params("a.json", MADE, MADE["params"] | changed, "finetune")
    sentence = str(refusal.value)
    assert sentence.startswith(WORDS.format(told))
    assert "--forcerun finetune" in sentence and sentence.endswith(".")


@pytest.mark.parametrize("made", [[], {}, {"params": None}])
def test_a_record_without_params_is_named(made: object) -> None:
    with pytest.raises(StudyError, match=r"^a\.json names no params .*delete it"):
        reject_other_params("a.json", made, {}, "finetune")


def record(content: Any, results: str = "results", seed: int = 3) -> Path:
    """Writes the record of a fine-tuned model of the small study."""
    path = Path(f"{results}/small/rte/seed_{seed}/finetune/provenance.json")
    files.write_json(path, content)
    return path


@pytest.mark.parametrize("results", ["results", "studies/first"])
def test_results_of_an_older_version_are_refused_in_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, results: str
) -> None:
    monkeypatch.chdir(tmp_path)
    path = record({"format": 1}, results, seed=1)  # the second of the study's seeds
    with pytest.raises(StudyError) as refusal:
        reject_older_results(study(f"results: {results}"))
    sentence = str(refusal.value)
    assert sentence.startswith(f"{results}/ holds a study of an earlier version")
    assert f"({path} has format 1; this version writes format {FORMAT})" in sentence
    assert sentence.endswith(f"(results: ...), or remove {results}/.") and "\n" not in sentence
    # A study with a folder of its own may begin.
    reject_older_results(study("results: elsewhere"))


@pytest.mark.parametrize("content", [{"format": FORMAT}, {}, [], {"format": "1"}, None])
def test_results_of_this_version_and_none_are_not_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        record(content)
    reject_older_results(study())
