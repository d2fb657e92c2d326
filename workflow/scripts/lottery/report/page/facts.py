"""What was run, in words, and what it was run with."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery.report.page.records import Record
from lottery.report.tables.numbers import counted, listed

Facts = Mapping[str, Any]


def statement(facts: Facts) -> list[str]:
    """The run in a few sentences, a paragraph each.

    Args:
        facts: the params of the rule (`lottery.planning.params_report.report_params`).
    """
    counts, tasks = facts["counts"], facts["tasks"]
    trained = [task["id"] for task in tasks if not task["evaluate_with"]]
    models = [model["id"] for model in facts["models"]]
    methods = [method["id"] for method in facts["methods"]]
    first = (
        f"This run takes {counted(len(models), 'encoder')} ({listed(models)}) and"
        f" {counted(len(trained), 'task')} ({listed(trained)}), under"
        f" {counted(len(facts['seeds']), 'seed')} ({listed([str(s) for s in facts['seeds']])})."
        f" It fine-tunes {counted(counts['finetuned'], 'model')}, finds or imports"
        f" {counted(counts['searched'], 'good subnetwork')} by"
        f" {counted(len(methods), 'method')} ({listed(methods)}), retrains"
        f" {counted(counts['retrained'], 'subnetwork')} from the weights before fine-tuning, and"
        f" scores {counted(counts['evaluated'], 'cell')} of the grid in all."
    )
    only = [task["id"] for task in tasks if task["evaluate_with"]]
    paragraphs = [first]
    if only:
        paragraphs.append(f"Scored, but not trained on: {listed(only)}.")
    return paragraphs + [
        f"The model {model['id']} is a sentence encoder (all-MiniLM-L6-v2), trained on sentence"
        " pairs besides its pretraining. Its results illustrate the study; they do not replicate"
        " the paper."
        for model in facts["models"]
        if model["kind"] == "embedded" and model["weights"] == "pretrained"
    ]


def making(records: Sequence[Record], facts: Facts, repository: Path) -> list[tuple[str, str]]:
    """How the run was made: (what, which), of the records of its jobs.

    Args:
        records: the provenance records that the page rests on.
        facts: the params of the rule.
        repository: the folder of this program.
    """
    pairs = [("this program", _program(repository))]
    pairs += _versions(records)
    pairs.append(("seeds", ", ".join(str(seed) for seed in facts["seeds"])))
    for kind in ("models", "tasks"):
        for entry in facts[kind]:
            if entry["revision"]:
                pairs.append(
                    (f"{kind[:-1]} {entry['id']}", f"{entry['source']} at {entry['revision']}")
                )
    devices = sorted({_device(record) for record in records if "device" in record})
    if devices:
        pairs.append(("computed on", ", ".join(devices)))
    platforms = sorted({str(record["platform"]) for record in records if record.get("platform")})
    if platforms:
        pairs.append(("platform", ", ".join(platforms)))
    started = sorted(str(record["started"]) for record in records if record.get("started"))
    if started:
        pairs.append(("jobs started", f"from {_time(started[0])} to {_time(started[-1])}"))
    return pairs


def stage_versions(records: Sequence[Record]) -> str:
    """The versions of the stages that ran, as one line."""
    found = {record.get("params", {}).get("step") for record in records}
    return ", ".join(sorted(str(version) for version in found if version is not None))


def _versions(records: Sequence[Record]) -> list[tuple[str, str]]:
    """The versions of packages, several where jobs ran with different ones."""
    found: dict[str, set[str]] = {}
    for record in records:
        for package, version in record.get("versions", {}).items():
            if version:
                found.setdefault(package, set()).add(version)
    first = [name for name in ("python", "torch", "transformers", "snakemake") if name in found]
    rest = sorted(found.keys() - set(first))
    return [(name, ", ".join(sorted(found[name]))) for name in (*first, *rest)]


def _device(record: Record) -> str:
    if record["device"] == "cpu":
        return "CPU"
    return str(record.get("device_name") or record["device"])


def _time(text: str) -> str:
    """An ISO time to the minute."""
    return text[:16].replace("T", " ") + (" UTC" if text.endswith("+00:00") else "")


def _program(repository: Path) -> str:
    """Name and version of this program, and the commit it was run from where there is one."""
    try:
        project = tomllib.loads((repository / "pyproject.toml").read_text("utf-8"))["project"]
        name = f"{project['name']} {project['version']}"
    except (OSError, KeyError, tomllib.TOMLDecodeError):
        name = "unknown version"
    commit = _git(repository, "rev-parse", "HEAD")
    if not commit:
        return name
    changed = _git(repository, "status", "--porcelain", "--untracked-files=no")
    return f"{name}, commit {commit}" + (" with local changes" if changed else "")


def _git(repository: Path, *arguments: str) -> str:
    """What git says of the program's own folder; nothing where that is no clone."""
    if not (repository / ".git").exists():
        return ""
    try:
        done = subprocess.run(
            ["git", "-C", str(repository), *arguments],
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""
