"""The library of the study: what the rules of the workflow run, and `open_study` for results."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from lottery.results.opened import OpenedStudy


def open_study(folder: str | Path) -> OpenedStudy:
    """Opens the results of a study: scores, searches and masks.

    `lottery.open_study("results").scores()` gives all scores as a DataFrame.

    Args:
        folder: the folder that the key `results` of the config names.

    Raises:
        StudyError: the folder holds no results.
    """
    # Here, because every job imports this package.
    from lottery.results import opened

    return opened.open_study(folder)
