"""The small convolutional network that sorts attention maps: its training and its file.

Its layers are those of Prasanna et al. 2020, who took them from Kovaleva et al. 2019. Without
annotated maps it learns from generated ones (`lottery.attention.generate`).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from lottery import files
from lottery.attention.annotated import read_annotated, split
from lottery.attention.classes import ATTENTION, CLASSES, Facts
from lottery.attention.generate import HELD_OUT, TRAINING, generate
from lottery.attention.maps import input_size, prepare
from lottery.files.errors import StudyError
from lottery.pruning.controls import generator

logger = logging.getLogger(__name__)

FORMAT = 1
LEARNING_RATE = 1e-3
BATCH_SIZE = 64
CHUNK = 4_000_000  # places of the inputs that are classified at a time: some hundred megabytes
TEST_MAPS = 500  # generated with the settings held out

Labelled = tuple[Sequence[np.ndarray], np.ndarray]  # maps, float [T, T] each; classes, int64 [maps]
Inputs = dict[int, tuple[Tensor, Tensor]]  # size -> float [N, 1, size, size]; classes, int64 [N]


class Classifier(nn.Module):
    """Maps [N, 1, S, S] -> logits [N, classes]; no convolution is padded.

    Args:
        seed: of the weights: Xavier-normal, biases zero.
    """

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        channels, sides = (1, 16, 16, 32, 32, 64, 64, 16, len(CLASSES)), (3, 3, 3, 3, 3, 3, 1, 1)
        self.convolutions = nn.ModuleList(map(nn.Conv2d, channels, channels[1:], sides))
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


def learn(
    folder: Path | None, training_maps: int, epochs: int, device: torch.device
) -> dict[str, tuple[Classifier, Facts]]:
    """Trains a classifier for raw and one for normed maps.

    A kind of attention without annotated maps gets the one that learned from generated maps; since
    all inputs are scaled alike, it is the same for both.

    Args:
        folder: of annotated maps; None if there are none.
        training_maps: number of generated maps, a fifth of which select the epoch.
        epochs: passes over the maps.
        device: to train on.
    """
    found = {}
    for kind, (maps, labels) in (read_annotated(folder) if folder else {}).items():
        rng = generator("annotated patterns", kind)
        parts = {
            name: ([maps[i] for i in chosen], labels[chosen])
            for name, chosen in zip(("train", "select", "test"), split(labels, rng), strict=True)
        }
        found[kind] = _learn(parts, epochs, device, annotated=True)
    if missing := [kind for kind in ATTENTION if kind not in found]:
        rng = generator("generated patterns")
        n_select = max(len(CLASSES), training_maps // 5)
        parts = {
            "test": generate(TEST_MAPS, HELD_OUT, rng),
            "train": generate(training_maps - n_select, TRAINING, rng),
            "select": generate(n_select, TRAINING, rng),
        }
        found |= dict.fromkeys(missing, _learn(parts, epochs, device, annotated=False))
    return found


def _learn(
    parts: Mapping[str, Labelled], epochs: int, device: torch.device, *, annotated: bool
) -> tuple[Classifier, Facts]:
    """Trains on the part `train`, chooses the epoch by `select`, and measures on `test`."""
    inputs = {name: prepare_inputs(*part, device) for name, part in parts.items()}
    classifier, epoch = train_classifier(inputs["train"], inputs["select"], epochs, seed=0)
    selected, tested = (confusion(classifier, inputs[name]) for name in ("select", "test"))
    right = np.diagonal(tested) / tested.sum(axis=1)
    facts = {
        "annotated": annotated,
        **{f"n_{name}": len(part[1]) for name, part in parts.items()},
        "epoch": epoch,
        "select_accuracy": float(np.trace(selected) / selected.sum()),
        "accuracy": float(np.trace(tested) / tested.sum()),
        "class_accuracy": dict(zip(CLASSES, right.tolist(), strict=True)),
    }
    logger.info("classifier of patterns: %s", facts)
    return classifier, facts


def prepare_inputs(maps: Sequence[np.ndarray], labels: np.ndarray, device: torch.device) -> Inputs:
    """Makes inputs of labelled maps, float [T, T] each, grouped by the size of the inputs."""
    sizes = np.array([input_size(len(values)) for values in maps])
    found = {}
    for size in np.unique(sizes).tolist():
        chosen = np.flatnonzero(sizes == size)
        wholes = (torch.from_numpy(np.asarray(maps[i], np.float32))[None] for i in chosen.tolist())
        inputs = [prepare(whole, torch.tensor([whole.shape[1]]), size) for whole in wholes]
        found[size] = torch.cat(inputs).to(device), torch.from_numpy(labels[chosen]).to(device)
    return found


def train_classifier(
    train: Inputs, select: Inputs, epochs: int, seed: int
) -> tuple[Classifier, int]:
    """Trains with Adam on cross-entropy, in random batches of one size.

    Args:
        train: maps to learn from.
        select: maps to choose the epoch by; of equal ones the first is kept.
        epochs: passes over `train`.
        seed: of weights and order.

    Returns:
        The classifier in evaluation mode, and the epoch it is of, counted from 1.
    """
    device = next(iter(train.values()))[0].device
    classifier = Classifier(seed).to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=LEARNING_RATE)
    order = torch.Generator().manual_seed(seed)
    best, kept = (-1.0, 0), {}
    for epoch in range(1, epochs + 1):
        batches = [
            (size, rows)
            for size, (maps, _) in train.items()
            for rows in torch.randperm(len(maps), generator=order).split(BATCH_SIZE)
        ]
        for place in torch.randperm(len(batches), generator=order).tolist():
            size, rows = batches[place]
            maps, labels = train[size]
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(classifier(maps[rows]), labels[rows]).backward()
            optimizer.step()
        right = float(np.trace(confusion(classifier, select)))
        if right > best[0]:
            best = (right, epoch)
            kept = {name: value.clone() for name, value in classifier.state_dict().items()}
    classifier.load_state_dict(kept)
    return classifier.eval(), best[1]


def confusion(classifier: Classifier, inputs: Inputs) -> np.ndarray:
    """Counts maps by true class (row) and found class (column): int64 [classes, classes]."""
    counts = np.zeros((len(CLASSES),) * 2, np.int64)
    for maps, labels in inputs.values():
        found = class_probabilities(classifier, maps).argmax(dim=1).cpu().numpy()
        np.add.at(counts, (labels.cpu().numpy(), found), 1)
    return counts


def class_probabilities(classifier: Classifier, inputs: Tensor) -> Tensor:
    """Classifies inputs of one size, [N, 1, S, S] -> float [N, classes]."""
    rows = max(1, CHUNK // (inputs.shape[-1] ** 2 * 16))
    with torch.inference_mode():
        found = [classifier(chunk).softmax(dim=1) for chunk in inputs.split(rows)]
    return torch.cat(found)


def write_learned(
    path_to_weights: Path, path_to_facts: Path, learned: Mapping[str, tuple[Classifier, Facts]]
) -> None:
    """Writes the classifiers as safetensors, and what is known of them as JSON."""
    arrays = {
        f"{kind}.{name}": value.detach().cpu().numpy()
        for kind, (classifier, _) in learned.items()
        for name, value in classifier.state_dict().items()
    }
    files.write_arrays(path_to_weights, arrays, {"format": str(FORMAT)})
    facts = {kind: each for kind, (_, each) in learned.items()}
    files.write_json(path_to_facts, {"format": FORMAT, "classes": list(CLASSES)} | facts)


def read_classifiers(path: Path) -> dict[str, Classifier]:
    """Reads the classifiers, in evaluation mode: raw and normed.

    Raises:
        StudyError: the file is damaged or foreign.
    """
    arrays, _ = files.read_arrays(path)
    found = {kind: Classifier() for kind in ATTENTION}
    for kind, classifier in found.items():
        names = classifier.state_dict()
        try:
            state = {name: torch.from_numpy(arrays[f"{kind}.{name}"]) for name in names}
            classifier.load_state_dict(state)
        except (KeyError, RuntimeError) as error:
            raise StudyError(f"{path} holds no classifier of {kind} maps; delete it.") from error
        classifier.eval()
    return found
