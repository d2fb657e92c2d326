"""BERT-base on a GPU: rates against what the card can do and against others, hours of the grid.

Builds its inputs itself: BERT-base with random weights, and examples whose lengths follow the
deciles of RTE and SST-2 that drawn.py states. The recipe, search and evaluation are those of
config.yaml; every row names its precision, the same on both sides (gpu_work.py). A rate is held
against the roofline: the matrix products at the rate of one large product of that precision, and
what AdamW reads and writes at the rate of a large copy, both measured in the same run. From the
rates and the seconds of a job's start follow the GPU-hours of the paper's grid (grid_hours.py), one
row for each pair of precisions, of training and of passes.

Rows come in the order of their importance. Each is printed and written as it ends. With `--budget`
a row that is expected to take longer than what is left is not measured. Without a GPU the script
says so and ends well. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/gpu.py --budget 8m --json build/bench/gpu.json

`--device cpu --quick` shows on a machine without a GPU that it runs.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable
from typing import Any

import torch

from budget import Budget, Cost, duration
from drawn import TASKS
from gpu_rows import (
    PAIRS,
    STARTS_NAME,
    Pair,
    compile_name,
    compile_row,
    grid_name,
    grid_pairs,
    grid_rows,
    grid_target,
    opponent_name,
    opponent_row,
    opponent_target,
    roofline_row,
    roofline_target,
    starts_row,
)
from gpu_work import (
    COMPILED,
    EVALUATE,
    OURS,
    PASS,
    TRAIN,
    TUNED,
    Limits,
    Piece,
    Works,
    as_others_run,
    measured_limits,
    twin_of,
)
from grid_hours import START_SECONDS
from job_starts import RUNS, start_seconds
from lottery.config import Study, load_study, read_config
from lottery.models.precision import BF16, FP32, TF32, effective
from lottery.steps.setup import prepare_torch
from measuring import ROOT, arguments, machine, parsed, seconds_of
from rows import Row, finish, not_measured, write

NO_GPU = "not measured: no GPU"
LARGE_BATCH = 128
COMPILE_SECONDS = 120.0  # until one has been measured: a guess
STARTS, GRID = "starts", "grid"  # what is measured or computed next to pieces


def shipped(study: Study) -> Pair:
    """The precisions of training and of passes that a study asks for."""
    asked = {options["precision"] for options in study.training.values()}
    if len(asked) > 1:
        sys.exit(f"The tasks train in {len(asked)} precisions; the benchmark measures one.")
    return asked.pop(), study.evaluation["precision"]


def planned(pair: Pair) -> list[Piece | str]:
    """Everything there is to measure, the most important first.

    Args:
        pair: the one that ships.
    """
    pairs = [pair, *PAIRS]
    training = dict.fromkeys([BF16, TF32, FP32, *(each for each, _ in pairs)])
    passes = dict.fromkeys(each for _, each in pairs)
    opponents = [
        *(Piece(TRAIN, task, BF16, side) for side in (TUNED, COMPILED) for task in TASKS),
        *(
            Piece(kind, task, precision, TUNED)
            for kind in (PASS, EVALUATE)
            for precision in passes
            for task in TASKS
        ),
    ]
    return [
        *(Piece(TRAIN, task, precision) for precision in training for task in TASKS),
        *(
            Piece(kind, task, precision)
            for kind in (PASS, EVALUATE)
            for precision in passes
            for task in TASKS
        ),
        STARTS,
        GRID,
        *opponents,
        *(Piece(TRAIN, task, BF16, OURS, LARGE_BATCH) for task in TASKS),
    ]


class Bench:
    """Measures piece by piece, within a budget, and keeps every row as it ends.

    Attributes:
        rows: those so far.
        details: the numbers behind them.
        failed: names of what ended in an error.
    """

    def __init__(
        self, options: argparse.Namespace, facts: dict[str, Any], study: Study, budget: Budget
    ) -> None:
        self.rows: list[Row] = []
        self.details: dict[str, Any] = {"seconds": {}, "budget_s": options.budget}
        self.failed: list[str] = []
        self._options, self._facts, self._study, self._budget = options, facts, study, budget
        self._pair = shipped(study)
        self._seconds: dict[Piece, float] = {}
        self._compiling: float | None = None  # seconds, of the first
        self._start: float | None = None  # seconds of a job's start
        self._reasons: dict[tuple[str, str], str] = {}  # why a kind and precision has no rate

    def without(self, reason: str) -> None:
        """Adds the rows with a target as not measured."""
        self.rows = [row for row in self.unmeasured(reason) if row.target is not None]

    def unmeasured(self, reason: str) -> list[Row]:
        """All rows of the table, none of them measured."""
        return [row for each in planned(self._pair) for row in self._skipped(each, reason)]

    def measure(self, device: torch.device) -> None:
        """Measures all that fits."""
        self._device = device
        self._works = Works(self._study, device, quick=self._options.quick)
        known = [each for each in (BF16, TF32, FP32) if effective(each, device) == each]
        self._limits: Limits = measured_limits(device, known, quick=self._options.quick)
        self.details["peak_tflops"] = {k: v / 1e12 for k, v in self._limits.peaks.items()}
        self.details["bandwidth_gb_s"] = self._limits.bandwidth / 1e9
        for each in planned(self._pair):
            reason = self._reason_against(each)
            if reason is None:
                try:
                    self._keep(self._measured(each))
                    continue
                except Exception as error:  # what others need may fail; the rest is measured
                    reason = f"failed: {type(error).__name__}"
                    self.failed.append(f"{_name(each)} ({error})")
            if isinstance(each, Piece) and each.side == OURS:
                self._reasons.setdefault((each.kind, each.precision), reason)
            self._keep(self._skipped(each, reason))

    def finish(self) -> None:
        """Prints the table and writes the json; ends with an error if something failed."""
        finish(self._options, self._facts, self.rows, **self.details)
        if self.failed:
            sys.exit(f"Failed: {'; '.join(self.failed)}")

    def _keep(self, rows: list[Row]) -> None:
        for row in rows:
            print(" | ".join(row.cells()), flush=True)
        self.rows += rows
        write(self._options, self._facts, self.rows, status="unfinished", **self.details)

    def _reason_against(self, each: Piece | str) -> str | None:
        """Why something cannot be measured; None if it can."""
        if isinstance(each, Piece):
            if each.precision not in self._limits.peaks:
                return f"no {each.precision} on this device"
            if each.side != OURS and twin_of is None:
                return "no transformers"
            if each.side != OURS and each.ours not in self._seconds:
                return self._reasons[each.kind, each.precision]
        return None if self._budget.fits(self._cost(each)) else "out of budget"

    def _cost(self, each: Piece | str) -> Cost:
        if each == GRID:
            return Cost(0.0)
        if each == STARTS:
            return Cost(RUNS * START_SECONDS[1])
        cost = self._running_cost(each)
        if each.side != COMPILED:
            return cost
        compiling = COMPILE_SECONDS if self._compiling is None else self._compiling
        return cost._replace(floor=cost.floor + compiling)

    def _running_cost(self, piece: Piece) -> Cost:
        """Of all repeats, without compiling."""
        rounds = self._options.repeats + 1
        floor = rounds * self._works.roofline(piece, self._limits)
        return Cost(floor, rounds * self._works.steps(piece))

    def _measured(self, each: Piece | str) -> list[Row]:
        if each == STARTS:
            self._start = start_seconds(self._works.prototype, self._device)
            return [starts_row(self._study, self._start)]
        if each == GRID:
            rates = self._rates()
            return grid_rows(rates, self._study, self._pair, self._start, self._reasons)
        started = self._budget.clock()
        compiling = 0.0
        if each.side == OURS:
            self._seconds[each] = self._timed(each)
        else:
            with as_others_run(self._device):
                if each.side == COMPILED:
                    self._seconds[each], compiling = self._timed_compiled(each)
                    self._compiling = compiling
                else:
                    self._seconds[each] = self._timed(each)
        took = self._budget.clock() - started - compiling
        self._budget.learn(self._running_cost(each), took)
        self.details["seconds"][f"{each.name}, {each.side}"] = self._seconds[each]
        return self._rows_of(each, compiling)

    def _timed(self, piece: Piece) -> float:
        """The median time, of a model of its own each time; the first is not counted."""
        times = [seconds_of(self._works.prepare(piece)) for _ in range(1 + self._options.repeats)]
        return statistics.median(times[1:])

    def _timed_compiled(self, piece: Piece) -> tuple[float, float]:
        """The median time of what is compiled, and the seconds that compiling took."""
        work: Callable[[], Any] = self._works.prepare(piece)
        cold = seconds_of(work)
        warm = statistics.median(seconds_of(work) for _ in range(self._options.repeats))
        return warm, max(cold - warm, 0.0)

    def _rows_of(self, piece: Piece, compiling: float) -> list[Row]:
        tokens = int(self._works.tokens(piece).lengths.sum())
        seconds = self._seconds[piece]
        if piece.side == OURS:
            return [roofline_row(piece, tokens, seconds, self._works.roofline(piece, self._limits))]
        rows = [opponent_row(piece, tokens, self._seconds[piece.ours], seconds)]
        if piece.side == COMPILED:
            rows.append(compile_row(piece, compiling))
        return rows

    def _rates(self) -> dict[tuple[str, str], dict[float, float]]:
        """Kind of work and precision -> mean tokens per example -> our tokens per second."""
        rates: dict[tuple[str, str], dict[float, float]] = {}
        for piece, seconds in self._seconds.items():
            if piece.side != OURS or piece.batch_size is not None:
                continue
            lengths = self._works.tokens(piece).lengths
            of_kind = rates.setdefault((piece.kind, piece.precision), {})
            of_kind[float(lengths.mean())] = float(lengths.sum()) / seconds
        return rates

    def _skipped(self, each: Piece | str, reason: str) -> list[Row]:
        if each == STARTS:
            return [not_measured(STARTS_NAME, reason)]
        if each == GRID:
            return [
                not_measured(grid_name(pair, self._pair), reason, grid_target(pair), False)
                for pair in grid_pairs(self._pair)
            ]
        if each.side == OURS:
            return [not_measured(each.name, reason, roofline_target(each))]
        rows = [not_measured(opponent_name(each), reason, opponent_target(each))]
        if each.side == COMPILED:
            rows.append(not_measured(compile_name(each), reason))
        return rows


def _name(each: Piece | str) -> str:
    return f"{each.name}, {each.side}" if isinstance(each, Piece) else each


def main() -> None:
    """Measures where there is a GPU, prints the rows and writes them as json."""
    parser = arguments(__doc__)
    parser.add_argument(
        "--budget", type=duration, metavar="TIME", help="measure what fits, such as 90s, 8m or 1h"
    )
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    options = parsed(parser)
    budget = Budget(options.budget)
    if options.device == "cpu" and not options.quick:
        parser.error("--device cpu only shows that the script runs: add --quick")
    bench = Bench(options, machine(), load_study(read_config(ROOT / "config.yaml"), ROOT), budget)
    if options.device == "cpu":
        bench.measure(torch.device("cpu"))
    elif torch.cuda.is_available():
        bench.measure(prepare_torch(options.threads))
    else:
        print("There is no CUDA device here, so nothing is measured on a GPU.")
        bench.without("no GPU")
        bench.details["status"] = NO_GPU
    bench.finish()


if __name__ == "__main__":
    main()
