"""clean_retrained removes the weights that the study needs no more, and lists them first."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import study

from lottery import files
from lottery.planning.params import clean_retrained_params
from lottery.steps.clean_retrained import clean_retrained

TOKENS = "tokens.safetensors"


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.fixture
def finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dict]:
    """The records of a finished study of two subnetworks; what clean_retrained is given."""
    monkeypatch.chdir(tmp_path)
    write(Path(TOKENS), "tokens")
    given = {}
    for name in ("good", "bad"):
        weights = Path(f"{name}/model.safetensors")
        write(weights, f"weights {name}")
        made = {str(weights): files.sha256(weights)}
        write(Path(f"{name}/provenance.json"), json.dumps({"outputs": {"model": made}}))
        uses = [[f"{name}/{use}.json", {"step": use, "metrics": ["a"]}] for use in ("here", "on")]
        for record, params in uses:
            inputs = {"model": made, "tokens": {TOKENS: files.sha256(TOKENS)}}
            write(Path(record), json.dumps({"params": params, "inputs": inputs}))
        given[name] = {
            "weights": str(weights),
            "record": f"{name}/provenance.json",
            "uses": uses,
        }
    return given


def test_weights_that_nothing_needs_are_listed_and_go(finished: dict[str, dict]) -> None:
    write(Path("good/logits.safetensors"), "logits")
    lines = []

    def say(line: str) -> None:
        lines.append((line, Path("good/model.safetensors").exists()))

    clean_retrained(cells=list(finished.values()), say=say)
    assert not Path("good/model.safetensors").exists()
    assert Path("good/logits.safetensors").exists() and Path("good/provenance.json").exists()
    (first, there), _, (counted, _) = lines
    assert "good/model.safetensors" in first and there  # before the first file goes
    assert counted.startswith("removed 2 retrained models")
    clean_retrained(cells=list(finished.values()), say=say)
    assert lines[-1][0].startswith("removed 0 retrained models")


def remove(path: str) -> None:
    Path(path).unlink()


def other_params(path: str) -> None:
    Path(path).write_text(Path(path).read_text().replace('["a"]', '["b"]'))


def other_tokens(path: str) -> None:
    """The examples have changed since."""
    Path(path).write_text(Path(path).read_text().replace(files.sha256(TOKENS), "0"))


def other_weights(path: str) -> None:
    """They were trained again since."""
    old = files.sha256("bad/model.safetensors")
    Path(path).write_text(Path(path).read_text().replace(old, "0"))


def damaged(path: str) -> None:
    Path(path).write_text("[]")


@pytest.mark.parametrize("path", ["bad/here.json", "bad/on.json"])
@pytest.mark.parametrize("change", [remove, other_params, other_tokens, other_weights, damaged])
def test_weights_that_a_step_would_read_again_stay(
    finished: dict[str, dict], path: str, change: Callable[[str], None]
) -> None:
    change(path)
    clean_retrained(cells=list(finished.values()))
    assert Path("bad/model.safetensors").exists()
    assert not Path("good/model.safetensors").exists()


def test_the_grid_names_all_evaluations_of_retrained_weights() -> None:
    made = study(
        "seeds: [1]\ntasks: {mnli: {}, hans: {evaluate_with: mnli}, rte: {}}\n"
        "methods: {s: {algorithm: structured, subnetworks: [good]}}"
    )
    cells = clean_retrained_params(made)["cells"]
    found = {cell["weights"]: [record for record, _ in cell["uses"]] for cell in cells}
    (model,) = made.models
    for task, uses in (("mnli", ["", "/on_hans"]), ("rte", [""])):
        cell = f"results/{model}/{task}/seed_1"
        weights = found.pop(f"{cell}/retrain/s/good/model.safetensors")
        place = f"{cell}/evaluate/s/good/retrained"
        assert weights == [f"{place}{use}/provenance.json" for use in uses]
    assert found == {}
