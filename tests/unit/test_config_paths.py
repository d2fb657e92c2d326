"""Paths that Snakemake would change are refused for every key; all others are left to the disk."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from test_config_refusals import OWN, changed

from lottery.config import load_study
from lottery.files.errors import StudyError

IMPORTED = {"algorithm": "imported", "subnetworks": ["good"]}


def config(key: str, path: str) -> dict[str, Any]:
    """A config in which one key has a path."""
    if key.startswith("tasks.own.data."):
        split = key.rpartition(".")[2]
        return changed({"tasks.own": OWN | {"data": OWN["data"] | {split: f"{path}.csv"}}})
    if key == "methods.i.masks":
        return changed({"methods.i": IMPORTED | {"masks": path}})
    if key == "models.bert.source":
        return changed({"models.bert": {"source": f"{path}/"}})
    section, _, name = key.partition(".")
    return changed({section: {name: path} if name else path})


KEYS = [
    *(f"tasks.own.data.{split}" for split in ("train", "validation", "validation_mismatched")),
    *("models.bert.source", "methods.i.masks", "glue_folder", "results"),
    *("analysis.baselines", "analysis.annotated_maps"),
]
# Snakemake's syntax, and whether it has a meaning in a path.
NAMES = {
    **dict.fromkeys(["a{b}", "a{", "}b", "{{a}}", "{a,[0-9]+}", "<results>/a", "a<b_1>"], True),
    **dict.fromkeys(["a<B>", "a < b", "a>b<", "a*b", "a?b", "a[0-9]b", "a b'c$d", "a,b=c"], False),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The files of the task that has some."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("t,label\nx,x\n")
    return tmp_path


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize(("name", "means"), NAMES.items())
def test_every_key_refuses_what_snakemake_replaces(
    root: Path, key: str, name: str, means: bool
) -> None:
    with pytest.raises(StudyError) as caught:
        load_study(config(key, name), root)
    said = str(caught.value)
    assert said.startswith(f"{key} is {name!r}"[:-1])  # the file's ending may follow
    if key != "results":  # which allows letters, digits, _, - and . alone
        refused = "without <word>, which Snakemake replaces" in said
        assert refused == means, said
