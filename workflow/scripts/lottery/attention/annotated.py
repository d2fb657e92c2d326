"""Attention maps to annotate, annotated ones, and how well the rules agree with them. No torch.

A folder with `maps.csv` (columns map, picture, attention, class; others are passed over) and the
maps that it names: npy files below the folder, square arrays, row i the attention of token i, of
the map's own tokens alone. A row without a class is not annotated yet. No pickle is read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lottery.attention.rules import ATTENTION, CLASSES
from lottery.files import read_given_csv, read_npy
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN

LIST = "maps.csv"
COLUMNS = ("map", "picture", "attention", "class")
AGREEMENT = dict.fromkeys(("attention", "pattern"), str) | {
    **dict.fromkeys(("n_annotated", "n_by_rules", "n_both"), int),
    "f1": float,
}


def read_annotated(folder: Path) -> dict[str, tuple[list[np.ndarray], np.ndarray]]:
    """Reads annotated maps.

    Returns:
        raw, normed or both -> the maps, float32 [T, T] each, and their classes, int64 [maps].

    Raises:
        StudyError: the list is missing, lacks a column or holds an unknown word, a map lies outside
            the folder or is none, or no row has a class.
    """
    path = folder / LIST
    known = {"attention": ATTENTION, "class": CLASSES}
    found: dict[str, tuple[list[np.ndarray], list[int]]] = {}
    for row in read_given_csv(path, ("map", *known)):
        if not row["class"]:
            continue
        for column, allowed in known.items():
            if row[column] not in allowed:
                raise StudyError(
                    f"{path} has {row[column]!r} in the column {column}; allowed are "
                    f"{', '.join(allowed)}{', or nothing' if column == 'class' else ''}."
                )
        file = folder / row["map"]
        if not file.resolve().is_relative_to(folder.resolve()):
            raise StudyError(f"{path} names the map {row['map']}, which is outside its folder.")
        maps, classes = found.setdefault(row["attention"], ([], []))
        maps.append(read_map(file))
        classes.append(CLASSES.index(row["class"]))
    if not found:
        raise StudyError(f"{path} has no map with a class; fill in the column class.")
    return {kind: (maps, np.array(classes)) for kind, (maps, classes) in found.items()}


def read_map(path: Path) -> np.ndarray:
    """Reads one map, float32 [T, T].

    Raises:
        StudyError: it is no array, not square, smaller than 2 x 2, all zeros, or holds what is no
            number from 0 up.
    """
    values = read_npy(path, GIVEN)
    if values.dtype.kind not in "fiub":
        raise StudyError(f"{path} is no array of numbers; an attention map is one of floats.")
    if values.ndim != 2 or values.shape[0] != values.shape[1] or not values.size:
        shape = " x ".join(map(str, values.shape))
        raise StudyError(f"{path} has the shape {shape}; an attention map is square.")
    if len(values) == 1:
        raise StudyError(f"{path} is the map of a single token; a pattern needs two or more.")
    values = values.astype(np.float32)
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise StudyError(f"{path} holds a negative or undefined number; attention is 0 or more.")
    if not values.any():
        raise StudyError(f"{path} holds zeros alone; a map shows where attention goes.")
    return values


def agreement(kind: str, annotated: np.ndarray, by_rules: np.ndarray) -> list[dict[str, object]]:
    """How well the rules agree with annotations: rows of `AGREEMENT`, one per class.

    F1 is twice the maps that both put into the class, by the sum of what each puts there; empty
    where neither does.

    Args:
        kind: raw or normed.
        annotated, by_rules: classes of the same maps, int64 [maps].
    """
    rows = []
    for place, pattern in enumerate(CLASSES):
        ours, theirs = by_rules == place, annotated == place
        numbers = {"n_annotated": theirs.sum(), "n_by_rules": ours.sum()}
        both, total = (ours & theirs).sum(), sum(numbers.values())
        f1 = 2 * both / total if total else None
        rows.append({"attention": kind, "pattern": pattern, **numbers, "n_both": both, "f1": f1})
    return rows


def note(rows: list[dict[str, object]]) -> str:
    """What captions include of the agreement; without annotated maps that there were none."""
    sentences = []
    for kind in ATTENTION:
        own = [row for row in rows if row["attention"] == kind]
        if own:
            total = sum(int(str(row["n_annotated"])) for row in own)
            of_class = ", ".join(
                f"{row['pattern']} {row['f1']:.2f}" for row in own if row["f1"] is not None
            )
            sentences.append(
                f"On {total} annotated {kind} maps the rules reach these F1: {of_class}."
            )
    return " ".join(sentences) or (
        "No annotated maps were given: how well the classes agree with an annotator is not known."
    )
