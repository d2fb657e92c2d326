"""A wrong config, given to the command line: one sentence, and nothing run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, run_snakemake

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
        "methods.c lacks the key algorithm: one of structured, magnitude, iterative and imported.",
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


PLAN = ["-m", "snakemake", "-n", "-s", str(ROOT / "Snakefile")]


@pytest.mark.parametrize(
    ("words", "runs"),
    [
        ([str(ROOT / "workflow/scripts/check_config.py"), "config.yaml"], False),
        (PLAN, False),
        # Snakemake reads this file before the workflow is asked (docs/errors.md).
        (
            ["-m", "snakemake", "-n", "-s", str(ROOT / "Snakefile"), "--configfile=config.yaml"],
            True,
        ),
    ],
    ids=["check_config", "config.yaml", "--configfile"],
)
def test_a_template_is_refused_and_not_run_where_that_can_be_helped(
    words: list[str], runs: bool, tmp_path: Path
) -> None:
    code = "__use_yte__: true\n__definitions__: [\"open('ran', 'w')\"]\n"
    (tmp_path / "config.yaml").write_text(code + GOOD)
    done = subprocess.run(
        [sys.executable, *words], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "config.yaml, line 1: the key '__use_yte__' would run Python" in done.stderr
    assert (tmp_path / "ran").exists() == runs
