"""Step evaluate: the logits of one cell -> its predictions and scores. It needs no GPU."""

from __future__ import annotations

import logging
from pathlib import Path

from lottery import files
from lottery.errors import StudyError
from lottery.scoring import metrics_file, read_logits, score_logits

VERSION = 4

logger = logging.getLogger(__name__)


def evaluate(
    *,
    paths_to_tokens: list[Path],
    path_to_metrics: Path,
    path_to_predictions: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    phase: str,
    splits: list[str],
    metrics: list[str],
    batch_size: int,
    path_to_logits: Path | None = None,
    path_to_pruned: Path | None = None,
    path_to_mask: Path | None = None,
    path_to_full: Path | None = None,
    logits_by: str | None = None,
) -> None:
    """Scores one cell of the grid.

    Args:
        paths_to_tokens: the development splits, all in one folder.
        path_to_metrics: scores to write (docs/files.md).
        path_to_predictions: predictions to write (docs/files.md).
        model, task, seed, method, subnetwork, phase: the cell.
        splits: the development splits.
        metrics: of the task.
        batch_size: of the evaluation of pruned subnetworks.
        path_to_logits: of the full or a retrained model.
        path_to_pruned: for a pruned subnetwork, what evaluate_pruned left.
        path_to_mask: the pruned subnetwork.
        path_to_full: provenance.json of the fine-tuned model, which lies next to it.
        logits_by: for a pruned subnetwork, the step and version whose logits are scored.

    Raises:
        StudyError: the logits are missing, damaged, or of other files than those of the cell.
    """
    path_to_tokens = paths_to_tokens[0].parent
    if path_to_pruned is not None:
        path_to_logits = _pruned_logits(
            logits_by,
            path_to_pruned,
            path_to_mask,
            path_to_full,
            path_to_metrics,
            path_to_tokens,
            splits,
            batch_size,
        )
    logits, size = read_logits(path_to_logits)
    scored = score_logits({split: logits[split] for split in splits}, path_to_tokens, metrics)
    cell = {"model": model, "task": task, "seed": seed}
    cell |= {"method": method, "subnetwork": subnetwork, "phase": phase}
    files.write_parquet(path_to_predictions, scored.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, scored.scores(), size))


def _pruned_logits(
    logits_by: str | None,
    path_to_pruned: Path,
    path_to_mask: Path,
    path_to_full: Path,
    path_to_metrics: Path,
    path_to_tokens: Path,
    splits: list[str],
    batch_size: int,
) -> Path:
    """Checks that the logits of a pruned subnetwork are those of its model and mask."""
    path = path_to_metrics.with_name("logits.safetensors")
    path_to_model = path_to_full.with_name("model.safetensors")
    pruned = files.read_json(path_to_pruned)
    found = pruned["subnetworks"].get(path_to_mask.stem, {})
    if "error" in found or not found:
        # It failed where the others were evaluated. Here it fails by itself, or succeeds.
        logger.warning("evaluated here, on the CPU: %s", found.get("error", "it was left out"))
        from lottery.steps.evaluate_pruned import write_pruned_logits

        write_pruned_logits(
            path, path_to_model, path_to_mask, path_to_tokens, splits, batch_size, "cpu"
        )
    elif (
        found != {"mask": files.sha256(path_to_mask), "logits": _digest(path)}
        or pruned["step"] != logits_by
        or pruned["model"] not in files.read_json(path_to_full)["outputs"]["model"].values()
    ):
        raise StudyError(
            f"{path} is not what {path_to_pruned} says of {path_to_mask}: delete "
            f"{path_to_pruned} and run again."
        )
    return path


def _digest(path: Path) -> str | None:
    return files.sha256(path) if path.exists() else None
