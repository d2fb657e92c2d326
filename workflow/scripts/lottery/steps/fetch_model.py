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
    weight_files,
)
from lottery.models.encoder import Encoder, draw_weights
from lottery.models.model_files import (
    TOKENIZER,
    VOCABULARY,
    architecture_of,
    check_ids,
    check_vocabulary,
    read_tokenizer,
    source_folder,
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
        reference = _reference(folder, config, init, init_seed)
        origin = folder / CONFIG if init == "random" else _named_by(folder)
        _write_weights(path_to_model, architecture, reference, init, init_seed, origin)
        _compare(path_to_model, architecture, reference, init)


def _write_tokenizer(folder: Path, path: Path, architecture: Architecture) -> None:
    """Saves a tokenizer.json, made from the vocabulary where a checkpoint has none."""
    tokenizer, read_from = read_tokenizer(folder, architecture), TOKENIZER
    if tokenizer is None:
        read_from = VOCABULARY
        from transformers import AutoTokenizer

        try:
            tokenizer = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            ).backend_tokenizer
        except Exception as error:  # the library raises nothing narrower
            raise StudyError(
                f"{folder}: transformers cannot make a tokenizer of {VOCABULARY} and what "
                f"tokenizer_config.json and {CONFIG} ask for ({one_line(error)})."
            ) from error
        check_vocabulary(tokenizer, folder, architecture)
        check_ids(tokenizer, folder)
    # The checkpoint's padding and length do not matter: this workflow pads and cuts by itself.
    tokenizer.no_padding()
    tokenizer.no_truncation()
    check_tokens(tokenizer, folder, read_from)
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


def _reference(folder: Path, config: PretrainedConfig, init: str, seed: int) -> PreTrainedModel:
    """The model as transformers loads it, without a classifier, in evaluation mode."""
    from transformers import AutoModel

    torch.manual_seed(seed)  # a checkpoint may lack the pooler, which is then drawn
    try:
        if init == "random":
            drawn = AutoModel.from_config(config, dtype=torch.float32, trust_remote_code=False)
            return drawn.eval()
        model, report = AutoModel.from_pretrained(
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
    # Only a pooler may be missing: checkpoints of the bare masked language model have none.
    missing = sorted(report["missing_keys"])
    if odd := [name for name in missing if not name.startswith("pooler.")]:
        raise StudyError(
            f"{folder}: the checkpoint lacks {odd[0]} ({len(missing)} missing in all)."
        )
    if missing:
        logger.warning("%s has no pooler; it starts from random weights", folder)
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
    names = [name for name, _ in Encoder(architecture, 1).named_parameters()]
    if init == "random":
        model = Encoder(architecture, 1)
        draw_weights(model, seed)
        weights = model.checkpoint_parameters()
    else:
        weights = {family.prefix + name: tensor for name, tensor in reference.state_dict().items()}
    wanted = [family.checkpoint_name(name) for name in names if not name.startswith("classifier.")]
    arrays = {name: weights[name].detach().float().numpy() for name in wanted}
    check_values(arrays, origin)
    files.write_arrays(path, arrays, describe(architecture, 1, full_plan(architecture)))


def _compare(path: Path, architecture: Architecture, reference: PreTrainedModel, init: str) -> None:
    """Compares our encoder's pooled output with transformers' on padded random tokens."""
    family = architecture.family
    model = load_pretrained(path, n_outputs=architecture.hidden, seed=0)
    if init == "random":
        ours = {name: p.detach() for name, p in model.checkpoint_parameters().items()}
        state = {name.removeprefix(family.prefix): tensor for name, tensor in ours.items()}
        reference.load_state_dict(state, strict=False)
    generator = torch.Generator().manual_seed(0)
    length = min(24, architecture.positions)
    ids = torch.randint(0, architecture.vocabulary, (4, length), generator=generator)
    types = torch.randint(0, architecture.token_types, (4, length), generator=generator)
    mask = torch.arange(length) < torch.tensor([[length], [length // 2], [3], [length]])
    with torch.no_grad():
        # An identity classifier shows the pooled output itself.
        model.classifier.weight.copy_(torch.eye(architecture.hidden))
        ours = model(ids, types, mask)
        inputs: dict[str, Any] = {"input_ids": ids, "token_type_ids": types}
        theirs = reference(**inputs, attention_mask=mask.long(), return_dict=True)
        theirs = theirs.pooler_output
    difference = float((ours - theirs).abs().max())
    if not difference <= TOLERANCE:
        path.unlink()
        raise StudyError(
            f"{path}: this workflow's encoder and transformers differ by {difference:.1e} on this "
            f"checkpoint (allowed: {TOLERANCE:.0e}), so its config asks for something that the "
            f"encoder does not do: {json.dumps(reference.config.to_dict())[:300]}"
        )
    logger.info("outputs agree with transformers to %.1e", difference)
