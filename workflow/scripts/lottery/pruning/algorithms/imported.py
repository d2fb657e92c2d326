"""Masks of whole units made elsewhere: no search, and controls drawn as those of `structured`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lottery.files import expanded
from lottery.pruning.algorithms.declaration import (
    EMPTIED_ATTENTION,
    SUBNETWORKS,
    SUPER,
    UNITS,
    Algorithm,
    Option,
    Text,
)
from lottery.pruning.algorithms.structured import sample


def check(options: Mapping[str, Any], root: Path) -> str | None:
    """Rejects masks that are not there, or are no folder and no npz."""
    path = root / expanded(options["masks"])
    if path.is_dir() or (path.is_file() and path.suffix == ".npz"):
        return None
    found = "neither a folder nor an npz file" if path.exists() else "which does not exist"
    return f"masks is {options['masks']!r}, {found}"


ALGORITHM = Algorithm(
    name="imported",
    summary="Structured masks made elsewhere.",
    granularity=UNITS,
    version=1,
    options={
        "masks": Option(
            None,
            None,
            Text("^[^{}]*$"),
            "A folder {task}/seed_{seed}/head_mask.npy and mlp_mask.npy, or one npz with the keys "
            "{task}/{seed}/heads and {task}/{seed}/mlps.",
            applies_to="import",
        ),
        "emptied_attention": EMPTIED_ATTENTION,
    },
    subnetworks={
        "published": (*SUBNETWORKS["published"], *SUPER),
        "strict": ("good", "super_good"),
    },
    default_subnetworks={"published": (), "strict": ()},
    sources={"random": "good", "bad": "good"},
    sample=sample,
    check=check,
    units=("head", "mlp"),
    imported=True,
    needs=frozenset(),
)
