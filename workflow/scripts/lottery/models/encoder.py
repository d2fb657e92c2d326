"""The encoder under study: a transformer of the family's kind, with gates, and with parts left out.

The computation is written out here rather than taken from transformers: a gate is a factor one can
read in the forward pass; a layer whose heads or MLP are gone is a layer without them; and short
jobs do not wait seconds each for a large library to load. Tests, and every fetch of a model,
compare the outputs with transformers' own implementation. What differs between families is declared
in `lottery.models.families`.

Shapes: B examples, T tokens, H heads kept in the layer, D dimensions per head, C = hidden width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery.data.batches import Packing
from lottery.models.architecture import Architecture, LayerPlan, Plan, full_plan
from lottery.models.families import CONSTANT, NO_TYPES
from lottery.models.operations import attend, drop
from lottery.models.shapes import layer_norms
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
        closed_heads: the heads of each layer whose gates are all zero, likewise; None means that
            there are none.
    """

    units: Mapping[str, Tensor]
    open_mlps: np.ndarray | None = None
    closed_heads: Sequence[ClosedHeads | None] | None = None


class ClosedHeads(NamedTuple):
    """The heads of a layer through which no gradient goes, as places among those that it holds.

    Attributes:
        open, closed: int64 [open heads] and [closed heads].
        places: int64 [H], the place of each head among the open and then the closed ones.
    """

    open: Tensor
    closed: Tensor
    places: Tensor

    @classmethod
    def of(cls, closed: np.ndarray, device: torch.device) -> ClosedHeads | None:
        """From bool [H]; None if no head is closed."""
        if not closed.any():
            return None
        order = np.argsort(closed, kind="stable")
        arrays = np.split(order, [np.count_nonzero(~closed)])
        return cls(*(torch.from_numpy(a).to(device) for a in (*arrays, np.argsort(order))))


class Linear(nn.Linear):
    """A linear layer whose weights are not drawn when it is made: this would take seconds."""

    def reset_parameters(self) -> None:
        """Leaves the new tensors as they are."""


class Embedding(nn.Embedding):
    """An embedding table whose weights are not drawn when it is made."""

    def reset_parameters(self) -> None:
        """Leaves the new tensor as it is."""


class Sight(NamedTuple):
    """What the attention of a layer sees, of Q tokens that look: all T, or those that are wanted.

    Attributes:
        allowed: bool [R, 1, 1 or Q, T], whether a token attends to the other.
        turns: of rotary positions, by which angles the queries and the keys are turned: their
            cosines and sines, float32 [2, 1 or R, 1, Q, D] and [2, 1, 1, T, D].
    """

    allowed: Tensor
    turns: tuple[Tensor, Tensor] | None = None

    def of(self, wanted: Tensor) -> Sight:
        """The same for wanted tokens, int64 [R, Q]."""
        # take_along_dim computes the same, but torch.onnx exports it with the sizes of the example.
        allowed, turns = self.allowed, self.turns
        if allowed.shape[2] > 1:
            places = wanted[:, None, :, None].expand(-1, -1, -1, allowed.shape[3])
            allowed = allowed.gather(2, places)
        if turns is not None:
            keys = turns[1]  # of one row for all, where the examples have a row each
            places = wanted[None, :, None, :, None].expand(2, -1, -1, -1, keys.shape[-1])
            queries = keys.expand(-1, wanted.shape[0], -1, -1, -1).gather(3, places)
            turns = queries, keys
        return Sight(allowed, turns)


