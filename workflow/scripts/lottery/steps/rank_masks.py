"""Step rank_masks: what masks of any size are cut from, of one (model, task, seed, method)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.scoring import decide
from lottery.models.checkpoints import load_model, load_pretrained
from lottery.pruning.algorithms import plugins
from lottery.pruning.algorithms.search import MeasurementCache, SearchContext
from lottery.pruning.controls import generator
from lottery.runtime.resume import Checkpoint
from lottery.steps.setup import prepare_torch
from lottery.tasks import metrics

VERSION = 1


def rank_masks(
    *,
    path_to_model: Path,
    path_to_pretrained: Path,
    paths_to_tokens: list[Path],
    path_to_ranking: Path,
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
    checkpoint: Checkpoint | None = None,
) -> None:
    """Ranks what a method prunes, whatever the score.

    Args:
        path_to_ranking: the arrays that `Algorithm.cut` takes.
        plugin: file and SHA-256 of an algorithm of the user's own.
        checkpoint: where measurements are kept while it runs.
    """
    declared = plugins.planned(algorithm, version, plugin)
    options = declared.complete(options)
    device = prepare_torch(torch_threads, precision)
    encoder = load_model(path_to_model).to(device)
    tokens = read_tokens(paths_to_tokens[0].parent, options["search_on"])
    cache = MeasurementCache(checkpoint)
    context = SearchContext(
        model=encoder,
        tokens=tokens,
        options=options,
        score=lambda logits: metrics.score(metric, tokens.labels, decide(logits)),
        threshold=lambda _: None,
        cache=cache,
        rng=generator(model, task, seed, method, "search"),
        pretrained=lambda: load_pretrained(path_to_pretrained, encoder.n_outputs, seed).to(device),
    )
    assert declared.rank  # otherwise no job of this step is planned
    with cache.saved_when_interrupted(), plugins.blaming(declared):
        ranking = {name: np.asarray(array) for name, array in declared.rank(context).items()}
    files.write_arrays(path_to_ranking, ranking, {"algorithm": algorithm})
