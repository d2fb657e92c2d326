"""Made-up structured searches: real steps of the algorithm on importances drawn at random."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lottery import files
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS, in_masks, kinds_of
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.search import trajectory_columns
from lottery.pruning.algorithms.structured import Measurement, StructuredSearch
from lottery.pruning.importance import normalise
from lottery.pruning.masks import MaskInfo, UnitMask, write_mask

PUBLISHED = {name: option.published for name, option in structured.OPTIONS.items()}
STRICT = {name: option.strict for name, option in structured.OPTIONS.items()}


class Landscape:
    """Units with an importance of their own, which every measurement blurs, and a score."""

    def __init__(
        self,
        architecture: Architecture,
        options: dict[str, Any],
        rng: np.random.Generator,
        steepness: float,
    ) -> None:
        self.architecture, self.options, self.rng = architecture, options, rng
        self.steepness = steepness
        self.units = {
            kind: rng.gamma(2.0 if kind == "mlp" else 1.0, 1.0, KINDS[kind].shape(architecture))
            for kind in in_masks(kinds_of(options["units"]))
        }
        self.measured: list[UnitMask] = []

    def __call__(self, mask: UnitMask) -> Measurement:
        self.measured.append(mask)
        options = self.options
        found = {
            kind: values * self.rng.gamma(4.0, 0.25, values.shape)
            for kind, values in self.units.items()
        }
        found = normalise(found, mask, options["normalisation"], options["layer_norm"])
        lost = sum(
            values[~mask.units[kind]].sum() / values.sum() for kind, values in self.units.items()
        )
        score = 0.9 - self.steepness * lost + 0.01 * self.rng.standard_normal()
        # What the files hold: float32.
        found = {kind: scores.astype(np.float32) for kind, scores in found.items()}
        return Measurement(found, score, mask.kept_fraction(self.architecture))


def write_search(
    folder: Path,
    architecture: Architecture,
    seed: int,
    options: dict[str, Any] = PUBLISHED,
    *,
    cell: dict[str, str] | None = None,
    steepness: float = 0.35,
) -> tuple[StructuredSearch, Landscape]:
    """Runs a search and writes its mask, search.csv, importance.npz and path.npz into a folder."""
    landscape = Landscape(architecture, options, np.random.default_rng(seed), steepness)
    full = UnitMask.full(architecture, kinds_of(options["units"]), "drop_bias")
    search = StructuredSearch(landscape, lambda score: 0.9 * score, full, options)
    good = search.run()
    rows = [step.row(number) for number, step in enumerate(search.steps)]
    files.write_csv(folder / "search.csv", rows, trajectory_columns(search.steps))
    importance = {
        KINDS[name].array: np.stack([each.importance[name] for each in search.measurements])
        for name in full.units
    }
    files.write_npz(folder / "importance.npz", importance)
    files.write_npz(folder / "path.npz", search.path())
    info = MaskInfo(
        algorithm="structured",
        kept_fraction=good.kept_fraction(architecture),
        **{"model": "m", "task": "t", "seed": "1", "method": "s", "subnetwork": "good"}
        | (cell or {}),
    )
    write_mask(folder / "good.safetensors", good, info)
    return search, landscape
