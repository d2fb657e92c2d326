"""A model outside the study: as a checkpoint of transformers, and as an ONNX graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.encoder import Encoder
from lottery.models.families import SEGMENTS

if TYPE_CHECKING:
    from transformers import PretrainedConfig, PreTrainedModel

SHRUNK, TOKENIZER_CONFIG = "shrunk.safetensors", "tokenizer_config.json"
# What fp32 rounding may move logits by, in a dozen layers computed in another order.
TOLERANCE = 1e-4
OPSET = 20  # the first with GELU
# Batches and lengths that an ONNX file is compared on. Its example has another size.
EXAMPLE = (2, 9)
COMPARED = ((1, 1), (3, 17), (3, 128))
LARGEST = 2**31 - 2**20  # bytes of weights; a file of protobuf's is smaller than 2 GiB


def classifier_config(config: Mapping[str, Any], labels: Sequence[str] | None) -> PretrainedConfig:
    """The config of transformers' sequence classifier for a fetched checkpoint.

    Args:
        config: the checkpoint's config.json.
        labels: names of the classes in the order of the outputs; None for a regression.
    """
    from transformers import AutoConfig
    from transformers.models.auto.modeling_auto import (
        MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING as CLASSIFIERS,
    )

    # `auto_map` would name code of the checkpoint's own, which is never run here.
    given = {k: v for k, v in config.items() if k not in ("model_type", "auto_map")}
    names = dict(enumerate(labels or ["score"]))
    made = AutoConfig.for_model(
        config["model_type"],
        **given
        | {
            "id2label": names,
            "label2id": {name: number for number, name in names.items()},
            "problem_type": "single_label_classification" if labels else "regression",
            "dtype": "float32",
        },
    )
    made.architectures = [CLASSIFIERS[type(made)].__name__]
    return made


def load_with_transformers(folder: Path) -> PreTrainedModel:
    """Loads an exported folder as its users do.

    Raises:
        StudyError: a tensor is missing, not expected, or has another shape.
    """
    from transformers import AutoModelForSequenceClassification

    model, report = AutoModelForSequenceClassification.from_pretrained(
        folder,
        local_files_only=True,
        trust_remote_code=False,
        use_safetensors=True,
        output_loading_info=True,
    )
    for kind, names in report.items():
        if names:
            raise StudyError(f"{folder}: transformers finds {kind}: {sorted(map(str, names))[0]}.")
    return model.eval()


class _Graph(nn.Module):
    """An encoder with the inputs of transformers' models, whole numbers all of them."""

    def __init__(self, model: Encoder) -> None:
        super().__init__()
        self.model = model

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor | None = None
    ) -> Tensor:
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        return self.model(input_ids, types, attention_mask != 0)


def write_onnx(path: Path, model: Encoder) -> None:
    """Writes a model, whole or shrunk, as an ONNX graph for batches of any size and length.

    Inputs are `input_ids`, `attention_mask` and, in families that tell texts apart by them,
    `token_type_ids`, int64 [batch, tokens]; the output is `logits`, float32 [batch, n_outputs].

    Raises:
        StudyError: the model is too large for one file, or onnxruntime computes other logits.
    """
    from onnx_ir.passes.common import ClearMetadataAndDocStringPass

    size = sum(p.numel() * p.element_size() for p in model.parameters())
    if size > LARGEST:
        raise StudyError(
            f"{path}: an ONNX file holds less than 2 GiB, and this model has {size / 2**30:.1f}; "
            "leave onnx out for it in the config's export."
        )
    graph = _Graph(model.cpu()).eval()
    batch, tokens = torch.export.Dim("batch"), torch.export.Dim("tokens")
    example = _inputs(model, *EXAMPLE)
    with torch.no_grad():
        program = torch.onnx.export(
            graph,
            args=(),
            kwargs=example,
            dynamo=True,
            opset_version=OPSET,
            output_names=["logits"],
            dynamic_shapes={name: {0: batch, 1: tokens} for name in example},
            verbose=False,
        )
    # They hold the place of this code on this machine, once for every node.
    ClearMetadataAndDocStringPass()(program.model)
    with files.atomic(path) as temporary:
        program.save(temporary, external_data=False)
    for shape in COMPARED:
        _compare(path, graph, _inputs(model, *shape))


def _inputs(model: Encoder, batch: int, tokens: int) -> dict[str, Tensor]:
    """Random tokens; every row but the first is padded."""
    sizes = model.architecture
    tokens = min(tokens, sizes.longest)
    generator = torch.Generator().manual_seed(batch * tokens)
    shape = (batch, tokens)
    lengths = torch.full((batch, 1), tokens) - torch.arange(batch)[:, None]
    inputs = {
        "input_ids": torch.randint(0, sizes.vocabulary, shape, generator=generator),
        "attention_mask": (torch.arange(tokens) < lengths.clamp(min=1)).long(),
    }
    if sizes.family.token_types == SEGMENTS:
        types = torch.randint(0, sizes.token_types, shape, generator=generator)
        inputs["token_type_ids"] = types
    return inputs


def _compare(path: Path, graph: nn.Module, inputs: dict[str, Tensor]) -> None:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (theirs,) = session.run(None, {name: tensor.numpy() for name, tensor in inputs.items()})
    with torch.no_grad():
        ours = graph(**inputs).numpy()
    difference = float(np.abs(ours - theirs).max())
    if ours.shape != theirs.shape or not difference <= TOLERANCE:
        path.unlink()
        raise StudyError(
            f"{path}: onnxruntime and this workflow differ by {difference:.1e} on a batch of "
            f"{tuple(inputs['input_ids'].shape)} (allowed: {TOLERANCE:.0e})."
        )
