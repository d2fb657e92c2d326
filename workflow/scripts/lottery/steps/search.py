"""Step search_{algorithm}: the good subnetwork of one fine-tuned model, and the way to it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.scoring import decide
from lottery.models.architecture import Architecture
from lottery.models.checkpoints import load_model
from lottery.pruning.algorithms import plugins, returned
from lottery.pruning.algorithms.measurement_cache import Memory
from lottery.pruning.algorithms.search_context import (
    SearchContext,
    SearchResult,
    Step,
    trajectory_columns,
)
from lottery.pruning.controls import generator
from lottery.pruning.masks import Mask, MaskInfo, write_mask
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.tasks import metrics

VERSION = 1


def search(
    *,
    path_to_model: Path,
    paths_to_tokens: list[Path],
    path_to_majority: Path,
    paths_to_masks: list[Path],
    path_to_trajectory: Path,
    path_to_path: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    algorithm: str,
    options: dict[str, Any],
    version: int,
    metric: str,
    torch_threads: int,
    plugin: dict[str, str] | None = None,
    path_to_importance: Path | None = None,
    path_to_halves: Path | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Searches with one method of an algorithm.

    Args:
        path_to_model: the fine-tuned model.
        paths_to_tokens: the tokenised splits, all in one folder.
        path_to_majority: the baseline's scores.
        paths_to_masks: the masks to write; a file's name is that of its subnetwork.
        path_to_trajectory: search.csv to write.
        path_to_path: path.npz to write: the mask of every row of search.csv.
        model, task, seed, method: the cell, for the mask files.
        algorithm: name of the algorithm.
        version: of its search.
        options: the method's options.
        metric: what the search scores.
        torch_threads: see `prepare_torch`.
        plugin: file and SHA-256 of an algorithm of the user's own.
        path_to_importance: importance.npz to write, for algorithms that have one.
        path_to_halves: halves.csv to write: the steps to the good half.
        checkpoint: where the search's measurements are kept while it runs.
    """
    declared = plugins.planned(algorithm, version, plugin)
    device = prepare_torch(torch_threads)
    encoder = load_model(path_to_model).to(device)
    tokens = read_tokens(paths_to_tokens[0].parent, options["search_on"])
    limit = _no_threshold
    if declared.to_threshold:
        baseline = majority_score(path_to_majority, options, metric)
        limit = partial(threshold, options=options, baseline=baseline)
    memory = Memory(checkpoint)
    context = SearchContext(
        model=encoder,
        tokens=tokens,
        options=options,
        score=lambda logits: metrics.score(metric, tokens.labels, decide(logits)),
        threshold=limit,
        memory=memory,
        rng=generator(model, task, seed, method, "search"),
    )
    with memory.kept_when_interrupted(), plugins.blaming(declared):
        found = declared.search(context)
        wanted = [path.stem for path in paths_to_masks]
        returned.check_search(declared, options, found, wanted, encoder.architecture)
    cell = {"model": model, "task": task, "seed": seed, "method": method}
    for path in paths_to_masks:
        _write(path, found.masks[path.stem], cell, algorithm, encoder.architecture)
    _write_steps(path_to_trajectory, found.trajectory)
    files.write_npz(path_to_path, found.path)
    if path_to_halves is not None:
        _write_steps(path_to_halves, found.halves)
    if path_to_importance is not None:
        _write_importance(path_to_importance, found)


def _no_threshold(full_score: float | None) -> float | None:
    """Of a search that does not go down to a threshold."""
    return None


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
        subnetwork=path.stem,
        kept_fraction=mask.kept_fraction(architecture),
    )
    write_mask(path, mask, info)


def _write_steps(path: Path, steps: list[Step]) -> None:
    rows = [step.row(number) for number, step in enumerate(steps)]
    files.write_csv(path, rows, trajectory_columns(steps))


def _write_importance(path: Path, found: SearchResult) -> None:
    arrays = {name: np.asarray(array, np.float32) for name, array in found.importance.items()}
    files.write_npz(path, arrays)
