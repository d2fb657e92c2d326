"""Step measure_noise: masks of searches on different data -> noise of seeds and noise of data."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.stability import NOISE, noise_table
from lottery.report.figures import style
from lottery.report.figures.agreement import draw_noise

VERSION = 4


def measure_noise(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_noise: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    search_on: dict[str, str],
) -> None:
    """Compares masks that differ in the seed alone with masks that differ in the data alone.

    Args:
        paths_to_masks: the good masks of all methods of a family, then tasks, then seeds.
        method: the family's first method.
        search_on: method -> the examples it searches on, for all methods of the family in order.
    """
    table = noise_table(read_good_masks(paths_to_masks, path_to_config), model, search_on)
    files.write_table(path_to_noise, table, NOISE)
    title = f"{model}, {method}: noise of seeds and noise of data"
    with style.settings():
        style.save(draw_noise(table, title), path_to_svg, path_to_png)
