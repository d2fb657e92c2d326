"""The library of the study: what the rules of the workflow run.

`load` is for exported subnetworks, `open_study` for the results of a study.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lottery.evaluation.classifier import Classifier
    from lottery.results.opened import OpenedStudy


def load(folder: str | Path, device: str = "cpu") -> Classifier:
    """Loads an exported subnetwork (`snakemake export`) as a classifier of texts.

    `lottery.load(folder).predict(["a text"])` gives probabilities, float32 [texts, labels], in the
    order of `labels`. For a regression it gives scores, float32 [texts]. A task of pairs takes a
    list of pairs. A shrunk model is loaded shrunk.

    Args:
        folder: the exported folder, such as
            results/export/bert/rte/seed_1/structured/good/retrained.
        device: a device of torch, such as `cuda`.

    Returns:
        The classifier, or regressor, with the model on the device.

    Raises:
        StudyError: the folder holds no exported model.
    """
    # Here, because every job imports this package, and most need no torch.
    from lottery.evaluation.classifier import load_classifier

    return load_classifier(folder, device)


def open_study(folder: str | Path) -> OpenedStudy:
    """Opens the results of a study: scores, searches and masks.

    `lottery.open_study("results").scores()` gives all scores as a DataFrame.

    Args:
        folder: the folder that the key `results` of the config names.

    Returns:
        The opened study. It reads files only when asked for them.

    Raises:
        StudyError: the folder holds no results.
    """
    # Here, because every job imports this package.
    from lottery.results import opened

    return opened.open_study(folder)
