"""Which of the user's own files each kind of job reads."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from small_study import study

from lottery.config import Study
from lottery.files.errors import StudyError
from lottery.planning import sources
from lottery.runtime import digests

FILES = """
mine/config.json mine/model.safetensors mine/tokenizer.json mine/added_tokens.json mine/README.md
mine/pytorch_model.bin mine/old.safetensors/x
a.csv b.jsonl saved/0.arrow saved/dataset_info.json
glue/rte/train.tsv glue/rte/validation.tsv glue/rte/test.tsv glue/hans/validation.txt
masks/RTE/seed_3/head_mask.npy masks/RTE/seed_3/mlp_mask.npy masks/RTE/seed_1/head_mask.npy
masks.npz others.csv
maps/maps.csv maps/raw/2.npy maps/raw/1.npy maps/raw/1.png maps/notes.txt
"""
CONFIG = """
models:
  mine: {source: mine}
  embedded: {source: embedded}
  hub: {source: someone/some-model, revision: 0123456789012345678901234567890123456789}
tasks:
  own: {data: {train: a.csv, validation: b.jsonl}, text: text, labels: [x, y]}
  kept: {data: {train: saved, validation: b.jsonl}, text: text, labels: [x, y]}
  made: {generated: sentiment}
  rte: {}
  hans: {evaluate_with: rte}
glue_folder: glue
methods:
  folder: {algorithm: imported, masks: masks, tasks: {RTE: rte}}
  npz: {algorithm: imported, masks: masks.npz, only_tasks: [rte]}
analysis: {baselines: others.csv, annotated_maps: maps}
"""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study that reads from a folder of every kind of file."""
    monkeypatch.chdir(tmp_path)
    digests.begin()
    for name in FILES.split():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return study(CONFIG, tmp_path)


@pytest.mark.parametrize(
    ("function", "cell", "expected"),
    [
        (
            sources.of_model,
            ("mine",),
            "mine/added_tokens.json mine/config.json mine/model.safetensors mine/tokenizer.json",
        ),
        (sources.of_model, ("embedded",), ""),
        (sources.of_model, ("hub",), ""),
        (sources.of_config, ("mine",), "mine/config.json"),
        (sources.of_config, ("hub",), ""),
        (sources.of_task, ("own",), "a.csv b.jsonl"),
        (sources.of_task, ("kept",), "b.jsonl saved/0.arrow saved/dataset_info.json"),
        (sources.of_task, ("made",), ""),
        (sources.of_task, ("rte",), "glue/rte/train.tsv glue/rte/validation.tsv"),
        (sources.of_task, ("hans",), "glue/hans/validation.txt"),
        (
            sources.of_mask,
            ("folder", "rte", "3"),
            "masks/RTE/seed_3/head_mask.npy masks/RTE/seed_3/mlp_mask.npy",
        ),
        # What is missing is said before the first job.
        (sources.of_mask, ("folder", "rte", "1"), "masks/RTE/seed_1/head_mask.npy"),
        (sources.of_mask, ("npz", "rte", "1"), "masks.npz"),
        (sources.of_baselines, (), "others.csv"),
        (
            sources.of_annotated_maps,
            (),
            "maps/maps.csv maps/raw/1.npy maps/raw/2.npy",
        ),
    ],
)
def test_the_files_of_a_job(
    made: Study, function: Callable[..., dict[str, str]], cell: tuple[str, ...], expected: str
) -> None:
    empty = hashlib.sha256().hexdigest()
    assert function(made, *cell) == dict.fromkeys(expected.split(), empty)


@pytest.mark.parametrize("function", [sources.of_baselines, sources.of_annotated_maps])
def test_what_is_not_named_is_not_read(function: Callable[[Study], dict[str, str]]) -> None:
    assert function(study()) == {}


def test_without_glue_folder_the_hub_is_read() -> None:
    assert sources.of_task(study(), "rte") == {}


def test_a_split_that_glue_folder_lacks_is_named(made: Study) -> None:
    Path("glue/rte/validation.tsv").unlink()
    with pytest.raises(StudyError, match=r"^tasks\.rte: glue_folder glue has no file rte/val"):
        sources.of_task(made, "rte")


@pytest.mark.parametrize(
    ("path", "function", "cell", "key"),
    [
        ("mine/model.safetensors", sources.of_model, ("mine",), "models.mine.source"),
        ("mine/config.json", sources.of_config, ("mine",), "models.mine.source"),
        ("b.jsonl", sources.of_task, ("kept",), "tasks.kept"),
        (
            "masks/RTE/seed_3/mlp_mask.npy",
            sources.of_mask,
            ("folder", "rte", "3"),
            "methods.folder.masks",
        ),
        ("others.csv", sources.of_baselines, (), "analysis.baselines"),
        ("maps/raw/1.npy", sources.of_annotated_maps, (), "analysis.annotated_maps"),
    ],
)
def test_what_cannot_be_read_is_blamed_on_its_key(
    made: Study, path: str, function: Callable[..., object], cell: tuple[str, ...], key: str
) -> None:
    Path(path).unlink()
    os.mkfifo(path)
    with pytest.raises(StudyError, match=f"^{key}: {path} is a folder, a pipe or a device where"):
        function(made, *cell)
