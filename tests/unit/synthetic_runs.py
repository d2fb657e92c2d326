"""Made-up runs: scores of a chosen level, and predictions that have such scores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from lottery import files
from lottery.results.scores import SCHEMA, with_counted
from lottery.tasks.metrics import is_constant, score

SEEDS = (1337, 42, 86, 71, 166)
MODEL = "bert_base"
Run = tuple[str, str, str]  # method, subnetwork, phase
Level = Callable[[str, Run, int], float]


@dataclass(frozen=True)
class Score:
    """A row of scores.csv; None is a missing number."""

    model: str
    task: str
    seed: int | None
    method: str
    subnetwork: str
    phase: str
    split: str
    metric: str
    value: float | None
    n_examples: int
    kept_fraction: float | None
    heads_kept: int | None
    mlps_kept: int | None
    degenerate: bool
    eval_task: str = ""
    group: str = ""


def from_scores(scores: Iterable[Score]) -> pd.DataFrame:
    """The table that `lottery.results.scores.score_table` would read."""
    return with_counted(files.table([asdict(score) for score in scores], SCHEMA))


def write_scores(path: Path, scores: Iterable[Score]) -> None:
    """Writes scores.csv."""
    files.write_table(path, from_scores(scores).drop(columns="counted"), SCHEMA)


def runs_of(methods: dict[str, tuple[str, ...]]) -> list[Run]:
    """(method, subnetwork, phase) of a study's cells, the full model first."""
    return [("none", "full", "finetuned")] + [
        (method, subnetwork, phase)
        for method, subnetworks in methods.items()
        for subnetwork in subnetworks
        for phase in ("pruned", "retrained")
    ]


def make_scores(
    tasks: tuple[str, ...],
    methods: dict[str, tuple[str, ...]],
    level: Callable[[str, Run], tuple[float, float]],
    kept: Callable[[Run], float],
    seeds: tuple[int, ...] = SEEDS,
    splits: tuple[str, ...] = ("validation", "report_half"),
) -> list[Score]:
    """Scores with exactly the given mean and sample standard deviation over seeds.

    Args:
        tasks: their reported metric is accuracy.
        methods: method -> subnetworks.
        level: (task, run) -> mean and standard deviation over seeds.
        kept: run -> kept_fraction.
        seeds: seeds.
        splits: splits, all with the same scores.
    """
    scores = []
    for task in tasks:
        for number, run in enumerate(runs_of(methods)):
            mean, sd = level(task, run)
            # Every run has its own pattern over seeds, so that differences of runs vary, too.
            noise = np.random.default_rng([number, len(task), *task.encode()])
            values = noise.standard_normal(len(seeds))
            values -= values.mean()
            if len(seeds) > 1:
                values *= sd / values.std(ddof=1)
            scores += [
                one_score(task, seed, run, split, mean + value, kept_fraction=kept(run))
                for seed, value in zip(seeds, values, strict=True)
                for split in splits
            ]
    return scores


def one_score(
    task: str, seed: int, run: Run, split: str, value: float | None, **changes: object
) -> Score:
    """A row of scores.csv in accuracy."""
    facts = {
        "metric": "accuracy",
        "n_examples": 100,
        "kept_fraction": 0.5,
        "degenerate": value is None,
    } | changes
    return Score(
        model=MODEL,
        task=task,
        seed=seed,
        method=run[0],
        subnetwork=run[1],
        phase=run[2],
        split=split,
        value=value,
        heads_kept=None,
        mlps_kept=None,
        **facts,
    )


def write_runs(
    root: Path,
    tasks: dict[str, str],
    methods: dict[str, tuple[str, ...]],
    level: Level,
    *,
    n: int = 60,
    seeds: tuple[int, ...] = SEEDS,
) -> tuple[list[Path], list[Score]]:
    """Writes predictions of which a share, `level`, is right, and gives their scores.

    Args:
        root: folder that holds results/.
        tasks: task -> metric; pearson makes a regression.
        methods: method -> subnetworks.
        level: (task, run, seed) -> share of right predictions; 0 makes constant ones.
        n: examples, half of them in each half.
        seeds: seeds.

    Returns:
        The files, and the rows of scores.csv.
    """
    paths, scores = [], []
    for task, metric in tasks.items():
        rng = np.random.default_rng([len(task), *task.encode()])
        hard = rng.random(n)
        labels = rng.random(n) if metric == "pearson" else rng.integers(2, size=n)
        half = np.where(np.arange(n) % 2, "report_half", "search_half")
        for seed in seeds:
            for run in runs_of(methods):
                predictions = _predict(labels, level(task, run, seed), hard, rng)
                folder = root / "results" / MODEL / task / f"seed_{seed}" / "evaluate" / Path(*run)
                paths.append(folder / "predictions.parquet")
                order = rng.permutation(n)  # rows come in any order
                table = {
                    "split": pa.array(["validation"] * n),
                    "idx": order,
                    "label": labels[order],
                    "prediction": predictions[order],
                    "half": pa.array(half[order]),
                }
                files.write_parquet(paths[-1], pa.table(table))
                for split, rows in (("validation", half != ""), ("report_half", half == half[1])):
                    value = score(metric, labels[rows], predictions[rows])
                    constant = is_constant(predictions[rows])
                    lost = run[2] != "pruned" and (constant or value is None)
                    changes = {"metric": metric, "degenerate": lost}
                    scores.append(one_score(task, seed, run, split, value, **changes))
    return paths, scores


def _predict(
    labels: np.ndarray, level: float, hard: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    if level == 0:
        return np.full_like(labels, labels[0])
    # Half of the examples are hard or easy for all runs.
    right = np.where(rng.random(len(labels)) < 0.5, hard, rng.random(len(labels))) < level
    wrong = rng.random(len(labels)) if labels.dtype.kind == "f" else 1 - labels
    return np.where(right, labels, wrong)
