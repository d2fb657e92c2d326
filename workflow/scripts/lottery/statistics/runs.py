"""What of a method is compared: its subnetworks by role, their scores and predictions by seed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import base_name

if TYPE_CHECKING:
    import pandas as pd

HALVES = ("search_half", "report_half")
PHASES = ("pruned", "retrained")
FULL = ("full",)
# Under strict the search's own result has a size that no control shares, so the halves are read in
# its place; the claims about the search itself (C1, C4) read what it found.
NAMES = {
    "published": {"good": "good", "random": "random", "bad": "bad"},
    "strict": {"good": "good_half", "random": "random_half", "bad": "bad_half"},
}
SUPER = ("super_good", "super_random", "super_bad")
CONTRASTS = (
    *combinations(("good", "random", "bad"), 2),
    *(("full", role) for role in ("good", "random", "bad", "found")),
    *combinations(SUPER, 2),
    *(("full", role) for role in SUPER),
)


class Contrast(NamedTuple):
    """A difference between two systems of one phase, first - second.

    Attributes:
        first, second: `full`, or the kind of a subnetwork.
        first_draws, second_draws: their subnetworks: one, or all draws of a random one.
    """

    first: str
    second: str
    first_draws: tuple[str, ...]
    second_draws: tuple[str, ...]


def roles(subnetworks: Sequence[str], controls: str) -> dict[str, tuple[str, ...]]:
    """What a method's subnetworks are read as.

    Args:
        subnetworks: of the method.
        controls: "published" or "strict": the preset whose kinds of subnetworks it has.

    Returns:
        Role -> subnetworks, all draws of a random one. Roles: full, good, random, bad, found (the
        search's own result), super_good, super_random, super_bad; missing ones are left out.
    """
    names = NAMES[controls] | {"found": "good"} | {name: name for name in SUPER}
    by_role = {
        role: tuple(name for name in subnetworks if base_name(name) == kind)
        for role, kind in names.items()
    }
    return {"full": FULL} | {role: draws for role, draws in by_role.items() if draws}


def contrasts(subnetworks: Sequence[str], controls: str) -> list[Contrast]:
    """The differences that are taken of a method's subnetworks, each once."""
    known = roles(subnetworks, controls)
    draws = ((known[a], known[b]) for a, b in CONTRASTS if a in known and b in known)
    return [Contrast(base_name(a[0]), base_name(b[0]), a, b) for a, b in dict.fromkeys(draws)]


def by_seed(
    scores: pd.DataFrame, model: str, method: str, split: str, phase: str, draws: Sequence[str]
) -> pd.DataFrame:
    """A system's scores: a row for each task and seed that has all its draws.

    Args:
        scores: of `lottery.results.summary.reported_runs`.
        model, method, split, phase: of its cells; the full model belongs to every method.
        draws: its subnetworks: one, or all draws of a random one.

    Returns:
        Index task and seed; `value`, the mean over draws, an undefined one counted as chance and
        NaN where there is none; `degenerate`, whether a draw collapsed
        (`lottery.results.scores.collapsed`); and `kept_fraction`.
    """
    if tuple(draws) == FULL:
        method, phase = "none", "finetuned"
    cell = {"model": model, "method": method, "split": split, "phase": phase}
    of_cell = (scores[[*cell]] == [*cell.values()]).all(axis=1)
    chosen = scores[of_cell & scores["subnetwork"].isin(draws)]
    seeds = chosen.groupby(["task", "seed"], sort=False)
    found = seeds[["counted", "kept_fraction"]].mean().rename(columns={"counted": "value"})
    found["value"] = found["value"].where(seeds["counted"].count() == len(draws))
    found["degenerate"] = seeds["degenerate"].any()
    return found[seeds.size() == len(draws)]


def difference(first: pd.DataFrame, second: pd.DataFrame, factor: float = 1.0) -> pd.DataFrame:
    """first - factor x second of each task and seed that has both (see `by_seed`).

    Returns:
        Index task and seed; `value`, and `degenerate`, whether one of the two is.
    """
    both = first.join(second.add_suffix("_of_second"), how="inner")
    value = both["value"] - factor * both["value_of_second"]
    degenerate = both["degenerate"] | both["degenerate_of_second"]
    return value.to_frame("value").assign(degenerate=degenerate)


def by_task(runs: pd.DataFrame, *, degenerate: bool = True) -> dict[str, np.ndarray]:
    """The defined values of each task, seed by seed.

    Args:
        runs: of `by_seed` or `difference`.
        degenerate: whether runs that collapsed are among them: a comparison leaves them out, a
            question of what trains at all counts them.
    """
    values = runs["value"] if degenerate else runs.loc[~runs["degenerate"], "value"]
    return {
        task: of_task.to_numpy()
        for task, of_task in values.dropna().groupby(level="task", sort=False)
    }


class Run(NamedTuple):
    """The run that a file of predictions belongs to."""

    model: str
    task: str
    method: str
    subnetwork: str
    phase: str
    seed: int


def run_of(path: Path) -> Run:
    """The run of a file of predictions, from its place below results/."""
    # {model}/{task}/seed_{seed}/evaluate/{method}/{subnetwork}/{phase}/predictions.parquet
    model, task, seed, _, method, subnetwork, phase, _ = path.parts[-8:]
    return Run(model, task, method, subnetwork, phase, int(seed.removeprefix("seed_")))


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predictions of one task's runs on one split, all of the same examples in the same order.

    Attributes:
        labels: true classes or scores, [n].
        predictions: [C, n].
        rows: (subnetwork, phase, seed) -> its row of `predictions`.
    """

    labels: np.ndarray
    predictions: np.ndarray
    rows: dict[tuple[str, str, int], int]


def read_predictions(paths: Iterable[Path], split: str) -> Predictions:
    """Reads predictions.parquet of one task's runs.

    Args:
        paths: the files.
        split: validation, or one of its halves.

    Raises:
        StudyError: a file is damaged, or two do not hold the same examples.
    """
    column = "half" if split in HALVES else "split"
    predictions, rows, first = [], {}, None
    for row, path in enumerate(paths):
        table = files.read_parquet(path, [column, "idx", "label", "prediction"]).to_pandas()
        table = table[table[column] == split].sort_values("idx", kind="stable")
        if table.empty:
            raise StudyError(f"{path} has no examples of {split}; delete it and run again.")
        examples = table[["idx", "label"]].to_numpy()
        first = examples if first is None else first
        if not np.array_equal(examples, first):
            raise StudyError(
                f"{path} holds other examples of {split} than the other runs of its task; "
                "evaluate it again."
            )
        predictions.append(table["prediction"].to_numpy())
        run = run_of(path)
        rows[run.subnetwork, run.phase, run.seed] = row
    return Predictions(table["label"].to_numpy(), np.stack(predictions), rows)
