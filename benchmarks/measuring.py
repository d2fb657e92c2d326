"""What the benchmarks share: times, rates of matrix products, machine facts, the command line."""

from __future__ import annotations

import argparse
import gc
import math
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lottery.models.architecture import Architecture, full_plan
from lottery.models.shapes import layer_matrices
from lottery.runtime.allocator import keep_freed_memory

ROOT = Path(__file__).resolve().parents[1]
WINDOWS = 5  # in which the rate of matrix products is measured; the best counts

# Makes a piece of work ready and gives it; only the work itself is timed.
Preparation = Callable[[], Callable[[], object]]


def median_seconds(
    works: dict[str, Preparation], repeats: int, warm_ups: int = 0
) -> dict[str, float]:
    """Times several pieces of work in turn, so that a busy moment does not hit one alone.

    Every second round goes through them backwards: what comes first is cold in one round only.

    Args:
        works: by name; each is prepared afresh for every repeat.
        repeats: the median of so many times counts.
        warm_ups: rounds before that are not counted.
    """
    times: dict[str, list[float]] = {name: [] for name in works}
    for repeat in range(warm_ups + repeats):
        for name in list(works)[:: -1 if repeat % 2 else 1]:
            work = works[name]()
            seconds = seconds_of(work)
            if repeat >= warm_ups:
                times[name].append(seconds)
    return {name: statistics.median(values) for name, values in times.items()}


def seconds_of(work: Callable[[], object]) -> float:
    """Wall time of one piece of work, until the GPU has finished it, too."""
    gc.collect()
    _finish()
    started = time.perf_counter()
    work()
    _finish()
    return time.perf_counter() - started


def _finish() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def linear_shapes(architecture: Architecture) -> list[tuple[int, int]]:
    """Inputs and outputs of the linear layers of one transformer layer."""
    hidden, inner = architecture.hidden, architecture.intermediate
    return [(hidden, hidden)] * 4 + [(hidden, inner), (inner, hidden)]


def flops_done(architecture: Architecture, lengths: np.ndarray, per_weight: int = 6) -> int:
    """FLOPs of the products with a whole model's weights that the encoder really does.

    Those of the last layer are done for one token an example, but for keys and values, unless the
    classifier reads the mean of all tokens. Products of attention are not counted.

    Args:
        architecture: sizes of the model.
        lengths: tokens of each example, int64 [examples].
        per_weight: FLOPs per weight and token: 2 forward, 4 with the gradients of the layer's
            inputs, 6 with those of its weights, too.
    """
    tokens, examples = int(lengths.sum()), len(lengths)
    hidden, mean = architecture.hidden, architecture.mean_pooling
    weights = {
        name: math.prod(shape)
        for name, shape in layer_matrices(architecture, full_plan(architecture)[0]).items()
    }
    whole = sum(weights.values())
    everywhere = whole if mean else weights["key"] + weights["value"]
    of_last = everywhere * tokens + (whole - everywhere) * examples
    projected = (architecture.embedding or 0) * hidden * tokens
    pooled = hidden * hidden * examples
    done = (architecture.layers - 1) * whole * tokens + of_last + projected + pooled
    return per_weight * done


def gemm_rate(
    shapes: Sequence[tuple[int, int]],
    rows: int,
    dtype: torch.dtype,
    device: torch.device,
    seconds: float = 1.0,
) -> float:
    """FLOPs per second of the matrix products of linear layers, forward and backward.

    Args:
        shapes: inputs and outputs of each layer.
        rows: tokens that go through a layer at once.
        dtype: of all matrices.
        device: where to multiply.
        seconds: length of a window; the best of `WINDOWS` counts.
    """
    layers = [
        tuple(
            torch.randn(size, device=device).to(dtype)
            for size in ((rows, inputs), (outputs, inputs), (rows, outputs))
        )
        for inputs, outputs in shapes
    ]

    def once() -> None:
        for x, weight, gradient in layers:
            torch.nn.functional.linear(x, weight)
            gradient @ weight
            gradient.T @ x

    once()
    repeats = max(1, round(seconds / max(seconds_of(once), 1e-5)))

    def window() -> None:
        for _ in range(repeats):
            once()

    best = min(seconds_of(window) for _ in range(WINDOWS))
    flops = 6 * rows * sum(inputs * outputs for inputs, outputs in shapes)
    return flops * repeats / best


def machine() -> dict[str, Any]:
    """What a reader must know of the machine, the versions and the moment."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 2),  # of other work, when the script begins
        "python": platform.python_version(),
        "torch": torch.__version__,
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str | None:
    """The commit of the tree, marked where files differ from it; None outside a repository."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty", "--exclude=*"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return told.stdout.strip()


def count(text: str) -> int:
    """A number of the command line that must be at least 1."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is too small: at least 1")
    return number


def arguments(text: str, repeats: int = 3) -> argparse.ArgumentParser:
    """The options that every benchmark has; a script may add its own."""
    parser = argparse.ArgumentParser(description=text.splitlines()[0])
    parser.add_argument("--json", type=Path, help="where to write rows, machine and details")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it runs")
    parser.add_argument("--threads", type=count, default=2, help="threads of torch (default 2)")
    parser.add_argument("--repeats", type=count, default=repeats, help="the median counts")
    return parser


def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """Parses the command line, and sets threads and memory as jobs do.

    What others do runs in the same process and gains from it, too.
    """
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    keep_freed_memory()
    if options.quick:
        options.repeats = 1
    return options
