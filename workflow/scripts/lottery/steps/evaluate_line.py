"""Step evaluate_line: the error of models on the line between two trainings of one subnetwork."""

from __future__ import annotations

from pathlib import Path

import torch

from lottery import files
from lottery.analysis.connectivity import LINE, POSITIONS
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import score_logits
from lottery.models.checkpoints import load_model
from lottery.models.encoder import Encoder
from lottery.steps.setup import prepare_torch

VERSION = 1


def evaluate_line(
    *,
    path_to_first: Path,
    path_to_second: Path,
    paths_to_tokens: list[Path],
    path_to_line: Path,
    splits: list[str],
    batch_size: int,
    metric: str,
    torch_threads: int,
    precision: str = "fp32",
) -> None:
    """Scores the models at eleven positions from the first training (0) to the second (1).

    Args:
        path_to_first, path_to_second: models that were trained from the same weights under the same
            mask.
        metric: the reported metric of the task.
    """
    device = prepare_torch(torch_threads, precision)
    first, second = (load_model(path).to(device) for path in (path_to_first, path_to_second))
    between = load_model(path_to_first).to(device)
    rows = []
    for position in POSITIONS:
        interpolate(between, first, second, position)
        logits = predict_splits(between, paths_to_tokens[0].parent, splits, batch_size)
        scored = score_logits(logits, paths_to_tokens[0].parent, [metric])
        for entry in scored.scores():
            error = None if entry["value"] is None else 1 - entry["value"]
            row = {"position": position, "split": entry["split"], "metric": metric}
            rows.append(row | {"error": error})
    files.write_csv(path_to_line, rows, list(LINE))


def interpolate(model: Encoder, first: Encoder, second: Encoder, position: float) -> None:
    """Sets a model to (1 - position) first + position second, parameter by parameter, by name.

    Raises:
        ValueError: the models do not hold the same units.
    """
    if first.plan != second.plan:
        raise ValueError("the two models do not hold the same units")
    ends = dict(first.named_parameters()), dict(second.named_parameters())
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.lerp(*(of_end[name] for of_end in ends), position))
