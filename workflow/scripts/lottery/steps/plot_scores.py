"""Step plot_scores: scores.csv -> the bars of one model and method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from lottery.report import style
from lottery.results.layout import SPLIT_NAMES, Layout, Row
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.summary import ROW, by_row, reported_runs

VERSION = 4
COLUMNS = 3
PHASES = ("pruned", "retrained")
HATCH = "/////"


def plot_scores(
    *,
    path_to_scores: Path,
    paths_to_published: list[Path],
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    layout: dict[str, Any],
) -> None:
    """Draws one panel per task with the bars majority, full, and each subnetwork."""
    scores, published = score_table(path_to_scores), Published.read(*paths_to_published)
    with style.settings():
        figure = draw_scores(scores, Layout.of(**layout), published, model, method)
        style.save(figure, path_to_svg, path_to_png)


def draw_scores(
    scores: pd.DataFrame, layout: Layout, published: Published, model: str, method: str
) -> Figure:
    """Draws the bars of one model and method on the split that shows the method."""
    split = layout.display_split(method)
    # Subnetworks are apart, the two bars of one touch.
    rows = [row for row in layout.rows if row[0] in ("none", method)]
    masked = range(len(rows) - 2)
    places = [0.0, 1.3, *(2.7 + 2.4 * (index // 2) + index % 2 for index in masked)]
    positions = dict(zip(rows, places, strict=True))
    shown = reported_runs(scores, layout)
    shown = shown[(shown["split"] == split) & shown["model"].isin(("none", model))]
    shown = shown[pd.MultiIndex.from_frame(shown[ROW]).isin(rows)]
    with_method = set(shown.loc[shown["method"] == method, "task"])
    tasks = [task for task in layout.tasks if task.id in with_method]
    figure, axes = style.panels(len(tasks), COLUMNS, (style.PAGE / 3, 2.0), 1.1, y="score")
    marked = False
    for index, (axis, task) in enumerate(zip(axes, tasks, strict=True)):
        cells = by_row(shown, task.id)
        _draw_panel(axis, cells, positions)
        axis.set_title(f"{style.title(task.id, task.metric)}\n{_size(cells, rows)}")
        for row, x in positions.items():
            of = "none" if row[1] == "majority" else model
            paper = layout.published_score(published, of, row, task, split)
            if paper is not None:
                ends = (x - 0.38, x + 0.38)
                axis.hlines(paper.mean, *ends, colors=style.VERMILION, linewidth=1.4, zorder=5)
                marked = True
        _label_bars(axis, positions, shown=style.is_bottom(index, len(tasks), COLUMNS))
    shown = shown[shown["task"].isin(with_method) & shown["seed"].notna()]
    dot = {"linestyle": "", "marker": "o", "color": "black", "markersize": 3}
    grey = style.GREY
    entries = {
        "pruned": Patch(facecolor=_tint(grey), edgecolor=grey, hatch=HATCH),
        "retrained": Patch(facecolor=grey, edgecolor="black"),
        "one seed": dot,
        "mean ± sample sd": {"color": "black", "linewidth": 0.7, "marker": "|"},
        "degenerate run": shown["degenerate"].any() and dot | style.HOLLOW,
        "published mean": marked and style.PUBLISHED | {"linewidth": 1.4},
    }
    style.legend(figure, entries)
    n = shown.loc[shown["phase"].isin(PHASES), "seed"].nunique()
    lines = (f"{model}, {method}:", f"scores on {SPLIT_NAMES[split]}, {style.seeds([n])}")
    # One panel alone is no wider than half a page.
    figure.suptitle(("\n" if len(tasks) < 2 else " ").join(lines))
    return figure


def _draw_panel(
    axis: Axes, cells: Mapping[Row, pd.DataFrame], positions: Mapping[Row, float]
) -> None:
    lowest = 0.0
    for row, runs in cells.items():
        known = runs.dropna(subset="counted")
        if len(known):
            _draw_bar(axis, positions[row], row, known)
            values = known["counted"]
            sd = values.std() if len(known) > 1 else 0.0
            lowest = min(lowest, values.mean() - sd, values.min())
    # Below zero there is space for the lowest whisker and for half a dot.
    axis.set_ylim(lowest - 0.03 if lowest < 0 else 0.0, 1.03)
    axis.axhline(0, color="black", linewidth=0.6, zorder=2)
    axis.set_xlim(-0.8, max(positions.values()) + 0.8)
    axis.grid(axis="y", color="#cccccc")


def _draw_bar(axis: Axes, x: float, row: Row, runs: pd.DataFrame) -> None:
    colour, pruned = style.colour_of(row[1]), row[2] == "pruned"
    mean = runs["counted"].mean()
    look: dict[str, Any] = {"facecolor": colour, "edgecolor": "black"}
    if pruned:
        look = {"facecolor": _tint(colour), "edgecolor": colour, "hatch": HATCH}
    axis.bar(x, mean, width=0.95, linewidth=0.5, zorder=1, **look)
    if len(runs) > 1:
        whisker = {"color": "black", "capsize": 1.6, "capthick": 0.7, "linewidth": 0.7, "zorder": 3}
        axis.errorbar(x, mean, yerr=runs["counted"].std(), **whisker)
    seeds = runs[runs["seed"].notna()]  # majority has none
    style.draw_seeds(axis, x, seeds["counted"], seeds["degenerate"], spread=0.3, upright=True)


def _label_bars(axis: Axes, positions: Mapping[Row, float], *, shown: bool) -> None:
    """One label per subnetwork, below the middle of its bars."""
    places = pd.Series(list(positions.values()), index=[row[1] for row in positions])
    ticks = places.groupby(level=0, sort=False).mean()
    axis.set_xticks(ticks, ticks.index if shown else [""] * len(ticks))
    axis.tick_params(axis="x", length=0, labelrotation=90 if len(ticks) > 6 else 45)
    if len(ticks) <= 6:
        for label in axis.get_xticklabels():
            label.set(horizontalalignment="right", rotation_mode="anchor")


def _size(cells: Mapping[Row, pd.DataFrame], rows: Sequence[Row]) -> str:
    """What the good subnetwork (else the first one) keeps of the body: mean and sample sd."""
    masked = [row for row in rows if row in cells and row[2] in PHASES]
    row = next((row for row in masked if row[1] == "good"), masked[0])
    kept = cells[row]["kept_fraction"]
    spread = f" (sd {kept.std():.2f})" if len(kept) > 1 else ""
    return f"{row[1]} keeps {kept.mean():.2f}{spread}"


def _tint(colour: str) -> tuple[float, ...]:
    """A colour mixed with white."""
    return tuple(1 - 0.35 * (1 - part) for part in to_rgb(colour))
