"""Search trajectories: score against kept_fraction, one panel per task and one line per seed."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from lottery.report.figures import style
from lottery.results.trajectory import Step, end_of

PANEL = (style.PAGE / 3, 1.9)
COLUMNS = 3
# One colour and one dash pattern per seed; more seeds begin again.
COLOURS = (style.BLUE, style.VERMILION, style.GREEN, style.PURPLE, style.ORANGE, style.SKY)
DASHES = ("-", (0, (6, 1)), (0, (4, 1, 1, 1)), (0, (3, 1)), (0, (6, 1, 1, 1, 1, 1)), (0, (1, 0.7)))
MARKERS = {"both": "o", "heads": "^", "mlps": "s", "weights": "o"}
# A score that is undefined has no place on the axis.
UNDEFINED = {"marker": "x", "markersize": 4, "markeredgewidth": 1.0}
STAGE_NAMES = {"both": "heads and MLPs", "heads": "heads", "mlps": "MLPs", "weights": "weights"}

Searches = Mapping[int, list[Step]]


def draw_trajectories(
    searches: Mapping[str, Searches], metrics: Mapping[str, str], title: str
) -> Figure:
    """Draws the searches of one model and method.

    Args:
        searches: task -> seed -> steps.
        metrics: task -> the metric that its search scores.
        title: title of the figure.
    """
    figure, axes = style.panels(len(searches), columns=COLUMNS, panel=PANEL, margin=1.0)
    for index, (axis, (task, by_seed)) in enumerate(zip(axes, searches.items(), strict=True)):
        for place, steps in enumerate(by_seed.values()):
            _draw_search(axis, steps, COLOURS[place % 6], DASHES[place % 6])
        _frame(axis, by_seed)
        axis.set_title(style.title(task, metrics[task]))
        if style.is_bottom(index, len(searches), COLUMNS):
            axis.set_xlabel("kept fraction of the body")
        if index % COLUMNS == 0:
            axis.set_ylabel("score of the search")
    _draw_legend(figure, list(searches.values()))
    figure.suptitle(title)
    return figure


def _draw_search(axis: Axes, steps: list[Step], colour: str, dashes: object) -> None:
    """Draws the accepted states as one line, the failed ones as hollow side steps from it."""
    line = {"color": colour, "linewidth": 0.9}
    accepted = [step for step in steps if step.accepted]
    axis.plot(*_points(accepted), linestyle=dashes, zorder=3, **line)
    before = None
    for step in steps:
        if before is not None and not step.accepted and step.score is not None:
            axis.plot(*_points([before, step]), linestyle=":", zorder=2, **line)
        _mark(
            axis,
            step,
            marker=MARKERS.get(step.stage, "D"),
            markersize=2.6,
            markerfacecolor=colour if step.accepted else "white",
            markeredgecolor=colour,
            zorder=4,
        )
        # A failed step ends its stage; the next one starts from the last accepted state.
        before = step if step.accepted else before
    threshold = next((step.threshold for step in steps if step.threshold is not None), None)
    if threshold is not None:
        axis.axhline(threshold, color=colour, linestyle=dashes, linewidth=0.5, alpha=0.8, zorder=1)
    end = {"marker": "*", "markersize": 8, "markerfacecolor": colour, "markeredgecolor": "black"}
    _mark(axis, end_of(steps), **end, zorder=5)


def _mark(axis: Axes, step: Step, **marker: object) -> None:
    """Draws one state; one with an undefined score as a cross on the lower edge."""
    marker |= {"markeredgewidth": 0.6, "clip_on": False}
    if step.score is not None:
        axis.plot(step.kept_fraction, step.score, **marker)
        return
    marker |= UNDEFINED
    axis.plot(step.kept_fraction, 0.0, **marker, transform=axis.get_xaxis_transform())


def _points(steps: list[Step]) -> tuple[list[float], list[float]]:
    return [step.kept_fraction for step in steps], [step.score for step in steps]


def _frame(axis: Axes, by_seed: Searches) -> None:
    """Axes that run the way the search does: from the whole body on the left."""
    steps = [step for steps in by_seed.values() for step in steps]
    lowest = min([step.kept_fraction for step in steps], default=0.0)
    margin = 0.06 * max(1.0 - lowest, 0.05)
    axis.set_xlim(1.0 + margin, lowest - margin)
    axis.grid(linewidth=0.3, color="#dddddd")
    axis.set_axisbelow(True)


def _draw_legend(figure: Figure, searches: list[Searches]) -> None:
    seeds = list(dict.fromkeys(seed for by_seed in searches for seed in by_seed))
    steps = [step for by_seed in searches for steps in by_seed.values() for step in steps]
    handles = [
        Line2D([], [], color=COLOURS[i % 6], linestyle=DASHES[i % 6], label=f"seed {seed}")
        for i, seed in enumerate(seeds)
    ]
    bare = {"linestyle": "", "markeredgecolor": "black", "markersize": 4}
    for stage in dict.fromkeys(step.stage for step in steps):
        name = STAGE_NAMES.get(stage, stage)
        mark = {"marker": MARKERS.get(stage, "D"), "markerfacecolor": "black"}
        handles.append(Line2D([], [], **bare, **mark, label=f"step: {name}"))
    hollow = bare | {"markerfacecolor": "white"}
    handles += [
        Line2D([], [], **hollow, marker="o", label="failed step"),
        Line2D([], [], **hollow | {"markersize": 8}, marker="*", label="good subnetwork"),
        Line2D([], [], color="black", linewidth=0.5, label="threshold"),
    ]
    if any(step.score is None for step in steps):
        handles.append(Line2D([], [], **bare | UNDEFINED, label="undefined score"))
    columns = 4 if len(searches) > 1 else 2  # no wider than the panels
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, frameon=False)
