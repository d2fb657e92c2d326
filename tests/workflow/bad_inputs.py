"""A small study in files, and the ways to spoil it that bad_inputs.yaml names."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from tiny_study import HEADS, LAYERS, write_model

BASE = """
models: {tiny: {source: model}}
tasks:
  own: {data: {train: train.csv, validation: dev.csv}, text: text, labels: ["no", "yes"]}
  score: {data: {train: score.csv, validation: score_dev.csv}, text: text, metric: pearson}
seeds: [1, 2]
training: {max_length: 20}
methods:
  m: {algorithm: magnitude, subnetworks: [good]}
  i: {algorithm: imported, masks: masks, only_tasks: [own]}
"""
LABELLED = "text,label\na b,no\nc d,yes\ne f,yes\n"
SCORED = "text,label\na b,0.5\nc d,1\ne f,4\n"


def write_base(folder: Path) -> None:
    """Writes all that the base config names, and a parquet file of the same examples."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name, text in (("train", LABELLED), ("dev", LABELLED), ("score", SCORED)):
        (folder / f"{name}.csv").write_text(text)
    (folder / "score_dev.csv").write_text(SCORED)
    rows = [line.split(",") for line in LABELLED.splitlines()]
    columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    pq.write_table(pa.table({k: list(v) for k, v in columns.items()}), folder / "train.parquet")
    write_model(folder / "model")
    for seed in (1, 2):
        place = folder / "masks" / "own" / f"seed_{seed}"
        place.mkdir(parents=True)
        np.save(place / "head_mask.npy", np.ones((LAYERS, HEADS), np.uint8))
        np.save(place / "mlp_mask.npy", np.ones(LAYERS, np.uint8))


def changed_config(changes: dict[str, Any] | str) -> dict[str, Any] | str:
    """The base config with values put at dotted places; a text is a whole file already."""
    if isinstance(changes, str):
        return changes
    config = copy.deepcopy(yaml.safe_load(BASE))
    for place, value in changes.items():
        *above, last = place.split(".") if place.strip(".") else [place]
        target = config
        for part in above:
            target = target[part]
        target[last] = value
    return config


def spoil(folder: Path, changes: dict[str, Any]) -> None:
    """Changes files: a text replaces the content, null removes the file, a mapping says more.

    `cut` keeps that share of the bytes, `hex` gives bytes, `edit` changes keys of a JSON file (null
    removes one), `rename` moves it, `folder` makes one, `link` makes a link to a path, `array` and
    `npz` write what numpy reads.
    """
    for name, change in changes.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if change is None:
            path.unlink()
        elif isinstance(change, str):
            path.write_text(change)
        else:
            _spoil(folder, path, change)


def _spoil(folder: Path, path: Path, change: dict[str, Any]) -> None:
    (kind, value), *_ = change.items()
    if kind == "cut":
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * value)])
    elif kind == "hex":
        path.write_bytes(bytes.fromhex(value))
    elif kind == "edit":
        content = json.loads(path.read_text()) | value
        path.write_text(json.dumps({k: v for k, v in content.items() if v is not None}))
    elif kind == "rename":
        path.rename(folder / value)
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.unlink(missing_ok=True)
        path.symlink_to(value)
    elif kind == "array":
        np.save(path, np.array(value, dtype=change.get("type")), allow_pickle=True)
    elif kind == "npz":
        np.savez(path, **{name: np.array(array) for name, array in value.items()})
    else:
        raise ValueError(f"{path}: {kind} is no way to spoil a file")
