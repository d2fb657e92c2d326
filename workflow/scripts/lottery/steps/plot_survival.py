"""Step plot_survival: good masks of one model and method -> heat-maps, and the numbers in them."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import read_good_masks
from lottery.report.figures import style
from lottery.report.figures.survival import ALL, TASK, draw_survival

VERSION = 4


def plot_survival(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    path_to_tasks_svg: Path,
    path_to_tasks_png: Path,
    path_to_all_svg: Path,
    path_to_all_png: Path,
    model: str,
    method: str,
    granularity: str,
    averaged_tasks: list[str],
) -> None:
    """Draws which heads and MLPs survive, per task and over all tasks.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the panels.
        granularity: of the masks: "units" counts those that survive, "weights" draws shares of kept
            weights.
        averaged_tasks: the tasks that enter averages, and so the maps over all tasks; where the
            masks are of none of them, all do.
    """
    masks = read_good_masks(paths_to_masks, path_to_config, bits=False)
    counted = granularity == "units"
    by_task = {task: survivors.survival(masks, [task]) for task in masks.tasks}
    averaged = [task for task in masks.tasks if task in averaged_tasks] or masks.tasks
    over_all = survivors.survival(masks, averaged, counted=counted)
    table = survivors.survival_table(by_task | {survivors.ALL: over_all}, model, method)
    files.write_table(path_to_table, table, survivors.SURVIVAL)
    what = "survival of heads and MLPs" if counted else "weights kept by head and MLP"
    title, share = f"{model}, {method}: {what}", "share of weights kept"
    n = over_all.n_tasks
    with style.settings():
        measure = "share of seeds in which it survives" if counted else share
        figure = draw_survival(by_task, title=title, measure=measure, panel=TASK)
        style.save(figure, path_to_tasks_svg, path_to_tasks_png)
        maps = {"1 task" if n == 1 else f"{n} tasks": over_all}
        measure = "number of tasks in which it survives" if counted else share
        most = n if counted else None
        figure = draw_survival(maps, title=title, measure=measure, panel=ALL, most=most)
        style.save(figure, path_to_all_svg, path_to_all_png)
