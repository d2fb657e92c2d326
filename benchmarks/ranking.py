"""Times all steps of the magnitude search on a 110M-parameter BERT, and its memory.

BERT-base with random weights. The search runs whole, with a score that always passes, so that it
takes every step it can. Evaluations are left aside: it scores one example of three tokens. Memory
is the peak of the process less what it held before the model was made, over the size of the model;
hence a process of its own. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/ranking.py --json build/bench/ranking.json
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np

from drawn import bert_base, drawn_model, drawn_tokens
from lottery.models.encoder import Encoder
from lottery.pruning.algorithms import magnitude
from lottery.pruning.algorithms.search import SearchContext
from measuring import arguments, machine, parsed, seconds_of
from rows import Row, finish

SECONDS = 60.0
MEMORY = 3.0


def memory(field: str) -> int | None:
    """A field of /proc/self/status in bytes: VmRSS now, VmHWM at most so far; None elsewhere."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").split("\n")
    except OSError:
        return None
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:"))


def forget_peak() -> None:
    """Lets the peak count from now on, where the system allows it."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def context_of(model: Encoder, halves: bool) -> SearchContext:
    """A search on one short example, in which every step passes."""
    options = {name: option.published for name, option in magnitude.OPTIONS.items()}
    return SearchContext(
        model=model,
        tokens=drawn_tokens(np.array([3]), model.architecture),
        options=options | {"halves": halves},
        score=lambda logits: 1.0,
        threshold=lambda full_score: 0.0,
    )


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    options = parsed(arguments(__doc__, repeats=1))
    facts = machine()
    forget_peak()
    before = memory("VmRSS")
    model = drawn_model(bert_base(1 if options.quick else 12))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    size = 4 * parameters
    context = context_of(model, halves=True)
    found = []
    seconds = seconds_of(lambda: found.append(magnitude.search(context)))
    steps = len(found[0].trajectory)
    peak = memory("VmHWM")
    name = f"magnitude search, {parameters / 1e6:.0f}M parameters, {steps} steps"
    used = None if peak is None else (peak - before) / 1e6
    ratio = None if used is None else used * 1e6 / size
    rows = [
        Row(name, seconds, "s", "allowed", SECONDS, seconds, SECONDS, note="evaluations aside"),
        Row(f"{name}: memory", used, "MB", "the model", size / 1e6, ratio, MEMORY),
    ]
    finish(
        options, facts, rows, process_peak_mb=peak and peak / 1e6, before_mb=before and before / 1e6
    )


if __name__ == "__main__":
    main()
