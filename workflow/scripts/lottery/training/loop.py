"""Fine-tuning: one readable loop for the full model, shrunk models and weights under a mask."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery.data.batches import length_grouped_rows, pack, shuffled_rows
from lottery.data.tokens import Tokens
from lottery.files.errors import StudyError
from lottery.models.encoder import Encoder
from lottery.models.precision import BF16, FP32, products
from lottery.runtime.resume import Checkpoint, State
from lottery.training.history import History
from lottery.training.optimizer import AdamW

GENERATOR = "generator"  # of dropout on the CPU
DEVICE_GENERATOR = "generator_of_device"


@dataclass(frozen=True)
class Recipe:
    """How a model is fine-tuned; the defaults are the paper's.

    Attributes:
        learning_rate: at the end of the warm-up; then linear decay to zero.
        weight_decay: on matrices only, not on biases and norms.
        warmup_steps: steps of linear warm-up; below 1, a share of all steps.
        precision: "fp32", "tf32" (fp32 on a device without it), or "bf16" for autocast.
        batching: "seeded" random batches, or "length_groups": random among examples of like
            lengths.
        log_every: steps per row of the history.
    """

    learning_rate: float = 2e-5
    batch_size: int = 32
    epochs: int = 3
    weight_decay: float = 0.0
    warmup_steps: float = 0
    max_grad_norm: float = 1.0
    adam_beta1: float = 0.9
    adam_beta2: float = 0.999
    adam_epsilon: float = 1e-8
    precision: str = FP32
    batching: str = "seeded"
    log_every: int = 10

    @classmethod
    def from_options(cls, options: dict[str, Any]) -> Recipe:
        """Picks a recipe's options out of a task's training options."""
        names = {entry.name for entry in fields(cls)}
        return cls(**{key: value for key, value in options.items() if key in names})


def train(
    model: Encoder,
    tokens: Tokens,
    recipe: Recipe,
    seed: int,
    kept: dict[str, Tensor] | None = None,
    checkpoint: Checkpoint | None = None,
    first_step: int = 0,
    last_step: int | None = None,
) -> list[dict[str, Any]]:
    """Fine-tunes a model in place.

    The seed decides the order of the data and the dropout; it is set right before the loop, as the
    authors did. Batches are random batches of the whole training set, packed into rows of several
    examples. Same seed, kind of device and number of threads give the same weights, bit for bit,
    also when the training is interrupted and goes on from its checkpoint.

    Args:
        model: on the device to train on; left in training mode.
        tokens: the training split.
        kept: bool masks by checkpoint parameter name; pruned entries start at zero and get zero
            gradients, so they stay at zero and do not enter the gradient's norm.
        checkpoint: where the training is saved, and loaded from if it was interrupted.
        first_step: the steps that are taken as done: their batches and learning rates are left out.
        last_step: the step after which training ends before its time; None trains to the end.

    Returns:
        Rows of the training history (`HISTORY_COLUMNS`).

    Raises:
        StudyError: training has no more steps than `first_step` or `last_step`.
    """
    checkpoint = checkpoint or Checkpoint()
    with _trained_words(model, tokens, recipe) as tokens:
        optimizer = AdamW(
            list(model.parameters()),
            recipe.adam_beta1,
            recipe.adam_beta2,
            recipe.adam_epsilon,
            recipe.weight_decay,
        )
        parameters = model.checkpoint_parameters()
        masked = [(parameters[name], mask) for name, mask in (kept or {}).items()]
        total_steps = recipe.epochs * math.ceil(len(tokens) / recipe.batch_size)
        if max(first_step, last_step or 0) >= total_steps:
            raise StudyError(
                f"rewind_step is {max(first_step, last_step or 0)}, but training on this task has "
                f"{total_steps} steps ({len(tokens)} examples in batches of {recipe.batch_size}, "
                f"epochs: {recipe.epochs}); it must be below {total_steps}."
            )
        device = model.classifier.weight.device
        history = History(total_steps, device, recipe.precision)
        torch.manual_seed(seed)
        model.train()
        state = TrainingState(model, optimizer, history)
        done = max(first_step, state.load_state_dict(checkpoint))
        bf16 = recipe.precision == BF16
        with checkpoint.delay_signals(), products(recipe.precision, device):
            for step, epoch, rows in _batches(tokens.lengths, recipe, seed, done):
                batch = pack(tokens, rows, device)
                with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bf16):
                    logits = model(*batch.inputs, packing=batch.packing)
                loss = loss_of(logits.float(), batch.labels).mean()
                loss.backward()
                for parameter, mask in masked:
                    parameter.grad.mul_(mask)
                nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
                learning_rate = scheduled_rate(recipe, step - 1, total_steps)
                optimizer.step(learning_rate)
                history.add(loss, int(tokens.lengths[rows].sum()))
                if step % recipe.log_every == 0 or step == total_steps:
                    history.flush(step, epoch, learning_rate)
                if step == last_step:
                    break
                checkpoint.save_if_due(partial(state.state_dict, step, epoch))
    return history.rows


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """The loss of each example, [B]: cross-entropy, or squared error for float labels."""
    if labels.is_floating_point():
        return functional.mse_loss(logits[:, 0], labels, reduction="none")
    return functional.cross_entropy(logits, labels, reduction="none")


def scheduled_rate(recipe: Recipe, step: int, total_steps: int) -> float:
    """The learning rate of a step (counted from 0): linear warm-up, then linear decay to zero."""
    warmup = recipe.warmup_steps
    warmup = int(warmup * total_steps) if 0 < warmup < 1 else int(warmup)
    if step < warmup:
        return recipe.learning_rate * step / warmup
    return recipe.learning_rate * (total_steps - step) / max(1, total_steps - warmup)


def _batches(
    lengths: np.ndarray, recipe: Recipe, seed: int, done: int
) -> Iterator[tuple[int, int, np.ndarray]]:
    """Yields step and epoch (both from 1) and the rows of each batch after the first `done`."""
    order = torch.Generator().manual_seed(seed)
    step = 0
    for epoch in range(1, recipe.epochs + 1):
        if recipe.batching == "length_groups":
            batches = length_grouped_rows(lengths, recipe.batch_size, order)
        else:
            batches = shuffled_rows(len(lengths), recipe.batch_size, order)
        for rows in batches:
            step += 1
            if step > done:
                yield step, epoch, rows


@contextlib.contextmanager
def _trained_words(model: Encoder, tokens: Tokens, recipe: Recipe) -> Iterator[Tokens]:
    """Cuts a model's embedding table to the words that occur, where that changes no result.

    Without weight decay, a word that never occurs in the training data gets a zero gradient at
    every step, so AdamW never moves it. Most of a 30,000-word table is such words, and filling,
    clipping and updating their rows costs a good part of a short training.

    Yields:
        The examples, their words numbered without gaps.
    """
    if recipe.weight_decay:
        yield tokens
        return
    full = model.embeddings.word
    words = np.unique(tokens.input_ids)
    rows = torch.from_numpy(words.astype(np.int64)).to(full.weight.device)
    model.embeddings.word = nn.Embedding.from_pretrained(full.weight.detach()[rows], freeze=False)
    try:
        numbers = np.searchsorted(words, tokens.input_ids).astype(np.int32)
        yield replace(tokens, input_ids=numbers)
    finally:
        with torch.no_grad():
            full.weight[rows] = model.embeddings.word.weight
        model.embeddings.word = full


class TrainingState:
    """The state of a training between two steps: its live tensors by name, and its history.

    The order of the data is not part of it: it follows from the seed and the number of steps.
    """

    def __init__(self, model: Encoder, optimizer: AdamW, history: History) -> None:
        self._device = model.classifier.weight.device
        self._history = history
        self._live: dict[str, Tensor] = {"loss_sum": history.loss_sum}
        for name, parameter in model.named_parameters():
            self._live[f"{name}:weight"] = parameter.detach()
            for kind, tensor in optimizer.state[parameter].items():
                self._live[f"{name}:{kind}"] = tensor

    def state_dict(self, step: int, epoch: int) -> State:
        """The state after a step (from 1) of an epoch (from 1)."""
        facts = {"epoch": epoch, "history": self._history.state_dict()}
        return State(step, self._arrays(), facts)

    def load_state_dict(self, checkpoint: Checkpoint) -> int:
        """Loads what an interrupted run has saved; returns the number of steps done."""
        state = checkpoint.load()
        if state is None:
            return 0
        shapes, saved = (
            {name: array.shape for name, array in arrays.items()}
            for arrays in (self._arrays(), state.arrays)
        )
        if saved != shapes:
            checkpoint.reject("its tensors are not the model's")
            return 0
        for name, tensor in self._live.items():
            tensor.copy_(torch.from_numpy(state.arrays[name]))
        torch.set_rng_state(torch.from_numpy(state.arrays[GENERATOR]))
        if self._device.type == "cuda":
            generator = torch.from_numpy(state.arrays[DEVICE_GENERATOR])
            torch.cuda.set_rng_state(generator, self._device)
        self._history.load_state_dict(state.facts["history"])
        checkpoint.resumed(state, f"epoch {state.facts['epoch']}")
        return state.step

    def _arrays(self) -> dict[str, np.ndarray]:
        arrays = {name: tensor.cpu().numpy() for name, tensor in self._live.items()}
        arrays[GENERATOR] = torch.get_rng_state().numpy()
        if self._device.type == "cuda":
            arrays[DEVICE_GENERATOR] = torch.cuda.get_rng_state(self._device).numpy()
        return arrays
