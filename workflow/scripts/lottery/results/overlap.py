"""How much of a control subnetwork belongs to the good one: in units and in parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError
from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo, read_mask
from lottery.pruning.subnetworks import base_name, is_plain, reference_of

if TYPE_CHECKING:
    import pandas as pd

# Kept counts are the control's; *_shared those that the reference (good, or good_half for halves)
# keeps too; *_share = *_shared / kept, missing for a control that keeps none. Weights are counted
# in the body of magnitude pruning, parameters in the body of the mask's own algorithm.
COUNTED = ("heads", "mlps", "weights", "parameters")
SCHEMA: files.Schema = dict.fromkeys(
    ("model", "task", "seed", "method", "subnetwork", "reference"), str
) | {
    f"{name}{suffix}": kind
    for name in COUNTED
    for suffix, kind in (("", int), ("_shared", int), ("_share", float))
}
# It is a part of the good subnetwork by its definition.
PARTS = ("super_good",)
NOTABLE = 0.10
NAMED = 3  # more tasks than these are given as a range


def compare(pairs: Iterable[tuple[Path, Path]], architecture: Architecture) -> pd.DataFrame:
    """Makes overlap.csv: compares control masks with their references, row by row.

    A super_* mask serves all seeds: it comes once with each seed's good mask.

    Args:
        pairs: mask files of a control and of its reference; a reference is read once for pairs that
            follow each other.
        architecture: of the full model.

    Raises:
        StudyError: two masks do not belong together, or their sizes differ.
    """
    rows = []
    read = lru_cache(maxsize=1)(read_mask)
    for control_path, reference_path in pairs:
        reference, reference_info = read(reference_path)
        control, info = read_mask(control_path)
        if not _belong_together(info, reference_info):
            raise StudyError(f"{reference_path} is not what {control_path} is to be compared with.")
        try:
            counts = control.overlap(reference, architecture)
        except ValueError as error:
            raise StudyError(
                f"{control_path} cannot be compared with its reference: {error}."
            ) from error
        cell = {"model": info.model, "task": info.task, "seed": reference_info.seed}
        cell |= {"method": info.method, "subnetwork": info.subnetwork}
        cell["reference"] = reference_info.subnetwork
        rows.append(cell | {name: n for name, n in counts.items() if name in SCHEMA})
    frame = files.table(rows, SCHEMA)
    for name in COUNTED:
        kept = frame[name].astype(float)
        frame[f"{name}_share"] = frame[f"{name}_shared"].astype(float) / kept.where(kept > 0)
    return frame


def _belong_together(control: MaskInfo, reference: MaskInfo) -> bool:
    return (
        reference.subnetwork == reference_of(control.subnetwork)
        and control.seed in ("", reference.seed)
        and (control.model, control.task, control.method)
        == (reference.model, reference.task, reference.method)
    )


def control_shares(overlap: pd.DataFrame) -> pd.DataFrame:
    """The share of each control's parameters in its reference: mean over seeds and draws.

    Returns:
        Columns model, method, subnetwork (without its draw), reference, task, parameters_share, in
        the order of overlap.csv; without what is a part of good by its definition.
    """
    rows = overlap.assign(subnetwork=overlap["subnetwork"].map(base_name))
    rows = rows[~rows["subnetwork"].isin(PARTS) & rows["parameters_share"].notna()]
    keys = ["model", "method", "subnetwork", "reference", "task"]
    return rows.groupby(keys, sort=False)["parameters_share"].mean().reset_index()


def shares_of(overlap: pd.DataFrame) -> dict[tuple[str, str, str], float]:
    """(method, task, subnetwork without its draw) -> the share of its parameters in good's."""
    rows = control_shares(overlap)
    keys = rows[["method", "task", "subnetwork"]].itertuples(index=False, name=None)
    return dict(zip(keys, rows["parameters_share"], strict=True))


def mean_share(
    shares: Mapping[tuple[str, str, str], float], method: str, tasks: Iterable[str], name: str
) -> float | None:
    """The mean of `shares_of` over tasks; None for what is on none of them."""
    known = [shares[key] for task in tasks if (key := (method, task, name)) in shares]
    return sum(known) / len(known) if known else None


def overlap_sentence(overlap: pd.DataFrame) -> str:
    """Names the controls of which more than a tenth belongs to the good subnetwork.

    Args:
        overlap: overlap.csv of one model and method.

    Returns:
        A sentence on each such control, with the tasks where it is so and the share of the
        control's parameters; empty if there is none.
    """
    sentences = []
    plain = overlap[overlap["subnetwork"].map(is_plain).astype(bool)]
    controls = control_shares(plain).groupby(["subnetwork", "reference"], sort=False)
    for (control, reference), of_control in controls:
        by_task = of_control.set_index("task")["parameters_share"]
        notable = by_task[by_task > NOTABLE]
        if len(notable) > NAMED:
            n = f"all {len(by_task)}" if len(notable) == len(by_task) else (
                f"{len(notable)} of {len(by_task)}"
            )  # fmt: skip
            where = f"{notable.min():.0%} to {notable.max():.0%} in {n} tasks"
        else:
            where = ", ".join(f"{share:.0%} in {task}" for task, share in notable.items())
        if where:
            sentences.append(
                f"Of the parameters of {control}, {where} belong to {reference} as well."
            )
    return " ".join(sentences)
