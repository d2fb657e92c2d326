"""How others run the same work: transformers' own classifier, trained in several ways, and gated.

None of this is used by the workflow; it is what the benchmarks compare with. Trainer needs a
further package, accelerate (the extra `bench` of pyproject.toml). The loops here do what it does on
the way from batch to step and leave out its bookkeeping.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from transformers import BertConfig, BertForSequenceClassification
from transformers.trainer_pt_utils import get_length_grouped_indices

from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder
from lottery.training.loop import Recipe
from measuring import seconds_of


def twin_of(model: Encoder) -> BertForSequenceClassification:
    """transformers' classifier with a whole model's weights, on the same device."""
    sizes = model.architecture
    config = BertConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        intermediate_size=sizes.intermediate,
        max_position_embeddings=sizes.positions,
        type_vocab_size=sizes.token_types,
        layer_norm_eps=sizes.norm_epsilon,
        hidden_dropout_prob=sizes.hidden_dropout,
        attention_probs_dropout_prob=sizes.attention_dropout,
        classifier_dropout=sizes.classifier_dropout,
        num_labels=model.n_outputs,
        attn_implementation="sdpa",
    )
    twin = BertForSequenceClassification(config)
    state = {name: p.detach().clone() for name, p in model.checkpoint_parameters().items()}
    twin.load_state_dict(state, strict=False)
    return twin.to(model.classifier.weight.device)


def copy_back(twin: BertForSequenceClassification, model: Encoder) -> Encoder:
    """Puts a twin's weights into a model of the same sizes."""
    state = twin.state_dict()
    with torch.no_grad():
        for name, parameter in model.checkpoint_parameters().items():
            parameter.copy_(state[name])
    return model


def inputs_of(
    tokens: Tokens, rows: np.ndarray, device: torch.device, length: int | None = None
) -> dict[str, Tensor]:
    """A batch as transformers' collator gives it, padded to `length` or to its longest example.

    A GPU gets it from pinned memory, so that no copy waits for it.
    """
    starts, lengths = tokens.offsets[rows], tokens.lengths[rows]
    columns = np.arange(length or lengths.max())
    present = columns < lengths[:, None]  # [B, T]
    places = np.where(present, starts[:, None] + columns, 0)
    arrays = {
        "input_ids": np.where(present, tokens.input_ids[places], 0).astype(np.int64),
        "token_type_ids": np.where(present, tokens.token_types[places], 0).astype(np.int64),
        "attention_mask": present.astype(np.int64),
        "labels": tokens.labels[rows],
    }
    batch = {name: torch.from_numpy(array) for name, array in arrays.items()}
    if device.type == "cuda":
        batch = {name: tensor.pin_memory() for name, tensor in batch.items()}
    return {name: tensor.to(device, non_blocking=True) for name, tensor in batch.items()}


def train_padded(
    twin: BertForSequenceClassification,
    tokens: Tokens,
    recipe: Recipe,
    seed: int,
    length: int = 128,
    steps: int | None = None,
) -> None:
    """Fine-tunes as the example script run_glue does: padded to one length, fp32, torch's AdamW.

    Args:
        twin: changed in place.
        tokens: the training split.
        recipe: the hyperparameters; its precision is not looked at.
        seed: of order and dropout.
        length: of all examples.
        steps: stop after so many; all of them cost the same.
    """
    generator = torch.Generator().manual_seed(seed)
    orders = (torch.randperm(len(tokens), generator=generator) for _ in range(recipe.epochs))
    optimizer = _adamw(twin, recipe, fused=False)
    _train(twin, tokens, recipe, seed, optimizer, orders, length=length, steps=steps)


def train_tuned(
    twin: BertForSequenceClassification,
    tokens: Tokens,
    recipe: Recipe,
    seed: int,
    steps: int | None = None,
) -> None:
    """Fine-tunes as `trainer` does, in a bare loop."""
    torch.manual_seed(seed)
    lengths = tokens.lengths.tolist()
    orders = (
        torch.tensor(get_length_grouped_indices(lengths, recipe.batch_size))
        for _ in range(recipe.epochs)
    )
    optimizer = _adamw(twin, recipe, fused=True)
    _train(twin, tokens, recipe, seed, optimizer, orders, bf16=True, steps=steps)


