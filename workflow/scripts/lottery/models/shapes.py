"""The shapes of an encoder's parameters, from its architecture and what a plan leaves. No torch."""

from __future__ import annotations

from collections.abc import Mapping

from lottery.models.architecture import Architecture, LayerPlan, Plan

Shapes = dict[str, tuple[int, ...]]


def parameter_shapes(architecture: Architecture, n_outputs: int, plan: Plan) -> Shapes:
    """The shapes of all parameters, named as in `lottery.models.encoder.Encoder`."""
    family, hidden = architecture.family, architecture.hidden
    width = architecture.embedding or hidden
    tables = {
        "embeddings.word": architecture.vocabulary,
        "embeddings.position": architecture.positions,
        "embeddings.token_type": architecture.token_types,
    }
    shapes: Shapes = {
        f"{name}.weight": (rows, width) for name, rows in tables.items() if name in family.parts
    }
    shapes |= with_biases({"embeddings.norm": (width,)}, family.biases)
    matrices: Shapes = {}
    if architecture.embedding is not None:
        matrices["embeddings.project"] = (hidden, width)
    for index, layer in enumerate(plan):
        of_layer = layer_matrices(architecture, layer)
        norms = dict.fromkeys(layer_norms(architecture, index, layer), (hidden,))
        matrices |= {f"layers.{index}.{k}": v for k, v in (of_layer | norms).items()}
    matrices["pooler"] = (hidden, hidden)
    matrices |= {name: (hidden,) for name in ("final_norm", "pooler_norm") if name in family.parts}
    shapes |= with_biases(matrices, family.biases)
    return shapes | with_biases({"classifier": (n_outputs, hidden)}, biases=True)


def with_biases(modules: Mapping[str, tuple[int, ...]], biases: bool) -> Shapes:
    """The shapes of weights as such of parameters: a weight, and a bias where there are any."""
    shapes: Shapes = {}
    for name, shape in modules.items():
        shapes[f"{name}.weight"] = shape
        if biases:
            shapes[f"{name}.bias"] = shape[:1]
    return shapes


def layer_matrices(architecture: Architecture, layer: LayerPlan) -> dict[str, tuple[int, ...]]:
    """The linear layers of a layer, each as (outputs, inputs), in the order of the checkpoint."""
    hidden, width = architecture.hidden, len(layer.heads) * architecture.head_size
    inner = architecture.intermediate if layer.inner is None else len(layer.inner)
    found: dict[str, tuple[int, ...]] = {}
    if width:
        found |= dict.fromkeys(("query", "key", "value"), (width, hidden))
    if width or layer.attention_bias:
        found["attention_output"] = (hidden, width)
    if layer.mlp and inner:
        found["intermediate"] = (inner, hidden)
        if architecture.family.gated:
            found["intermediate_gate"] = (inner, hidden)
    if layer.mlp:
        found["output"] = (hidden, inner)
    return found


def layer_norms(architecture: Architecture, index: int, layer: LayerPlan) -> tuple[str, ...]:
    """The norms of a layer: both if they follow the residual, else those of what is there."""
    if not architecture.family.norm_first:
        return "attention_norm", "output_norm"
    attends = index > 0 and bool(layer.heads or layer.attention_bias)
    return ("attention_norm",) * attends + ("output_norm",) * layer.mlp
