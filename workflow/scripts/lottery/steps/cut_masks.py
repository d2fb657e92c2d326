"""Step cut_masks: the good subnetwork of a given size of one (model, task, seed, method)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.models.architecture import read_architecture
from lottery.pruning.algorithms import plugins
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.pruning.subnetworks import Subnetwork

VERSION = 2


def cut_masks(
    *,
    path_to_ranking: Path,
    path_to_model: Path,
    path_to_mask: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    algorithm: str,
    options: dict[str, Any],
    version: int,
    plugin: dict[str, str] | None = None,
) -> None:
    """Cuts a ranking to the size that the name of the subnetwork gives.

    Args:
        path_to_ranking: arrays that `rank_masks`, or the search, has written.
        path_to_model: the fine-tuned model.
        subnetwork: such as good-kept_0.5.
        plugin: file and SHA-256 of an algorithm of the user's own.
    """
    declared = plugins.planned(algorithm, version, plugin)
    options = declared.complete(options)
    ranking, _ = files.read_arrays(path_to_ranking)
    architecture, share = read_architecture(path_to_model), Subnetwork.parse(subnetwork).kept
    assert declared.cut and share  # the rule asks for nothing else
    with plugins.blaming(declared):
        mask = declared.cut(ranking, path_to_model, share, options)
        problems = plugins.of_mask(mask, "a mask", declared, architecture)
        plugins.check(declared, "cut", problems)
    kept = mask.kept_fraction(architecture)
    info = MaskInfo(algorithm, model, task, str(seed), method, subnetwork, kept)
    write_mask(path_to_mask, mask, info)
