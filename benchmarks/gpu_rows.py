"""The rows of gpu.py: their names, targets and numbers. Nothing is measured here.

Targets have a physical reason. A training step cannot do without its products and its optimizer;
half of the time may go to all else. The grid in bf16, with passes in tf32, may take 6 GPU-hours
(docs/gpus.md has the estimate). In fp32 the products of training alone take longer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drawn import TASKS
from gpu_work import COMPILED, EVALUATE, PASS, TRAIN, TUNED, Piece
from grid_hours import AUTHORS_HOURS, START_SECONDS, gpu_jobs, hours
from lottery.config import Study
from lottery.models.precision import BF16, FP32, TF32
from rows import Row, not_measured

Pair = tuple[str, str]  # the precisions of training and of passes
PAIRS: tuple[Pair, ...] = ((FP32, FP32), (TF32, TF32), (BF16, TF32))
ROOFLINE_SHARE = 0.5
GRID_HOURS, GRID_TARGET = 6.0, (BF16, TF32)
AS_OTHERS = 1.0  # at least as fast as others
OTHERS = {
    (TRAIN, TUNED): "a tuned transformers loop",
    (TRAIN, COMPILED): "that loop under torch.compile",
    (PASS, TUNED): "transformers' model with gates",
    (EVALUATE, TUNED): "transformers' model",
}
SCORE = "score"  # of a training, see grid_hours.py
STARTS_NAME = "GPU, the paper's grid, starts of its jobs"


def roofline_target(piece: Piece) -> float | None:
    """The share of the roofline that training in bf16 must reach."""
    wanted = (piece.kind, piece.precision, piece.batch_size) == (TRAIN, BF16, None)
    return ROOFLINE_SHARE if wanted else None


def roofline_row(piece: Piece, tokens: int, seconds: float, floor: float) -> Row:
    """Our rate next to that of the roofline; the ratio is the share of it."""
    target = roofline_target(piece)
    ours, most = tokens / seconds, tokens / floor
    return Row(piece.name, ours, "tokens/s", "roofline", most, floor / seconds, target, True)


def opponent_target(piece: Piece) -> float | None:
    """How many times as fast as others training must be."""
    return AS_OTHERS if piece.kind == TRAIN else None


def opponent_name(piece: Piece) -> str:
    """The row that holds ours against others."""
    return f"{piece.name}: over {OTHERS[piece.kind, piece.side]}"


def opponent_row(piece: Piece, tokens: int, ours: float, theirs: float) -> Row:
    """Our rate next to that of others; the ratio says how many times faster we are."""
    target = opponent_target(piece)
    name, against = opponent_name(piece), f"theirs, {piece.precision}"
    return Row(
        name, tokens / ours, "tokens/s", against, tokens / theirs, theirs / ours, target, True
    )


def compile_name(piece: Piece) -> str:
    """The row of what compiling takes."""
    return f"{piece.name}: torch.compile, before the first step of theirs"


def compile_row(piece: Piece, seconds: float) -> Row:
    """Seconds that compiling took, which no rate holds; ours compiles nothing."""
    return Row(compile_name(piece), 0.0, "s", "torch.compile", seconds, None)


def starts_row(study: Study, seconds: float) -> Row:
    """What the starts of all jobs that hold a GPU take, next to one of them."""
    jobs = sum(gpu_jobs(study).values())
    return Row(STARTS_NAME, jobs * seconds, "s", f"one of {jobs}", seconds, None)


def grid_pairs(ships: Pair) -> list[Pair]:
    """The pairs of precisions with a row of the grid: the one that ships first."""
    return [*dict.fromkeys((ships, *PAIRS))]


def grid_name(pair: Pair, ships: Pair) -> str:
    """The row of the grid in one pair of precisions."""
    as_shipped = ", as config.yaml ships" if pair == ships else ""
    return f"GPU, the paper's grid: training {pair[0]}, passes {pair[1]}{as_shipped}"


def grid_target(pair: Pair) -> float | None:
    """The GPU-hours that the grid may take, starts included."""
    return GRID_HOURS if pair == GRID_TARGET else None


def grid_rows(
    rates: dict[tuple[str, str], dict[float, float]],
    study: Study,
    ships: Pair,
    start: float | None,
    reasons: Mapping[tuple[str, str], str],
) -> list[Row]:
    """The paper's grid on this card in GPU-hours, starts of jobs included.

    Args:
        rates: kind of work and precision -> mean tokens per example -> tokens per second.
        study: that of config.yaml.
        ships: its precisions.
        start: seconds of a job's start; None counts the most that is expected.
        reasons: kind of work and precision -> why it has no rate.
    """
    jobs = sum(gpu_jobs(study).values())
    rows: list[Row] = []
    for pair in grid_pairs(ships):
        needed = {
            TRAIN: (TRAIN, pair[0]),
            PASS: (PASS, pair[1]),
            EVALUATE: (EVALUATE, pair[1]),
            SCORE: (EVALUATE, FP32),  # trainings score in fp32, whatever the config says
        }
        name, target = grid_name(pair, ships), grid_target(pair)
        missing = [each for each in needed.values() if len(rates.get(each, ())) < len(TASKS)]
        if missing:
            rows.append(not_measured(name, reasons[missing[0]], target, at_least=False))
            continue
        found = hours({kind: rates[each] for kind, each in needed.items()})
        least, most = (
            sum(found.values()) + jobs * seconds / 3600
            for seconds in (START_SECONDS if start is None else (0.0, start))
        )
        against = "without starts of jobs"
        if start is None:
            against = "with starts of {:g} s in place of {:g} s".format(*START_SECONDS)
        rows.append(Row(name, most, "GPU-hours", against, least, most, target))
        if pair == ships:
            rows += logged_rows(found, pair[1])
    return rows


def logged_rows(found: dict[str, float], precision: str) -> Iterator[Row]:
    """Passes and evaluation of the grid next to what the authors logged of them."""
    ours = {PASS: found[PASS], EVALUATE: found[EVALUATE] + found[SCORE]}
    for kind, theirs in AUTHORS_HOURS.items():
        name = f"GPU, the paper's grid, {kind}, {precision}"
        yield Row(name, ours[kind], "GPU-hours", "the authors' cards, logged", theirs, None)
