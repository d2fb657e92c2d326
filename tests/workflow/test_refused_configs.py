"""A wrong config, given to the command line: one sentence, and nothing run."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from command_line import run_snakemake

GOOD = """
models: {a: {source: embedded}}
tasks: {b: {generated: sentiment}}
seeds: [1, 2]
methods: {c: {algorithm: structured}}
"""
BAD = {
    "unknown key": (
        "sedes: [3]",
        "The config has the unknown key 'sedes' (did you mean seeds?); allowed are",
    ),
    "unknown task": ("tasks: {rt: {}}", "tasks.rt"),
    "empty list": ("seeds: []", "seeds is empty; it needs at least 1 entry."),
    "wrong type": (
        "training: {learning_rate: 2e-5}",
        "training.learning_rate is the text '2e-5' (YAML reads an exponent only after a dot and "
        "with a sign: write 2.0e-05); it must be a number.",
    ),
    "missing algorithm": (
        "methods: {c: {preset: strict}}",
        "methods.c lacks the key algorithm: one of structured, magnitude and imported.",
    ),
    "duplicate seed": ("seeds: [1, 1]", "seeds holds 1 more than once"),
    "super_* with one seed": (
        "{seeds: [1], methods: {c: {algorithm: structured, subnetworks: [super_good]}}}",
        "super_good",
    ),
    "reserved id": ("methods: {none: {algorithm: structured}}", "'none', which is reserved"),
    "missing file": (
        "tasks: {b: {data: {train: x.csv, validation: y.csv}, text: t, labels: [p, q]}}",
        "tasks.b.data.train is 'x.csv', which does not exist.",
    ),
    "a key twice": ("REPEATED", "line 6: the key 'seeds' is there a second time"),
}


@pytest.mark.parametrize(("change", "sentence"), BAD.values(), ids=BAD)
def test_one_sentence_and_no_job(change: str, sentence: str, tmp_path: Path) -> None:
    if change == "REPEATED":
        text = GOOD + "seeds: [3]\n"
    else:
        text = yaml.safe_dump(yaml.safe_load(GOOD) | yaml.safe_load(change))
    (tmp_path / "bad.yaml").write_text(text)
    finished = run_snakemake(tmp_path, tmp_path / "bad.yaml")
    assert finished.returncode == 1
    said = [line for line in finished.stdout.splitlines() if line.strip()]
    (line,) = [line for line in said if not line.startswith("Using workflow specific profile")]
    assert line.startswith("Error: ") and line.endswith((".", "?"))
    assert sentence in line
    left = {path.name for path in tmp_path.iterdir()}
    assert left <= {"bad.yaml", ".snakemake"}
