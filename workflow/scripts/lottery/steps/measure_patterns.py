"""Step measure_patterns: patterns of all cells and the survivors of a method -> tables, figures."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis import patterns
from lottery.analysis.good_masks import read_good_masks
from lottery.attention.classes import ATTENTION, CLASSES, WORDS, short_sentence
from lottery.report import style
from lottery.results.published import published_shares

VERSION = 4
ORANGE, BLUE = {"color": style.SERIES[2]}, {"color": style.SERIES[1]}
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


def measure_patterns(
    *,
    paths_to_patterns: list[Path],
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_facts: Path,
    path_to_published: Path,
    path_to_table: Path,
    path_to_shares: Path,
    path_to_associations: Path,
    paths_to_shares_figure: list[Path],
    paths_to_examples_figure: list[Path],
    model: str,
    method: str,
    published: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
) -> None:
    """Compares the attention patterns of surviving heads and of all heads.

    Args:
        paths_to_patterns: patterns.npz of all tasks and seeds, tasks in the order of the figure.
        paths_to_masks: the method's good masks of the same cells, in the same order.
        path_to_facts: pattern_classifier.json.
        path_to_table: csv that the claims read.
        published: task -> the GLUE preset that it repeats as the paper has it.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations of the heads behind every p-value.
    """
    facts = files.read_json(path_to_facts)
    masks = read_good_masks(paths_to_masks, path_to_config)
    found = patterns.read_pattern_counts(paths_to_patterns, masks)
    known = published_shares(path_to_published, published)
    shares = patterns.share_table(found, model, method, known)
    associations = patterns.association_table(found, model, method, averaged_tasks, permutations)
    annotated = {kind: facts[kind]["annotated"] for kind in ATTENTION}
    claims = patterns.claim_table(found, associations, annotated)
    files.write_table(path_to_table, claims, patterns.CLAIMS)
    files.write_table(path_to_shares, shares, patterns.SHARES)
    files.write_table(path_to_associations, associations, patterns.ASSOCIATIONS)
    classifier = short_sentence(facts)
    examples = patterns.surest_examples(paths_to_patterns, [info.task for info in masks.infos])
    with style.settings():
        figure = draw_shares(shares, f"{model}, {method}: attention patterns\n{classifier}")
        style.save(figure, paths_to_shares_figure)
        title = f"{model}: maps classified with most certainty\n{classifier}"
        style.save(draw_examples(examples, title), paths_to_examples_figure)


def draw_shares(rows: object, title: str) -> Figure:
    """Draws `lottery.analysis.patterns.SHARES`, a column of panels per pattern, a line per task."""
    shown = pd.DataFrame(rows).astype({"share": float, "sd": float, "published": float})
    tasks, columns = shown["task"].unique().tolist(), len(CLASSES)
    panel = (style.PAGE / columns, 0.5 + 0.3 * max(3, len(tasks)))
    figure, axes = style.panels(len(PANELS), columns, panel, 0.9, x="share of maps")
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
    n_seeds = shown["n_seeds"].max()
    entries = {
        f"{GROUP_NAMES[heads]}, {weights.replace('_', '-')}": MARK | look
        for (heads, weights), (look, _) in GROUPS.items()
    } | {
        f"± sample sd over {n_seeds} seeds": n_seeds > 1
        and {"color": style.GREY, "linewidth": 0.7},
        "published": shown["published"].notna().any() and style.PUBLISHED_ENTRY,
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
        style.draw_published(axis, height, row.published, half=0.1)


def draw_examples(examples: Mapping[tuple[str, str], Mapping[str, Any]], title: str) -> Figure:
    """Draws a map of each class (`lottery.analysis.patterns.surest_examples`), raw ones on top."""
    columns, side = len(CLASSES), style.PAGE / len(CLASSES)
    figure, axes = style.panels(len(PANELS), columns, (side, side + 0.42), 0.4)
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
