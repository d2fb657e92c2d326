"""Step measure_noise: masks of searches on different data -> seed noise beside data noise."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import noise
from lottery.analysis.good_masks import read_good_masks
from lottery.models.architecture import Architecture
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
        paths_to_masks: the good masks of all methods of a family, of all tasks and seeds.
        path_to_config: config.json of the model.
        path_to_noise: csv with a row per comparison (`lottery.analysis.noise.COLUMNS`).
        path_to_svg, path_to_png: the figure.
        model: id.
        method: id of the family's first method.
        search_on: the family: method -> the examples it searches on.
    """
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    rows = noise.noise_rows(read_good_masks(paths_to_masks, architecture), model, search_on)
    files.write_csv(path_to_noise, rows, noise.COLUMNS)
    title = f"{model}, {method}: noise of seeds and noise of data"
    with style.settings():
        style.save(draw_noise(rows, title), path_to_svg, path_to_png)
