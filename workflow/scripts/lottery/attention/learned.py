"""The classifiers of a study: what they learned from, how often they are right, and their files."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from lottery import files
from lottery.attention.annotated import read_annotated, split
from lottery.attention.classes import ATTENTION, CLASSES
from lottery.attention.classifier import Classifier, Inputs, confusion, train_classifier
from lottery.attention.generate import HELD_OUT, TRAINING, generate
from lottery.files.errors import StudyError
from lottery.pruning.controls import generator

logger = logging.getLogger(__name__)

FORMAT = 1
TEST_MAPS = 500  # generated with the settings held out


@dataclass(frozen=True)
class Facts:
    """What is known of a classifier.

    Attributes:
        annotated: whether it has learned from annotated maps.
        n_train, n_select, n_test: number of maps in each part.
        epoch: the epoch that was kept, counted from 1.
        select_accuracy: on the maps that chose the epoch.
        accuracy: on the test maps: annotated ones that chose nothing, or generated ones of
            settings that were held out.
        class_accuracy: class -> share of its test maps that were found.
    """

    annotated: bool
    n_train: int
    n_select: int
    n_test: int
    epoch: int
    select_accuracy: float
    accuracy: float
    class_accuracy: dict[str, float]


@dataclass(frozen=True)
class Learned:
    """A classifier and what is known of it."""

    classifier: Classifier
    facts: Facts


Labelled = tuple[list[np.ndarray], np.ndarray]


def learn(
    folder: Path | None, training_maps: int, epochs: int, device: torch.device
) -> dict[str, Learned]:
    """Trains a classifier for raw and one for normed maps.

    A kind of attention without annotated maps gets the one that learned from generated maps; since
    all inputs are scaled alike, it is the same for both.

    Args:
        folder: of annotated maps; None if there are none.
        training_maps: number of generated maps, a fifth of which select the epoch.
        epochs: passes over the maps.
        device: to train on.
    """
    annotated = {} if folder is None else read_annotated(folder)
    found = {}
    for kind in ATTENTION:
        if kind in annotated:
            maps, labels = annotated[kind]
            rng = generator("annotated patterns", kind)
            parts = [([maps[i] for i in chosen], labels[chosen]) for chosen in split(labels, rng)]
            found[kind] = _learn(*parts, epochs, device, annotated=True)
    missing = [kind for kind in ATTENTION if kind not in found]
    if missing:
        learned = _learn(*_generated(training_maps), epochs, device, annotated=False)
        found |= dict.fromkeys(missing, learned)
    return found


def _generated(count: int) -> tuple[Labelled, Labelled, Labelled]:
    """Generated maps to learn from, to select by and to test on."""
    rng = generator("generated patterns")
    test, labels = generate(TEST_MAPS, HELD_OUT, rng)
    n_select = max(len(CLASSES), count // 5)
    known = (generate(n, TRAINING, rng) for n in (count - n_select, n_select))
    return *known, (test, labels)


def _learn(
    train: Labelled,
    select: Labelled,
    test: Labelled,
    epochs: int,
    device: torch.device,
    *,
    annotated: bool,
) -> Learned:
    inputs = [Inputs.of(*part, device) for part in (train, select)]
    classifier, epoch = train_classifier(*inputs, epochs, seed=0)
    selected = confusion(classifier, inputs[1])
    tested = confusion(classifier, Inputs.of(*test, device))
    right = np.diagonal(tested) / tested.sum(axis=1)
    facts = Facts(
        annotated=annotated,
        n_train=len(train[1]),
        n_select=len(select[1]),
        n_test=len(test[1]),
        epoch=epoch,
        select_accuracy=_accuracy(selected),
        accuracy=_accuracy(tested),
        class_accuracy=dict(zip(CLASSES, right.tolist(), strict=True)),
    )
    logger.info("classifier of patterns: %s", facts)
    return Learned(classifier, facts)


def _accuracy(counts: np.ndarray) -> float:
    return float(np.diagonal(counts).sum() / counts.sum())


def write_learned(path_to_weights: Path, path_to_facts: Path, learned: dict[str, Learned]) -> None:
    """Writes the classifiers as safetensors, and what is known of them as JSON."""
    arrays = {
        f"{kind}.{name}": value.detach().cpu().numpy()
        for kind, each in learned.items()
        for name, value in each.classifier.state_dict().items()
    }
    facts = {kind: asdict(each.facts) for kind, each in learned.items()}
    files.write_arrays(path_to_weights, arrays, {"format": str(FORMAT)})
    files.write_json(path_to_facts, {"format": FORMAT, "classes": list(CLASSES)} | facts)


def read_classifiers(path: Path) -> dict[str, Classifier]:
    """Reads the classifiers, in evaluation mode: raw and normed.

    Raises:
        StudyError: the file is damaged or foreign.
    """
    arrays, _ = files.read_arrays(path)
    found = {}
    for kind in ATTENTION:
        own = {name: value for name, value in arrays.items() if name.startswith(f"{kind}.")}
        state = {name.removeprefix(f"{kind}."): torch.from_numpy(a) for name, a in own.items()}
        classifier = Classifier()
        try:
            classifier.load_state_dict(state)
        except RuntimeError as error:
            raise StudyError(f"{path} holds no classifier of {kind} maps; delete it.") from error
        found[kind] = classifier.eval()
    return found
