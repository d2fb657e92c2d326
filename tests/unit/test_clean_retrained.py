"""clean_retrained removes what has been evaluated, and lists it first."""

from __future__ import annotations

from pathlib import Path

from lottery.steps.clean_retrained import clean_retrained


def make(path: Path) -> Path:
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x" * 1000)
    return path


def test_only_evaluated_weights_go(tmp_path, capsys):
    cell = tmp_path / "m" / "t" / "seed_1"
    done = make(cell / "retrain" / "s" / "good" / "model.safetensors")
    waiting = make(cell / "retrain" / "s" / "bad" / "model.safetensors")
    full = make(cell / "finetune" / "model.safetensors")
    make(cell / "evaluate" / "s" / "good" / "retrained" / "metrics.json")
    make(cell / "evaluate" / "s" / "bad" / "pruned" / "metrics.json")
    lines = clean_retrained(path_to_results=tmp_path)
    assert not done.exists() and waiting.exists() and full.exists()
    assert capsys.readouterr().out.splitlines() == lines
    assert str(done) in lines[0] and lines[-1].startswith("removed 1 retrained models")
