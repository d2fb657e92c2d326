"""The published numbers (workflow/resources/paper/), for comparison beside one's own."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from lottery import files
from lottery.results.scores import mean


@dataclass(frozen=True)
class PublishedScore:
    """A published mean over seeds.

    Attributes:
        mean: mean of the metric.
        sd: sample standard deviation over seeds; None for a single value.
        n_seeds: number of seeds.
    """

    mean: float
    sd: float | None
    n_seeds: int


class Published:
    """What the paper's result files say, by this project's ids.

    Methods are `structured`, `magnitude` and `none` (full, majority); tasks are the GLUE presets.
    """

    def __init__(
        self,
        scores: dict[tuple[str, ...], PublishedScore],
        kept: dict[tuple[str, ...], float],
    ) -> None:
        self._scores = scores
        self._kept = kept

    @classmethod
    def read(cls, path_to_scores: Path, path_to_sizes: Path) -> Published:
        """Reads scores.csv and sizes.csv of workflow/resources/paper.

        The published result files hold the standard deviation of the population; the sample's,
        which stands beside one's own, is that times sqrt(n / (n - 1)), for five seeds sqrt(5/4).
        """
        scores = {}
        for row in files.read_csv(path_to_scores):
            n = int(row["n_seeds"])
            sd = float(row["sd_population"]) * math.sqrt(n / (n - 1)) if n > 1 else None
            key = tuple(
                row[column]
                for column in ("method", "subnetwork", "phase", "task", "split", "metric")
            )
            scores[key] = PublishedScore(float(row["mean"]), sd, n)
        sizes = defaultdict(list)
        for row in files.read_csv(path_to_sizes):
            sizes[row["method"], row["subnetwork"], row["task"]].append(float(row["kept_fraction"]))
        return cls(scores, {key: mean(values) for key, values in sizes.items()})

    def score(
        self, method: str, subnetwork: str, phase: str, task: str, split: str, metric: str
    ) -> PublishedScore | None:
        """The published score of a cell; None where the paper has none."""
        return self._scores.get((method, subnetwork, phase, task, split, metric))

    def kept_fraction(self, method: str, subnetwork: str, task: str) -> float | None:
        """Mean published kept parameters / parameters of the body; None where there is none.

        The random and bad masks of magnitude pruning keep as much as the good ones.
        """
        if subnetwork == "full":
            return 1.0
        if method == "magnitude" and subnetwork in ("random", "bad"):
            subnetwork = "good"
        return self._kept.get((method, subnetwork, task))
