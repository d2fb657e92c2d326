"""Step sample_super_masks: the super_* masks of one (model, task, method), from all seeds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

from lottery import files
from lottery.models.architecture import Architecture
from lottery.pruning.controls import generator, super_structured
from lottery.pruning.masks import UnitMask, read_mask, write_mask

VERSION = 1


def sample_super_masks(
    *, paths_to_goods: list[Path], path_to_config: Path, paths_to_masks: list[Path]
) -> None:
    """Draws super_good, super_random and super_bad, and writes those that are asked for.

    Args:
        paths_to_goods: the good masks of all seeds.
        path_to_config: config.json of the model, for its sizes.
        paths_to_masks: a file's name is that of its subnetwork.
    """
    read = [read_mask(path) for path in paths_to_goods]
    info = replace(read[0][1], seed="")
    rng = generator(info.model, info.task, info.method, "super")
    masks = super_structured([cast(UnitMask, mask) for mask, _ in read], rng)
    config = files.read_json(path_to_config)
    architecture = Architecture.from_config(config, str(path_to_config))
    for path in paths_to_masks:
        name = path.stem
        kept = masks[name].kept_fraction(architecture)
        write_mask(path, masks[name], replace(info, subnetwork=name, kept_fraction=kept))
