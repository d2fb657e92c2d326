"""clean_retrained removes what has been evaluated, and lists it first."""

from __future__ import annotations

from pathlib import Path

from lottery.steps.clean_retrained import clean_retrained


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 1000)
    return path


def test_only_evaluated_weights_go(tmp_path):
    cell = tmp_path / "m" / "t" / "seed_1"
    done = make(cell / "retrain" / "s" / "good" / "model.safetensors")
    waiting = make(cell / "retrain" / "s" / "bad" / "model.safetensors")
    full = make(cell / "finetune" / "model.safetensors")
    make(cell / "evaluate" / "s" / "good" / "retrained" / "metrics.json")
    make(cell / "evaluate" / "s" / "bad" / "pruned" / "metrics.json")
    lines = []

    def say(line):
        lines.append((line, done.exists()))

    clean_retrained(results=str(tmp_path), say=say)
    assert not done.exists() and waiting.exists() and full.exists()
    (listed, there), (counted, _) = lines
    assert str(done) in listed and there  # said before the first file goes
    assert counted.startswith("removed 1 retrained models")
