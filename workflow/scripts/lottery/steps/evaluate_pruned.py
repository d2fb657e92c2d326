"""Step evaluate_pruned: the logits of all pruned subnetworks of one fine-tuned model and method."""

from __future__ import annotations

import hashlib
import json
import logging
from pathlib import Path
from typing import Any

import torch

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.predict import predict_splits
from lottery.evaluation.scoring import write_logits
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model
from lottery.models.precision import FP32
from lottery.pruning.masks import read_mask, size_of
from lottery.pruning.shrink import apply_mask
from lottery.steps.setup import prepare_torch

VERSION = 1
LOGITS = "logits.safetensors"

logger = logging.getLogger(__name__)


def evaluate_pruned(
    *,
    path_to_model: Path,
    paths_to_masks: list[Path],
    paths_to_tokens: list[Path],
    path_to_pruned: Path,
    splits: list[str],
    batch_size: int,
    torch_threads: int,
    precision: str = "fp32",
) -> None:
    """Computes the logits of every pruned subnetwork for the development examples.

    Each one's logits go to `{subnetwork}/pruned/logits.safetensors` next to `path_to_pruned`. They
    are no declared outputs: those that are there and were computed from the same files and options
    are kept, whatever device computed them, so one more subnetwork costs one evaluation. One that
    fails stops no other.

    Args:
        paths_to_masks: a file's name is that of its subnetwork.
        path_to_pruned: JSON to write: of each subnetwork the digests of mask and logits, or the
            error that it ended with.
    """
    # Without the GPU that it has leased the whole job fails.
    prepare_torch(torch_threads, precision)
    digest = files.sha256(path_to_model)
    found: dict[str, dict[str, str]] = {}
    for path_to_mask in paths_to_masks:
        subnetwork = path_to_mask.stem
        try:
            found[subnetwork] = evaluate_one(
                path_to_logits=path_to_pruned.parent / subnetwork / "pruned" / LOGITS,
                path_to_mask=path_to_mask,
                path_to_model=path_to_model,
                model_digest=digest,
                paths_to_tokens=paths_to_tokens,
                splits=splits,
                batch_size=batch_size,
                torch_threads=torch_threads,
                precision=precision,
            )
        except (torch.OutOfMemoryError, torch.AcceleratorError):
            raise  # of the GPU: otherwise `evaluate` would compute all of them on the CPU
        except Exception as error:
            logger.exception("%s cannot be evaluated", subnetwork)
            found[subnetwork] = {"error": f"{type(error).__name__}: {error}"}
    pruned = {"format": 1, "step": f"evaluate_pruned {VERSION}", "model": digest}
    files.write_json(path_to_pruned, pruned | {"subnetworks": found})


def evaluate_one(
    *,
    path_to_logits: Path,
    path_to_mask: Path,
    path_to_model: Path,
    model_digest: str,
    paths_to_tokens: list[Path],
    splits: list[str],
    batch_size: int,
    torch_threads: int,
    precision: str,
) -> dict[str, str]:
    """Evaluates one pruned subnetwork, unless its logits are there.

    Returns:
        SHA-256 of the mask and of the logits.
    """
    facts: dict[str, Any] = {
        "version": VERSION,
        "model": model_digest,
        "mask": files.sha256(path_to_mask),
        "tokens": {path.stem: files.sha256(path) for path in paths_to_tokens},
        "splits": splits,
        "batch_size": batch_size,
        "torch_threads": torch_threads,
    }
    if precision != FP32:  # else older logits are kept
        facts["precision"] = precision
    key = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    if not _is_of(path_to_logits, key):
        logger.info("evaluating %s", path_to_mask.stem)
        device = prepare_torch(torch_threads, precision)
        mask, info = read_mask(path_to_mask)
        path_to_tokens = paths_to_tokens[0].parent
        # A weight mask changes the model in place, so each subnetwork begins with the file.
        model = load_model(path_to_model).to(device)
        model, _ = apply_mask(model, mask, read_tokens(path_to_tokens, "validation"))
        logits = predict_splits(model, path_to_tokens, splits, batch_size)
        path_to_logits.parent.mkdir(parents=True, exist_ok=True)
        write_logits(path_to_logits, logits, size_of(mask, info.kept_fraction), key)
    return {"mask": facts["mask"], "logits": files.sha256(path_to_logits)}


def _is_of(path: Path, key: str) -> bool:
    """Whether logits are there, whole, and of these files and options."""
    try:
        return files.read_arrays(path)[1].get("key") == key
    except StudyError:
        return False
