"""The structured search written out plainly, to be compared with the workflow's own.

It shares no code with the workflow's search: transformers' model with gates, whole, at every step.
By default every example is padded to one length, all parameters get gradients, and nothing is
remembered; options leave that waste out. Tests and `benchmarks/searching.py` ask that both take the
same decisions, step by step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from lottery.data.tokens import Tokens
from lottery.models.encoder import Encoder
from reference import GatedTwin, inputs_of

State = tuple[np.ndarray, np.ndarray]  # kept heads bool [layers, heads], kept MLPs bool [layers]


@dataclass
class PlainPass:
    """Measures importances and logits of a masked model, the long way.

    Attributes:
        model: the fine-tuned model, whole.
        tokens: the split.
        options: of the method: importance, search_batch_size, search_order.
        length: to which all examples are padded; None for the longest of a batch.
        frozen: whether the gates alone get gradients.
    """

    model: Encoder
    tokens: Tokens
    options: dict[str, Any]
    length: int | None = 128
    frozen: bool = False
    _gated: GatedTwin = field(init=False)

    def __post_init__(self) -> None:
        self._gated = GatedTwin(self.model)
        self._gated.twin.requires_grad_(not self.frozen)

    def run(self, state: State, examples: int | None = None) -> tuple[State, np.ndarray]:
        """One pass.

        Args:
            state: what is kept.
            examples: stop after so many; all when None.

        Returns:
            Summed absolute gradients of the gates of heads and of MLPs, and the logits.
        """
        twin, per_example = self._gated.twin, self.options["importance"] == "per_example"
        kept = [torch.from_numpy(part).float()[None] for part in state]
        totals = [torch.zeros(part.shape[1:], dtype=torch.float64) for part in kept]
        running = [torch.zeros_like(total) for total in totals]
        logits, order = (
            np.zeros((len(self.tokens), self.model.n_outputs), np.float32),
            self._order(),
        )
        for start in range(0, len(order[:examples]), self.options["search_batch_size"]):
            rows = order[start : start + self.options["search_batch_size"]]
            inputs = inputs_of(self.tokens, rows, twin.device, self.length)
            copies = len(rows) if per_example else 1
            gates = [part.repeat(copies, *[1] * (part.ndim - 1)).requires_grad_() for part in kept]
            output = self._gated.logits(inputs, *gates)
            losses = _losses(output, inputs["labels"])
            (losses.sum() if per_example else losses.mean()).backward()
            is_running = self.options["importance"] == "running_sum"
            for kind, gate in enumerate(gates):
                gradient = gate.grad.double()
                running[kind] += gradient.sum(dim=0)
                new = running[kind].abs() if is_running else gradient.abs().sum(dim=0)
                totals[kind] += new
            twin.zero_grad()
            logits[rows] = output.detach().numpy()
        return (totals[0].numpy(), totals[1].numpy()), logits

    def _order(self) -> np.ndarray:
        if self.options["search_order"] == "file":
            return np.arange(len(self.tokens))
        return np.argsort(self.tokens.lengths, kind="stable")


def _losses(output: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    if labels.is_floating_point():
        return (output[:, 0] - labels) ** 2
    return functional.cross_entropy(output, labels, reduction="none")


@dataclass
class PlainSearch:
    """The search's decisions, for heads and MLPs together (`units: both`).

    Attributes:
        measure: a mask's importances and logits.
        score: of logits.
        threshold: from the full model's score; None if nothing may be pruned.
        options: of the method.
        remember: whether a mask that comes again is not measured again.
        visited: every mask that was looked at, in order.
    """

    measure: Callable[[State], tuple[State, np.ndarray]]
    score: Callable[[np.ndarray], float | None]
    threshold: Callable[[float | None], float | None]
    options: dict[str, Any]
    remember: bool = False
    visited: list[State] = field(default_factory=list)
    _known: dict[bytes, tuple[State, np.ndarray]] = field(default_factory=dict)

    def run(self, layers: int, heads: int) -> State:
        """Searches from the full model; gives the good mask, and with `halves` walks on."""
        good = np.ones((layers, heads), bool), np.ones(layers, bool)
        latest, score = self._look(good)
        least = self.threshold(score)
        step = max(1, int(self.options["head_step"] * layers * heads)), self.options["mlp_step"]
        if score is not None and least is not None and score >= least:
            stages = [step, (max(1, step[0] // 2), 0), (0, step[1])]
            for number, (fewer_heads, fewer_mlps) in enumerate(stages):
                if number and self.options["stage_start"] == "recompute":
                    latest, _ = self._look(good)
                good, latest = self._stage(good, latest, fewer_heads, fewer_mlps, least)
        if self.options["halves"]:
            self._walk(layers, heads, step)
        return good

    def _stage(
        self, good: State, latest: State, fewer_heads: int, fewer_mlps: int, least: float
    ) -> tuple[State, State]:
        """Prunes until the score is too low or a kind of unit has run out."""
        state = good
        while True:
            # What passed is kept kind by kind, and a kind that has run out ends the stage.
            if fewer_heads:
                good = state[0], good[1]
                if not state[0].any():
                    return good, latest
            if fewer_mlps:
                good = good[0], state[1]
                if not state[1].any():
                    return good, latest
            state = self._without(state, latest, fewer_heads, fewer_mlps)
            latest, score = self._look(state)
            if score is None or score < least:
                return good, latest

    def _walk(self, layers: int, heads: int, step: tuple[int, int]) -> None:
        """Prunes whatever the score until half of each kind is left."""
        state = np.ones((layers, heads), bool), np.ones(layers, bool)
        while True:
            latest, _ = self._look(state)
            fewer_heads = min(step[0], int(state[0].sum()) - layers * heads // 2)
            fewer_mlps = min(step[1], int(state[1].sum()) - layers // 2)
            if fewer_heads == fewer_mlps == 0:
                return
            state = self._without(state, latest, fewer_heads, fewer_mlps)

    def _look(self, state: State) -> tuple[State, float | None]:
        self.visited.append(state)
        key = b"".join(part.tobytes() for part in state)
        if not self.remember or key not in self._known:
            self._known[key] = self.measure(state)
        importance, logits = self._known[key]
        return importance, self.score(logits)

    def _without(self, state: State, importance: State, fewer_heads: int, fewer_mlps: int) -> State:
        """The state without its least important units; each kind has a ranking of its own."""
        heads, mlps = (part.copy() for part in importance)
        if self.options["layer_norm"] == "l2":
            measured = heads * state[0] if self.options["normalisation"] == "kept" else heads
            heads = heads / (np.sqrt((measured**2).sum(axis=1, keepdims=True)) + 1e-20)
        return _drop(state[0], heads, fewer_heads), _drop(state[1], mlps, fewer_mlps)


def _drop(kept: np.ndarray, scores: np.ndarray, count: int) -> np.ndarray:
    kept = kept.copy()
    for _ in range(min(count, int(kept.sum()))):
        kept.flat[np.where(kept, scores, np.inf).argmin()] = False
    return kept
