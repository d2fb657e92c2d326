"""How much each single weight matters, by one of the criteria of weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from lottery.data.batches import collate, large_batches, parts
from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder
from lottery.pruning.criteria import DRAW, GRADIENTS, INPUTS, PRETRAINED, WEIGHTS, Criterion
from lottery.pruning.gradients import Parts, mean_gradients, parts_of
from lottery.pruning.masks import body_parts, body_shapes, parameter_name

if TYPE_CHECKING:
    from lottery.pruning.algorithms.search import SearchContext

# The linear layers that are called as such; the other ones share the input of the attention.
MODULES = ("attention_output", "intermediate", "intermediate_gate", "output")
QUERIES = ("query", "key", "value")


def weight_scores(context: SearchContext, criterion: Criterion) -> dict[str, np.ndarray]:
    """Scores the weights of the body.

    Args:
        context: its model is whole; with gradients it is left frozen.
        criterion: of `lottery.pruning.criteria.WEIGHT_CRITERIA`.

    Returns:
        Checkpoint name -> float array of the parameter's shape, in the order of the body.
    """
    architecture = context.model.architecture
    if criterion.needs == DRAW:
        shapes = body_shapes(architecture)
        return {name: criterion.score(context.rng, shape) for name, shape in shapes.items()}
    needed = NEEDED[criterion.needs](context)
    return {
        parameter_name(architecture, layer, part): criterion.score(
            *(of_layers[layer][part] for of_layers in needed)
        )
        .cpu()
        .numpy()
        for layer in range(architecture.layers)
        for part in body_parts(architecture)
    }


def _weights(context: SearchContext) -> tuple[Parts, ...]:
    return (parts_of(context.model),)


def _with_gradients(model: Encoder, context: SearchContext) -> tuple[Parts, ...]:
    gradients, _ = mean_gradients(model, context.tokens, context.options["search_batch_size"])
    return parts_of(model), gradients


def _fine_tuned(context: SearchContext) -> tuple[Parts, ...]:
    return _with_gradients(context.model, context)


def _pretrained(context: SearchContext) -> tuple[Parts, ...]:
    assert context.pretrained  # the rules give it to algorithms that ask for it
    return _with_gradients(context.pretrained(), context)


def _inputs(context: SearchContext) -> tuple[Parts, ...]:
    batch_size = context.options["search_batch_size"]
    return parts_of(context.model), input_norms(context.model, context.tokens, batch_size)


# For each layer and part what `Criterion.score` is given.
NEEDED: dict[str, Callable[[Any], tuple[Parts, ...]]] = {
    WEIGHTS: _weights,
    GRADIENTS: _fine_tuned,
    PRETRAINED: _pretrained,
    INPUTS: _inputs,
}


def input_norms(model: Encoder, tokens: Tokens, batch_size: int) -> list[dict[str, Tensor]]:
    """The L2 norms of what comes into the linear layers, over all tokens but padding.

    Every layer is computed for all tokens, also the last one, of which the classifier reads one.

    Args:
        model: whole; put into evaluation mode.

    Returns:
        By layer and part, float32: [inputs] for a weight, and [] for a bias, which is the weight of
        an input that is always 1.
    """
    model.eval()
    device = model.classifier.weight.device
    squares = [_Squares() for _ in model.layers]
    with torch.inference_mode(), ExitStack() as hooks:
        for layer, square in zip(model.layers, squares, strict=True):
            for name in MODULES:
                module = getattr(layer, name)
                if module is None:  # no gate
                    continue
                handle = module.register_forward_pre_hook(partial(square.add, name))
                hooks.callback(handle.remove)
        for rows in large_batches(tokens, batch_size, "length", device):
            for part in parts(tokens, rows, device):
                batch = collate(tokens, part, device)
                present = batch.attention_mask
                for square in squares:
                    square.present = present
                x = model.embeddings(batch.input_ids, batch.token_types)
                sights = model.sights(present)
                for layer, sight, square in zip(model.layers, sights, squares, strict=True):
                    square.add("query", layer, (layer.attention_input(x),))
                    x = layer(x, sight, {})
    constant = torch.tensor(float(tokens.lengths.sum()), device=device).sqrt()
    found = []
    for square in squares:
        norms = {name: total.sqrt().float() for name, total in square.totals.items()}
        norms |= dict.fromkeys(QUERIES, norms["query"])
        found.append(
            {f"{name}.weight": norm for name, norm in norms.items()}
            | {f"{name}.bias": constant for name in norms}
        )
    return found


class _Squares:
    """Sums of squares of inputs of one layer's modules over the tokens that are no padding."""

    def __init__(self) -> None:
        self.totals: dict[str, Any] = {}
        self.present: Any = None  # bool [B, T]

    def add(self, name: str, module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        """Adds what comes into a module, float [B, T, inputs]."""
        # Not by a bool index, whose size a GPU would have to report first.
        squares = (inputs[0].double().square() * self.present[..., None]).sum(dim=(0, 1))
        self.totals[name] = self.totals.get(name, 0.0) + squares
