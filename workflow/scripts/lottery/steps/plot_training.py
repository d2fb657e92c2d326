"""Step plot_training: the histories of one model and method -> training loss over the steps."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import base_name
from lottery.report import style
from lottery.report.tables.numbers import rounded

VERSION = 2
COLUMNS = 3
# More points on a line are no clearer, and make a large file.
POINTS = 100
# Subnetworks of one colour differ by their dashes.
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

    `losses` has the columns task, subnetwork, step, loss; a line is the mean over trainings.
    `details` of the title: the method, the model, the seeds.
    """
    tasks = losses["task"].unique()
    panel = (style.PAGE / COLUMNS, 1.7)
    figure, axes = style.panels(len(tasks), COLUMNS, panel, 0.8, x="step", y="training loss")
    lines = {}
    for axis, task in zip(axes, tasks, strict=True):
        for name, trainings in losses[losses["task"] == task].groupby("subnetwork", sort=False):
            dashes = next((PARTS[part] for part in name.split("_") if part in PARTS), "-")
            look = {"color": style.colour_of(name), "linestyle": dashes, "linewidth": 1.0}
            means = thinned(trainings.groupby("step", as_index=False)["loss"].mean())
            axis.plot(means["step"], means["loss"], **look)
            lines[name] = look
        axis.set_title(task)
        axis.grid()
    highest = max(line.get_ydata().max() for axis in axes for line in axis.lines)
    style.same_range(axes, 0.0, highest, upright=True)
    style.legend(figure, lines, columns=4 if len(tasks) > 1 else 2)
    last = losses.groupby(["subnetwork", "task"], sort=False).tail(1)
    ends = last.groupby("subnetwork", sort=False)["loss"].mean()
    shown = ", ".join(f"{name} {rounded(loss, 2)}" for name, loss in ends.items())
    style.finding(figure, f"Training loss of the last step, mean over tasks: {shown}.")
    style.heading(figure, "Training losses of the full model and of retraining", *details)
    return figure


def thinned(line: pd.DataFrame, most: int = POINTS) -> pd.DataFrame:
    """At most so many points of step and loss: neighbours are averaged, at the last one's step."""
    size = max(1, math.ceil(len(line) / most))
    groups = line.groupby(np.arange(len(line)) // size)
    return groups.agg(step=("step", "last"), loss=("loss", "mean"))
