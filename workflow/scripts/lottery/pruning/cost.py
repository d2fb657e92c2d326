"""What a model costs, by its mask or plan: parameters, bytes of its file, operations. No torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from lottery import files
from lottery.models.architecture import Architecture, Plan, describe, full_plan
from lottery.models.shapes import layer_matrices, parameter_shapes
from lottery.pruning.masks import Mask, UnitMask, WeightMask, plan_of


def count_parameters(architecture: Architecture, n_outputs: int, plan: Plan) -> int:
    """Number of parameters, those of embeddings, pooler and classifier included."""
    return sum(map(math.prod, parameter_shapes(architecture, n_outputs, plan).values()))


def file_bytes(architecture: Architecture, n_outputs: int, plan: Plan) -> int:
    """Size of the file that `lottery.models.checkpoints.save_model` writes, header included."""
    shapes = parameter_shapes(architecture, n_outputs, plan)
    family = architecture.family
    named = {family.checkpoint_name(name): shape for name, shape in shapes.items()}
    tensors = family.joined(named, lambda parts: (sum(s[0] for s in parts), *parts[0][1:]))
    return files.arrays_size(tensors, describe(architecture, n_outputs, plan))


def flops(
    architecture: Architecture, n_outputs: int, plan: Plan, lengths: np.ndarray
) -> np.ndarray:
    """Floating-point operations of the matrix products of one forward pass per example.

    A product of an m x k and a k x n matrix counts as 2 m k n, as in torch.utils.flop_counter. With
    w the width of the kept heads together, i the kept inner positions, C the hidden width and T the
    tokens of an example, a layer costs

        2 T (4 w C + 2 i C) + 4 T^2 w

    of which the second term is that of the two attention products. A gated MLP has 3 i C in place
    of 2 i C; local attention costs as much as global, since the products that it does not use are
    computed, too. Of the last layer only the first token's output is computed: keys and values of
    all tokens, 4 T w C; the rest for one token, 2 (2 w C + 2 i C) + 4 T w. Pooler and classifier
    see one token, 2 (C^2 + C n_outputs). If the classifier reads the mean of all tokens, the last
    layer costs as much as the others, and the mean 2 T C. Embeddings of width e that are projected
    cost 2 T e C.

    Not counted: embedding lookups, rotary positions, biases, normalisation, softmax, GELU and
    gates. Each example is taken alone, without the padding and the packing of batches.

    Args:
        architecture: sizes of the full model.
        n_outputs: classes, or 1 for regression.
        plan: what is left of each layer.
        lengths: tokens of each example, special ones included, integers [examples].

    Returns:
        int64 [examples].
    """
    # Multiply-adds once per example, per token, and per pair of tokens.
    hidden, pools = architecture.hidden, architecture.mean_pooling
    once, per_token, per_pair = hidden * (hidden + n_outputs), hidden * pools, 0
    per_token += hidden * (architecture.embedding or 0)
    for index, layer in enumerate(plan):
        matrices = layer_matrices(architecture, layer)
        products = {name: math.prod(size) for name, size in matrices.items()}
        width = len(layer.heads) * architecture.head_size
        if index < len(plan) - 1 or pools:
            per_token += sum(products.values())
            per_pair += 2 * width
        else:
            per_token += products.pop("key", 0) + products.pop("value", 0) + 2 * width
            once += sum(products.values())
    tokens = np.asarray(lengths, np.int64)
    return 2 * (once + per_token * tokens + per_pair * tokens**2)


def cost_of(
    mask: Mask | None,
    architecture: Architecture,
    n_outputs: int,
    lengths: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """What a model under a mask costs, as metrics.json has it.

    A mask of single weights leaves zeros where they were: all but `nonzero_parameters` is that of
    the full model.

    Args:
        mask: None for the full model.
        architecture: sizes of the full model.
        n_outputs: classes, or 1 for regression.
        lengths: split -> tokens of each example, integers [examples].

    Returns:
        parameters; nonzero_parameters, those that the mask keeps; file_bytes, of the model's file;
        and flops, the mean over the examples of each split. See the functions above.
    """
    plan = plan_of(mask, architecture) if isinstance(mask, UnitMask) else full_plan(architecture)
    parameters = count_parameters(architecture, n_outputs, plan)
    zeros = mask.size - mask.kept if isinstance(mask, WeightMask) else 0
    operations = {
        split: flops(architecture, n_outputs, plan, of_split) for split, of_split in lengths.items()
    }
    return {
        "parameters": parameters,
        "nonzero_parameters": parameters - zeros,
        "file_bytes": file_bytes(architecture, n_outputs, plan),
        "flops": {
            split: int(each.sum()) / len(each) if len(each) else None
            for split, each in operations.items()
        },
    }
