"""Step plot_training: the histories of one model and method -> training loss over the steps."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

from lottery import files
from lottery.files.errors import StudyError
from lottery.pruning.subnetworks import base_name
from lottery.report.figures import style
from lottery.report.figures.training import draw_training

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
        path_to_svg, path_to_png: the figure.
        model, method: ids of what is drawn.

    Raises:
        StudyError: a history is missing or damaged.
    """
    losses: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for path in paths_to_finetuned:
        losses[path.parts[-4]]["full"].append(_read(path))
    for path in paths_to_retrained:
        losses[path.parts[-6]][base_name(path.parts[-2])].append(_read(path))
    seeds = [len(by_name["full"]) for by_name in losses.values()]
    title = f"{model}, {method}: training, {style.seeds(seeds)}"
    with style.settings():
        style.save(draw_training(losses, title), path_to_svg, path_to_png)


def _read(path: Path) -> list[tuple[int, float]]:
    try:
        found = [(int(row["step"]), float(row["loss"])) for row in files.read_csv(path)]
    except (KeyError, ValueError) as error:
        raise StudyError(f"{path}: {error} is not what a training leaves; run it again.") from error
    if not found:
        raise StudyError(f"{path} has no step; run the training again.")
    return found
