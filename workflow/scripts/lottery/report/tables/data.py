"""The table of what the data of the tasks look like, from the summaries of two steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lottery.report.tables.model import Cell, Group, Scope, Table
from lottery.report.tables.numbers import NOTHING, compact

CAPTION = (
    "The data of the tasks. In train: examples whose text is in train too, and how many of them"
    " stand there with another label. Duplicates: examples whose text an earlier example of the"
    " split has. Blank: examples with a text without a visible character. Cut: examples longer than"
    " max_length. Unknown: tokens that the tokenizer does not know; of several encoders the largest"
    " share."
)
COLUMNS = ("", "examples", "in train", "duplicates", "blank", "cut", "unknown", "labels")
MOST = 4  # classes that a cell counts one by one


def data_table(summaries: Sequence[Mapping[str, Any]]) -> Table | None:
    """The splits of every task.

    Args:
        summaries: of examples and of tokens, as `lottery.data.summary` describes them.
    """
    groups = []
    for task in (each for each in summaries if "model" not in each):
        tokens = [each for each in summaries if "model" in each and each["task"] == task["task"]]
        rows = [
            _row(split, counts, [each["splits"].get(split, {}) for each in tokens])
            for split, counts in task["splits"].items()
        ]
        groups.append(Group(task["task"], rows, Scope(task=task["task"])))
    return Table("data", CAPTION, COLUMNS, groups, frozenset({7})) if groups else None


def _row(split: str, counts: Mapping[str, Any], tokens: Sequence[Mapping[str, int]]) -> list[Cell]:
    other = counts.get("in_train_other_label")
    texts = [f"{counts['duplicates']:,}", f"{counts['invisible']:,}"]
    texts += [_share(tokens, "cut", "examples"), _share(tokens, "unknown", "tokens")]
    return [
        Cell(split),
        Cell(f"{counts['examples']:,}"),
        Cell(
            f"{counts['in_train']:,}" if "in_train" in counts else NOTHING,
            (f"{other:,} with another label",) if other else (),
        ),
        *map(Cell, [*texts, _labels(counts)]),
    ]


def _share(tokens: Sequence[Mapping[str, int]], part: str, whole: str) -> str:
    shares = [each[part] / each[whole] for each in tokens if each.get(whole)]
    return f"{max(shares):.1%}".replace("%", " %") if shares else NOTHING


def _labels(counts: Mapping[str, Any]) -> str:
    if scores := counts.get("scores"):
        low, mean, high = (compact(scores[name]) for name in ("min", "mean", "max"))
        return f"{low} to {high}, mean {mean}"
    classes = counts["classes"]
    if len(classes) <= MOST:
        return ", ".join(f"{name} {count:,}" for name, count in classes.items())
    return f"{len(classes)} classes, {min(classes.values()):,} to {max(classes.values()):,} each"
