"""Step measure_overlap: good masks of whole units -> sizes, survivors, and what tasks share."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import survivors
from lottery.analysis.good_masks import read_good_masks
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
        averaged_tasks: the tasks that enter averages.
        few_tasks: units that survive in fewer tasks than these are counted.
        published: task -> the GLUE preset that it repeats as the paper has it.
        permutations: draws from chance behind every p-value.
    """
    masks = read_good_masks(paths_to_masks, path_to_config)
    cell = (model, method)
    sizes = survivors.size_table(masks, *cell)
    counts = survivors.survivor_table(
        masks, *cell, averaged_tasks=averaged_tasks, few_tasks=few_tasks, draws=permutations
    )
    layers = survivors.layer_table(masks, *cell)
    overlap = survivors.overlap_table(masks, *cell, permutations)
    files.write_table(path_to_sizes, sizes, survivors.SIZES)
    files.write_table(path_to_survivors, counts, survivors.SURVIVORS)
    files.write_table(path_to_layers, layers, survivors.LAYERS)
    files.write_table(path_to_overlap, overlap, survivors.OVERLAP)
    known = published_survivors(path_to_published, published)
    name = f"{model}, {method}"
    with style.settings():
        figure = draw_survivors(counts, layers, known, f"{name}: survivors of all seeds")
        style.save(figure, path_to_survivors_svg, path_to_survivors_png)
        figure = draw_overlap(overlap, f"{name}: units that two tasks share")
        style.save(figure, path_to_overlap_svg, path_to_overlap_png)
