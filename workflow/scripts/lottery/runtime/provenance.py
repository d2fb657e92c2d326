"""What a job was made from and with, written beside its outputs."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import resource
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from lottery import files
from lottery.runtime.gpu_lease import Lease

PACKAGES = (
    "torch",
    "transformers",
    "tokenizers",
    "safetensors",
    "numpy",
    "pyarrow",
    "pandas",
    "scipy",
    "scikit-learn",
    "matplotlib",
    "snakemake",
)
# Format 1 had no `step`; its trainings and searches wrote fewer files.
FORMAT = 2
NAME = "provenance"  # of the output that holds the record


class Record:
    """The provenance of one job, begun before its step runs."""

    def __init__(self, snakemake: Any, step: str) -> None:
        """Notes the time and the inputs as the step will find them.

        Args:
            snakemake: The object that Snakemake hands to scripts.
            step: The name of its step.
        """
        self._job = snakemake
        self._step = step
        self._path: str | None = snakemake.output.get(NAME)
        self._start = time.monotonic()
        self._started = datetime.now(UTC)
        self.inputs = _digests(snakemake.input.items()) if self._path else {}
        """Digests of the inputs by name and path; empty if the rule declares no record."""

    def seconds(self) -> float:
        """The time since the record was begun."""
        return time.monotonic() - self._start

    def write(self, lease: Lease, resumed_from: Sequence[int] = ()) -> None:
        """Writes the record, if the rule declares one among its outputs.

        Args:
            lease: The device that the step ran on.
            resumed_from: The steps after which the job went on from a checkpoint.
        """
        if self._path is None:
            return
        job = self._job
        outputs = ((name, value) for name, value in job.output.items() if name != NAME)
        record = {
            "format": FORMAT,
            "step": self._step,
            "rule": job.rule,
            "log": job.log[0] if len(job.log) else None,
            "wildcards": dict(job.wildcards.items()),
            "params": dict(job.params.items()),
            "inputs": self.inputs,
            "outputs": _digests(outputs),
            "versions": _versions(),
            "platform": platform.platform(),
            "device": lease.device,
            "device_name": lease.name,
            # A leased device that torch does not find is not computed on.
            "computed_on": _computed_on(),
            "slot": lease.slot,
            "threads": job.threads,
            "started": self._started.isoformat(timespec="seconds"),
            "duration_seconds": round(self.seconds(), 3),  # since the last interruption
            "resumed_from": list(resumed_from),
            "peak_memory_mb": _peak_memory(),
            "peak_gpu_memory_mb": _peak_gpu_memory(),
            # Of the whole device while the job held its slot, other jobs on it included.
            "energy_joules": lease.energy_joules(),
        }
        files.write_json(self._path, record)


def made_with(path: str | Path, params: Mapping[str, Any]) -> bool:
    """Whether a step has left a record, and was run with these params.

    Args:
        path: of the record.
        params: all params of the rule.
    """
    try:
        record = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("params") == json.loads(json.dumps(params))


def _digests(named: Iterable[tuple[str, Any]]) -> dict[str, dict[str, str]]:
    """Digests by the name that the rule gives, then by path."""
    return {
        name: {str(path): files.sha256(path) for path in ([v] if isinstance(v, str) else v)}
        for name, v in named
    }


def _versions() -> dict[str, str | None]:
    """Versions of the packages that can change a result, read without importing them."""
    versions: dict[str, str | None] = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = None
    return versions


def _peak_memory() -> float:
    """The job's own peak of resident memory in MB.

    Linux tells it per program; the usual count begins with what the parent held at the fork.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        size, unit = int(peak.split()[1]), 1024
    except (OSError, StopIteration):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return round(size * unit / 1e6, 1)


def _computed_on() -> str:
    torch = sys.modules.get("torch")
    return "cuda" if torch is not None and torch.cuda.is_initialized() else "cpu"


def _peak_gpu_memory() -> float | None:
    """Most memory that torch held on the device, in MB; None if it used none."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return round(torch.cuda.max_memory_allocated() / 1e6, 1)
