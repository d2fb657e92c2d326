"""Snakemake as users start it, and what it says it would do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def run_snakemake(
    folder: Path,
    config: dict[str, Any] | Path,
    *arguments: str,
    env: dict[str, str] | None = None,
    config_folder: Path | None = None,
    root: Path = ROOT,
) -> subprocess.CompletedProcess[str]:
    """Runs Snakemake as a user does, in a folder, with a config.

    Args:
        folder: the working directory of the run.
        config: a config file, or what to write into one.
        *arguments: targets, then more options of the command line.
        env: environment variables to add.
        config_folder: where the config is written if not in `folder`, which others may use.
        root: the workflow's own folder.

    Returns:
        The finished process; standard output and error together in `stdout`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(config, Path):
        path = (config_folder or folder) / "study.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        config = path
    # Arguments first: options that take several values would swallow targets behind them.
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["-s", str(root / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(config)]
    if "--cores" not in arguments:
        command += ["--cores", "2"]
    # Results are compared bit for bit, hence on the CPU everywhere.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""} | (env or {})
    return subprocess.run(
        command,
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=folder,
        timeout=850,
    )


def planned(
    folder: Path,
    config: dict[str, Any] | Path,
    *arguments: str,
    config_folder: Path | None = None,
    root: Path = ROOT,
) -> dict[str, int]:
    """What a dry run plans: rule -> number of jobs, `all` left out; empty if nothing is to do."""
    arguments = (*arguments, "--dry-run", "--quiet", "rules")
    finished = run_snakemake(folder, config, *arguments, config_folder=config_folder, root=root)
    assert finished.returncode == 0, finished.stdout
    counts = {
        rule: int(count)
        for rule, count in re.findall(r"^([a-z_]+) +(\d+)$", finished.stdout, re.MULTILINE)
    }
    if not counts:
        assert "Nothing to be done" in finished.stdout, finished.stdout
        return {}
    assert counts.pop("total") == sum(counts.values())
    counts.pop("all", None)
    return counts


def run_many(commands: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Runs commands of Snakemake in one process; many_commands.py says what each is and gives."""
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("many_commands.py"))],
        input=json.dumps(commands),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
        env=os.environ | {"CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT / "workflow/scripts")},
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
