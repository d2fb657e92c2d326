"""Step search_{algorithm}: the good subnetwork of one fine-tuned model, and the way to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.scoring import decide
from lottery.models.checkpoints import load_model, load_pretrained
from lottery.models.encoder import Encoder
from lottery.pruning.algorithms import plugins
from lottery.pruning.algorithms.search import (
    MeasurementCache,
    SearchContext,
    Step,
    Training,
    trajectory_columns,
)
from lottery.pruning.controls import generator
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.pruning.starts import load_start
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.tasks import metrics
from lottery.training.loop import Recipe

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
    precision: str = "fp32",
    plugin: dict[str, str] | None = None,
    path_to_importance: Path | None = None,
    path_to_halves: Path | None = None,
    path_to_ranking: Path | None = None,
    path_to_start: Path | None = None,
    training: dict[str, Any] | None = None,
    rewind_step: int = 0,
    paths_to_pretrained: list[Path] | None = None,
    checkpoint: Checkpoint | None = None,
) -> None:
    """Searches with one method of an algorithm.

    Args:
        paths_to_masks: a file's name is that of its subnetwork.
        path_to_trajectory, path_to_halves: the steps of the search, and those to the good half.
        path_to_path: the mask of every row of the trajectory.
        plugin: file and SHA-256 of an algorithm of the user's own.
        path_to_ranking: what masks of any size are cut from, of searches that rank.
        path_to_start, training, rewind_step: of searches that train: the weights to rewind to, the
            task's training options, and the steps that these weights have behind them.
        paths_to_pretrained: the pretrained model, for searches that read it.
        checkpoint: where the search's measurements are kept while it runs.
    """
    declared = plugins.planned(algorithm, version, plugin)
    options = declared.complete(options)
    device = prepare_torch(torch_threads, precision)
    encoder = load_model(path_to_model).to(device)
    tokens = read_tokens(paths_to_tokens[0].parent, options["search_on"])
    baseline = None
    if declared.to_threshold:
        baseline = majority_score(path_to_majority, options, metric)

    def pretrained() -> Encoder:
        assert paths_to_pretrained
        return load_pretrained(paths_to_pretrained[0], encoder.n_outputs, seed).to(device)

    # Weights are no measurements: a search that trains keeps them itself.
    cache = MeasurementCache(None if declared.trains else checkpoint)
    context = SearchContext(
        model=encoder,
        tokens=tokens,
        options=options,
        score=lambda logits: metrics.score(metric, tokens.labels, decide(logits)),
        threshold=lambda score: threshold(score, options, baseline),
        cache=cache,
        rng=generator(model, task, seed, method, "search"),
        pretrained=pretrained if paths_to_pretrained else None,
    )
    if declared.trains:
        assert path_to_start and training  # the rule of such a search gives both

        def start() -> Encoder:
            found = load_start(
                "rewound" if rewind_step else None, path_to_start, encoder.n_outputs, seed
            )
            return found.to(device)

        context = replace(
            context,
            training=Training(
                tokens=read_tokens(paths_to_tokens[0].parent, "train"),
                recipe=Recipe.from_options(training),
                seed=seed,
                start=start,
                first_step=rewind_step,
                checkpoint=checkpoint or Checkpoint(),
            ),
        )
    assert declared.search  # only imported masks have none
    with cache.saved_when_interrupted(), plugins.blaming(declared):
        found = declared.search(context)
        wanted = [path.stem for path in paths_to_masks]
        problems = plugins.of_search(declared, options, found, wanted, encoder.architecture)
        plugins.check(declared, "search", problems)
    for path in paths_to_masks:
        mask, subnetwork = found.masks[path.stem], path.stem
        kept = mask.kept_fraction(encoder.architecture)
        info = MaskInfo(algorithm, model, task, str(seed), method, subnetwork, kept)
        write_mask(path, mask, info)
    _write_steps(path_to_trajectory, found.trajectory)
    files.write_npz(path_to_path, found.path)
    if path_to_ranking is not None:
        files.write_arrays(path_to_ranking, dict(found.ranking), {"algorithm": algorithm})
    if path_to_halves is not None:
        _write_steps(path_to_halves, found.halves)
    if path_to_importance is not None:
        arrays = {name: np.asarray(array, np.float32) for name, array in found.importance.items()}
        files.write_npz(path_to_importance, arrays)


def threshold(
    full_score: float | None, options: dict[str, Any], baseline: float | None
) -> float | None:
    """The score that a subnetwork must reach, or None if nothing may be pruned.

    The threshold "full" is keep_score * full, "majority" is majority + keep_score * (full -
    majority), where the baseline is the majority's score; None without a threshold.
    """
    if full_score is None or baseline is None:
        return None
    keep = options["keep_score"]
    if options["threshold"] == "full":
        return keep * full_score if full_score >= 0 else None
    if full_score <= baseline:
        return None
    return baseline + keep * (full_score - baseline)


def majority_score(path: Path, options: dict[str, Any], metric: str) -> float:
    """The majority's score on the split that is searched on; an undefined one is chance, 0."""
    wanted = {"split": options["search_on"], "metric": metric, "labels_from": options["majority"]}
    for entry in files.read_json(path)["scores"]:
        if wanted.items() <= entry.items():
            return entry["value"] if entry["value"] is not None else 0.0
    raise RuntimeError(f"{path} holds no majority score for {wanted}")


def _write_steps(path: Path, steps: list[Step]) -> None:
    rows = [step.row(number) for number, step in enumerate(steps)]
    files.write_csv(path, rows, trajectory_columns(steps))
