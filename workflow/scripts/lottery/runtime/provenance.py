"""What a job was made from and with, written next to its outputs."""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.runtime import plan
from lottery.runtime.gpu_lease import Lease

PACKAGES = (
    "all-tickets",  # where the workflow is installed
    "torch",
    "transformers",
    "tokenizers",
    "datasets",
    "safetensors",
    "numpy",
    "pyarrow",
    "pandas",
    "scipy",
    "matplotlib",
    "snakemake",
)
# Format 1 had no `step`; its trainings and searches wrote fewer files.
FORMAT = 2
NAME = "provenance"  # of the output that holds the record
SUMMARY = "data_summary"  # of the output whose content the record repeats
LONGEST = 80  # characters of a value


class Record:
    """The provenance of one job, begun before its step runs.

    `inputs` holds the digests of inputs and of the user's files (`sources`), by name and path; it
    is empty if the rule has no record.

    Raises:
        StudyError: An input is missing, or is not what its step has written.
    """

    def __init__(self, snakemake: Any, step: str) -> None:
        self._job = snakemake
        self._step = step
        self._path: str | None = snakemake.output.get(NAME)
        self._start = time.monotonic()
        self._started = datetime.now(UTC)
        self.inputs: dict[str, dict[str, str]] = {}
        if self._path:
            self.inputs = _digests(snakemake.input.items())
            _require_as_written(self.inputs)
            if sources := snakemake.params.get("sources"):
                self.inputs["sources"] = dict(sources)

    def seconds(self) -> float:
        """The time since the record was begun."""
        return time.monotonic() - self._start

    def write(self, lease: Lease, resumed_from: Sequence[int] = ()) -> None:
        """Writes the record, if the rule declares one among its outputs.

        `resumed_from` are the steps after which the job was continued from a checkpoint.
        """
        if self._path is None:
            return
        job = self._job
        torch: Any = sys.modules.get("torch")
        on_gpu = torch is not None and torch.cuda.is_initialized()
        outputs = {name: paths for name, paths in job.output.items() if name != NAME}
        record = {
            "format": FORMAT,
            "step": self._step,
            "rule": job.rule,
            "log": job.log[0] if len(job.log) else None,
            "wildcards": dict(job.wildcards.items()),
            "params": dict(job.params.items()),
            "inputs": self.inputs,
            "outputs": _digests(outputs.items()),
            "commit": plan.commit(),
            "versions": _versions(),
            "platform": platform.platform(),
            "device": lease.device,
            "device_name": lease.name,
            # A step may use no device though it has leased one, as a search by magnitude.
            "computed_on": "cuda" if on_gpu else "cpu",
            "cuda": _cuda_settings(torch) if on_gpu else None,
            "precision": _precision(),
            "slot": lease.slot,
            "threads": job.threads,
            "started": self._started.isoformat(timespec="seconds"),
            "duration_seconds": round(self.seconds(), 3),  # since the last interruption
            "resumed_from": list(resumed_from),
            "peak_memory_mb": _peak_memory(),
            "peak_gpu_memory_mb": (
                round(torch.cuda.max_memory_allocated() / 1e6, 1) if on_gpu else None
            ),
            # Of the whole device while the job held its slot, other jobs on it included.
            "energy_joules": lease.energy_joules(),
        }
        if path := job.output.get(SUMMARY):
            record["data"] = files.read_json(path)
        files.write_json(self._path, record)


def _require_as_written(inputs: Mapping[str, Mapping[str, str]]) -> None:
    """Rejects inputs that have been damaged or exchanged since their steps wrote them.

    The digests are there anyway, and the record of the step lies in the folder of what it wrote.
    """
    found = {path: digest for named in inputs.values() for path, digest in named.items()}
    for path, digest in found.items():
        written = _written_in(Path(path).parent).get(path)
        if written and digest not in written:
            raise StudyError(
                f"{path} is not what its step wrote (its sha256 is {digest[:12]}..., "
                f"{next(iter(written.values()))} has another one); delete it and run again."
            )


@cache
def _written_in(folder: Path) -> dict[str, dict[str, str]]:
    """What the records in a folder say was written: path -> SHA-256 -> the record that has it."""
    written: dict[str, dict[str, str]] = {}
    for record in sorted(folder.glob(f"*{NAME}.json")):
        try:
            outputs = json.loads(record.read_bytes())["outputs"].values()
            pairs = [pair for named in outputs for pair in named.items()]
        except (OSError, ValueError, LookupError, TypeError, AttributeError):
            continue  # a record that cannot be read says nothing
        for path, digest in pairs:
            written.setdefault(path, {})[digest] = str(record)
    return written


def made_with(path: str | Path, params: Mapping[str, Any]) -> bool:
    """Whether a step has left a record at a path, and was run with all these params."""
    try:
        record = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("params") == json.loads(json.dumps(params))


def changed_leaves(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The leaves in which the params of a record and those of a rule differ.

    Returns:
        Dotted name (without `settings.`; `content of` a user's file), old value and new value, as
        short text.
    """
    before, after = (
        {name: _text(value) for name, value in _leaves("", dict(params))} for params in (old, new)
    )
    return [
        _shown(name, before.get(name), after.get(name))
        for name in before | after
        if before.get(name) != after.get(name)
    ]


def _shown(leaf: str, old: str | None, new: str | None) -> tuple[str, str, str]:
    if leaf.startswith("sources."):
        # The first digits of a digest are enough to see that two differ.
        before, after = (text.strip("'")[:8] if text else "none" for text in (old, new))
        return f"content of {leaf.removeprefix('sources.')}", before, after
    return leaf.removeprefix("settings."), _short(old), _short(new)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, below in value.items():
            yield from _leaves(f"{name}.{key}" if name else key, below)
    else:
        yield name, value


def _text(value: Any) -> str:
    """A value as JSON holds it, without tuples, the keys in order.

    As text, because True is 1 to Python but not to Snakemake.
    """
    return repr(json.loads(json.dumps(value, sort_keys=True)))


def _short(text: str | None) -> str:
    text = "none" if text is None else text
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}..."


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


def _cuda_settings(torch: Any) -> dict[str, Any]:
    """What torch was set to on the device, of all that can change results there."""
    backends = torch.backends
    only_warns = torch.is_deterministic_algorithms_warn_only_enabled()
    return {
        "deterministic": torch.are_deterministic_algorithms_enabled() and not only_warns,
        "cudnn_benchmark": backends.cudnn.benchmark,
        "cudnn_attention": backends.cuda.cudnn_sdp_enabled(),
        "matmul_fp32_precision": backends.cuda.matmul.fp32_precision,
        "cublas_workspace": os.environ.get("CUBLAS_WORKSPACE_CONFIG"),
        "device_order": os.environ.get("CUDA_DEVICE_ORDER"),
    }


def _precision() -> dict[str, str]:
    """What the job computed in, by kind of work; empty if it ran no model."""
    module: Any = sys.modules.get("lottery.models.precision")
    return dict(module.used) if module else {}


def _peak_memory() -> float:
    """The job's own peak of resident memory in MB.

    Linux counts it per program; getrusage begins with what the parent held at the fork.
    """
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
        peak = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        size, unit = int(peak.split()[1]), 1024
    except (OSError, StopIteration):
        size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        unit = 1 if sys.platform == "darwin" else 1024  # bytes there, KiB on Linux
    return round(size * unit / 1e6, 1)
