"""Step sample_masks: one control subnetwork of one (model, task, seed, method)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from lottery.models.architecture import read_architecture
from lottery.models.units import kinds_of
from lottery.pruning import controls
from lottery.pruning.algorithms import plugins
from lottery.pruning.controls import generator
from lottery.pruning.masks import read_mask, write_mask
from lottery.pruning.subnetworks import CONTROLS, Subnetwork

VERSION = 2


def sample_masks(
    *,
    path_to_source: Path,
    path_to_model: Path,
    path_to_mask: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    version: int,
    plugin: dict[str, str] | None = None,
    units: list[str] | None = None,
) -> None:
    """Draws a control and writes its mask.

    The draw is seeded by what the control is: model, task, seed, method and subnetwork. So one file
    serves the pruned and the retrained phase, and further draws leave earlier ones alone.

    Args:
        path_to_source: the mask it is drawn from (good, or good_half); of another model where a
            method takes its sizes from there.
        subnetwork: random, bad, random_half, a further draw like random_half_2, or a control that
            every algorithm has, maybe of a given size.
        plugin: file and SHA-256 of an algorithm of the user's own.
        units: the kinds of units that the method prunes; None for weights.
    """
    source, info = read_mask(path_to_source)
    rng = generator(model, task, seed, method, subnetwork)
    declared = plugins.planned(info.algorithm, version, plugin)
    architecture, kind = read_architecture(path_to_model), Subnetwork.parse(subnetwork).kind
    if kind in CONTROLS:
        mask = controls.control(kind, source, kinds_of(units) if units else (), rng)
    else:
        assert declared.sample  # every algorithm with controls of its own has it
        with plugins.blaming(declared):
            mask = declared.sample(kind, source, path_to_model, rng)
            problems = plugins.of_sample(declared, kind, mask, source, architecture)
            plugins.check(declared, "sample", problems)
    kept = mask.kept_fraction(architecture)
    info = replace(info, model=model, subnetwork=subnetwork, kept_fraction=kept)
    write_mask(path_to_mask, mask, info)
