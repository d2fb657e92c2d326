"""Models on disk: one safetensors file whose metadata describe how to rebuild the model.

Tensors are those of the family's own checkpoints, so a full model's file also loads into
transformers' sequence classifier. The metadata have the sizes, and of a shrunk model what is left
of each layer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture, Plan, describe, parse_description
from lottery.models.encoder import Encoder, draw_classifier
from lottery.models.shapes import parameter_shapes


def save_model(path: Path, model: Encoder) -> None:
    """Writes a model, whole or shrunk, in fp32; the file appears whole or not at all."""
    arrays = {
        name: parameter.detach().to("cpu", torch.float32).numpy()
        for name, parameter in model.checkpoint_parameters().items()
    }
    description = describe(model.architecture, model.n_outputs, model.plan)
    files.write_arrays(path, model.architecture.family.to_checkpoint(arrays), description)


def load_model(path: Path) -> Encoder:
    """Reads a fine-tuned or retrained model as it was saved, in evaluation mode."""
    arrays, metadata = files.read_arrays(path)
    architecture, n_outputs, plan = parse_description(path, metadata)
    return _assemble(path, architecture, n_outputs, plan, arrays)


def load_pretrained(path: Path, n_outputs: int, seed: int) -> Encoder:
    """Reads a fetched pretrained model and draws a classifier for it.

    Args:
        path: `resources/models/{model}/model.safetensors`; it holds no classifier, nor the rest of
            the head where no checkpoint brings it.
        n_outputs: classes of the task, or 1 for regression.
        seed: of the weights that are drawn.
    """
    arrays, metadata = files.read_arrays(path)
    architecture, _, plan = parse_description(path, metadata)
    family = architecture.family
    for name, shape in parameter_shapes(architecture, n_outputs, plan).items():
        if name.rpartition(".")[0] in family.drawn:
            arrays[family.checkpoint_name(name)] = np.zeros(shape, np.float32)
    model = _assemble(path, architecture, n_outputs, plan, arrays)
    draw_classifier(model, seed)
    return model


def _assemble(
    path: Path,
    architecture: Architecture,
    n_outputs: int,
    plan: Plan,
    arrays: dict[str, np.ndarray],
) -> Encoder:
    """Builds an encoder around arrays that carry the checkpoint's names."""
    model = Encoder(architecture, n_outputs, plan)
    family = architecture.family
    arrays = family.from_checkpoint(arrays)
    names = {family.checkpoint_name(name): name for name in model.state_dict()}
    if set(names) != set(arrays):
        odd = sorted(set(names) ^ set(arrays))[0]
        raise StudyError(f"{path}: the tensor {odd} is missing or unexpected; delete the file.")
    state = {names[name]: torch.from_numpy(array) for name, array in arrays.items()}
    try:
        model.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        raise StudyError(f"{path}: sizes do not fit the file's own description.") from error
    return model.requires_grad_(True).eval()
