"""Attention patterns: their shares as dots, and a map of each as an example."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery.attention.classes import ATTENTION, CLASSES, WORDS
from lottery.report.figures import style

ORANGE, BLUE = {"color": style.ORANGE}, {"color": style.BLUE}
# Of each group of heads and state of the weights: look, and place on a task's line.
GROUPS = {
    ("super_survivors", "fine_tuned"): (ORANGE, -0.3),
    ("super_survivors", "pretrained"): (ORANGE | style.HOLLOW, -0.1),
    ("all", "fine_tuned"): (BLUE, 0.1),
    ("all", "pretrained"): (BLUE | style.HOLLOW, 0.3),
}
GROUP_NAMES = {"super_survivors": "heads that all seeds keep", "all": "all heads"}
MARK = style.DOT | {"markersize": 3}
PANELS = list(product(ATTENTION, CLASSES))


def draw_shares(rows: object, title: str) -> Figure:
    """Draws the share of each pattern, a column of panels per pattern, a line per task.

    Args:
        rows: of `lottery.analysis.patterns.SHARES`.
    """
    shown = pd.DataFrame(rows).astype({"share": float, "sd": float, "published": float})
    tasks, columns = shown["task"].unique().tolist(), len(CLASSES)
    panel = (style.PAGE / columns, 0.5 + 0.3 * max(3, len(tasks)))
    figure, axes = style.panels(len(PANELS), columns=columns, panel=panel, margin=0.9)
    largest = shown[["share", "published"]].max().fillna(0.0).max() or 1.0
    for place, (axis, (attention, pattern)) in enumerate(zip(axes, PANELS, strict=True)):
        style.task_lines(axis, tasks, named=place % columns == 0)
        for line in np.arange(len(tasks) - 1) + 0.5:  # a frame around a task's four lines
            axis.axhline(line, linewidth=0.3, color="#dddddd", zorder=0)
        axis.grid(visible=False)
        wanted = (shown["attention"] == attention) & (shown["pattern"] == pattern)
        for row in shown[wanted].itertuples():
            _draw_share(axis, tasks.index(row.task), row)
        axis.set_xlim(-0.03, min(1.0, largest + 0.05) + 0.02)
        axis.locator_params(axis="x", nbins=3)
        axis.set_title(WORDS[pattern], pad=3)
        if place % columns == 0:
            axis.set_ylabel(f"{attention} maps")
    style.label_outer(axes, columns, x="share of maps")
    n_seeds = shown["n_seeds"].max()
    mark = {"marker": "|", "linestyle": "", "markersize": 6, "color": style.VERMILION}
    entries = {
        f"{GROUP_NAMES[heads]}, {weights.replace('_', '-')}": MARK | look
        for (heads, weights), (look, _) in GROUPS.items()
    } | {
        f"± sample sd over {n_seeds} seeds": n_seeds > 1
        and {"color": style.DARK, "linewidth": 0.7},
        "published": shown["published"].notna().any() and mark,
    }
    style.legend(figure, entries)
    figure.suptitle(f"{title}\n{_numbers(shown)}")
    return figure


def _numbers(rows: pd.DataFrame) -> str:
    """What every dot rests on."""
    all_heads = rows[(rows["heads"] == "all") & (rows["n_maps"] > 0)]
    if all_heads.empty:
        return "no maps"
    examples = all_heads["n_maps"] // (all_heads["n_heads"] * all_heads["n_seeds"])
    each = " to ".join(dict.fromkeys((str(examples.min()), str(examples.max()))))
    return f"maps of {each} examples per head, task, seed and state of the weights"


def _draw_share(axis: Axes, line: int, row: Any) -> None:
    look, shift = GROUPS[row.heads, row.weights]
    height = line + shift
    if not np.isnan(row.share):
        ends = np.clip([row.share - row.sd, row.share + row.sd], 0, 1)
        axis.plot(ends, [height] * 2, color=look["color"], linewidth=0.7, zorder=3)
        axis.plot(row.share, height, zorder=5, **MARK | look)
    if not np.isnan(row.published):
        style.draw_published(axis, height, row.published, half=0.1, zorder=6)


def draw_examples(examples: Mapping[tuple[str, str], Mapping[str, Any]], title: str) -> Figure:
    """Draws a map of each class, raw ones above normed ones.

    Args:
        examples: (attention, class) -> map, task, layer, head, probability
            (`lottery.analysis.patterns.surest_examples`).
    """
    columns, side = len(CLASSES), style.PAGE / len(CLASSES)
    figure, axes = style.panels(len(PANELS), columns=columns, panel=(side, side + 0.42), margin=0.4)
    for place, (axis, (attention, pattern)) in enumerate(zip(axes, PANELS, strict=True)):
        axis.set_title(WORDS[pattern], pad=3)
        axis.set(xticks=[], yticks=[], aspect="equal")
        if place % columns == 0:
            axis.set_ylabel(f"{attention} maps")
        example = examples.get((attention, pattern))
        if example is None:
            axis.text(0.5, 0.5, "none found", transform=axis.transAxes, ha="center", va="center")
            continue
        axis.imshow(example["map"], cmap="Greys", vmin=0.0, vmax=1.0, interpolation="nearest")
        where = f"layer {example['layer']}, head {example['head']}, p {example['probability']:.2f}"
        axis.set_xlabel(f"{example['task']}\n{where}")
    figure.suptitle(title)
    return figure
