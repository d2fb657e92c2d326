"""The results of a study as `lottery.open_study` gives them: scores, searches and masks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.files.errors import StudyError
from lottery.pruning.masks import Mask, read_mask
from lottery.pruning.subnetworks import Subnetwork
from lottery.results.scores import score_table
from lottery.results.trajectory import search_table

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class OpenedStudy:
    """The results of a study.

    Attributes:
        folder: the folder of its results, whose files docs/files.md describes.
    """

    folder: Path

    def scores(self) -> pd.DataFrame:
        """Every score of every cell: scores.csv, a row per metric of a run on a split.

        The column `counted` is the value that enters averages: that of chance if the metric is
        undefined. docs/tables.md describes the other columns.
        """
        return score_table(self.folder / "tables" / "scores.csv")

    def searches(self, model: str, task: str, method: str) -> pd.DataFrame:
        """The searches of all seeds: the column seed, and those of search.csv.

        Each row is a state that the search scored: kept_fraction, its score, the threshold, and
        whether the search accepted it.

        Args:
            model: id of a model.
            task: id of a task.
            method: id of a method.

        Raises:
            StudyError: the study has no such search.
        """
        import pandas as pd

        found = self._of_seeds(model, task, f"mask/{method}/search.csv")
        return pd.concat(
            [search_table(path).assign(seed=seed) for seed, path in found.items()],
            ignore_index=True,
        )

    def masks(
        self, model: str, task: str, method: str, subnetwork: str = "good"
    ) -> dict[int, Mask]:
        """The masks of all seeds, by seed.

        A mask of units has `units`, kind -> bool [layers, units] or [layers]. A mask of weights has
        `parameters`, name in the checkpoint -> bool of its shape. True means kept.

        Args:
            model: id of a model.
            task: id of a task.
            method: id of a method.
            subnetwork: such as good, random_2 or bad-kept_0.3. super_* masks are not found here,
                because they serve all seeds.

        Raises:
            StudyError: the study has no such mask.
        """
        name = Subnetwork.parse(subnetwork).mask
        found = self._of_seeds(model, task, f"mask/{method}/{name}.safetensors")
        return {seed: read_mask(path)[0] for seed, path in found.items()}

    def _of_seeds(self, model: str, task: str, name: str) -> dict[int, Path]:
        """A file of a cell, by seed."""
        cells = (self.folder / model / task).glob("seed_*")
        seeds = {int(cell.name.removeprefix("seed_")): cell / name for cell in cells}
        found = {seed: path for seed, path in sorted(seeds.items()) if path.is_file()}
        if not found:
            raise StudyError(f"There is no {self.folder / model / task / 'seed_*' / name}.")
        return found


def open_study(folder: str | Path) -> OpenedStudy:
    """As `lottery.open_study`."""
    folder = Path(folder)
    if not (folder / "tables" / "scores.csv").is_file():
        raise StudyError(
            f"{folder} holds no results of a study: tables/scores.csv is missing; give the folder "
            "that the key `results` of the config names."
        )
    return OpenedStudy(folder)
