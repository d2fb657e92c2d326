"""Step fetch_model: a pretrained encoder in the form that every later step reads."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from lottery import files
from lottery.files.errors import StudyError, blaming
from lottery.files.reading import one_line
from lottery.models.architecture import Architecture, describe, full_plan
from lottery.models.checkpoints import load_pretrained
from lottery.models.checks import (
    CONFIG,
    FILES,
    INDEX,
    check_headers,
    check_tokens,
    check_values,
    shapes,
    weight_files,
)
from lottery.models.encoder import Encoder, draw_weights
from lottery.models.families import SEGMENTS
from lottery.models.model_files import (
    TOKENIZER,
    architecture_of,
    check_ids,
    check_vocabulary,
    read_tokenizer,
    source_folder,
    vocabulary_file,
)

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

VERSION = 1

logger = logging.getLogger(__name__)

# fp32 rounding over a dozen layers; a wrong part moves outputs by much more.
TOLERANCE = 1e-4


def fetch_model(
    *,
    source: str,
    kind: str,
    revision: str | None,
    init: str,
    init_seed: int,
    path_to_tokenizer: Path,
    path_to_model: Path,
) -> None:
    """Fetches a model: the one step besides fetch_task that may use the network.

    Args:
        source, kind, revision: see `source_folder`.
        init: "pretrained", or "random" to draw weights by `init_seed` (the untrained control).
        path_to_model: weights in fp32, without a classifier.
    """
    # The folder that Snakemake fetches into has the model's id as its name.
    with blaming(f"models.{Path(path_to_model).parent.name}.source"):
        folder = source_folder(source, kind, revision, FILES)
        architecture = architecture_of(folder)
        if init == "pretrained":
            check_headers(folder, architecture)
        config = _config(folder)
        _write_tokenizer(folder, path_to_tokenizer, architecture)
        reference = _reference(folder, config, architecture, init, init_seed)
        origin = folder / CONFIG if init == "random" else _named_by(folder)
        _write_weights(path_to_model, architecture, reference, init, init_seed, origin)
        _compare(path_to_model, architecture, reference, init)


def _write_tokenizer(folder: Path, path: Path, architecture: Architecture) -> None:
    """Saves a tokenizer.json, made from the vocabulary where a checkpoint has none."""
    tokenizer, read_from = read_tokenizer(folder, architecture), TOKENIZER
    if tokenizer is None:
        read_from = vocabulary_file(folder).name
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            ).backend_tokenizer
        except Exception as error:  # the library raises nothing narrower
            raise StudyError(
                f"{folder}: transformers cannot make a tokenizer of {read_from} and what "
                f"tokenizer_config.json and {CONFIG} ask for ({one_line(error)})."
            ) from error
        check_vocabulary(tokenizer, folder, architecture)
        check_ids(tokenizer, folder)
    # The checkpoint's padding and length do not matter: this workflow pads and cuts by itself.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    check_tokens(tokenizer, folder, architecture.family, read_from)
    with files.atomic(path) as temporary:
        temporary.write_text(tokenizer.to_str(), encoding="utf-8")


def _config(folder: Path) -> PretrainedConfig:
    """The config as transformers reads it, before anything else reads the file."""
    from transformers import AutoConfig

    try:
        config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # of any class: transformers checks few values by itself
        raise StudyError(
            f"{folder / CONFIG}: transformers cannot read it ({one_line(error)})."
        ) from error
    return config


def _reference(
    folder: Path, config: PretrainedConfig, architecture: Architecture, init: str, seed: int
) -> PreTrainedModel:
    """The sequence classifier as transformers loads it, in evaluation mode.

    Its last layer is left out: in place of logits it gives what the classifier reads.
    """
    from transformers import AutoModelForSequenceClassification

    family = architecture.family
    torch.manual_seed(seed)  # a checkpoint may lack the head's dense layer, which is then drawn
    try:
        if init == "random":
            model = AutoModelForSequenceClassification.from_config(
                config, dtype=torch.float32, trust_remote_code=False
            )
            report: dict[str, Any] = {"missing_keys": ()}
        else:
            model, report = AutoModelForSequenceClassification.from_pretrained(
                folder,
                dtype=torch.float32,
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                output_loading_info=True,
            )
    except Exception as error:  # of any class, too
        what = "" if init == "random" else " with these weights"
        raise StudyError(
            f"{folder / CONFIG}: transformers cannot make the model that it asks for{what} "
            f"({one_line(error)})."
        ) from error
    head = tuple(family.checkpoint_name(f"{part}.") for part in (*family.head, *family.drawn))
    missing = sorted(report["missing_keys"])
    if odd := [name for name in missing if not name.startswith(head)]:
        raise StudyError(
            f"{folder}: the checkpoint lacks {odd[0].removeprefix(family.prefix)} "
            f"({len(odd)} missing in all)."
        )
    drawn = tuple(family.checkpoint_name(f"{part}.") for part in family.drawn)
    if any(not name.startswith(drawn) for name in missing):
        logger.warning("%s lacks the dense layer of its head, which is drawn", folder)
    model.set_submodule(family.parts["classifier"], torch.nn.Identity())
    return model.eval()


def _named_by(folder: Path) -> Path:
    """The file in which a user looks for a checkpoint's weights: the only one, or the index."""
    paths = weight_files(folder)
    return paths[0] if len(paths) == 1 else folder / INDEX


