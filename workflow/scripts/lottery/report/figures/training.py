"""Training losses over the steps: one panel per task, one line per subnetwork."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report.figures import style
from lottery.report.figures.scores import colour_of

PANEL = (style.PAGE / 3, 1.7)
COLUMNS = 3
# More points on a line are no clearer, and make a large file.
POINTS = 100
# Subnetworks of one colour differ by their dashes.
DASHES = {"super": (0, (1, 0.8)), "half": (0, (4, 1.2))}

# Steps, each with the mean loss since the one before.
Losses = Sequence[tuple[int, float]]


def draw_training(losses: Mapping[str, Mapping[str, Sequence[Losses]]], title: str) -> Figure:
    """Draws the trainings of the full models and of a method's subnetworks.

    Args:
        losses: task -> subnetwork -> the trainings of all seeds and draws; a line is their mean.
        title: title of the figure.
    """
    figure, axes = style.panels(len(losses), columns=COLUMNS, panel=PANEL, margin=0.8)
    lines = {}
    for index, (axis, (task, by_name)) in enumerate(zip(axes, losses.items(), strict=True)):
        for name, trainings in by_name.items():
            lines[name] = {"color": colour_of(name), "linestyle": _dashes(name), "linewidth": 1.0}
            axis.plot(*zip(*thinned(mean_losses(trainings)), strict=True), **lines[name])
        axis.set_title(task)
        axis.set_ylim(bottom=0)
        axis.grid(linewidth=0.3, color="#dddddd")
        axis.set_axisbelow(True)
        if style.is_bottom(index, len(losses), COLUMNS):
            axis.set_xlabel("step")
        if index % COLUMNS == 0:
            axis.set_ylabel("training loss")
    handles = [Line2D([], [], label=name, **line) for name, line in lines.items()]
    columns = 4 if len(losses) > 1 else 2  # no wider than the panels
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
    figure.suptitle(title)
    return figure


def mean_losses(trainings: Iterable[Losses]) -> list[tuple[int, float]]:
    """The mean over trainings, step by step."""
    at: dict[int, list[float]] = defaultdict(list)
    for losses in trainings:
        for step, loss in losses:
            at[step].append(loss)
    return [(step, fmean(at[step])) for step in sorted(at)]


def thinned(losses: Losses, most: int = POINTS) -> list[tuple[int, float]]:
    """At most so many points: neighbours are averaged, and stand at the last one's step."""
    size = math.ceil(len(losses) / most)
    groups = (losses[start : start + size] for start in range(0, len(losses), size or 1))
    return [(group[-1][0], fmean(loss for _, loss in group)) for group in groups]


def _dashes(subnetwork: str) -> object:
    return next((DASHES[part] for part in subnetwork.split("_") if part in DASHES), "-")
