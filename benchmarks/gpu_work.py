"""What gpu.py times: this project's work and that of others, on BERT-base, and what it must take.

Others are transformers' model on the same card, with torch's own attention kernels, which need not
be deterministic, and batches in pinned memory. Training: length groups, dynamic padding, bf16,
fused AdamW; the same under torch.compile. Importance passes: the same batches, criterion and
precision as ours, gates alone get gradients. Evaluation: like lengths together, our precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from drawn import (
    BERT_BASE,
    DEV_LENGTHS,
    TASKS,
    TRAIN_LENGTHS,
    drawn_lengths,
    drawn_model,
    drawn_tokens,
)
from lottery.config import Study
from lottery.data.batches import ordered_rows
from lottery.data.tokens import Tokens
from lottery.evaluation.predict import predict
from lottery.models.architecture import Architecture
from lottery.models.encoder import Encoder
from lottery.models.precision import BF16, products
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import UnitMask
from lottery.steps.setup import compute_deterministically
from lottery.training.loop import Recipe, train
from measuring import flops_done, gemm_rate, seconds_of

try:
    from reference import GatedTwin, inputs_of, train_tuned, twin_of
except ModuleNotFoundError:  # a machine with torch alone measures its own side
    twin_of = None

TRAIN, PASS, EVALUATE = "fine-tune", "importance pass", "evaluate"
OURS, TUNED, COMPILED = "ours", "tuned", "compiled"
# See `flops_done`.
PER_WEIGHT = {TRAIN: 6, PASS: 4, EVALUATE: 2}
# AdamW reads weight, gradient and two means, and writes all of them but the gradient: 7 floats.
OPTIMIZER_BYTES = 28
# Tokens, padding included, that others evaluate at a time.
THEIR_TOKENS = 32768
STEPS, QUICK_STEPS = 300, 4
DEV_EXAMPLES, QUICK_DEV_EXAMPLES = 4096, 160
QUICK_SIZES = {
    "vocab_size": 1000,
    "hidden_size": 96,
    "num_hidden_layers": 1,
    "intermediate_size": 128,
}
PEAK_SIZE, QUICK_PEAK_SIZE = 8192, 256  # rows and columns of the product that gives the peak
COPIED, QUICK_COPIED = 2**28, 2**20  # floats of the copy that gives the bandwidth
COPIES = 20


@dataclass(frozen=True)
class Piece:
    """One kind of work on one task's lengths, on one side.

    Attributes:
        kind: TRAIN, PASS or EVALUATE.
        task: whose lengths the examples have.
        precision: fp32, tf32 or bf16.
        side: OURS, TUNED or COMPILED.
        batch_size: of training, where it is not the recipe's.
    """

    kind: str
    task: str
    precision: str
    side: str = OURS
    batch_size: int | None = None

    @property
    def name(self) -> str:
        """What is done, in the table."""
        batch = f", batches of {self.batch_size}" if self.batch_size else ""
        return (
            f"GPU, BERT-base, {self.kind}, {self.precision}, lengths of {TASKS[self.task]}{batch}"
        )

    @property
    def ours(self) -> Piece:
        """The same on our side."""
        return replace(self, side=OURS)


@dataclass(frozen=True)
class Limits:
    """What the card can do, measured.

    Attributes:
        peaks: precision -> FLOP/s of one large product.
        bandwidth: bytes per second of a large copy, read and written.
    """

    peaks: dict[str, float]
    bandwidth: float


def measured_limits(device: torch.device, precisions: list[str], *, quick: bool) -> Limits:
    """The rates of a large product in each precision, and of a large copy."""
    size = QUICK_PEAK_SIZE if quick else PEAK_SIZE
    window = 0.01 if quick else 0.5  # seconds
    peaks = {}
    for precision in precisions:
        dtype = torch.bfloat16 if precision == BF16 else torch.float32
        with products(precision, device):
            peaks[precision] = gemm_rate([(size, size)], size, dtype, device, window)
    source = torch.ones(QUICK_COPIED if quick else COPIED, device=device)
    target = torch.empty_like(source)
    target.copy_(source)

    def copies() -> None:
        for _ in range(COPIES):
            target.copy_(source)

    moved = 2 * COPIES * source.numel() * source.element_size()
    return Limits(peaks, moved / min(seconds_of(copies) for _ in range(3)))


class Works:
    """The work of every piece, with its examples.

    Args:
        study: its recipe, search and evaluation are measured.
        device: where to compute.
        quick: tiny sizes.
    """

    def __init__(self, study: Study, device: torch.device, *, quick: bool) -> None:
        self._study, self._device, self._quick = study, device, quick
        # The recipe of one task, which all share.
        self.recipe = replace(Recipe.from_options(next(iter(study.training.values()))), epochs=1)
        self._search = study.methods["structured"].options
        self._tokens: dict[tuple[str, str], Tokens] = {}

    @cached_property
    def prototype(self) -> Encoder:
        """BERT-base with random weights, on the CPU."""
        sizes = BERT_BASE | (QUICK_SIZES if self._quick else {})
        return drawn_model(Architecture.from_config(sizes, "BERT-base"))

    def tokens(self, piece: Piece) -> Tokens:
        """The examples of a piece."""
        key = "train" if piece.kind == TRAIN else "dev", piece.task
        if key not in self._tokens:
            if piece.kind == TRAIN:
                steps = QUICK_STEPS if self._quick else STEPS
                count, deciles = steps * self.recipe.batch_size, TRAIN_LENGTHS
            else:
                count, deciles = QUICK_DEV_EXAMPLES if self._quick else DEV_EXAMPLES, DEV_LENGTHS
            lengths = drawn_lengths(deciles[piece.task], count)
            self._tokens[key] = drawn_tokens(lengths, self.prototype.architecture)
        return self._tokens[key]

    def steps(self, piece: Piece) -> int:
        """Training steps, or batches at the most, of a piece."""
        return -(-len(self.tokens(piece)) // self._batch_size(piece))

    def _batch_size(self, piece: Piece) -> int:
        if piece.kind == TRAIN:
            return piece.batch_size or self.recipe.batch_size
        if piece.kind == PASS:
            return self._search["search_batch_size"]
        return self._study.evaluation["batch_size"]

    def roofline(self, piece: Piece, limits: Limits) -> float:
        """Seconds of the matrix products at the peak, and of the optimizer at the bandwidth."""
        tokens = self.tokens(piece)
        flops = flops_done(self.prototype.architecture, tokens.lengths, PER_WEIGHT[piece.kind])
        seconds = flops / limits.peaks[piece.precision]
        if piece.kind == TRAIN:
            updated = trained_parameters(self.prototype, tokens)
            moved = OPTIMIZER_BYTES * updated * self.steps(piece)
            seconds += moved / limits.bandwidth
        return seconds

    def prepare(self, piece: Piece) -> Callable[[], Any]:
        """Makes a piece ready, with a model of its own; what is given does the work."""
        tokens = self.tokens(piece)
        model = deepcopy(self.prototype).to(self._device)
        if piece.kind == TRAIN:
            recipe = replace(
                self.recipe, precision=piece.precision, batch_size=self._batch_size(piece)
            )
            if piece.side == OURS:
                return partial(train, model, tokens, recipe, 0)
            twin = twin_of(model)
            if piece.side == COMPILED:
                # Shapes differ from batch to batch, so one code serves all of them. On a CPU only
                # that it runs is of interest.
                backend = "inductor" if self._device.type == "cuda" else "eager"
                twin = torch.compile(twin, dynamic=True, backend=backend)
            return partial(train_tuned, twin, tokens, recipe, 0)
        work = (self._our_pass if piece.side == OURS else self._their_pass)(piece, model, tokens)

        def inside() -> Any:
            with products(piece.precision, self._device):
                return work()

        return inside

    def _our_pass(self, piece: Piece, model: Encoder, tokens: Tokens) -> Callable[[], Any]:
        size = self._batch_size(piece)
        if piece.kind == EVALUATE:
            return partial(predict, model, tokens, size)
        mask = UnitMask.full(model.architecture)
        criterion, order = CRITERIA[self._search["importance"]], self._search["search_order"]
        return partial(measure, model, tokens, mask, criterion, size, order)

    def _their_pass(self, piece: Piece, model: Encoder, tokens: Tokens) -> Callable[[], Any]:
        if piece.kind == EVALUATE:
            return partial(evaluate_twin, twin_of(model), tokens)
        shape = model.architecture.layers, model.architecture.heads
        batches = [*ordered_rows(tokens, self._batch_size(piece), self._search["search_order"])]
        return partial(pass_twin, GatedTwin(model), tokens, batches, shape)


def trained_parameters(model: Encoder, tokens: Tokens) -> int:
    """Parameters that a step updates: all but the words that do not occur."""
    words = model.embeddings.word.weight
    unused = words.shape[0] - len(np.unique(tokens.input_ids))
    return sum(p.numel() for p in model.parameters()) - unused * words.shape[1]


def like_lengths(tokens: Tokens, most: int) -> Iterator[np.ndarray]:
    """Rows of batches of like lengths with at most so many tokens, padding included."""
    order = np.argsort(tokens.lengths, kind="stable")
    start = 0
    for end, length in enumerate(tokens.lengths[order]):
        if end > start and length * (end + 1 - start) > most:
            yield order[start:end]
            start = end
    yield order[start:]


def evaluate_twin(twin: torch.nn.Module, tokens: Tokens) -> None:
    """Evaluation around transformers' model; logits are copied once, at the end."""
    twin.eval()
    with torch.inference_mode():
        found = [
            twin(**inputs_of(tokens, rows, twin.device)).logits
            for rows in like_lengths(tokens, THEIR_TOKENS)
        ]
        torch.cat(found).cpu()


