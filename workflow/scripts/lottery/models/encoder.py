"""The encoder under study: BERT's computation, with gates, and with parts left out.

The computation is written out here rather than taken from transformers: a gate is a factor one can
read in the forward pass; a layer whose heads or MLP are gone is a layer without them; and short
jobs do not wait seconds each for a large library to load. Tests, and every fetch of a model,
compare the outputs with transformers' own implementation.

Shapes: B examples, T tokens, H heads kept in the layer, D dimensions per head, C = hidden width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery.data.batches import Packing
from lottery.models.architecture import Architecture, LayerPlan, Plan, full_plan
from lottery.models.operations import attend, drop
from lottery.models.units import KINDS


@dataclass(frozen=True)
class Gates:
    """The variables that scale each unit's output; all ones is the full model.

    A head's gate scales its output before the attention output projection, which equals scaling
    its attention probabilities. An MLP's gate scales its output, bias included, before the
    residual is added (Michel et al. 2019 for heads; Prasanna et al. 2020 for MLPs). The gate of
    inner positions scales their activations before the output projection.

    Attributes:
        units: kind of unit -> float [1 or B, layers, units] or [1 or B, layers], for the units of
            the *full* model. Where it acts: `lottery.models.units.UnitKind.gate`.
        open_mlps: bool [layers], False where an MLP's gates are all zero; nothing goes back through
            such an MLP, and it is not computed as if it did. None means that all are open.
    """

    units: Mapping[str, Tensor]
    open_mlps: np.ndarray | None = None


class Linear(nn.Linear):
    """A linear layer whose weights are not drawn when it is made: this would take seconds."""

    def reset_parameters(self) -> None:
        """Leaves the new tensors as they are."""


class Embedding(nn.Embedding):
    """An embedding table whose weights are not drawn when it is made."""

    def reset_parameters(self) -> None:
        """Leaves the new tensor as it is."""


class Layer(nn.Module):
    """One post-norm transformer layer, holding what its plan names and no more."""

    def __init__(self, architecture: Architecture, plan: LayerPlan) -> None:
        super().__init__()
        hidden, inner = architecture.hidden, architecture.intermediate
        self.head_size = architecture.head_size
        self.heads = len(plan.heads)
        self.attention_dropout = architecture.attention_dropout
        self.hidden_dropout = architecture.hidden_dropout
        width = self.heads * self.head_size
        if self.heads:
            self.query = Linear(hidden, width)
            self.key = Linear(hidden, width)
            self.value = Linear(hidden, width)
        if self.heads or plan.attention_bias:
            self.attention_output: Any = Linear(width, hidden)  # or None
        else:
            self.attention_output = None
        self.attention_norm = nn.LayerNorm(hidden, eps=architecture.norm_epsilon)
        if plan.inner is not None:
            inner = len(plan.inner)
        self.inner = inner if plan.mlp else 0
        self.intermediate: Any = Linear(hidden, inner) if self.inner else None
        self.output: Any = Linear(inner, hidden) if plan.mlp else None
        self.output_norm = nn.LayerNorm(hidden, eps=architecture.norm_epsilon)

    def forward(
        self,
        x: Tensor,
        allowed: Tensor,
        gates: Mapping[str, Tensor],
        wanted: Tensor | None = None,
        mlp_open: bool = True,
    ) -> Tensor:
        """Computes the layer, for all tokens or only for those whose output is wanted.

        Args:
            x: hidden states [B, T, C].
            allowed: bool [B, 1, 1 or Q, T]; whether the (wanted) token attends to the other.
            gates: place -> factors, ones where it is missing: "head" [1 or B, H], "inner" [1 or B,
                inner positions kept], "mlp" and "layer" [1 or B].
            wanted: int64 [B, Q], positions of tokens; None means all, Q = T.
            mlp_open: False if the MLP's gate is zero, so that nothing goes back through the MLP.

        Returns:
            [B, Q, C].
        """
        # take_along_dim computes the same, but torch.onnx exports it with the sizes of the example.
        y = x if wanted is None else x.gather(1, wanted[..., None].expand(-1, -1, x.shape[2]))
        if self.attention_output is not None:
            update = self._attend(y, x, allowed, gates.get("head"))
            y = self.attention_norm(y + _scaled(update, gates, "layer"))
        else:
            y = self.attention_norm(y)
        if self.output is None:
            return self.output_norm(y)
        update = self._drop(self._mlp(y if mlp_open else y.detach(), gates.get("inner")))
        return self.output_norm(y + _scaled(update, gates, "mlp", "layer"))

    def _mlp(self, y: Tensor, gate: Tensor | None) -> Tensor:
        """The MLP's update before dropout, [B, Q, C]."""
        if not self.inner:
            return self.output.bias.expand_as(y)
        inner = functional.gelu(self.intermediate(y))
        if gate is not None:
            inner = inner * gate[:, None, :]
        return self.output(inner)

    def _attend(self, y: Tensor, x: Tensor, allowed: Tensor, gate: Tensor | None) -> Tensor:
        """The attention sub-layer's update of the wanted tokens' residual, [B, Q, C]."""
        if not self.heads:
            # Only the projection's bias is left. A product over zero columns would give the same,
            # but not every device kernel accepts it.
            return self._drop(self.attention_output.bias.expand_as(y))
        if y is x:
            query, key, value = self._project(x, self.query, self.key, self.value)
        else:
            (query,) = self._project(y, self.query)
            key, value = self._project(x, self.key, self.value)
        dropout = self.attention_dropout if self.training else 0.0
        context = attend(query, key, value, allowed, dropout)
        if gate is not None:
            context = context * gate[:, :, None, None]
        context = context.transpose(1, 2).flatten(2)  # [B, Q, H * D]
        return self._drop(self.attention_output(context))

    def _project(self, x: Tensor, *parts: Linear) -> tuple[Tensor, ...]:
        """Heads' vectors, [B, H, T, D] each; one product for all parts is faster than several."""
        weight = torch.cat([part.weight for part in parts])
        bias = torch.cat([part.bias for part in parts])
        together = functional.linear(x, weight, bias)
        split = together.unflatten(2, (len(parts), self.heads, self.head_size))
        return split.permute(2, 0, 3, 1, 4).unbind()

    def _drop(self, x: Tensor) -> Tensor:
        return drop(x, self.hidden_dropout, self.training)


