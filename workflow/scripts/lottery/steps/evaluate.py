"""Step evaluate: the logits of one cell -> its predictions and scores. It needs no GPU."""

from __future__ import annotations

import logging
from pathlib import Path

from lottery import files
from lottery.evaluation.scoring import metrics_file, read_logits, score_logits
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning.cost import cost_of
from lottery.pruning.masks import read_mask

VERSION = 5

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
    torch_threads: int,
    path_to_config: Path,
    precision: str = "fp32",
    path_to_logits: Path | None = None,
    path_to_pruned: Path | None = None,
    path_to_mask: Path | None = None,
    path_to_full: Path | None = None,
    logits_by: str | None = None,
) -> None:
    """Scores one cell of the grid.

    Args:
        batch_size, torch_threads, precision: of the evaluation of pruned subnetworks.
        path_to_logits: of the full or a retrained model; of a pruned subnetwork the files below
            `path_to_pruned` have them.
        path_to_config: the model's config.json.
        path_to_pruned: what evaluate_pruned wrote.
        path_to_mask: of a subnetwork, pruned or retrained; None for the full model.
        path_to_full: provenance.json of the fine-tuned model, which is in the same folder.
        logits_by: the step and version whose logits are scored.

    Raises:
        StudyError: the logits are missing, damaged, or of other files than those of the cell.
    """
    path_to_tokens = paths_to_tokens[0].parent
    if path_to_logits is None:
        assert path_to_pruned and path_to_mask and path_to_full
        path_to_logits = path_to_metrics.with_name("logits.safetensors")
        pruned = files.read_json(path_to_pruned)
        models = files.read_json(path_to_full)["outputs"]["model"].values()
        if pruned["step"] != logits_by or pruned["model"] not in models:
            raise StudyError(
                f"{path_to_pruned} is of another model or version; delete it and run again."
            )
        made = pruned["subnetworks"].get(subnetwork, {})
        digest = files.sha256(path_to_logits) if path_to_logits.exists() else None
        if made != {"mask": files.sha256(path_to_mask), "logits": digest}:
            # It failed where the others were evaluated, or its logits have been lost or damaged
            # since. Here it fails by itself, or succeeds.
            reason = made.get("error", f"{path_to_logits} is not what {path_to_pruned} records")
            logger.warning("evaluated here, on the CPU: %s", reason)
            from lottery.steps.evaluate_pruned import evaluate_one

            path_to_logits.unlink(missing_ok=True)
            evaluate_one(
                path_to_logits=path_to_logits,
                path_to_mask=path_to_mask,
                path_to_model=path_to_full.with_name("model.safetensors"),
                model_digest=pruned["model"],
                paths_to_tokens=paths_to_tokens,
                splits=splits,
                batch_size=batch_size,
                torch_threads=torch_threads,
                precision=precision,
            )
    logits, size = read_logits(path_to_logits)
    scored = score_logits({split: logits[split] for split in splits}, path_to_tokens, metrics)
    cell = {"model": model, "task": task, "seed": seed}
    cell |= {"method": method, "subnetwork": subnetwork, "phase": phase}
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    mask = read_mask(path_to_mask)[0] if path_to_mask else None
    n_outputs = logits[splits[0]].shape[1]
    cost = cost_of(mask, architecture, n_outputs, scored.lengths())
    files.write_parquet(path_to_predictions, scored.predictions_table())
    files.write_json(path_to_metrics, metrics_file(cell, scored.scores(), size, cost))
