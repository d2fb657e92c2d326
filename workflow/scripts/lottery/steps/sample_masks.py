"""Step sample_masks: one control subnetwork of one (model, task, seed, method)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lottery import algorithms
from lottery.algorithms.common import base_name
from lottery.architecture import read_architecture
from lottery.controls import generator
from lottery.masks import read_mask, write_mask


def sample_masks(
    *, path_to_source: Path, path_to_model: Path, path_to_mask: Path, cell: dict[str, Any]
) -> None:
    """Draws a control and writes its mask.

    The draw is seeded by what the control is: model, task, seed, method and subnetwork. So one file
    serves the pruned and the retrained phase, and further draws leave earlier ones alone.

    Args:
        path_to_source: the mask it is drawn from (good, or good_half); of another model where a
            method takes its sizes from there.
        path_to_model: the fine-tuned model.
        path_to_mask: the mask to write.
        cell: model, task, seed, method and subnetwork: random, bad, random_half, or a further draw
            like random_half_2.
    """
    source, info = read_mask(path_to_source)
    subnetwork = cell["subnetwork"]
    rng = generator(cell["model"], cell["task"], cell["seed"], cell["method"], subnetwork)
    module = algorithms.algorithm(info.algorithm)
    mask = module.sample(base_name(subnetwork), source, path_to_model, rng)
    kept = mask.kept_fraction(read_architecture(path_to_model))
    info = replace(info, model=cell["model"], subnetwork=subnetwork, kept_fraction=kept)
    write_mask(path_to_mask, mask, info)