def _scaled(update: Tensor, gates: Mapping[str, Tensor], *places: str) -> Tensor:
    """An update of the residual [B, Q, C] times the gates of some places, [1 or B] each."""
    for place in places:
        if place in gates:
            update = update * gates[place][:, None, None]
    return update


class Embeddings(nn.Module):
    """Sum of word, position and token type embeddings, normalised."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        self.word = Embedding(architecture.vocabulary, architecture.hidden)
        self.position = Embedding(architecture.positions, architecture.hidden)
        self.token_type = Embedding(architecture.token_types, architecture.hidden)
        self.norm = nn.LayerNorm(architecture.hidden, eps=architecture.norm_epsilon)
        self.hidden_dropout = architecture.hidden_dropout

    def forward(
        self, input_ids: Tensor, token_types: Tensor, positions: Tensor | None = None
    ) -> Tensor:
        """Embeds tokens: int64 [B, T] each -> [B, T, C]; positions count from 0 if None."""
        if positions is None:
            positions = self.position.weight[: input_ids.shape[1]]  # [T, C]
        else:
            positions = self.position(positions)  # [B, T, C]
        x = self.word(input_ids) + self.token_type(token_types) + positions
        return drop(self.norm(x), self.hidden_dropout, self.training)


class Encoder(nn.Module):
    """A sequence classifier (or, with one output, a regressor); without a plan the whole model."""

    def __init__(
        self, architecture: Architecture, n_outputs: int, plan: Plan | None = None
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.n_outputs = n_outputs
        self.plan = full_plan(architecture) if plan is None else plan
        self.embeddings = Embeddings(architecture)
        self.layers = nn.ModuleList(Layer(architecture, layer) for layer in self.plan)
        self.pooler = Linear(architecture.hidden, architecture.hidden)
        self.classifier = Linear(architecture.hidden, n_outputs)

    def forward(
        self,
        input_ids: Tensor,
        token_types: Tensor,
        attention_mask: Tensor,
        gates: Gates | None = None,
        packing: Packing | None = None,
    ) -> Tensor:
        """Computes the logits [B, n_outputs] of B examples in R rows.

        Args:
            input_ids, token_types: int64 [R, T].
            attention_mask: bool [R, T], False for padding; with `packing` [R, T, T].
            gates: factors of the units of the *full* model; None means ones. With `packing` the
                same for all examples.
            packing: where the examples are; None for one in each row, from its start on.
        """
        x = self.embeddings(input_ids, token_types, packing and packing.positions)  # [R, T, C]
        allowed = attention_mask[:, None] if packing else attention_mask[:, None, None, :]
        wanted = None
        for index, layer in enumerate(self.layers):
            of_layer, mlp_open = {}, True
            if gates is not None:
                of_layer = self._gates_of_layer(gates, index)
                mlp_open = gates.open_mlps is None or bool(gates.open_mlps[index])
            if index == len(self.layers) - 1:
                # Of the last layer only the examples' first tokens are needed.
                wanted = packing.firsts if packing else torch.zeros_like(input_ids[:, :1])
                if packing:
                    allowed = allowed.take_along_dim(wanted[:, None, :, None], dim=2)
            x = layer(x, allowed, of_layer, wanted, mlp_open)
        first = x.flatten(0, 1)[packing.places] if packing else x[:, 0]  # [B, C]
        pooled = torch.tanh(self.pooler(first))
        dropout = self.architecture.classifier_dropout
        return self.classifier(drop(pooled, dropout, self.training))

    def _gates_of_layer(self, gates: Gates, index: int) -> dict[str, Tensor]:
        """The factors of what a layer holds, by the place where they act."""
        plan, sizes = self.plan[index], self.architecture
        places = {"head": (sizes.heads, plan.heads), "inner": (sizes.intermediate, plan.inner)}
        found: dict[str, Tensor] = {}
        for kind, units in gates.units.items():
            place, factor = KINDS[kind].gate, units[:, index]
            if place in places:
                width, kept = places[place]
                if factor.shape[1] != width:
                    factor = factor.repeat_interleave(width // factor.shape[1], dim=1)
                if kept is not None and len(kept) < width:
                    factor = factor[:, list(kept)]
            found[place] = found[place] * factor if place in found else factor
        return found

    def checkpoint_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters under the names of the family's checkpoints."""
        family = self.architecture.family
        return {family.checkpoint_name(name): p for name, p in self.named_parameters()}


def draw_weights(model: Encoder, seed: int) -> None:
    """Draws all weights as BERT does before pretraining: normal weights, zero biases.

    The generator is separate: torch's global state is not touched.
    """
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear | nn.Embedding):
            _draw(module, model.architecture.initializer_range, generator)


def draw_classifier(model: Encoder, seed: int) -> None:
    """Draws the classifier again, as at the start of every fine-tuning."""
    generator = torch.Generator().manual_seed(seed)
    _draw(model.classifier, model.architecture.initializer_range, generator)


def _draw(module: nn.Linear | nn.Embedding, deviation: float, generator: torch.Generator) -> None:
    with torch.no_grad():
        module.weight.normal_(0.0, deviation, generator=generator)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
