"""Step plot_training: the histories of one model and method -> training loss over the steps."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import Subnetwork, base_name
from lottery.report import style
from lottery.report.tables.numbers import rounded

VERSION = 3
COLUMNS = 3
# More points on a line are no clearer, and make a large file.
POINTS = 100
WIDTH = 1.0  # of lines, points
# Inches of all rows of panels together, so that title and legend fit on the page too.
HIGHEST = 8.0
MARGIN = 0.1  # inches
# Each has a column of panels if a method has such subnetworks: what the titles say after the task.
PLAIN = "plain"
GROUPS = {PLAIN: "", "kept": ", sizes", "start": ", other weights", "source": ", other masks"}
DASHES = ("-", *((0, dashes) for dashes in ((5, 1.5), (1, 1), (5, 1.5, 1, 1.5), (9, 2))))
# Kinds of one hue differ by their dashes.
PARTS = {"super": (0, (1, 0.8)), "half": (0, (4, 1.2))}


def plot_training(
    *,
    paths_to_finetuned: list[Path],
    paths_to_retrained: list[Path],
    paths_to_figure: list[Path],
    model: str,
    method: str,
) -> None:
    """Draws one panel per task with a line for the full models and one per subnetwork.

    Args:
        paths_to_finetuned: history.csv of the full models, {task}/seed_{seed}/finetune/history.csv.
        paths_to_retrained: history.csv of the retrained subnetworks,
            {task}/seed_{seed}/retrain/{method}/{subnetwork}/history.csv. Further draws of a random
            subnetwork count as trainings of the same.
    """
    cells = [(path, path.parts[-4], "full") for path in paths_to_finetuned]
    cells += [(path, path.parts[-6], base_name(path.parts[-2])) for path in paths_to_retrained]
    losses = pd.concat(_read(path).assign(task=task, subnetwork=name) for path, task, name in cells)
    seeds = pd.Series(task for _, task, name in cells if name == "full").value_counts()
    with style.settings():
        figure = draw_training(losses, method, model, style.seeds(seeds))
        style.save(figure, paths_to_figure)


def _read(path: Path) -> pd.DataFrame:
    history = files.read_table(path, {"step": int, "loss": float})
    if history.empty:
        raise StudyError(f"{path} has no step; run the training again.")
    return history


def draw_training(losses: pd.DataFrame, *details: str) -> Figure:
    """Draws the trainings of the full models and of a method's subnetworks.

    Subnetworks of a size, a start or a source have panels of their own, so that few lines share
    one. A colour is a kind of subnetwork, dashes are what the rest of its name says.

    Args:
        losses: with the columns task, subnetwork, step, loss; a line is the mean over trainings.
        details: of the title: the method, the model, the seeds.
    """
    tasks = list(losses["task"].unique())
    names = [Subnetwork.parse(name) for name in losses["subnetwork"].unique()]
    groups = [g for g in GROUPS if any(_group(name) == g for name in names if name.kind != "full")]
    groups = groups or [PLAIN]
    columns = len(groups) if len(groups) > 1 else min(COLUMNS, len(tasks))
    height = min(1.7, HIGHEST / math.ceil(len(tasks) * len(groups) / columns))
    panel = (style.PAGE / max(columns, COLUMNS), height)
    places = [(task, group) for task in tasks for group in groups]
    figure, axes = style.panels(len(places), columns, panel, 0.0, x="step", y="training loss")
    dashes = {group: _dashes(names, group) for group in groups}
    ends: dict[str, dict[str, float]] = {}
    for axis, (task, group) in zip(axes, places, strict=True):
        of_task = losses[losses["task"] == task]
        for name, trainings in of_task.groupby("subnetwork", sort=False):
            named = Subnetwork.parse(name)
            if named.kind != "full" and _group(named) != group:
                continue
            means = thinned(trainings.groupby("step", as_index=False)["loss"].mean())
            look = _look(named.kind) | dashes[group].get(_variant(named), {})
            axis.plot(means["step"], means["loss"], **look)
            ends.setdefault(name, {})[task] = float(means["loss"].iloc[-1])
        axis.set_title(task if len(groups) == 1 else f"{task}{GROUPS[group]}")
        axis.grid()
    highest = max(line.get_ydata().max() for axis in axes for line in axis.lines)
    style.same_range(axes, 0.0, highest, upright=True)
    entries = {name.kind: _look(name.kind) for name in names}
    for variants in dashes.values():
        entries |= {variant: {"color": style.INK} | look for variant, look in variants.items()}
    style.legend(figure, entries, columns=4 if len(axes) > 1 else 2)
    shown = ", ".join(
        f"{name} {rounded(float(np.mean([*of.values()])), 2)}" for name, of in ends.items()
    )
    over = "mean over seeds and tasks" if len(tasks) > 1 else "mean over seeds"
    style.finding(figure, f"Training loss where the lines end, {over}: {shown}.")
    style.heading(figure, "Training losses of the full model and of retraining", *details)
    _make_room(figure)
    return figure


def _group(name: Subnetwork) -> str:
    """Which panel of a task a subnetwork is in."""
    if name.start is not None:
        return "start"
    if name.source is not None:
        return "source"
    return PLAIN if name.kept is None else "kept"


def _variant(name: Subnetwork) -> str:
    """What the name says besides the kind, as the legend shows it."""
    parts = [] if name.kept is None else [f"kept {name.kept:g}"]
    parts += [] if name.start is None else [f"{name.start} weights"]
    parts += [] if name.source is None else [f"mask from {name.source}"]
    return ", ".join(parts)


def _dashes(names: Sequence[Subnetwork], group: str) -> dict[str, dict[str, Any]]:
    """The look of each variant in a panel: dashes, then dashes of thicker lines."""
    if group == PLAIN:
        return {}
    largest_first = sorted(names, key=lambda name: -(name.kept or 1))
    variants = dict.fromkeys(_variant(name) for name in largest_first if _group(name) == group)
    return {
        variant: {
            "linestyle": DASHES[place % len(DASHES)],
            "linewidth": WIDTH * (1 + place // len(DASHES)),
        }
        for place, variant in enumerate(variants)
    }


def _look(kind: str) -> dict[str, Any]:
    """The line of a kind of subnetwork."""
    dashes = next((PARTS[part] for part in kind.split("_") if part in PARTS), "-")
    return {"color": style.colour_of(kind), "linestyle": dashes, "linewidth": WIDTH}


def _make_room(figure: Figure) -> None:
    """Makes the figure higher by the title and the legend, which panels must not lose."""
    width, height = figure.get_size_inches()
    outside = [*figure.legends, *figure.texts]
    taken = sum(part.get_window_extent().height for part in outside) / figure.dpi
    figure.set_size_inches(width, height + taken + MARGIN)


def thinned(line: pd.DataFrame, most: int = POINTS) -> pd.DataFrame:
    """At most so many points of step and loss: neighbours are averaged, at the last one's step."""
    size = max(1, math.ceil(len(line) / most))
    groups = line.groupby(np.arange(len(line)) // size)
    return groups.agg(step=("step", "last"), loss=("loss", "mean"))
