"""Step log_run: history and scores of one training -> files that experiment trackers read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from lottery import files

VERSION = 1
# Of history.csv; the rest is where a row belongs.
CURVES = ("loss", "learning_rate", "tokens_per_second")

Values = dict[str, float]


def log_run(
    *,
    path_to_history: Path,
    path_to_training: Path,
    paths_to_metrics: list[Path],
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    config: dict[str, Any],
    path_to_tensorboard: Path | None = None,
    path_to_jsonl: Path | None = None,
) -> None:
    """Writes one run: its hyperparameters, its training, and at the last step its final scores.

    Args:
        path_to_history: history.csv of the training.
        path_to_training: the record of the training.
        paths_to_metrics: metrics.json of each phase in which the subnetwork is scored.
        config: hyperparameters by name; the run's place in the study comes on top.
        path_to_tensorboard: event file, if it is asked for.
        path_to_jsonl: json lines, if they are asked for.
    """
    place = {"model": model, "task": task, "seed": seed, "method": method, "subnetwork": subnetwork}
    config = place | config
    curves = list(_curves(path_to_history))
    last = curves[-1][0] if curves else 0
    points = [*curves, (last, _results(paths_to_metrics))]
    ended = _end(path_to_training)
    if path_to_jsonl is not None:
        run = f"{model}/{task}/seed_{seed}/{method}/{subnetwork}"
        lines: list[dict[str, Any]] = [{"run": run, "ended": ended.isoformat(), "config": config}]
        lines += [{"run": run, "step": step, "metrics": values} for step, values in points]
        with files.atomic(path_to_jsonl) as temporary:
            temporary.write_text("".join(json.dumps(line) + "\n" for line in lines))
    if path_to_tensorboard is not None:
        with files.atomic(path_to_tensorboard) as temporary:
            write_events(temporary, ended.timestamp(), config, points)


def _curves(path: Path) -> Iterator[tuple[int, Values]]:
    for row in files.read_csv(path):
        yield int(row["step"]), {f"training/{name}": float(row[name]) for name in CURVES}


def _results(paths: list[Path]) -> Values:
    """The defined scores, as {phase}/{split}/{metric}, and the size."""
    found: Values = {}
    for path in paths:
        document = files.read_json(path)
        for name in ("kept_fraction", "nonzero_parameters"):
            found[f"size/{name}"] = document[name]
        for score in document["scores"]:
            if score["value"] is not None:
                name = f"{document['phase']}/{score['split']}/{score['metric']}"
                found[name] = score["value"]
    return found


def _end(path: Path) -> datetime:
    """When a training ended."""
    record = files.read_json(path)
    started = datetime.fromisoformat(record["started"])
    return started + timedelta(seconds=record["duration_seconds"])


def write_events(
    path: Path, time: float, config: Mapping[str, Any], points: list[tuple[int, Values]]
) -> None:
    """Writes an event file of TensorBoard, with what its table of hyperparameters shows.

    Args:
        time: of every point, in seconds since 1970; the history keeps no times.
        config: lists are written as text.
        points: steps with their values; the last ones are the results.
    """
    from tensorboardX import RecordWriter
    from tensorboardX.proto.event_pb2 import Event
    from tensorboardX.summary import hparams, scalar

    plain = {
        name: value if isinstance(value, bool | int | float | str) else json.dumps(value)
        for name, value in config.items()
        if value is not None
    }
    writer = RecordWriter(str(path))
    writer.write(Event(wall_time=time, file_version="brain.Event:2").SerializeToString())
    for summary in hparams(plain, points[-1][1]):
        writer.write(Event(wall_time=time, summary=summary).SerializeToString())
    for step, values in points:
        for name, value in values.items():
            event = Event(wall_time=time, step=step, summary=scalar(name, value))
            writer.write(event.SerializeToString())
    writer.close()
