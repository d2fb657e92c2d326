"""Step measure_stability: good masks of all seeds -> how far they agree, as tables and a figure."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import stability
from lottery.analysis.good_masks import read_good_masks
from lottery.models.architecture import Architecture
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
        path_to_config: config.json of the model.
        path_to_published: the paper's stability.csv.
        path_to_stability: csv with a row per statistic (`lottery.analysis.stability.COLUMNS`).
        path_to_pairs: csv with a row per pair of seeds.
        path_to_svg, path_to_png: the figure.
        model, method: ids.
        published: the tasks that repeat the paper's, each with its GLUE preset.
        permutations: permutations behind every p-value of units.
        paths_to_halves: the good halves of all tasks and seeds, where the method makes them; they
            stand in the tables, the figure shows the good masks.
    """
    architecture = Architecture.from_config(files.read_json(path_to_config), str(path_to_config))
    masks = read_good_masks(paths_to_masks, architecture)
    rows = stability.stability_rows(masks, model, method, permutations)
    pairs = stability.pair_rows(masks, model, method)
    more_rows, more_pairs = [], []
    if paths_to_halves:
        halves = read_good_masks(paths_to_halves, architecture)
        more_rows = stability.stability_rows(halves, model, method, permutations)
        more_pairs = stability.pair_rows(halves, model, method)
    files.write_csv(path_to_stability, rows + more_rows, stability.COLUMNS)
    files.write_csv(path_to_pairs, pairs + more_pairs, stability.PAIR_COLUMNS)
    known = published_stability(path_to_published, published)
    title = f"{model}, {method}: agreement over seeds"
    with style.settings():
        style.save(draw_stability(rows, pairs, known, title), path_to_svg, path_to_png)