class Layer(nn.Module):
    """One transformer layer, holding what its plan names and no more.

    Its norms follow the sums with the residual or, by the family's declaration, come before
    attention and MLP.
    """

    def __init__(self, architecture: Architecture, plan: LayerPlan, index: int) -> None:
        super().__init__()
        family = architecture.family
        hidden, inner = architecture.hidden, architecture.intermediate
        self.head_size = architecture.head_size
        self.heads = len(plan.heads)
        self.attention_dropout = architecture.attention_dropout
        self.hidden_dropout = architecture.hidden_dropout
        self.norm_first = family.norm_first
        linear = partial(Linear, bias=family.biases)
        norms = layer_norms(architecture, index, plan)
        width = self.heads * self.head_size
        if self.heads:
            self.query = linear(hidden, width)
            self.key = linear(hidden, width)
            self.value = linear(hidden, width)
        if self.heads or plan.attention_bias:
            self.attention_output: Any = linear(width, hidden)  # or None
        else:
            self.attention_output = None
        # For gates. As a list they would be copied to the device in every batch.
        self.register_buffer("kept_heads", _indices(plan.heads, architecture.heads), False)
        self.register_buffer("kept_inner", _indices(plan.inner, inner), False)
        self.attention_norm = norm(architecture) if "attention_norm" in norms else nn.Identity()
        if plan.inner is not None:
            inner = len(plan.inner)
        self.inner = inner if plan.mlp else 0
        self.intermediate: Any = linear(hidden, inner) if self.inner else None
        if self.inner and family.gated:
            self.intermediate_gate: Any = linear(hidden, inner)
        else:
            self.intermediate_gate = None
        self.output: Any = linear(inner, hidden) if plan.mlp else None
        self.output_norm = norm(architecture) if "output_norm" in norms else nn.Identity()

    def forward(
        self,
        x: Tensor,
        sight: Sight,
        gates: Mapping[str, Tensor],
        wanted: Tensor | None = None,
        mlp_open: bool = True,
        closed_heads: ClosedHeads | None = None,
    ) -> Tensor:
        """Computes the layer, for all tokens or only for those whose output is wanted.

        Args:
            x: hidden states [B, T, C].
            sight: of the (wanted) tokens.
            gates: place -> factors, ones where it is missing: "head" [1 or B, H], "inner" [1 or B,
                inner positions kept], "mlp" and "layer" [1 or B].
            wanted: int64 [B, Q], positions of tokens; None means all, Q = T.
            mlp_open: False if the MLP's gate is zero, so that nothing goes back through the MLP.
            closed_heads: those whose gates are zero, likewise.

        Returns:
            [B, Q, C].
        """
        # Not take_along_dim: see `Sight.of`.
        y = x if wanted is None else x.gather(1, wanted[..., None].expand(-1, -1, x.shape[2]))
        if self.attention_output is not None:
            asking = self.attention_input(y)
            seen = asking if y is x else self.attention_input(x)
            update = self._attend(asking, seen, sight, gates.get("head"), closed_heads)
            y = y + _scaled(update, gates, "layer")
        if not self.norm_first:
            y = self.attention_norm(y)
        if self.output is not None:
            seen = y if mlp_open else y.detach()
            seen = self.output_norm(seen) if self.norm_first else seen
            update = self._drop(self._mlp(seen, gates.get("inner")))
            y = y + _scaled(update, gates, "mlp", "layer")
        return y if self.norm_first else self.output_norm(y)

    def attention_input(self, x: Tensor) -> Tensor:
        """What queries, keys and values are computed from: [B, T, C] -> [B, T, C]."""
        return self.attention_norm(x) if self.norm_first else x

    def _mlp(self, y: Tensor, gate: Tensor | None) -> Tensor:
        """The MLP's update before dropout, [B, Q, C]."""
        if not self.inner:
            return self.output.bias.expand_as(y)
        inner = functional.gelu(self.intermediate(y))
        if self.intermediate_gate is not None:
            inner = inner * self.intermediate_gate(y)
        if gate is not None:
            inner = inner * gate[:, None, :]
        return self.output(inner)

    def _attend(
        self,
        y: Tensor,
        x: Tensor,
        sight: Sight,
        gate: Tensor | None,
        closed_heads: ClosedHeads | None = None,
    ) -> Tensor:
        """The attention sub-layer's update of the wanted tokens' residual, [B, Q, C]."""
        if not self.heads:
            # Only the projection's bias is left. A product over zero columns would give the same,
            # but not every device kernel accepts it.
            return self._drop(self.attention_output.bias.expand_as(y))
        if closed_heads is None:
            context = self._context(y, x, sight)
        else:
            with torch.no_grad():
                closed = self._context(y, x, sight, closed_heads.closed)
            context = closed
            if len(closed_heads.open):
                context = torch.cat([self._context(y, x, sight, closed_heads.open), closed], dim=1)
                context = context.index_select(1, closed_heads.places)
        if gate is not None:
            context = context * gate[:, :, None, None]
        context = context.transpose(1, 2).flatten(2)  # [B, Q, H * D]
        return self._drop(self.attention_output(context))

    def _context(self, y: Tensor, x: Tensor, sight: Sight, heads: Tensor | None = None) -> Tensor:
        """What heads gather for the wanted tokens, [B, H, Q, D]; of all heads, or int64 [H]."""
        if y is x:
            query, key, value = self._project(x, heads, self.query, self.key, self.value)
        else:
            (query,) = self._project(y, heads, self.query)
            key, value = self._project(x, heads, self.key, self.value)
        if sight.turns is not None:
            query, key = (turned(*each) for each in zip((query, key), sight.turns, strict=True))
        dropout = self.attention_dropout if self.training else 0.0
        return attend(query, key, value, sight.allowed, dropout)

    def _project(self, x: Tensor, heads: Tensor | None, *parts: Linear) -> tuple[Tensor, ...]:
        """Heads' vectors, [B, H, T, D] each; one product for all parts is faster than several."""
        weight = torch.cat([self._of_heads(part.weight, heads) for part in parts])
        biases = [self._of_heads(part.bias, heads) for part in parts if part.bias is not None]
        together = functional.linear(x, weight, torch.cat(biases) if biases else None)
        split = together.unflatten(2, (len(parts), -1, self.head_size))
        return split.permute(2, 0, 3, 1, 4).unbind()

    def _of_heads(self, parameter: Tensor, heads: Tensor | None) -> Tensor:
        """The rows of some heads, of a parameter whose rows are the dimensions of all."""
        if heads is None:
            return parameter
        return parameter.unflatten(0, (self.heads, self.head_size))[heads].flatten(0, 1)

    def _drop(self, x: Tensor) -> Tensor:
        return drop(x, self.hidden_dropout, self.training)


