"""Step measure_latency: how long the subnetworks of one model, task and method take."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from lottery import files
from lottery.data.tokens import read_tokens
from lottery.evaluation.timing import Effort, alternate, forward_pass, spread_examples
from lottery.models.checkpoints import load_model
from lottery.models.encoder import Encoder
from lottery.pruning import cost
from lottery.pruning.masks import read_mask
from lottery.pruning.shrink import apply_mask
from lottery.results.latency import BATCH_SIZES, FULL, SCHEMA, numbers
from lottery.steps.setup import prepare_torch

VERSION = 1

logger = logging.getLogger(__name__)


def measure_latency(
    *,
    path_to_model: Path,
    paths_to_masks: Sequence[Path],
    paths_to_tokens: Sequence[Path],
    path_to_latency: Path,
    model: str,
    task: str,
    method: str,
    seed: int,
    subnetworks: Sequence[str],
    torch_threads: int,
    precision: str = "fp32",
    effort: Effort | None = None,
) -> None:
    """Times every subnetwork against the full model in the same process, in turns.

    The time depends on what is computed, not on the values of the weights: so the masks are put on
    the fine-tuned model, and the times are those of the retrained subnetworks too. The examples of
    the validation split are those of `spread_examples`, as many as the largest batch has; batches
    of one example go through them one by one.

    Args:
        path_to_model: the fine-tuned model.
        paths_to_masks: of each subnetwork, in their order.
        path_to_latency: csv to write; the full model against itself comes first.
        seed: of the model and the masks.
        effort: how long to measure.
    """
    device = prepare_torch(torch_threads, precision)
    tokens = read_tokens(paths_to_tokens[0].parent, "validation")
    examples = spread_examples(tokens, max(BATCH_SIZES))
    full = load_model(path_to_model).to(device)
    facts = {"model": model, "method": method, "task": task, "seed": seed}
    facts |= {"device": _name(device), "threads": torch_threads}
    rows = []
    for name, path in [(FULL, None), *zip(subnetworks, paths_to_masks, strict=True)]:
        other = load_model(path_to_model).to(device)
        cell = {"subnetwork": name, "granularity": "", "kept_fraction": 1.0}
        if path is not None:
            mask, info = read_mask(path)
            other, _ = apply_mask(other, mask, tokens)
            cell |= {"granularity": mask.granularity, "kept_fraction": info.kept_fraction}
        lengths = tokens.lengths[examples]
        cell["flops_ratio"] = _flops(other, lengths) / _flops(full, lengths)
        for batch_size in BATCH_SIZES:
            first, second = (
                forward_pass(each, tokens, examples, batch_size) for each in (full, other)
            )
            rows.append(facts | cell | numbers(alternate(first, second, effort), batch_size))
            logger.info("%s, %d at a time: %.3f", name, batch_size, rows[-1]["ratio"])
    files.write_csv(path_to_latency, rows, list(SCHEMA))


def _flops(model: Encoder, lengths: np.ndarray) -> int:
    return int(cost.flops(model.architecture, model.n_outputs, model.plan, lengths).sum())


def _name(device: torch.device) -> str:
    """What the times were measured on: cpu, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else "cpu"
