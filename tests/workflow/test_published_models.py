"""A finished run: the models saved are what their masks say, the outputs those of the models."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch
from runs import Run
from safetensors.numpy import load_file
from tiny_study import HEADS, LAYERS, SIZES

from lottery.data.batches import collate
from lottery.data.tokens import Tokens, read_tokens
from lottery.models.checkpoints import load_model
from lottery.models.encoder import Encoder, Gates
from lottery.pruning.masks import WeightMask, read_mask

CELLS = [(task, seed) for task in ("tone", "degree") for seed in (7, 3)]
HEAD_SIZE = SIZES["hidden_size"] // HEADS


def logits_of(run: Run, task: str, seed: int, cell: str) -> np.ndarray:
    """The logits that an evaluation kept, in the order of the tokens."""
    path = run.cell(task, seed) / "evaluate" / cell / "predictions.parquet"
    return np.stack(pd.read_parquet(path)["logits"])


def compute(model: Encoder, tokens: Tokens, gates: Gates | None = None) -> np.ndarray:
    """All logits in one batch, padded to the longest example."""
    batch = collate(tokens, np.arange(len(tokens)), torch.device("cpu"))
    with torch.no_grad():
        return model.eval()(*batch.inputs, gates).numpy()


@pytest.mark.parametrize(("task", "seed"), CELLS)
def test_retrained_weights_are_zero_where_the_mask_is(published: Run, task: str, seed: int) -> None:
    cell = published.cell(task, seed)
    mask, _ = read_mask(cell / "mask/magnitude/good.safetensors")
    assert isinstance(mask, WeightMask) and not mask.is_full
    retrained = load_file(cell / "retrain/magnitude/good/model.safetensors")
    pretrained = load_file(published.folder / "resources/models/tiny/model.safetensors")
    for name, kept in mask.parameters.items():
        assert not retrained[name][~kept].any(), name
        # What is kept was trained, from the pretrained weights and not from the fine-tuned ones.
        if kept.any():
            assert not np.array_equal(retrained[name][kept], pretrained[name][kept]), name


@pytest.mark.parametrize(("task", "seed"), CELLS)
@pytest.mark.parametrize("subnetwork", ["good", "super_good"])
def test_retrained_models_are_as_small_as_their_mask(
    published: Run, task: str, seed: int, subnetwork: str
) -> None:
    cell = published.cell(task, seed)
    folder = cell / "mask" if subnetwork == "good" else cell.parent / "super"
    mask, _ = read_mask(folder / f"structured/{subnetwork}.safetensors")
    assert mask.granularity == "units" and not mask.is_full
    weights = load_file(cell / f"retrain/structured/{subnetwork}/model.safetensors")
    for layer in range(LAYERS):
        prefix = f"bert.encoder.layer.{layer}"
        width = HEAD_SIZE * int(mask.units["head"][layer].sum())
        for part in ("query", "key", "value"):
            name = f"{prefix}.attention.self.{part}.weight"
            assert weights[name].shape[0] == width if width else name not in weights
        output = f"{prefix}.attention.output.dense"
        assert (
            weights[f"{output}.weight"].shape[1] == width
            if width
            # The published evaluation drops the bias of an emptied layer as well.
            else (f"{output}.weight" not in weights and f"{output}.bias" not in weights)
        )
        assert (f"{prefix}.intermediate.dense.weight" in weights) == mask.units["mlp"][layer]
        assert (f"{prefix}.output.dense.weight" in weights) == mask.units["mlp"][layer]


@pytest.mark.parametrize(("task", "seed"), CELLS)
def test_pruned_logits_are_those_of_the_gated_model(published: Run, task: str, seed: int) -> None:
    cell = published.cell(task, seed)
    mask, _ = read_mask(cell / "mask/structured/good.safetensors")
    model = load_model(cell / "finetune/model.safetensors")
    tokens = read_tokens(cell.parent / "tokens", "validation")
    full = compute(model, tokens)
    assert np.allclose(full, logits_of(published, task, seed, "none/full/finetuned"), atol=1e-5)
    with torch.no_grad():  # as published: an emptied layer loses its bias too
        for layer, heads in zip(model.layers, mask.units["head"], strict=True):
            if not heads.any():
                layer.attention_output.bias.zero_()
    kept = {name: torch.from_numpy(kept).float()[None] for name, kept in mask.units.items()}
    gated = compute(model, tokens, Gates(kept))
    kept = logits_of(published, task, seed, "structured/good/pruned")
    assert np.allclose(gated, kept, atol=1e-5)
    assert not np.allclose(full, kept, atol=1e-2)


@pytest.mark.parametrize(("task", "seed"), CELLS)
def test_pruned_logits_are_those_of_the_weights_under_the_mask(
    published: Run, task: str, seed: int
) -> None:
    cell = published.cell(task, seed)
    mask, _ = read_mask(cell / "mask/magnitude/good.safetensors")
    model = load_model(cell / "finetune/model.safetensors")
    parameters = model.checkpoint_parameters()
    with torch.no_grad():
        for name, kept in mask.parameters.items():
            parameters[name][torch.from_numpy(~kept)] = 0
    tokens = read_tokens(cell.parent / "tokens", "validation")
    kept = logits_of(published, task, seed, "magnitude/good/pruned")
    assert np.allclose(compute(model, tokens), kept, atol=1e-5)


def test_retrained_logits_are_those_of_the_saved_model(published: Run) -> None:
    cell = published.cell("tone", 7)
    tokens = read_tokens(cell.parent / "tokens", "validation")
    for name in ("structured/good", "structured/super_good", "magnitude/good"):
        model = load_model(cell / "retrain" / name / "model.safetensors")
        kept = logits_of(published, "tone", 7, f"{name}/retrained")
        assert np.allclose(compute(model, tokens), kept, atol=1e-5)


def test_magnitude_controls(published: Run) -> None:
    folder = published.cell("tone", 7)
    masks = {
        name: read_mask(folder / f"mask/magnitude/{name}.safetensors")[0]
        for name in ("good", "random", "bad")
    }
    weights = load_file(folder / "finetune/model.safetensors")
    size = np.concatenate([np.abs(weights[name]).ravel() for name in masks["good"].shapes])
    good, bad = masks["good"].vector, masks["bad"].vector
    assert size[good].min() >= size[~good].max()
    assert size[bad].max() <= size[~bad].min()
    assert masks["random"].kept == masks["bad"].kept == masks["good"].kept


def test_structured_controls(published: Run) -> None:
    for task in ("tone", "degree"):
        folder = published.cell(task, 7) / "mask/structured"
        good, bad = (read_mask(folder / f"{name}.safetensors")[0] for name in ("good", "bad"))
        for kind in ("head", "mlp"):
            kept, chosen = good.units[kind], bad.units[kind]
            assert chosen.sum() == kept.sum()
            # What the search removed comes first; kept units only fill up.
            assert (chosen & kept).sum() == max(0, kept.sum() - (~kept).sum())