def _indices(kept: Sequence[int] | None, count: int) -> Tensor | None:
    """The places of kept units among `count`, int64; None if all are kept."""
    return None if kept is None or len(kept) == count else torch.tensor(kept, dtype=torch.int64)


def _scaled(update: Tensor, gates: Mapping[str, Tensor], *places: str) -> Tensor:
    """An update of the residual [B, Q, C] times the gates of some places, [1 or B] each."""
    for place in places:
        if place in gates:
            update = update * gates[place][:, None, None]
    return update


def norm(architecture: Architecture, width: int | None = None) -> nn.LayerNorm:
    """A norm of the hidden states, or of embeddings of another width."""
    bias = architecture.family.biases
    return nn.LayerNorm(width or architecture.hidden, eps=architecture.norm_epsilon, bias=bias)


def turned(x: Tensor, turn: Tensor) -> Tensor:
    """Turns pairs of dimensions, d and d + D / 2, by an angle each (Su et al. 2021): [B, H, T, D].

    Args:
        turn: cosines and sines, see `Sight.turns`.
    """
    cosine, sine = turn
    one, other = x.float().chunk(2, dim=-1)
    return (x.float() * cosine + torch.cat([-other, one], dim=-1) * sine).to(x.dtype)


def _turn(positions: Tensor, theta: float, size: int) -> Tensor:
    """Cosines and sines of the angles at positions: int64 [T] -> float32 [2, 1, 1, T, D]."""
    powers = torch.arange(0, size, 2, dtype=torch.float, device=positions.device) / size
    angles = positions[:, None].float() * (1.0 / theta**powers)
    angles = torch.cat([angles, angles], dim=-1)[None, None]
    return torch.stack([angles.cos(), angles.sin()])


