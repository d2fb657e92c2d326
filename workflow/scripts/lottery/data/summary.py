"""What the data of a task look like in numbers, and what of it deserves a warning.

A summary holds counts and names of classes, and no text of the data.
"""

from __future__ import annotations

import json
import logging
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from lottery.files.errors import StudyError
from lottery.tasks.task import Task

if TYPE_CHECKING:
    import pyarrow as pa

    from lottery.data.tokens import Tokens

# The shares from which on there is a warning; docs/data.md states them.
IN_TRAIN = 0.01  # of the validation examples
DUPLICATES = 0.1  # of the examples of a split
CUT = 0.1  # of the examples of a split
UNKNOWN = 0.05  # of the tokens of a split
MOST = 5  # classes that a sentence names

USUAL = re.compile("[!-~]")
INVISIBLE = {"Cc", "Cf", "Zs", "Zl", "Zp"}  # categories: control, format, separators
# Other characters that show nothing: Unicode's Default_Ignorable_Code_Point, a blank pattern of
# Braille, and a filler of Khitan.
BLANK = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufff8"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800\U00016fe4]"
)

log = logging.getLogger(__name__)


def describe_examples(tables: Mapping[str, pa.Table], task: Task) -> dict[str, Any]:
    """Counts examples, classes, and texts that occur twice or show nothing.

    Texts are compared as they are, both texts of a pair in their order.

    Args:
        tables: the examples of each split, as `read_task` gives them.
        task: whose examples they are.

    Returns:
        task, splits and warnings. Of each split: examples, classes (number by name) or scores (min,
        mean, max), duplicates (examples whose text an earlier one has), invisible (examples with
        a text without a visible character), and of validation splits in_train (examples whose text
        stands in train) and in_train_other_label (those of them that stand there with another
        label).
    """
    splits: dict[str, dict[str, Any]] = {}
    train: list[Any] = []
    for split, table in tables.items():
        names = [name for name in ("text_a", "text_b") if name in table.column_names]
        columns = [table[name].to_pylist() for name in names]
        texts = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
        labels = table["label"].to_numpy()
        shown = [all(map(_is_visible, row)) for row in zip(*columns, strict=True)]
        splits[split] = {
            "examples": len(texts),
            **_labels(labels, task),
            "duplicates": len(texts) - len({*texts}),
            "invisible": shown.count(False),
        }
        examples = list(zip(texts, labels.tolist(), strict=True))
        if split == "train":
            train = examples
        elif train:
            splits[split] |= _in_train(train, examples)
    summary = {"task": task.id, "splits": splits}
    return summary | {"warnings": [*_class_warnings(splits, task), *_text_warnings(splits, task)]}


def count_tokens(tokens: Tokens, n_cut: int, special: int, unknown: int | None) -> dict[str, int]:
    """Counts what of the texts of a split a model does not see.

    Args:
        tokens: the split's tokens.
        n_cut: how many of its examples lost tokens.
        special: special tokens of each example.
        unknown: the number of the tokenizer's unknown token; None if it has none.

    Returns:
        examples, cut, tokens (without special ones) and unknown (those of them that are the unknown
        token).
    """
    return {
        "examples": len(tokens),
        "cut": n_cut,
        "tokens": len(tokens.input_ids) - special * len(tokens),
        "unknown": 0 if unknown is None else int((tokens.input_ids == unknown).sum()),
    }


def describe_tokens(
    splits: Mapping[str, Mapping[str, int]], task: str, model: str, max_length: int
) -> dict[str, Any]:
    """The summary of a task's tokens: task, model, max_length, splits and warnings.

    Args:
        splits: the counts of each split, from `count_tokens`.
        task: id of the task.
        model: id of the model whose tokenizer made them.
        max_length: most tokens of an example.
    """
    warnings = []
    for split, counts in splits.items():
        place = f"{split} of tasks.{task}"
        if counts["cut"] >= CUT * counts["examples"]:
            share = counts["cut"] / counts["examples"]
            warnings.append(
                f"{share:.0%} of the examples in {place} are longer than max_length {max_length} "
                f"under models.{model} and are cut."
            )
        if counts["unknown"] and counts["unknown"] >= UNKNOWN * counts["tokens"]:
            share = counts["unknown"] / counts["tokens"]
            warnings.append(f"{share:.0%} of the tokens in {place} are unknown to models.{model}.")
    facts = {"task": task, "model": model, "max_length": max_length}
    return facts | {"splits": splits, "warnings": warnings}