def pass_twin(
    gated: GatedTwin, tokens: Tokens, batches: list[np.ndarray], shape: tuple[int, int]
) -> torch.Tensor:
    """A pass of the published importances around transformers' model, with frozen weights.

    Args:
        gated: transformers' model with gates.
        tokens: the split.
        batches: rows of each batch.
        shape: layers and heads.

    Returns:
        float32 [layers, heads + 1], the MLP last.
    """
    device = gated.twin.requires_grad_(False).device
    gate = torch.ones(1, shape[0], shape[1] + 1, device=device, requires_grad=True)
    total, running = torch.zeros(2, *gate.shape[1:], device=device)
    found = []
    for rows in batches:
        inputs = inputs_of(tokens, rows, device)
        logits = gated.logits(inputs, gate[:, :, :-1], gate[:, :, -1])
        loss = functional.cross_entropy(logits, inputs["labels"])
        running += torch.autograd.grad(loss, gate)[0][0]
        total += running.abs()
        found.append(logits.detach())
    torch.cat(found).cpu()
    return total.cpu()


@contextmanager
def as_others_run(device: torch.device) -> Iterator[None]:
    """Lets torch choose kernels that need not be deterministic, inside a block.

    cuDNN's attention stays off: it builds a plan for each new shape of batch, which slows it down.
    """
    torch.use_deterministic_algorithms(False)
    try:
        yield
    finally:
        if device.type == "cuda":
            compute_deterministically()