class Embeddings(nn.Module):
    """Sum of word embeddings and those of positions and token types, if any, normalised."""

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        family, width = architecture.family, architecture.embedding or architecture.hidden
        self.word = Embedding(architecture.vocabulary, width)
        self.position: Any = None
        if not family.rotary:
            self.position = Embedding(architecture.positions, width)
        self.token_type: Any = None
        if family.token_types != NO_TYPES:
            self.token_type = Embedding(architecture.token_types, width)
        self.norm = norm(architecture, width)
        self.project: Any = None
        if architecture.embedding is not None:
            self.project = Linear(width, architecture.hidden)
        self.one_type = family.token_types == CONSTANT
        self.first_position = architecture.first_position
        self.hidden_dropout = architecture.hidden_dropout

    def forward(
        self, input_ids: Tensor, token_types: Tensor, positions: Tensor | None = None
    ) -> Tensor:
        """Embeds tokens: int64 [B, T] each -> [B, T, C]; positions count from 0 if None."""
        x = self.word(input_ids)
        if self.token_type is not None:
            x = x + (self.token_type.weight[0] if self.one_type else self.token_type(token_types))
        if self.position is not None:
            first = self.first_position
            if positions is None:
                x = x + self.position.weight[first : first + input_ids.shape[1]]  # [T, C]
            else:
                x = x + self.position(positions + first)  # [B, T, C]
        x = drop(self.norm(x), self.hidden_dropout, self.training)
        return x if self.project is None else self.project(x)


ACTIVATIONS = {"tanh": torch.tanh, "relu": torch.relu, "gelu": functional.gelu}


