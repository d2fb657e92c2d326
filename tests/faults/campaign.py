"""Disturbs a tiny study again and again, at drawn moments, and checks what is left in the end.

    python tests/faults/campaign.py --faults 200 --seed 0

needs tests/workflow and workflow/scripts in PYTHONPATH; `make faults FAULTS=200` sets it. Every
fault is a line of the log. At the end a table of kinds and outcomes is printed, for the docs.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from kinds import KINDS, Record, Strike, TooLate, last_words
from scene import Scene, disk


def campaign(
    folder: Path, faults: int, seed: int, kinds: Sequence[str] = tuple(KINDS), own_disk: bool = True
) -> Iterator[Record]:
    """Disturbs runs until enough faults have struck; fails at the first broken promise.

    A finished run is compared with the undisturbed one, and the next begins with nothing. The last
    one is run to its end.

    Args:
        folder: an empty one, for everything.
        faults: how many.
        seed: of kinds, moments and whatever else is drawn.
        kinds: those to draw from.
        own_disk: whether a small disk may be mounted for the runs.

    Yields:
        A record for every fault, once it is known what the next command said.
    """
    random = np.random.default_rng(seed)
    with disk(folder / "run", own_disk) as mounted:
        scene = Scene(folder, mounted)
        stop = scene.watch()
        try:
            scene.clear()
            for record in _strikes(scene, faults, random, kinds):
                yield record | {"resumed": scene.resumed}
        finally:
            stop()
            scene.close()


def _strikes(
    scene: Scene, faults: int, random: np.random.Generator, kinds: Sequence[str]
) -> Iterator[Record]:
    deck: list[str] = []
    last: tuple[Record, int] | None = None
    number = 1
    while number <= faults:
        deck = deck or list(random.permutation(kinds))
        fault, began = Strike(scene, random), time.monotonic()
        try:
            KINDS[deck[-1]](fault)
        except TooLate:
            finish(scene)
            continue
        except AssertionError as error:
            error.add_note(f"{deck[-1]}: {fault.record}")
            raise
        if last:
            yield _and_next(scene, *last)
        seconds = round(time.monotonic() - began, 1)
        record = {"fault": number, "kind": deck.pop()} | fault.record | {"seconds": seconds}
        last = record, len(scene.commands)
        number += 1
        if record["status"] == 0 and scene.living is None:
            finish(scene)
    if last:
        finish(scene)
        yield _and_next(scene, *last)


def _and_next(scene: Scene, record: Record, commands: int) -> Record:
    """Adds what the documented command did after a fault; nothing if the run just went on."""
    if len(scene.commands) == commands:
        return record | {"next": None}
    after = scene.commands[commands]
    left = [line.strip() for line in after.said().splitlines() if " left behind: " in line]
    return record | {"next": {"unlocked": after.unlocked, "ended": left}}


def finish(scene: Scene) -> None:
    """Runs the documented command to its end, checks everything, and clears the folder."""
    run = scene.living or scene.command()
    scene.living = None
    status = run.wait()
    assert status == 0, f"{last_words(run)}\n{run.said()[-3000:]}"
    assert not scene.two_writers, scene.two_writers
    scene.check()
    scene.clear()


def table(records: list[Record]) -> str:
    """The kinds of faults and what came of them, as Markdown."""
    lines = [
        "| fault | times | while jobs ran | needed `--unlock` | left jobs ended |",
        "|---|---|---|---|---|",
    ]
    for kind in KINDS:
        mine = [record for record in records if record["kind"] == kind]
        after = [record["next"] for record in mine if record["next"]]
        counts = (
            len(mine),
            sum(bool(record["running"]) for record in mine),
            sum(each["unlocked"] for each in after),
            sum(bool(each["ended"]) for each in after),
        )
        lines.append(f"| {kind} | {' | '.join(map(str, counts))} |")
    return "\n".join(lines)


def main() -> None:
    """Runs a campaign as the command line says."""
    parser = argparse.ArgumentParser(description="Disturb a tiny study again and again.")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--log", type=Path, default=Path("build/faults.jsonl"))
    parser.add_argument("--kind", action="append", choices=list(KINDS), help="all if not given")
    parser.add_argument("--no-disk", action="store_true", help="mount no small disk for the runs")
    parser.add_argument("--folder", type=Path, help="an empty one, to keep everything in")
    chosen = parser.parse_args()
    began, records = time.monotonic(), []
    chosen.log.parent.mkdir(parents=True, exist_ok=True)
    folder = chosen.folder or Path(tempfile.mkdtemp(prefix="faults-"))
    drawn = campaign(
        folder, chosen.faults, chosen.seed, chosen.kind or tuple(KINDS), not chosen.no_disk
    )
    with chosen.log.open("w") as log:
        for record in drawn:
            records.append(record)
            print(json.dumps(record), file=log, flush=True)
            print(f"{record['fault']:4}  {record['kind']:36} {record['said']}", flush=True)
    minutes = (time.monotonic() - began) / 60
    print(
        f"\n{len(records)} faults in {minutes:.0f} minutes; every run ended as the undisturbed one."
    )
    print(f"Steps went on from a checkpoint {records[-1]['resumed']} times.\n")
    print(table(records))
    if chosen.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
