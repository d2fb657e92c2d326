"""Step export_model: a subnetwork as a checkpoint of transformers, and shrunk as `lottery.load`."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import numpy as np
import torch

from lottery import files
from lottery.data.batches import collate
from lottery.data.tokens import Tokens, read_tokens
from lottery.evaluation.predict import predict
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model, save_model
from lottery.models.checks import check_tokens
from lottery.models.encoder import Encoder
from lottery.models.exported import TOLERANCE, classifier_config, load_with_transformers
from lottery.models.families import SEGMENTS
from lottery.pruning.masks import read_mask
from lottery.pruning.shrink import PROBE_EXAMPLES, apply_mask, widen
from lottery.steps.setup import prepare_torch

VERSION = 1

logger = logging.getLogger(__name__)


def export_model(
    *,
    path_to_model: Path,
    paths_to_masks: list[Path],
    paths_to_tokens: list[Path],
    path_to_config: Path,
    path_to_tokenizer: Path,
    path_to_tokenizer_config: Path,
    path_to_exported_config: Path,
    path_to_exported_tokenizer: Path,
    path_to_exported_tokenizer_config: Path,
    path_to_weights: Path,
    labels: list[str] | None,
    max_length: int,
    torch_threads: int,
    path_to_shrunk: Path | None = None,
) -> None:
    """Writes what transformers and `lottery.load` read, and loads it as a user would.

    Args:
        path_to_model: fine-tuned or retrained weights.
        paths_to_masks: the mask that is put on them; none if the model holds a subnetwork already.
        path_to_config, path_to_tokenizer, path_to_tokenizer_config: of the pretrained model.
        path_to_weights: of the whole model, zeros where something is pruned.
        labels: of the task, in the order of the outputs; None for a regression.
        max_length: tokens of an input, special ones included.
        path_to_shrunk: of the model without the units that are pruned.

    Raises:
        StudyError: transformers does not load the folder, or computes other logits.
    """
    from tokenizers import Tokenizer

    prepare_torch(torch_threads)
    tokens = read_tokens(paths_to_tokens[0].parent, "validation")
    probe = tokens.select(np.arange(min(PROBE_EXAMPLES, len(tokens))))
    model = load_model(path_to_model)
    if paths_to_masks:
        model, _ = apply_mask(model, read_mask(paths_to_masks[0])[0], tokens)
    config = classifier_config(files.read_json(path_to_config), labels)
    files.write_json(path_to_exported_config, config.to_diff_dict())
    with files.atomic(path_to_exported_tokenizer) as temporary:
        shutil.copyfile(path_to_tokenizer, temporary)
    of_tokenizer = files.read_json(path_to_tokenizer_config) | {"model_max_length": max_length}
    files.write_json(path_to_exported_tokenizer_config, of_tokenizer)
    save_model(path_to_weights, widen(model))
    if path_to_shrunk is not None:
        save_model(path_to_shrunk, model)
    check_tokens(
        Tokenizer.from_file(str(path_to_exported_tokenizer)),
        path_to_exported_tokenizer.parent,
        model.architecture.family,
        path_to_exported_tokenizer.name,
    )
    _compare(path_to_weights, model, probe)


def _compare(path_to_weights: Path, model: Encoder, probe: Tokens) -> None:
    """Compares transformers' logits of a few examples with the study's own."""
    theirs = load_with_transformers(path_to_weights.parent)
    batch = collate(probe, np.arange(len(probe)), torch.device("cpu"))
    inputs = {"input_ids": batch.input_ids, "attention_mask": batch.attention_mask.long()}
    if model.architecture.family.token_types == SEGMENTS:
        inputs["token_type_ids"] = batch.token_types
    with torch.no_grad():
        logits = theirs(**inputs).logits.numpy()
    difference = float(np.abs(logits - predict(model, probe, len(probe))).max())
    if not difference <= TOLERANCE:
        path_to_weights.unlink()
        raise StudyError(
            f"{path_to_weights}: transformers and this workflow differ by {difference:.1e} on the "
            f"exported model (allowed: {TOLERANCE:.0e})."
        )
    logger.info("logits agree with transformers to %.1e", difference)
