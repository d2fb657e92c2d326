"""GPU-hours of the paper's whole grid, from rates that were measured on two kinds of lengths.

The grid's work is counted in tokens, task by task; a token's time is taken to be a + b / (mean
tokens per example), since part of a step costs the same however short its examples are. Shrunk
models are counted as if they were whole, so the hours are an upper bound. The starts of jobs are
counted too: the jobs that the config plans, times the seconds of one start.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from lottery.config import Study
from lottery.planning import grid

SEEDS, EPOCHS = 5, 3
SUBNETWORKS = 9  # of each task and seed, each pruned and retrained: six structured, three magnitude
# Passes of a search over the development set. A published structured search takes 15 to 25 steps,
# one by magnitude 7 to 30.
STRUCTURED_PASSES, MAGNITUDE_PASSES = 22, 16


@dataclass(frozen=True)
class Task:
    """Examples of a GLUE task, and their mean number of tokens (BERT's uncased, at most 128)."""

    train: int
    dev: int
    tokens: float


# Counts: the specification of the study. Tokens of CoLA, SST-2, MRPC, STS-B and RTE are counted on
# up to 3,000 examples; those of the four others are rough.
TASKS = {
    "cola": Task(8551, 1043, 11.4),
    "sst2": Task(67349, 872, 13.2),
    "mrpc": Task(3668, 408, 53.3),
    "stsb": Task(5749, 1500, 28.0),
    "qqp": Task(363849, 40430, 30),
    "mnli": Task(392702, 9815 + 9832, 39),
    "qnli": Task(104743, 5463, 50),
    "rte": Task(2490, 277, 66.6),
    "wnli": Task(635, 71, 37),
}
# What the authors' trackers logged: 45 structured searches, 37 evaluations of 45 models. Their
# trainings and magnitude searches, the larger part, were not logged.
AUTHORS_HOURS = {"importance pass": 7.1, "evaluate": 7.9}
# Seconds of a job's start, least and most, where none was measured: an estimate.
START_SECONDS = 5.0, 12.0


def gpu_jobs(study: Study) -> dict[str, int]:
    """Jobs that hold a GPU, by step, as the study plans them.

    They are those of a study like the paper's. Further axes, evaluation-only tasks and connectivity
    have jobs of their own.
    """
    return {
        "finetune": len(grid.finetune_rows(study)),
        "search": len(grid.mask_rows(study)),
        "evaluate_pruned": len(grid.pruned_rows(study)),
        "retrain": len(grid.retrain_rows(study)),
    }


def passes(kind: str) -> dict[str, int]:
    """Passes over a task's training (fine-tune) or development examples, by rule."""
    return {
        "fine-tune": {"finetune": EPOCHS, "retrain": EPOCHS * SUBNETWORKS},
        "importance pass": {"search_structured": STRUCTURED_PASSES},
        "evaluate": {"search_magnitude": MAGNITUDE_PASSES, "evaluate_pruned": SUBNETWORKS},
        # The step that has trained a model computes its logits, too; step evaluate needs no GPU.
        "score": {"finetune": 1, "retrain": SUBNETWORKS},
    }[kind]


def hours(rates: Mapping[str, Mapping[float, float]]) -> dict[str, float]:
    """GPU-hours of each kind of work in the grid.

    Args:
        rates: kind of work -> mean tokens per example -> tokens per second, at two lengths.
    """
    return {kind: _hours_of(kind, dict(of_kind)) for kind, of_kind in rates.items()}


def _hours_of(kind: str, rates: dict[float, float]) -> float:
    (short, long) = sorted(rates)
    times = 1 / rates[short], 1 / rates[long]  # seconds per token
    b = (times[0] - times[1]) / (1 / short - 1 / long)
    a = times[0] - b / short
    seconds = 0.0
    for task in TASKS.values():
        examples = task.train if kind == "fine-tune" else task.dev
        tokens = examples * task.tokens * SEEDS * sum(passes(kind).values())
        seconds += tokens * (a + b / task.tokens)
    return seconds / 3600
