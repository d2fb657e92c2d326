"""The small convolutional network that sorts attention maps, and how it is trained.

Its layers are those of Prasanna et al. 2020, who took them from Kovaleva et al. 2019.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery.attention.classes import CLASSES
from lottery.attention.inputs import input_size, prepare

LEARNING_RATE = 1e-3
BATCH_SIZE = 64
CHUNK = 4_000_000  # places of the inputs that are classified at a time: some hundred megabytes


class Classifier(nn.Module):
    """Maps [N, 1, S, S] -> logits [N, classes]; no convolution is padded.

    Args:
        seed: of the weights: Xavier-normal, biases zero.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(
            nn.Conv2d(into, out, side)
            for into, out, side in (
                *((1, 16, 3), (16, 16, 3)),
                *((16, 32, 3), (32, 32, 3)),
                *((32, 64, 3), (64, 64, 3)),
                (64, 16, 1),
                (16, len(CLASSES), 1),
            )
        )
        generator = torch.Generator().manual_seed(seed)
        for convolution in self.convolutions:
            nn.init.xavier_normal_(convolution.weight, generator=generator)
            nn.init.zeros_(convolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Computes the logits of inputs of one size, at least 32 x 32."""
        *pairs, narrow, decide = self.convolutions
        for place, convolution in enumerate(pairs):
            if place in (2, 4):
                x = functional.max_pool2d(x, 2)
            x = functional.relu(convolution(x))
        x = narrow(x).mean(dim=(2, 3), keepdim=True)  # [N, 16, 1, 1]
        return decide(x).flatten(1)


@dataclass(frozen=True)
class Inputs:
    """Labelled maps, grouped by the size of their inputs.

    Attributes:
        maps: size -> float [N, 1, size, size].
        labels: size -> int64 [N].
    """

    maps: dict[int, Tensor]
    labels: dict[int, Tensor]

    @classmethod
    def of(cls, maps: Sequence[np.ndarray], labels: np.ndarray, device: torch.device) -> Inputs:
        """Prepares maps, float [T, T] each, as `lottery.attention.inputs` says."""
        inputs, known = defaultdict(list), defaultdict(list)
        for values, label in zip(maps, labels, strict=True):
            size = input_size(len(values))
            whole = torch.from_numpy(np.asarray(values, np.float32))[None]
            inputs[size].append(prepare(whole, torch.tensor([len(values)]), size))
            known[size].append(int(label))
        return cls(
            {size: torch.cat(inputs[size]).to(device) for size in sorted(inputs)},
            {size: torch.tensor(known[size], device=device) for size in sorted(known)},
        )

    def batches(self, generator: torch.Generator) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch of seeded random batches, each of one size."""
        batches = [
            (size, rows)
            for size, maps in self.maps.items()
            for rows in torch.randperm(len(maps), generator=generator).split(BATCH_SIZE)
        ]
        for place in torch.randperm(len(batches), generator=generator).tolist():
            size, rows = batches[place]
            yield self.maps[size][rows], self.labels[size][rows]


def train_classifier(
    train: Inputs, select: Inputs, epochs: int, seed: int
) -> tuple[Classifier, int]:
    """Trains with Adam on cross-entropy and keeps the epoch that is best on `select`.

    Args:
        train: maps to learn from.
        select: maps to choose the epoch by; of equal ones the first is kept.
        epochs: passes over `train`.
        seed: of weights and order.

    Returns:
        The classifier in evaluation mode, and the epoch it is of, counted from 1.
    """
    device = next(iter(train.maps.values())).device
    classifier = Classifier(seed).to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE)
    generator = torch.Generator().manual_seed(seed)
    best, kept = (-1.0, 0), {}
    for epoch in range(1, epochs + 1):
        for inputs, labels in train.batches(generator):
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(classifier(inputs), labels).backward()
            optimizer.step()
        right = float(np.diagonal(confusion(classifier, select)).sum())
        if right > best[0]:
            best = (right, epoch)
            kept = {name: value.clone() for name, value in classifier.state_dict().items()}
    classifier.load_state_dict(kept)
    return classifier.eval(), best[1]


def confusion(classifier: Classifier, inputs: Inputs) -> np.ndarray:
    """Counts maps by true class (row) and found class (column): int64 [classes, classes]."""
    counts = np.zeros((len(CLASSES),) * 2, np.int64)
    for size, maps in inputs.maps.items():
        found = class_probabilities(classifier, maps).argmax(dim=1).cpu().numpy()
        np.add.at(counts, (inputs.labels[size].cpu().numpy(), found), 1)
    return counts


def class_probabilities(classifier: Classifier, inputs: Tensor) -> Tensor:
    """Classifies inputs of one size, [N, 1, S, S] -> float [N, classes]."""
    rows = max(1, CHUNK // (inputs.shape[-1] ** 2 * 16))
    with torch.inference_mode():
        found = [classifier(chunk).softmax(dim=1) for chunk in inputs.split(rows)]
    return torch.cat(found)
