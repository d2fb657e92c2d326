"""Step measure_patterns: attention of all cells, survivors of a method -> tables, figures."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import product
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lottery import files
from lottery.analysis import patterns
from lottery.analysis.good_masks import read_good_masks
from lottery.attention.rules import ATTENTION, ATTENTION_WORDS, CLASSES, SCORES, SEEN, WORDS
from lottery.report import style
from lottery.report.tables.numbers import percent, rounded
from lottery.results.published import published_shares

VERSION = 5

SURVIVED = {"color": style.SUBNETWORKS["good"]}
OTHERS = {"color": style.INK}
# Groups of heads: which rows of `lottery.analysis.patterns.HEADS` they are, look, place on a line.
GROUPS: dict[str, tuple[str, bool | None, dict[str, Any], float]] = {
    "heads that all seeds keep": ("fine_tuned", True, SURVIVED, -0.25),
    "other heads": ("fine_tuned", False, OTHERS, 0.0),
    "all heads, pretrained": ("pretrained", None, OTHERS | style.HOLLOW, 0.25),
}
# Blocks spread a token's attention over many others, and would be white on an even scale.
SHADES = PowerNorm(0.5, vmin=0.0, vmax=1.0)
TICKS = {-0.5: "\N{MINUS SIGN}.5", 0: "0", 0.5: ".5", 1: "1"}
CLASS_COLOURS = dict(zip(CLASSES, style.PATTERNS, strict=True))
# Lines of a task in the figure of classes: heads, weights, and column of the table.
SHARE_LINES = {
    "all seeds keep": ("super_survivors", "fine_tuned", "share"),
    "all heads": ("all", "fine_tuned", "share"),
    "pretrained": ("all", "pretrained", "share"),
    "all heads, paper": ("all", "fine_tuned", "published"),
}


def measure_patterns(
    *,
    paths_to_patterns: list[Path],
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_table: Path,
    path_to_heads: Path,
    path_to_shares: Path,
    path_to_associations: Path,
    path_to_qualifying: Path,
    paths_to_scores_figure: list[Path],
    paths_to_shares_figure: list[Path],
    paths_to_examples_figure: list[Path],
    model: str,
    method: str,
    published: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
    least_map_tokens: int,
) -> None:
    """Compares the attention of surviving heads, of all heads, and of the pretrained model.

    Args:
        paths_to_patterns: patterns.npz of all tasks and seeds, tasks in the order of the figure.
        paths_to_masks: the method's good masks of the same cells, in the same order.
        path_to_table: csv that the claims read.
        path_to_qualifying: which maps qualify, in a sentence that captions include.
        published: task -> the GLUE preset that it repeats as the paper has it.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations of the heads behind every p-value.
        least_map_tokens: tokens that an example needs.
    """
    masks = read_good_masks(paths_to_masks, path_to_config)
    found = patterns.read_patterns(paths_to_patterns, masks)
    known = published_shares(path_to_published, published)
    heads = patterns.head_table(found, model, method)
    shares = patterns.share_table(found, model, method, known)
    claims = patterns.claim_table(found, model, method, averaged_tasks, permutations)
    associations = patterns.association_table(claims, found, averaged_tasks)
    files.write_table(path_to_table, claims, patterns.CLAIMS)
    files.write_table(path_to_heads, heads, patterns.HEADS)
    files.write_table(path_to_shares, shares, patterns.SHARES)
    files.write_table(path_to_associations, associations, patterns.ASSOCIATIONS)
    note = patterns.qualifying_sentence(found, least_map_tokens)
    with files.atomic(path_to_qualifying) as temporary:
        temporary.write_text(f"{note}\n", encoding="utf-8")
    sampled = patterns.sampled_maps(paths_to_patterns, [info.task for info in masks.infos])
    with style.settings():
        style.save(draw_scores(heads, method, model), paths_to_scores_figure)
        style.save(draw_shares(shares, method, model), paths_to_shares_figure)
        style.save(draw_examples(sampled, model), paths_to_examples_figure)


def draw_scores(heads: pd.DataFrame, *details: str) -> Figure:
    """Draws `lottery.analysis.patterns.HEADS`: a panel per score, a line per task.

    Args:
        heads: the rows.
        details: of the title: the method, the model.
    """
    what = "Attention of surviving heads, of the other heads, and before fine-tuning"
    if heads.empty:
        return _empty(what, *details)
    tasks = heads["task"].unique().tolist()
    places = list(product(ATTENTION, SCORES))
    columns = len(SCORES)
    panel = (style.PAGE / columns, 0.5 + 0.3 * max(2, len(tasks)))
    figure, axes = style.panels(len(places), columns, panel, 0.9)
    of_panel = dict(list(heads.groupby(["attention", "score"], sort=False)))
    of_group = ["attention", "score", "task", "weights"]
    kept = (heads["n_survived"] == heads["n_seeds"]).rename("kept")
    lowest = heads.groupby([*of_group, kept])["value"].quantile(0.05).min()
    medians: dict[tuple[str, str], list[float]] = {}
    for place, (axis, (attention, score)) in enumerate(zip(axes, places, strict=True)):
        own = of_panel[attention, score]
        style.task_lines(axis, tasks, named=place % columns == 0)
        axis.grid(visible=False)
        if score in ("diagonal", "vertical", "block"):
            axis.axvline(SEEN, color=style.GREY, linewidth=0.6, linestyle=":")
        for line, task in enumerate(tasks):
            of_task = own[own["task"] == task]
            survived = of_task["n_survived"] == of_task["n_seeds"]
            for group, (weights, keeps, look, shift) in GROUPS.items():
                chosen = of_task["weights"] == weights
                values = of_task["value"][chosen if keeps is None else chosen & (survived == keeps)]
                _draw_distribution(axis, line + shift, values.to_numpy(), look)
                if attention == ATTENTION[0] and len(values):
                    medians.setdefault((score, group), []).append(values.median())
        axis.set_xlim(min(lowest, 0) - 0.04, 1.02)
        ticks = {tick: label for tick, label in TICKS.items() if tick >= min(lowest, 0)}
        axis.set_xticks([*ticks], [*ticks.values()])
        axis.set_title(score, pad=3)
        if place % columns == 0:
            axis.set_ylabel(f"{ATTENTION_WORDS[attention]} maps")
    entries = {name: style.DOT | look for name, (_, _, look, _) in GROUPS.items()}
    mark = style.LINE | {"marker": "o", "markersize": 3, "color": style.GREY}
    entries["median over heads, quartiles, 5th to 95th percentile"] = mark
    style.legend(figure, entries, columns=4)
    survivors, others, _ = GROUPS
    shown = ", ".join(
        f"{score} {rounded(fmean(medians[score, survivors]), 2)}"
        f" ({rounded(fmean(medians[score, others]), 2)})"
        for score in SCORES
        if (score, survivors) in medians and (score, others) in medians
    )
    found = f"{survivors[0].upper()}{survivors[1:]} (other heads in brackets), raw maps, mean over"
    style.finding(figure, f"{found} tasks of the median: {shown}." if shown else "")
    style.heading(figure, what, *details, style.seeds(heads["n_seeds"]))
    return figure


def _draw_distribution(axis: Axes, height: float, values: np.ndarray, look: dict[str, Any]) -> None:
    """Draws the median as a dot, the quartiles as a thick line, 5 to 95 % as a thin one."""
    if not len(values):
        return
    low, first, median, third, high = np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95])
    axis.plot([low, high], [height] * 2, color=look["color"], linewidth=0.7, zorder=3)
    axis.plot([first, third], [height] * 2, color=look["color"], linewidth=2.2, zorder=4)
    axis.plot(median, height, zorder=5, **style.DOT | {"markersize": 3} | look)


def draw_shares(shares: pd.DataFrame, *details: str) -> Figure:
    """Draws `lottery.analysis.patterns.SHARES`: bars of the five classes, raw and weighted.

    Args:
        shares: the rows.
        details: of the title: the method, the model.
    """
    what = "Classes of attention maps, by rules"
    if shares.empty:
        return _empty(what, *details)
    published = {*shares.loc[shares["published"].notna(), "task"]}
    tasks = shares["task"].unique().tolist()
    lines = [
        (task, name)
        for task, (name, (*_, column)) in product(tasks, SHARE_LINES.items())
        if column == "share" or task in published
    ]
    panel = (style.PAGE / 2, 0.4 + 0.14 * len(lines))
    figure, axes = style.panels(len(ATTENTION), 2, panel, 0.8, x="share of maps")
    places = ["attention", "task", "heads", "weights"]
    of_line = {key: own.set_index("pattern") for key, own in shares.groupby(places)}
    for axis, attention in zip(axes, ATTENTION, strict=True):
        style.task_lines(axis, [f"{task}, {name}" for task, name in lines], named=axis is axes[0])
        axis.grid(visible=False)
        for line, (task, name) in enumerate(lines):
            *which, column = SHARE_LINES[name]
            values = of_line[attention, task, *which][column].reindex(CLASSES).to_numpy(float)
            if np.isnan(values).all():
                style.draw_missing(axis, line)
                continue
            ends = np.cumsum(values)
            hatch = "////" if column == "published" else None
            colours = list(CLASS_COLOURS.values())
            axis.barh([line] * len(values), values, left=ends - values, height=0.8, color=colours,
                      hatch=hatch, edgecolor="white", linewidth=0.4)  # fmt: skip
        axis.set_xlim(0, 1)
        axis.set_title(f"{ATTENTION_WORDS[attention]} maps", pad=3)
    entries = {WORDS[name]: Patch(color=colour) for name, colour in CLASS_COLOURS.items()}
    style.legend(figure, entries, columns=len(CLASSES))
    style.finding(figure, _most_frequent(shares[shares["attention"] == ATTENTION[0]]))
    style.heading(figure, what, *details, style.seeds(shares["n_seeds"]))
    return figure


def _most_frequent(shares: pd.DataFrame) -> str:
    """The class of most raw maps, and its share of each group of heads, mean over tasks."""
    means = shares.groupby(["heads", "weights", "pattern"])["share"].mean()
    pattern = means["all", "fine_tuned"].idxmax()
    groups = {
        "of all heads": ("all", "fine_tuned"),
        "of those that all seeds keep": ("super_survivors", "fine_tuned"),
        "before fine-tuning": ("all", "pretrained"),
    }
    known = {name: means[(*place, pattern)] for name, place in groups.items()}
    parts = [f"{percent(share)} {name}" for name, share in known.items() if not np.isnan(share)]
    shown = f"{', '.join(parts)} (mean over tasks)"
    return f"The most frequent class of raw maps is {WORDS[pattern]}: {shown}."


def draw_examples(sampled: Iterable[Mapping[str, Any]], model: str) -> Figure:
    """Draws a fine-tuned map of each class, raw ones on top.

    Args:
        sampled: maps drawn at random (`lottery.analysis.patterns.sampled_maps`); of a class the
            middle one is shown, in their order.
    """
    shown: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for each in sampled:
        if each["weights"] == "fine_tuned":
            shown.setdefault((each["attention"], each["pattern"]), []).append(each)
    what = "An attention map of each class"
    if not shown:
        return _empty(what, model)
    columns, side = len(CLASSES), style.PAGE / len(CLASSES)
    panels = list(product(ATTENTION, CLASSES))
    n_drawn = sum(len(maps) for (attention, _), maps in shown.items() if attention == "raw")
    figure, axes = style.panels(len(panels), columns, (side, side + 0.42), 0.9)
    for place, (axis, panel) in enumerate(zip(axes, panels, strict=True)):
        axis.set_title(WORDS[panel[1]], pad=3)
        axis.set(xticks=[], yticks=[], aspect="equal")
        if place % columns == 0:
            axis.set_ylabel(f"{ATTENTION_WORDS[panel[0]]} maps")
        if not (of_class := shown.get(panel)):
            look = {"transform": axis.transAxes, "ha": "center", "va": "center"}
            axis.text(0.5, 0.5, f"none of {n_drawn}", **look)
            continue
        example = of_class[len(of_class) // 2]
        sums = example["map"].sum(axis=1, keepdims=True)
        shares = example["map"] / np.where(sums > 0, sums, 1)
        axis.imshow(shares, cmap="Greys", norm=SHADES, interpolation="nearest")
        where = f"layer {example['layer']}, head {example['head']}"
        axis.set_xlabel(f"{example['task']}, {len(shares)} tokens\n{where}")
    bar = ScalarMappable(SHADES, "Greys")
    style.colour_bar(figure, axes, bar, "share of a token's attention (square root)")
    counts = (f"{WORDS[name]} {len(shown.get((ATTENTION[0], name), []))}" for name in CLASSES)
    style.finding(figure, f"Of {n_drawn} raw maps drawn at random: {', '.join(counts)}.")
    style.heading(figure, f"{what}, of {n_drawn} drawn at random", model)
    return figure


def _empty(what: str, *details: str) -> Figure:
    figure, (axis,) = style.panels(1, 1, (style.COLUMN, 1.0), 0.4)
    axis.set(xticks=[], yticks=[])
    axis.text(0.5, 0.5, "no map has enough tokens", ha="center", va="center")
    style.heading(figure, what, *details)
    return figure
