"""Step measure_stability: good masks of all seeds -> how far they agree, as tables and a figure."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import stability
from lottery.analysis.good_masks import read_good_masks
from lottery.report.figures import style
from lottery.report.figures.agreement import draw_stability
from lottery.results.published import published_stability

VERSION = 7


def measure_stability(
    *,
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_published: Path,
    path_to_stability: Path,
    path_to_pairs: Path,
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
    published: dict[str, str],
    permutations: int,
    paths_to_halves: list[Path] | None = None,
) -> None:
    """Measures and draws agreement over seeds of one model and method.

    Args:
        paths_to_masks: the good masks of all tasks and seeds, tasks in the order of the figure.
        published: task -> the GLUE preset that it repeats as the paper has it.
        permutations: permutations behind every p-value of units.
        paths_to_halves: the good halves of all tasks and seeds, where the method makes them; they
            are in the tables alone.
    """
    import pandas as pd

    tables, pairs = [], []
    for paths in filter(None, (paths_to_masks, paths_to_halves)):
        masks = read_good_masks(paths, path_to_config)
        tables.append(stability.stability_table(masks, model, method, permutations))
        pairs.append(stability.pair_table(masks, model, method))
    files.write_table(path_to_stability, pd.concat(tables), stability.STABILITY)
    files.write_table(path_to_pairs, pd.concat(pairs), stability.PAIRS)
    known = published_stability(path_to_published, published)
    title = f"{model}, {method}: agreement over seeds"
    with style.settings():
        figure = draw_stability(tables[0], pairs[0], known, title)
        style.save(figure, path_to_svg, path_to_png)
