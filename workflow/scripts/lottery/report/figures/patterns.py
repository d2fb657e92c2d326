"""Attention patterns: their shares as dots, and a map of each as an example."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.attention.classes import ATTENTION, CLASSES, WORDS
from lottery.report.figures import dots, style

# Of each group of heads and state of the weights: colour, whether filled, place on a task's line.
GROUPS = {
    ("super_survivors", "fine_tuned"): (style.ORANGE, True, -0.3),
    ("super_survivors", "pretrained"): (style.ORANGE, False, -0.1),
    ("all", "fine_tuned"): (style.BLUE, True, 0.1),
    ("all", "pretrained"): (style.BLUE, False, 0.3),
}
GROUP_NAMES = {"super_survivors": "heads that all seeds keep", "all": "all heads"}
LINE = 0.3  # inches for one task
MARK = {"marker": "o", "markersize": 3, "linestyle": "", "markeredgewidth": 0.6}
Rows = Sequence[Mapping[str, Any]]


def draw_shares(rows: Rows, title: str) -> Figure:
    """Draws the share of each pattern, a column of panels per pattern, a line per task.

    Args:
        rows: of `lottery.analysis.patterns.SHARE_COLUMNS`.
        title: title of the figure.
    """
    tasks = list(dict.fromkeys(row["task"] for row in rows))
    panel = (style.PAGE / len(CLASSES), 0.5 + LINE * max(3, len(tasks)))
    count = len(ATTENTION) * len(CLASSES)
    figure, axes = style.panels(count, columns=len(CLASSES), panel=panel, margin=0.9)
    shown = [value for row in rows for value in (row["share"], row["published"])]
    largest = max((value for value in shown if value is not None), default=1.0)
    for place, (axis, (attention, pattern)) in enumerate(
        zip(axes, product(ATTENTION, CLASSES), strict=True)
    ):
        named = place % len(CLASSES) == 0
        dots.frame(axis, tasks, named=named)
        for line in np.arange(len(tasks) - 1) + 0.5:  # a frame around a task's four lines
            axis.axhline(line, linewidth=0.3, color="#dddddd", zorder=0)
        axis.grid(visible=False)
        for row in rows:
            if (row["attention"], row["pattern"]) == (attention, pattern):
                _draw_share(axis, tasks.index(row["task"]), row)
        axis.set_xlim(-0.03, min(1.0, largest + 0.05) + 0.02)
        axis.locator_params(axis="x", nbins=3)
        axis.set_title(WORDS[pattern], pad=3)
        if named:
            axis.set_ylabel(f"{attention} maps")
        if style.is_bottom(place, count, len(CLASSES)):
            axis.set_xlabel("share of maps")
    dots.legend(figure, _handles(rows), columns=3)
    figure.suptitle(f"{title}\n{_numbers(rows)}")
    return figure


def _numbers(rows: Rows) -> str:
    """What stands behind every dot."""
    own = [row for row in rows if row["heads"] == "all" and row["n_maps"]]
    if not own:
        return "no maps"
    examples = sorted({row["n_maps"] // (row["n_heads"] * row["n_seeds"]) for row in own})
    each = str(examples[0]) if len(examples) == 1 else f"{examples[0]} to {examples[-1]}"
    return f"maps of {each} examples per head, task, seed and state of the weights"


def _draw_share(axis: Axes, line: int, row: Mapping[str, Any]) -> None:
    colour, filled, shift = GROUPS[row["heads"], row["weights"]]
    height = line + shift
    if row["share"] is not None:
        if row["sd"] is not None and not np.isnan(row["sd"]):
            ends = [max(0.0, row["share"] - row["sd"]), min(1.0, row["share"] + row["sd"])]
            axis.plot(ends, [height] * 2, color=colour, linewidth=0.7, zorder=3)
        face = colour if filled else "white"
        axis.plot(row["share"], height, color=colour, markerfacecolor=face, zorder=5, **MARK)
    if row["published"] is not None:
        ends = [height - 0.1, height + 0.1]
        axis.plot([row["published"]] * 2, ends, color=style.VERMILION, linewidth=0.9, zorder=6)


def _handles(rows: Rows) -> list[Line2D]:
    handles = []
    for (heads, weights), (colour, filled, _) in GROUPS.items():
        face = colour if filled else "white"
        label = f"{GROUP_NAMES[heads]}, {weights.replace('_', '-')}"
        handles.append(Line2D([], [], **MARK, color=colour, markerfacecolor=face, label=label))
    n_seeds = max(row["n_seeds"] for row in rows)
    if n_seeds > 1:
        label = f"± sample sd over {n_seeds} seeds"
        handles.append(Line2D([], [], color="#666666", linewidth=0.7, label=label))
    if any(row["published"] is not None for row in rows):
        mark = {"marker": "|", "linestyle": "", "markersize": 6, "color": style.VERMILION}
        handles.append(Line2D([], [], **mark, label="published"))
    return handles


def draw_examples(examples: Mapping[tuple[str, str], Mapping[str, Any]], title: str) -> Figure:
    """Draws a map of each class, raw ones above normed ones.

    Args:
        examples: (attention, class) -> map, task, layer, head, probability
            (`lottery.analysis.pattern_examples`).
        title: title of the figure.
    """
    side = style.PAGE / len(CLASSES)
    count = len(ATTENTION) * len(CLASSES)
    figure, axes = style.panels(count, columns=len(CLASSES), panel=(side, side + 0.42), margin=0.4)
    for place, (axis, key) in enumerate(zip(axes, product(ATTENTION, CLASSES), strict=True)):
        attention, pattern = key
        axis.set_title(WORDS[pattern], pad=3)
        axis.set_xticks([])
        axis.set_yticks([])
        axis.set_aspect("equal")
        if place % len(CLASSES) == 0:
            axis.set_ylabel(f"{attention} maps")
        if key not in examples:
            axis.text(0.5, 0.5, "none found", transform=axis.transAxes, ha="center", va="center")
            continue
        example = examples[key]
        axis.imshow(example["map"], cmap="Greys", vmin=0.0, vmax=1.0, interpolation="nearest")
        where = f"layer {example['layer']}, head {example['head']}, p {example['probability']:.2f}"
        axis.set_xlabel(f"{example['task']}\n{where}")
    figure.suptitle(title)
    return figure
