"""Step plot_on: the scores of one model and method on a task that is not trained on, by group."""

from __future__ import annotations

from pathlib import Path

from lottery.report.figures import style
from lottery.report.figures.evaluation_only import draw_on
from lottery.results.evaluation_only import on_table
from lottery.results.published import PublishedOn

VERSION = 2


def plot_on(
    *,
    paths_to_metrics: list[Path],
    path_to_published: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    eval_task: str,
    trained_task: str,
    metric: str,
    labels: list[str] | None,
    published_models: list[str],
    published_tasks: dict[str, list[str]],
) -> None:
    """Draws one panel per group of the examples, with a line per subnetwork and phase.

    Args:
        paths_to_metrics: metrics.json of the method's evaluations and the full models', in the
            order of the lines.
        path_to_published: the paper's hans.csv.
        metric: the reported metric of the evaluation-only task.
        labels: its labels; None for a regression.
        published_models, published_tasks: see `lottery.results.evaluation_only.PublishedOn`.
    """
    published = PublishedOn(path_to_published, published_models, published_tasks)
    title = f"{model}, {method}: models of {trained_task} on {eval_task}"
    with style.settings():
        scores = on_table(paths_to_metrics)
        figure = draw_on(scores, published, metric=metric, labels=labels, title=title)
        style.save(figure, path_to_svg, path_to_png)
