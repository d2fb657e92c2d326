"""A step that fails stops no other one, and the end of the run says how to go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import yaml
from command_line import ROOT
from runs import Config

TOKENS = "results/tiny/{}/tokens/train.safetensors"


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command line as a user pastes it, with the environment activated."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "CUDA_VISIBLE_DEVICES": ""},
        timeout=600,
    )


def test_the_others_run_on_and_the_failed_one_can_be_run_alone(
    study: Config, tmp_path: Path
) -> None:
    given, run = tmp_path / "a folder", tmp_path / "the run"
    given.mkdir()
    (given / "my study.yaml").write_text(yaml.safe_dump(study | {"seeds": [7]}))
    options = (
        f"--snakefile {ROOT}/Snakefile --workflow-profile {ROOT}/workflow/profiles/demo "
        f"--directory '{run}' --configfile 'my study.yaml' --config 'seeds=[7, 3]'"
    )
    tasks = [f"resources/tasks/{task}/train.parquet" for task in ("tone", "degree")]
    fetched = shell(f"snakemake {' '.join(tasks)} {options}", given)
    assert fetched.returncode == 0, fetched.stdout
    damaged = run / tasks[1]
    before = damaged.stat()
    damaged.write_bytes(damaged.read_bytes()[:-60])
    os.utime(damaged, ns=(before.st_atime_ns, before.st_mtime_ns))

    targets = " ".join(TOKENS.format(task) for task in ("degree", "tone"))
    failed = shell(f"snakemake {targets} {options}", given)
    assert failed.returncode == 1
    assert (run / TOKENS.format("tone")).exists(), "the other cell should have gone on"
    assert not (run / TOKENS.format("degree")).exists()
    end = failed.stdout[failed.stdout.index("\n1 step failed") :]
    assert "FAILED  tokenize degree for tiny" in end
    said = r"said: .*degree/train\.parquet is not what its step wrote .*; delete it and run again"
    assert re.search(said, end)
    (log,) = re.findall(r"^  log:   (.*)$", end, re.MULTILINE)
    assert Path(given, log).is_file()
    (again,) = re.findall(r"^  again: (.*)$", end, re.MULTILINE)

    damaged.unlink()  # as the sentence says
    alone = shell(again, given)
    assert alone.returncode == 0, alone.stdout
    assert (run / TOKENS.format("degree")).exists()
    assert "tone" not in alone.stdout[alone.stdout.index(" done:  ") :]
