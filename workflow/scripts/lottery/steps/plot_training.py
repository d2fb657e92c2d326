"""Step plot_training: the histories of one model and method -> training loss over the steps."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import base_name
from lottery.report.figures import style
from lottery.report.figures.curves import draw_training

VERSION = 1


def plot_training(
    *,
    paths_to_finetuned: list[Path],
    paths_to_retrained: list[Path],
    path_to_svg: Path,
    path_to_png: Path,
    model: str,
    method: str,
) -> None:
    """Draws one panel per task with a line for the full models and one per subnetwork.

    Args:
        paths_to_finetuned: history.csv of the full models, {task}/seed_{seed}/finetune/history.csv.
        paths_to_retrained: history.csv of the retrained subnetworks,
            {task}/seed_{seed}/retrain/{method}/{subnetwork}/history.csv. Further draws of a random
            subnetwork count as trainings of the same.

    Raises:
        StudyError: a history is missing or damaged.
    """
    cells = [(path, path.parts[-4], "full") for path in paths_to_finetuned]
    cells += [(path, path.parts[-6], base_name(path.parts[-2])) for path in paths_to_retrained]
    losses = pd.concat(_read(path).assign(task=task, subnetwork=name) for path, task, name in cells)
    seeds = pd.Series(task for _, task, name in cells if name == "full").value_counts()
    title = f"{model}, {method}: training, {style.seeds(seeds)}"
    with style.settings():
        style.save(draw_training(losses, title), path_to_svg, path_to_png)


def _read(path: Path) -> pd.DataFrame:
    history = files.read_table(path, {"step": int, "loss": float})
    if history.empty:
        raise StudyError(f"{path} has no step; run the training again.")
    return history