def _write_weights(
    path: Path,
    architecture: Architecture,
    reference: PreTrainedModel,
    init: str,
    seed: int,
    origin: Path,
) -> None:
    """Saves the weights under a sequence classifier's names, the classifier itself left out.

    A sentence about their values names `origin`, the file that they come from.
    """
    family = architecture.family
    if init == "random":
        model = Encoder(architecture, 1)
        draw_weights(model, seed)
        weights = {n: p.detach().numpy() for n, p in model.checkpoint_parameters().items()}
    else:
        tensors = {name: tensor.numpy() for name, tensor in reference.state_dict().items()}
        weights = family.from_checkpoint(tensors)
    arrays = {name: weights[name] for name in map(family.checkpoint_name, shapes(architecture))}
    check_values(arrays, origin)
    description = describe(architecture, 1, full_plan(architecture))
    files.write_arrays(path, family.to_checkpoint(arrays), description)


def _compare(path: Path, architecture: Architecture, reference: PreTrainedModel, init: str) -> None:
    """Compares what the classifier reads with transformers' own, on padded random tokens."""
    family = architecture.family
    model = load_pretrained(path, n_outputs=architecture.hidden, seed=0)
    # What is drawn is the same in both; all else comes from the checkpoint.
    ours = {
        family.checkpoint_name(name): p.detach().numpy()
        for name, p in model.named_parameters()
        if init == "random" or name.rpartition(".")[0] in family.drawn
    }
    state = {n: torch.from_numpy(array) for n, array in family.to_checkpoint(ours).items()}
    reference.load_state_dict(state, strict=False)
    generator = torch.Generator().manual_seed(0)
    # Longer than the window of local attention.
    length = min(24 + 2 * architecture.window, architecture.longest)
    ids = torch.randint(0, architecture.vocabulary, (4, length), generator=generator)
    padding = reference.config.pad_token_id
    if padding is not None:  # RoBERTa finds padding by its number, so that no token may have it
        ids[ids == padding] = (padding + 1) % architecture.vocabulary
    types = torch.randint(0, max(1, architecture.token_types), (4, length), generator=generator)
    mask = torch.arange(length) < torch.tensor([[length], [length // 2], [3], [length]])
    inputs: dict[str, Any] = {"input_ids": ids, "attention_mask": mask.long()}
    if family.token_types == SEGMENTS:
        inputs["token_type_ids"] = types
    with torch.no_grad():
        # An identity classifier shows what it reads.
        model.classifier.weight.copy_(torch.eye(architecture.hidden))
        found = model(ids, types, mask)
        theirs = reference(**inputs, return_dict=True).logits
    difference = float((found - theirs).abs().max())
    if not difference <= TOLERANCE:
        path.unlink()
        raise StudyError(
            f"{path}: this workflow's encoder and transformers differ by {difference:.1e} on this "
            f"checkpoint (allowed: {TOLERANCE:.0e}), so its config asks for something that the "
            f"encoder does not do: {json.dumps(reference.config.to_dict())[:300]}"
        )
    logger.info("outputs agree with transformers to %.1e", difference)
