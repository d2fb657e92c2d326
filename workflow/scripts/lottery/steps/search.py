"""Step search_{algorithm}: the good subnetwork of one fine-tuned model, and the way to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lottery import algorithms, files, metrics
from lottery.algorithms.search_context import (
    SearchContext,
    SearchResult,
    Step,
    trajectory_columns,
)
from lottery.algorithms.search_memory import Memory
from lottery.architecture import Architecture
from lottery.checkpoints import load_model
from lottery.data.tokens import read_tokens
from lottery.evaluation import decide
from lottery.masks import Mask, MaskInfo, write_mask
from lottery.resume import Checkpoint
from lottery.steps.setup import prepare_torch


def search(
    *,
    path_to_model: Path,
    path_to_tokens: Path,
    path_to_majority: Path,
    paths_to_masks: dict[str, Path],
    path_to_trajectory: Path,
    path_to_path: Path,
    path_to_importance: Path | None,
    path_to_halves: Path | None,
    cell: dict[str, Any],
    algorithm: str,
    options: dict[str, Any],
    metric: str,
    torch_threads: int,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Searches with one method of an algorithm.

    Args:
        path_to_model: the fine-tuned model.
        path_to_tokens: folder of the tokenised splits.
        path_to_majority: the baseline's scores.
        paths_to_masks: the masks to write, by subnetwork: good; with halves both halves, too.
        path_to_trajectory: search.csv to write.
        path_to_path: path.npz to write: the mask of every row of search.csv.
        path_to_importance: importance.npz to write, for algorithms that have one.
        path_to_halves: halves.csv to write, with halves: the walk to the good half.
        cell: model, task, seed and method, for the mask files.
        algorithm: name of a module of `lottery.algorithms`.
        options: the method's options.
        metric: what the search scores.
        torch_threads: see `prepare_torch`.
        checkpoint: where the search's measurements are kept while it runs.
    """
    device = prepare_torch(torch_threads)
    model = load_model(path_to_model).to(device)
    tokens = read_tokens(path_to_tokens, options["search_on"])
    baseline = majority_score(path_to_majority, options, metric)
    memory = Memory(checkpoint)
    context = SearchContext(
        model=model,
        tokens=tokens,
        options=options,
        score=lambda logits: metrics.score(metric, tokens.labels, decide(logits)),
        threshold=partial(threshold, options=options, baseline=baseline),
        memory=memory,
    )
    with memory.kept_when_interrupted():
        found = algorithms.algorithm(algorithm).search(context)
    for name, path in paths_to_masks.items():
        _write(path, found.masks[name], name, cell, algorithm, model.architecture)
    _write_steps(path_to_trajectory, found.trajectory)
    files.write_npz(path_to_path, found.path)
    if path_to_halves is not None:
        _write_steps(path_to_halves, found.halves)
    if path_to_importance is not None:
        _write_importance(path_to_importance, found)


def threshold(
    full_score: float | None, options: dict[str, Any], baseline: float | None
) -> float | None:
    """The score that a subnetwork must reach, or None if nothing may be pruned.

    Args:
        full_score: of the full model; None if undefined.
        options: `threshold` is "full" for keep_score * full, or "majority" for
            majority + keep_score * (full - majority).
        baseline: the majority's score.
    """
    if full_score is None:
        return None
    keep = options["keep_score"]
    if options["threshold"] == "full":
        return keep * full_score if full_score >= 0 else None
    if full_score <= baseline:
        return None
    return baseline + keep * (full_score - baseline)


def majority_score(path: Path, options: dict[str, Any], metric: str) -> float:
    """The majority's score on the split that is searched on; an undefined one is chance, 0."""
    wanted = {
        "split": options["search_on"],
        "metric": metric,
        "labels_from": options["majority"],
    }
    for entry in files.read_json(path)["scores"]:
        if wanted.items() <= entry.items():
            return entry["value"] if entry["value"] is not None else 0.0
    raise RuntimeError(f"{path} holds no majority score for {wanted}")


def _write(
    path: Path,
    mask: Mask,
    subnetwork: str,
    cell: dict[str, Any],
    algorithm: str,
    architecture: Architecture,
) -> None:
    info = MaskInfo(
        algorithm=algorithm,
        model=cell["model"],
        task=cell["task"],
        seed=str(cell["seed"]),
        method=cell["method"],
        subnetwork=subnetwork,
        kept_fraction=mask.kept_fraction(architecture),
    )
    write_mask(path, mask, info)


def _write_steps(path: Path, steps: list[Step]) -> None:
    rows = [step.row(number) for number, step in enumerate(steps)]
    files.write_csv(path, rows, trajectory_columns(steps))


def _write_importance(path: Path, found: SearchResult) -> None:
    arrays = {name: np.asarray(array, np.float32) for name, array in found.importance.items()}
    files.write_npz(path, arrays)