def report(summary: Mapping[str, Any], data_warnings: str) -> None:
    """Logs a summary and its warnings.

    Raises:
        StudyError: there are warnings, and `data_warnings` is "error".
    """
    log.info("data: %s", json.dumps(summary["splits"], ensure_ascii=False))
    for warning in summary["warnings"]:
        log.warning("%s", warning)
    refuse(summary["warnings"], data_warnings)


def refuse(warnings: Sequence[str], data_warnings: str) -> None:
    """Raises a StudyError with the warnings if there are any and `data_warnings` is "error"."""
    if warnings and data_warnings == "error":
        found = "; ".join(warning.removesuffix(".") for warning in warnings)
        raise StudyError(f"data_warnings is error, and there are warnings: {found}.")


def _labels(labels: np.ndarray, task: Task) -> dict[str, Any]:
    if task.labels is None:
        values = {"min": labels.min(), "mean": labels.mean(), "max": labels.max()}
        return {"scores": {name: float(value) for name, value in values.items()}}
    counts = np.bincount(labels, minlength=len(task.labels)).tolist()
    return {"classes": dict(zip(task.labels, counts, strict=True))}


def _is_visible(text: str) -> bool:
    if USUAL.search(text):
        return True
    return any(unicodedata.category(c) not in INVISIBLE for c in {*BLANK.sub("", text)})


def _in_train(train: list[Any], examples: list[Any]) -> dict[str, int]:
    shared = {text for text, _ in train} & {text for text, _ in examples}
    labels = defaultdict(set)
    for text, label in train:
        if text in shared:
            labels[text].add(label)
    found = Counter(bool(labels[text] - {label}) for text, label in examples if text in shared)
    return {"in_train": found.total(), "in_train_other_label": found[True]}


def _class_warnings(splits: Mapping[str, Mapping[str, Any]], task: Task) -> list[str]:
    """The classes that train lacks, and those that one split alone has."""
    lacking, alone = [], defaultdict(list)
    for label in task.labels or ():
        having = [split for split, counts in splits.items() if counts["classes"][label]]
        if "train" in splits and "train" not in having:
            lacking.append(label)
        elif len(having) == 1 < len(splits):
            alone[having[0]].append(label)
    warnings = []
    if lacking:
        subset = f" (train_examples {task.train_examples})" if task.train_examples else ""
        warnings.append(f"train of tasks.{task.id}{subset} has no example of {_classes(lacking)}.")
    for split, labels in alone.items():
        warnings.append(f"{split} of tasks.{task.id} alone has examples of {_classes(labels)}.")
    return warnings


def _classes(labels: Sequence[str]) -> str:
    named = ", ".join(map(repr, labels[:MOST]))
    more = f" and {len(labels) - MOST} more" if len(labels) > MOST else ""
    return f"the class{'es' * (len(labels) > 1)} {named}{more}"


def _text_warnings(splits: Mapping[str, Mapping[str, Any]], task: Task) -> list[str]:
    warnings = []
    for split, counts in splits.items():
        n, place = counts["examples"], f"{split} of tasks.{task.id}"
        if counts.get("in_train") and counts["in_train"] >= IN_TRAIN * n:
            other = counts["in_train_other_label"]
            warnings.append(
                f"{counts['in_train']} of {n} examples in {place} stand in train too"
                + (f", {other} of them with another label." if other else ".")
            )
        if counts["duplicates"] >= DUPLICATES * n:
            warnings.append(
                f"{counts['duplicates']} of {n} examples in {place} repeat an earlier one's text."
            )
        if counts["invisible"]:
            warnings.append(
                f"{counts['invisible']} of {n} examples in {place} have a text without a visible "
                "character."
            )
    return warnings
