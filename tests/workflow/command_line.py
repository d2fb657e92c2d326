"""Snakemake as users start it, and what it says it would do."""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from fork_server import SERVED, run_program

ROOT = Path(__file__).resolve().parents[2]
# What Snakemake and the jobs import that is not of this repository, or most of it.
OF_SNAKEMAKE = (
    *("snakemake.cli", "snakemake.api", "snakemake.report.html_reporter"),
    *("snakemake_executor_plugin_slurm", "docutils.core", "filelock", "jsonschema", "psutil"),
)
OF_JOBS = (
    *("snakemake.iocontainers", "snakemake.logging", "matplotlib.figure", "pandas"),
    *("pyarrow.parquet", "scipy.special", "torch", "transformers.models.auto.modeling_auto"),
    *("transformers.models.bert.modeling_bert", "transformers.models.auto.tokenization_auto"),
)
FORKED_JOBS = Path(__file__).parent / "forked_jobs"


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
    words = [*arguments, "-s", str(root / "Snakefile"), "--directory", str(folder)]
    words += ["--configfile", str(config)]
    if "--cores" not in arguments:
        words += ["--cores", "2"]
    return run_words(folder, words, env)


def run_words(
    folder: Path, words: list[str], env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs Snakemake with a command line, in a folder.

    Snakemake and its jobs are copies of processes that have imported their packages, since imports
    take most of the time of a small job. Packages may read environment variables when they are
    imported: if some are given, no process is a copy.

    Args:
        folder: the working directory.
        words: all arguments.
        env: environment variables to add.

    Returns:
        The finished process; standard output and error together in `stdout`.
    """
    # Results are compared bit for bit, hence on the CPU everywhere.
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""} | (env or {})
    words = ["-m", "snakemake", *words]
    with tempfile.TemporaryFile() as output, open(os.devnull) as nothing:
        if env is None:
            environment |= {"PYTHONPATH": str(FORKED_JOBS), SERVED: fork_server(OF_JOBS)}
            streams = (nothing.fileno(), output.fileno(), output.fileno())
            address = fork_server(OF_SNAKEMAKE)
            status = run_program(address, words, streams, environment, str(folder))
        else:
            status = subprocess.run(
                [sys.executable, *words],
                check=False,
                stdin=nothing,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=environment,
                cwd=folder,
                timeout=850,
            ).returncode
        output.seek(0)
        return subprocess.CompletedProcess(words, status, output.read().decode())


@cache
def fork_server(modules: tuple[str, ...]) -> str:
    """Starts a server of this process's own with modules imported; gives its address."""
    place = Path(tempfile.mkdtemp(prefix="fork-"))
    atexit.register(shutil.rmtree, place, ignore_errors=True)
    command = [sys.executable, str(Path(__file__).with_name("fork_server.py"))]
    address = place / "socket"
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
    # It ends with this process, which holds the other end of its standard input.
    server = subprocess.Popen(
        [*command, str(address), *modules], stdin=subprocess.PIPE, env=environment
    )
    atexit.register(server.terminate)
    while not address.exists():
        assert server.poll() is None, "the fork server does not start"
        time.sleep(0.01)
    return str(address)


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