class Encoder(nn.Module):
    """A sequence classifier (or, with one output, a regressor); without a plan the whole model."""

    def __init__(
        self, architecture: Architecture, n_outputs: int, plan: Plan | None = None
    ) -> None:
        super().__init__()
        family = architecture.family
        self.architecture = architecture
        self.n_outputs = n_outputs
        self.plan = full_plan(architecture) if plan is None else plan
        self.embeddings = Embeddings(architecture)
        self.layers = nn.ModuleList(
            Layer(architecture, layer, index) for index, layer in enumerate(self.plan)
        )
        self.final_norm = norm(architecture) if "final_norm" in family.parts else nn.Identity()
        self.pooler = Linear(architecture.hidden, architecture.hidden, bias=family.biases)
        self.pooler_norm = norm(architecture) if "pooler_norm" in family.parts else nn.Identity()
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
        firsts = packing.firsts if packing else torch.zeros_like(input_ids[:, :1])
        sights = self.sights(attention_mask, packing)
        for index, (layer, sight) in enumerate(zip(self.layers, sights, strict=True)):
            of_layer, mlp_open, closed = {}, True, None
            if gates is not None:
                of_layer = self._gates_of_layer(gates, index)
                mlp_open = gates.open_mlps is None or bool(gates.open_mlps[index])
                closed = gates.closed_heads and gates.closed_heads[index]
            if index == len(self.layers) - 1 and not self.architecture.mean_pooling:
                # Of the last layer only the examples' first tokens are needed.
                x = layer(x, sight.of(firsts), of_layer, firsts, mlp_open, closed)
            else:
                x = layer(x, sight, of_layer, None, mlp_open, closed)
        x = self.final_norm(x)
        if self.architecture.mean_pooling:
            x = _means(x, attention_mask, packing)
        pooled = x.flatten(0, 1)[packing.places] if packing else x[:, 0]  # [B, C]
        return self.classify(pooled)

    def sights(self, attention_mask: Tensor, packing: Packing | None = None) -> list[Sight]:
        """What each layer's attention sees; masks and packing as of `forward`.

        Only distances within an example matter, and those are distances of columns: its tokens lie
        next to each other.
        """
        sizes = self.architecture
        everywhere = attention_mask[:, None] if packing else attention_mask[:, None, None, :]
        if not sizes.family.rotary:  # nor is attention local
            return [Sight(everywhere)] * sizes.layers
        near = everywhere
        columns = torch.arange(attention_mask.shape[-1], device=attention_mask.device)
        if sizes.local_layers:
            distances = (columns[:, None] - columns).abs()  # [T, T]
            # Padding sees itself alone: no softmax lacks an entry.
            near = (everywhere & (distances <= sizes.window)) | (distances == 0)
        turn, local_turn = (
            _turn(columns, theta, sizes.head_size)
            for theta in (sizes.rope_theta, sizes.local_rope_theta)
        )
        kinds = Sight(everywhere, (turn, turn)), Sight(near, (local_turn, local_turn))
        return [kinds[layer in sizes.local_layers] for layer in range(sizes.layers)]

    def classify(self, pooled: Tensor) -> Tensor:
        """The head: from the examples' vectors [B, C] to logits [B, n_outputs]."""
        family, dropout = self.architecture.family, self.architecture.classifier_dropout
        if family.dropout_first:
            pooled = drop(pooled, dropout, self.training)
        pooled = self.pooler_norm(ACTIVATIONS[family.activation](self.pooler(pooled)))
        return self.classifier(drop(pooled, dropout, self.training))

    def _gates_of_layer(self, gates: Gates, index: int) -> dict[str, Tensor]:
        """The factors of what a layer holds, by the place where they act."""
        layer, sizes = self.layers[index], self.architecture
        places = {
            "head": (sizes.heads, layer.kept_heads),
            "inner": (sizes.intermediate, layer.kept_inner),
        }
        found: dict[str, Tensor] = {}
        for kind, units in gates.units.items():
            place, factor = KINDS[kind].gate, units[:, index]
            if place in places:
                width, kept = places[place]
                if factor.shape[1] != width:
                    factor = factor.repeat_interleave(width // factor.shape[1], dim=1)
                if kept is not None:
                    factor = factor.index_select(1, kept)
            found[place] = found[place] * factor if place in found else factor
        return found

    def checkpoint_parameters(self) -> dict[str, nn.Parameter]:
        """The parameters under the names of the family's checkpoints."""
        family = self.architecture.family
        return {family.checkpoint_name(name): p for name, p in self.named_parameters()}


def _means(x: Tensor, attention_mask: Tensor, packing: Packing | None) -> Tensor:
    """The mean of each example's tokens, where its first token would be: [R, T, C] -> [R, Q, C]."""
    if packing is None:
        members = attention_mask[:, None]  # [R, 1, T]
    else:
        members = attention_mask.take_along_dim(packing.firsts[..., None], dim=1)  # [R, Q, T]
    members = members.to(x.dtype)
    return members @ x / members.sum(dim=-1, keepdim=True)


def draw_weights(model: Encoder, seed: int) -> None:
    """Draws all weights as the family does before pretraining: normal weights, zero biases.

    The generator is separate: torch's global state is not touched.
    """
    generator = torch.Generator().manual_seed(seed)
    for name, module in model.named_modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.ones_(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.Linear | nn.Embedding):
            _draw(model, name, generator)


def draw_classifier(model: Encoder, seed: int) -> None:
    """Draws what no checkpoint brings of the head, as at the start of every fine-tuning."""
    generator = torch.Generator().manual_seed(seed)
    for name in model.architecture.family.drawn:
        _draw(model, name, generator)


def _draw(model: Encoder, name: str, generator: torch.Generator) -> None:
    """Draws a linear layer or a table: normal weights, cut off where the family does so."""
    module: Any = model.get_submodule(name)
    deviation = model.architecture.family.deviation(name, model.architecture)
    cutoff = model.architecture.initializer_cutoff
    with torch.no_grad():
        if cutoff is None:
            module.weight.normal_(0.0, deviation, generator=generator)
        else:
            end = cutoff * deviation
            nn.init.trunc_normal_(module.weight, 0.0, deviation, -end, end, generator=generator)
        if getattr(module, "bias", None) is not None:
            module.bias.zero_()
