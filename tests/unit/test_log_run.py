"""Runs as experiment trackers read them: the history once, and scores at the last step."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from small_study import study

from lottery import files
from lottery.files.errors import StudyError
from lottery.planning import grid, params, preflight
from lottery.steps.log_run import log_run
from lottery.training.history import HISTORY_COLUMNS

HISTORY = [[10, 1, 0.7, 2e-5, 800], [20, 2, 0.25, 1e-5, 810]]
CONFIG = {"training.epochs": 3, "preset": "strict", "options.units": ["head"], "options.x": None}
PLACE = {"model": "small", "task": "rte", "seed": 3, "method": "s", "subnetwork": "good"}
RUN = "small/rte/seed_3/s/good"
ENDED = datetime(2026, 1, 2, 3, 4, 6, 500_000, UTC)


@pytest.fixture
def trained(tmp_path: Path) -> dict[str, Any]:
    """What a training of two rows has left, as the step is given it."""
    rows = [dict(zip(HISTORY_COLUMNS, row, strict=True)) for row in HISTORY]
    files.write_csv(tmp_path / "history.csv", rows, HISTORY_COLUMNS)
    record = {"started": "2026-01-02T03:04:05+00:00", "duration_seconds": 1.5}
    files.write_json(tmp_path / "provenance.json", record)
    paths = []
    for phase, value in (("pruned", None), ("retrained", 0.75)):
        score = {"split": "validation", "metric": "accuracy", "value": value}
        document = {"phase": phase, "kept_fraction": 0.5, "nonzero_parameters": 12}
        paths.append(tmp_path / phase / "metrics.json")
        files.write_json(paths[-1], document | {"scores": [score]})
    return {
        "path_to_history": tmp_path / "history.csv",
        "path_to_training": tmp_path / "provenance.json",
        "paths_to_metrics": paths,
        "config": CONFIG,
    } | PLACE


def test_json_lines_hold_the_history_and_then_the_defined_scores(
    trained: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "out" / "run.jsonl"
    log_run(**trained, path_to_jsonl=path)
    first, *points = map(json.loads, path.read_text().splitlines())
    assert first == {"run": RUN, "ended": ENDED.isoformat(), "config": PLACE | CONFIG}
    names = ("training/loss", "training/learning_rate", "training/tokens_per_second")
    scores = {"retrained/validation/accuracy": 0.75}  # the other one is undefined
    assert points == [
        {"run": RUN, "step": 10, "metrics": dict(zip(names, HISTORY[0][2:], strict=True))},
        {"run": RUN, "step": 20, "metrics": dict(zip(names, HISTORY[1][2:], strict=True))},
        {
            "run": RUN,
            "step": 20,
            "metrics": {"size/kept_fraction": 0.5, "size/nonzero_parameters": 12} | scores,
        },
    ]


def test_a_run_that_is_logged_again_has_its_points_once(
    trained: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "run.jsonl"
    log_run(**trained, path_to_jsonl=path)
    once = path.read_bytes()
    log_run(**trained, path_to_jsonl=path)
    assert path.read_bytes() == once


def checksum(data: bytes) -> bytes:
    """The masked CRC-32C of a TFRecord, bit by bit (RFC 3720; TensorFlow's tfrecord.md)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x82F63B78 * (crc & 1)
    crc ^= 0xFFFFFFFF
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def events(path: Path) -> Iterator[Any]:
    """The events of a file, whose checksums must be right."""
    from tensorboardX.proto.event_pb2 import Event

    data = path.read_bytes()
    while data:
        size = struct.unpack("<Q", data[:8])[0]
        record = data[12 : 12 + size]
        assert data[8:12] == checksum(data[:8])
        assert data[12 + size : 16 + size] == checksum(record)
        yield Event.FromString(record)
        data = data[16 + size :]


def test_event_files_hold_the_same_points_and_the_hyperparameters(
    trained: dict[str, Any], tmp_path: Path
) -> None:
    pytest.importorskip("tensorboardX")
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    path, lines = tmp_path / "events.out.tfevents", tmp_path / "run.jsonl"
    log_run(**trained, path_to_tensorboard=path, path_to_jsonl=lines)
    found = list(events(path))
    assert found[0].file_version == "brain.Event:2"
    assert {event.wall_time for event in found} == {ENDED.timestamp()}
    values = [(event.step, value) for event in found for value in event.summary.value]
    points = [
        (step, value.tag, value.simple_value)
        for step, value in values
        if not value.tag.startswith("_hparams_")
    ]
    wanted = [
        (line["step"], name, pytest.approx(value, rel=1e-6))
        for line in map(json.loads, lines.read_text().splitlines()[1:])
        for name, value in line["metrics"].items()
    ]
    assert points == wanted
    data = [
        HParamsPluginData.FromString(value.metadata.plugin_data.content)
        for _, value in values
        if value.metadata.plugin_data.plugin_name == "hparams"
    ]
    start = next(
        each.session_start_info.hparams for each in data if each.HasField("session_start_info")
    )
    assert start["training.epochs"].number_value == 3 and start["preset"].string_value == "strict"
    assert json.loads(start["options.units"].string_value) == ["head"]
    assert "options.x" not in start
    experiment = next(each.experiment for each in data if each.HasField("experiment"))
    assert "retrained/validation/accuracy" in {info.name.tag for info in experiment.metric_infos}


def test_tensorboard_reads_them(trained: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX")
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log_run(**trained, path_to_tensorboard=tmp_path / "run" / "events.out.tfevents")
    run = reader.EventAccumulator(str(tmp_path / "run"))
    run.Reload()
    losses = [(point.step, point.value) for point in run.Scalars("training/loss")]
    assert losses == [(10, pytest.approx(0.7)), (20, pytest.approx(0.25))]
    assert [point.value for point in run.Scalars("retrained/validation/accuracy")] == [0.75]


STUDY = """
models: {small: {source: embedded}}
tasks: {rte: {training: {epochs: 5}}}
seeds: [3, 1]
methods:
  s: {algorithm: structured, subnetworks: [good, random], starts: {rewound: [good]}, rewind_step: 7}
"""


def test_there_is_one_run_for_each_training_if_the_config_asks() -> None:
    assert grid.logged_rows(study(STUDY)) == []
    made = study(STUDY + "logging: [jsonl]\n")
    runs = [tuple(row.values())[2:] for row in grid.logged_rows(made)]
    names = [("none", "full"), ("s", "good"), ("s", "random"), ("s", "good-start_rewound")]
    assert sorted(runs) == sorted((seed, *name) for seed in (3, 1) for name in names)


def test_hyperparameters_are_those_of_the_training_and_of_the_method() -> None:
    made = study(STUDY)
    full = params.log_params(made, "none", "rte")["config"]
    assert full["training.epochs"] == 5 and full["training.max_length"] == 128
    pruned = params.log_params(made, "s", "rte")["config"]
    assert pruned.items() >= full.items()
    assert (pruned["algorithm"], pruned["preset"], pruned["rewind_step"]) == (
        *("structured", "published"),
        7,
    )
    assert pruned["options.keep_score"] == made.methods["s"].options["keep_score"]
    json.dumps(pruned)


def test_a_run_that_cannot_write_event_files_does_not_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    jobs = [("log_run", {"model": "small", "task": "rte"})]
    preflight.check_inputs(study(STUDY + "logging: [jsonl]\n"), jobs)
    with pytest.raises(StudyError, match="pip install tensorboardX"):
        preflight.check_inputs(study(STUDY + "logging: [jsonl, tensorboard]\n"), jobs)
