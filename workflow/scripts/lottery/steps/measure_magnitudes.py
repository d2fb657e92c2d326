"""Step measure_magnitudes: good masks and mean |w| of units -> kept against pruned units."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis.magnitudes import MAGNITUDES, magnitude_table
from lottery.models.architecture import Architecture
from lottery.pruning.masks import of_units, read_mask
from lottery.report.figures import style
from lottery.report.figures.importance import draw_magnitudes

VERSION = 3


def measure_magnitudes(
    *,
    paths_to_masks: list[Path],
    paths_to_magnitudes: list[Path],
    path_to_config: Path,
    path_to_table: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
) -> None:
    """Compares the weights of kept and of pruned units, run by run.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figure.
        paths_to_magnitudes: the magnitudes of their fine-tuned models, in the same order.
    """
    import pandas as pd

    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    tables = []
    for path, measured in zip(paths_to_masks, paths_to_magnitudes, strict=True):
        mask, info = read_mask(path)
        cell = {"model": model, "method": method, "task": info.task, "seed": info.seed}
        means = files.read_npz(measured)
        tables.append(magnitude_table(of_units(mask, path), means, architecture, cell))
    table = pd.concat(tables)
    files.write_table(path_to_table, table, MAGNITUDES)
    title = f"{model}, {method}: weights of kept and of pruned units"
    with style.settings():
        style.save(draw_magnitudes(table, title), path_to_svg, path_to_png)
