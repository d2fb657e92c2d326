"""Scores on a task that is not trained on: a panel per group, a line per subnetwork and phase."""

from __future__ import annotations

import textwrap
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report.figures import style
from lottery.report.figures.dots import legend
from lottery.results.evaluation_only import Labelled
from lottery.results.published import PublishedOn
from lottery.results.scores import Score, mean
from lottery.tasks.metrics import METRICS, chance

COLUMNS = 4
ROW = 0.11  # inches for one colour of a line
ALL = "all"
# Of all gold labels, then of each.
COLOURS = ("#000000", style.BLUE, style.ORANGE, style.GREEN, style.PURPLE, style.SKY)


@dataclass(frozen=True)
class Frame:
    """What all panels share.

    Attributes:
        lines: (subnetwork, phase) of the lines, from the top.
        labels: gold labels that have a colour of their own, the empty one (all) first.
        metric: the reported metric.
        chance: the score of guessing; None where there is none.
    """

    lines: Sequence[tuple[str, str]]
    labels: Sequence[str]
    metric: str
    chance: float | None

    def place(self, line: tuple[str, str], label: str) -> float:
        """Height of a line's mark: lines are 1 apart, with room between their groups of colours."""
        offset = self.labels.index(label) - (len(self.labels) - 1) / 2
        return self.lines.index(line) + offset * 0.72 / len(self.labels)


def draw_on(
    scores: Sequence[Labelled],
    published: PublishedOn,
    *,
    metric: str,
    labels: Sequence[str] | None,
    title: str,
) -> Figure:
    """Draws the scores on the validation split.

    Args:
        scores: of one model, method and evaluation-only task, each with its gold label.
        published: the authors' numbers.
        metric: the reported metric; by gold label accuracy is shown, and only beside accuracy.
        labels: labels of the task; None for a regression.
        title: of the figure; the number of seeds is added.

    Returns:
        The figure: all examples first, then one panel per group.
    """
    runs: dict[tuple[str, str, tuple[str, str]], list[Score]] = defaultdict(list)
    for label, score in scores:
        of_label = bool(label) and metric != "accuracy"
        if score.split == "validation" and score.metric == metric and not of_label:
            runs[score.group, label, (score.subnetwork, score.phase)].append(score)
    groups = list(dict.fromkeys(group for group, _, _ in runs))
    with_label = {label for _, label, _ in runs}
    frame = Frame(
        lines=list(dict.fromkeys(line for _, _, line in runs)),
        labels=[label for label in ("", *(labels or ())) if label in with_label],
        metric=metric,
        chance=1 / len(labels) if metric == "accuracy" and labels else chance(metric),
    )
    line = max(0.17, 0.06 + ROW * len(frame.labels))
    panel = (style.PAGE / COLUMNS, 0.55 + line * len(frame.lines))
    figure, axes = style.panels(len(groups), columns=COLUMNS, panel=panel, margin=1.0)
    for index, (axis, group) in enumerate(zip(axes, groups, strict=True)):
        of_group = {key[1:]: of_key for key, of_key in runs.items() if key[0] == group}
        _draw_panel(axis, of_group, frame, published)
        axis.tick_params(axis="y", length=0, labelleft=index % COLUMNS == 0)
        name = group or ALL
        n = of_group["", frame.lines[0]][0].n_examples
        axis.set_title(f"{textwrap.fill(name, 26)}\n{n} examples")
        if style.is_bottom(index, len(groups), COLUMNS):
            axis.set_xlabel(METRICS[metric].title)
    _draw_legend(figure, frame, runs, published)
    n = len({score.seed for of_key in runs.values() for score in of_key})
    figure.suptitle(f"{title}, {style.seeds([n])}")
    return figure


def _draw_panel(
    axis: Axes,
    runs: dict[tuple[str, tuple[str, str]], list[Score]],
    frame: Frame,
    published: PublishedOn,
) -> None:
    if frame.chance is not None:
        axis.axvline(frame.chance, color=style.GREY, linewidth=0.8, linestyle="--", zorder=1)
    for (label, line), scores in runs.items():
        place, colour = frame.place(line, label), _colour(frame, label)
        _draw_runs(axis, scores, place, colour)
        known = published.mean(label, scores[0])
        if known is not None:
            half = 0.36 / len(frame.labels) + 0.06
            axis.vlines(
                known, place - half, place + half, colors=style.VERMILION, linewidth=1.2, zorder=5
            )
    names = [f"{name} {phase}" for name, phase in frame.lines]
    names = ["full" if name == "full finetuned" else name for name in names]
    axis.set_yticks(range(len(names)), names)
    axis.set_ylim(len(names) - 0.45, -0.55)
    for between in range(1, len(names)):
        axis.axhline(between - 0.5, color="#dddddd", linewidth=0.3, zorder=0)
    if METRICS[frame.metric].least == 0:
        axis.set_xlim(-0.04, 1.04)
        axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])


def _draw_runs(axis: Axes, scores: list[Score], place: float, colour: str) -> None:
    """Every seed a dot, the mean over seeds a tick."""
    counted = [score for score in scores if score.counted is not None]
    for score in counted:
        axis.plot(
            score.counted,
            place,
            marker="o",
            markersize=2.4,
            markerfacecolor="white" if score.degenerate else colour,
            markeredgecolor=colour,
            markeredgewidth=0.5,
            zorder=3,
            clip_on=False,
        )
    if counted:
        middle = mean([score.counted for score in counted])
        axis.plot(middle, place, marker="|", markersize=6, markeredgewidth=1.1, color=colour)


def _colour(frame: Frame, label: str) -> str:
    return COLOURS[frame.labels.index(label) % len(COLOURS)]


def _draw_legend(figure: Figure, frame: Frame, runs: dict, published: PublishedOn) -> None:
    dot = {"linestyle": "", "marker": "o", "markersize": 3}
    handles = []
    if len(frame.labels) > 1:
        handles = [
            Line2D(
                [],
                [],
                **dot,
                color=_colour(frame, label),
                label=f"gold label {label}" if label else "all gold labels",
            )
            for label in frame.labels
        ]
    grey = {"color": style.GREY}
    handles.append(Line2D([], [], **dot, **grey, label="one seed"))
    tick = {"marker": "|", "markersize": 6, "markeredgewidth": 1.1, "linestyle": ""}
    handles.append(Line2D([], [], **tick, **grey, label="mean over seeds"))
    every = [score for scores in runs.values() for score in scores]
    if any(score.degenerate for score in every):
        hollow = {"markerfacecolor": "white", "markeredgecolor": style.GREY}
        handles.append(Line2D([], [], **dot, **hollow, label="degenerate run"))
    if frame.chance is not None:
        chance_line = {"linestyle": "--", "linewidth": 0.8}
        handles.append(Line2D([], [], **chance_line, **grey, label="chance"))
    marks = (published.mean(key[1], scores[0]) for key, scores in runs.items())
    if any(mark is not None for mark in marks):
        mark = {"color": style.VERMILION, "linewidth": 1.2}
        handles.append(Line2D([], [], **mark, label="published mean"))
    legend(figure, handles)