def trainer(
    twin: BertForSequenceClassification, tokens: Tokens, recipe: Recipe, seed: int, folder: Path
) -> Callable[[], object]:
    """Fine-tuning by transformers' Trainer at its best.

    That is length groups, dynamic padding, bf16, fused AdamW, batches made at once from tokens, and
    nothing logged, evaluated or saved.

    Args:
        twin: changed in place by the training.
        tokens: the training split.
        recipe: the hyperparameters; its precision is not looked at.
        seed: of order and dropout.
        folder: that Trainer asks for and does not write into.

    Returns:
        The training, ready to be run.
    """
    from transformers import Trainer, TrainingArguments

    # Trainer reads their lengths off `input_ids`.
    words = np.split(tokens.input_ids, tokens.offsets[1:-1])
    examples = [{"row": row, "input_ids": each} for row, each in enumerate(words)]

    def collated(batch: list[dict[str, Any]]) -> dict[str, Tensor]:
        return inputs_of(tokens, np.array([one["row"] for one in batch]), torch.device("cpu"))

    options = TrainingArguments(
        output_dir=str(folder),
        use_cpu=twin.device.type == "cpu",
        bf16=True,
        optim="adamw_torch_fused",
        train_sampling_strategy="group_by_length",
        per_device_train_batch_size=recipe.batch_size,
        num_train_epochs=recipe.epochs,
        learning_rate=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        adam_beta1=recipe.adam_beta1,
        adam_beta2=recipe.adam_beta2,
        adam_epsilon=recipe.adam_epsilon,
        max_grad_norm=recipe.max_grad_norm,
        seed=seed,
        logging_strategy="no",
        save_strategy="no",
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,  # it would take the rows' numbers for such
    )
    found = Trainer(model=twin, args=options, train_dataset=examples, data_collator=collated)
    return found.train


def compile_seconds(
    twin: BertForSequenceClassification, tokens: Tokens, recipe: Recipe, seed: int
) -> float:
    """Trains until no batch of `train_tuned` needs compiling.

    Args:
        twin: one whose `compile` was called.
        tokens, recipe, seed: of the training.

    Returns:
        The seconds that compiling adds to the trainings until one needs none.
    """
    from torch._dynamo.utils import counters

    slow: list[float] = []
    while True:
        before = counters["stats"]["unique_graphs"]
        seconds = seconds_of(lambda: train_tuned(twin, tokens, recipe, seed))
        if counters["stats"]["unique_graphs"] == before:
            return sum(slow) - len(slow) * seconds
        slow.append(seconds)


def _adamw(twin: nn.Module, recipe: Recipe, *, fused: bool) -> torch.optim.AdamW:
    return torch.optim.AdamW(
        twin.parameters(),
        lr=recipe.learning_rate,
        betas=(recipe.adam_beta1, recipe.adam_beta2),
        eps=recipe.adam_epsilon,
        weight_decay=recipe.weight_decay,
        fused=fused or None,
    )


def _train(
    twin: BertForSequenceClassification,
    tokens: Tokens,
    recipe: Recipe,
    seed: int,
    optimizer: torch.optim.AdamW,
    orders: Iterator[Tensor],
    *,
    length: int | None = None,
    bf16: bool = False,
    steps: int | None = None,
) -> None:
    size = recipe.batch_size
    total = recipe.epochs * -(-len(tokens) // size)
    torch.manual_seed(seed)
    twin.train()
    batches = (rows for order in orders for rows in order.split(size))
    for step, rows in enumerate(batches):
        if step == steps:
            return
        for group in optimizer.param_groups:
            group["lr"] = recipe.learning_rate * (total - step) / total
        inputs = inputs_of(tokens, rows.numpy(), twin.device, length)
        with torch.autocast(twin.device.type, dtype=torch.bfloat16, enabled=bf16):
            loss = twin(**inputs).loss
        loss.backward()
        nn.utils.clip_grad_norm_(twin.parameters(), recipe.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()


class GatedTwin:
    """transformers' classifier with a gate on every head and every MLP.

    Args:
        model: a whole model; its weights are copied.
    """

    def __init__(self, model: Encoder) -> None:
        self.twin = twin_of(model).eval()
        self._head_size = model.architecture.head_size
        self._gates: tuple[Tensor, Tensor] | None = None
        for index, layer in enumerate(self.twin.bert.encoder.layer):
            layer.attention.output.dense.register_forward_pre_hook(self._heads(index))
            layer.output.dense.register_forward_hook(self._mlp(index))

    def logits(self, inputs: dict[str, Tensor], heads: Tensor, mlps: Tensor) -> Tensor:
        """The logits [B, n_outputs].

        Args:
            inputs: of transformers' classifier.
            heads: gates [1 or B, layers, heads].
            mlps: gates [1 or B, layers].
        """
        self._gates = heads, mlps
        return self.twin(**{key: value for key, value in inputs.items() if key != "labels"}).logits

    def _heads(self, index: int):  # noqa: ANN202 - a hook
        def scaled(_module: nn.Module, inputs: tuple[Tensor]) -> tuple[Tensor]:
            gate = self._gates[0][:, index].repeat_interleave(self._head_size, dim=-1)
            return (inputs[0] * gate[:, None, :],)  # [B, T, H * D]

        return scaled

    def _mlp(self, index: int):  # noqa: ANN202 - a hook
        def scaled(_module: nn.Module, _inputs: tuple[Tensor], output: Tensor) -> Tensor:
            return output * self._gates[1][:, index, None, None]

        return scaled
