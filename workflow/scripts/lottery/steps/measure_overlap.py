"""Step measure_overlap: good masks of whole units -> sizes, survivors, and what tasks share."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import survivors, task_overlap
from lottery.analysis.good_masks import read_good_masks
from lottery.models.architecture import Architecture
from lottery.report.figures import style
from lottery.report.figures.survivors import draw_overlap, draw_survivors
from lottery.results.published import published_survivors

VERSION = 5


def measure_overlap(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_sizes: Path,
    path_to_survivors: Path,
    path_to_layers: Path,
    path_to_overlap: Path,
    path_to_survivors_svg: Path,
    path_to_survivors_png: Path,
    path_to_overlap_svg: Path,
    path_to_overlap_png: Path,
    model: str,
    method: str,
    averaged_tasks: list[str],
    few_tasks: int,
    published: dict[str, str],
    permutations: int,
) -> None:
    """Counts survivors over seeds and tasks of one model and method.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figures.
        path_to_config: config.json of the model.
        path_to_published: the paper's sizes.csv.
        path_to_sizes: csv of the sizes of good and super_good.
        path_to_survivors: csv of super-survivors, never-survivors, and units few tasks keep.
        path_to_layers: csv of survival per layer.
        path_to_overlap: csv with a row per pair of tasks.
        path_to_survivors_svg, path_to_survivors_png: super-survivors and survival per layer.
        path_to_overlap_svg, path_to_overlap_png: the matrices of task overlap.
        model, method: ids.
        averaged_tasks: the tasks that enter averages.
        few_tasks: units that survive in fewer tasks than these are counted.
        published: the tasks that repeat the paper's, each with its GLUE preset.
        permutations: draws from chance behind every p-value.
    """
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    masks = read_good_masks(paths_to_masks, architecture)
    cell = (model, method)
    sizes = survivors.size_rows(masks, architecture, *cell)
    counts = survivors.survivor_rows(
        masks, *cell, averaged_tasks=averaged_tasks, few_tasks=few_tasks, draws=permutations
    )
    layers = survivors.layer_rows(masks, architecture, *cell)
    overlap = task_overlap.overlap_rows(masks, *cell, permutations)
    files.write_csv(path_to_sizes, sizes, survivors.SIZE_COLUMNS)
    files.write_csv(path_to_survivors, counts, survivors.SURVIVOR_COLUMNS)
    files.write_csv(path_to_layers, layers, survivors.LAYER_COLUMNS)
    files.write_csv(path_to_overlap, overlap, task_overlap.COLUMNS)
    known = published_survivors(path_to_published, published)
    name = f"{model}, {method}"
    with style.settings():
        figure = draw_survivors(counts, layers, known, f"{name}: survivors of all seeds")
        style.save(figure, path_to_survivors_svg, path_to_survivors_png)
        figure = draw_overlap(overlap, f"{name}: units that two tasks share")
        style.save(figure, path_to_overlap_svg, path_to_overlap_png)
