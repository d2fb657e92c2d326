"""The kinds of faults: each strikes a run at a drawn moment and checks what is said at once."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from scene import ON_CLUSTER, TARGETS, Run, Scene

Record = dict[str, Any]
OTHERS = (signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGXCPU, signal.SIGPWR)
LOCKED = "Directory cannot be locked"  # Snakemake's own words
OCCUPIED = "Another run works in this folder"
# Of a run that writes Snakemake's locks while another, which is ending, removes their folder.
REMOVED = r"FileNotFoundError: .*/\.snakemake/locks/"
TELLING = (
    *("dated after now", "Ending as soon", "said: ", LOCKED, OCCUPIED),
    *("Errno", "FAILED", "Error:"),
)

# Who reads a file next: a rule to force, or a target to ask for.
READERS = (
    ("resources/tasks/tone/train.parquet", "tokenize"),
    ("resources/tasks/tone/validation.parquet", "tokenize"),
    ("resources/models/tiny/tokenizer.json", "tokenize"),
    ("resources/models/tiny/config.json", "finetune"),
    ("resources/models/tiny/model.safetensors", "finetune"),
    ("tokens/train.safetensors", "finetune"),
    ("tokens/validation.safetensors", "search_structured"),
    ("finetune/model.safetensors", "search_structured"),
    ("mask/structured/good.safetensors", "retrain"),
    ("mask/structured/bad.safetensors", "retrain"),
    ("importance.npz", "results/tables/tiny/structured/importance_histograms.csv"),
    ("path.npz", "results/tables/tiny/structured/importance_histograms.csv"),
    ("logits.safetensors", "evaluate"),
    ("pruned.json", "evaluate"),
    ("model.safetensors", ""),  # of retrained subnetworks: for the user alone
    ("finetune/metrics.json", ""),  # for the user alone
    ("metrics.json", "collect_scores"),
)


class TooLate(Exception):  # noqa: N818
    """The run has ended before the fault: nothing was struck."""


class Strike:
    """One fault: the run that it meets, and what is known of it.

    Attributes:
        record: what is logged.
    """

    def __init__(self, scene: Scene, random: np.random.Generator) -> None:
        self.scene, self.random = scene, random
        self.record: Record = {}

    def begin(self) -> Run:
        """The run that lives, or the documented command started anew."""
        if self.scene.living is None:
            self.scene.living = self.scene.command()
        return self.scene.living

    def rest(self) -> None:
        """Lets the living run finish, for faults between two runs."""
        if self.scene.living is not None:
            self.end(self.scene.living)
            assert self.record["status"] == 0, self.record["said"]

    def run_until(self, reached: Callable[[], bool] = lambda: True) -> Run:
        """Lets a run go on for a drawn time, and longer until something is reached."""
        run = self.begin()
        when = self.random.uniform(0, 0.3 * self.scene.seconds)
        moment = time.monotonic() + when
        while run.status is None and (time.monotonic() < moment or not reached()):
            time.sleep(0.01)
        self.record["at_seconds"] = round(time.monotonic() - run.began, 2)
        self.record["running"] = sorted(job.rule for job in self.scene.jobs())
        if run.status is not None:
            raise TooLate
        return run

    def end(self, run: Run) -> None:
        """Waits for the end of a run that was struck."""
        self.record["status"] = run.wait()
        self.record["said"] = last_words(run)
        self.scene.living = None


def lost_its_locks(run: Run) -> bool:
    """Whether a run ended because another removed the folder of Snakemake's locks."""
    return run.status == 1 and re.search(REMOVED, run.said()) is not None


def last_words(run: Run) -> str:
    """The line of a run that says most about its end."""
    lines = [line.strip() for line in run.said().splitlines() if line.strip()]
    telling = (
        "dated after now",
        "Ending as soon",
        "said: ",
        LOCKED,
        OCCUPIED,
        "Errno",
        "FAILED",
        "Error:",
    )
    for words in telling:
        found = [line for line in lines if words in line]
        if found:
            return found[-1][:300]
    return lines[-1][:300] if lines else ""


def to_job(*numbers: int) -> Callable[[Strike], None]:
    """One of some signals to one job."""

    def strike(fault: Strike) -> None:
        run = fault.run_until(lambda: bool(fault.scene.jobs()))
        jobs = fault.scene.jobs()
        if not jobs:
            raise TooLate
        job = jobs[fault.random.integers(len(jobs))]
        number = int(fault.random.choice(numbers))
        fault.record |= {"job": job.rule, "signal": signal.Signals(number).name}
        with suppress(ProcessLookupError):
            os.kill(job.process, number)
        fault.end(run)

    return strike


def to_master(number: int, group: bool = False) -> Callable[[Strike], None]:
    """A signal to Snakemake alone, or to it and its jobs, as Ctrl-C in a terminal sends it."""

    def strike(fault: Strike) -> None:
        run = fault.run_until()
        (os.killpg if group else os.kill)(run.process.pid, number)
        fault.end(run)
        if number != signal.SIGKILL:
            # Jobs of an earlier run that was killed live on until a run gets to look for them.
            left = [job for job in fault.scene.jobs() if job.run == run.name]
            assert not left, f"a run that ended by itself has left jobs: {left}"

    return strike


def to_master_amid_steps(fault: Strike) -> None:
    """kill -9 of Snakemake alone, amid steps that are not done when the next run starts."""
    run = fault.run_until(lambda: bool(fault.scene.jobs()))
    jobs = fault.scene.jobs()
    for job in jobs:
        with suppress(ProcessLookupError):
            os.kill(job.process, signal.SIGSTOP)
    os.kill(run.process.pid, signal.SIGKILL)
    fault.end(run)
    living = {job.process for job in fault.scene.jobs()}
    fault.scene.held = [job for job in jobs if job.process in living]


def second_run(unlock: bool) -> Callable[[Strike], None]:
    """Another run beside one that works, maybe after its lock has been taken away."""

    def strike(fault: Strike) -> None:
        run = fault.run_until(lambda: bool(fault.scene.jobs()))
        if unlock:
            fault.scene.unlock()
        second = fault.scene.start()
        status = second.wait()
        fault.record |= {"status": status, "said": last_words(second)}
        # Of Snakemake's own lock nothing is left where a run before has ended since.
        allowed = (OCCUPIED,) if unlock else (LOCKED, OCCUPIED)
        refused = status == 1 and any(words in second.said() for words in allowed)
        refused |= lost_its_locks(second)
        if not refused:
            # The first run may be about to end. Then the second finds nothing to do, or Snakemake
            # writes its locks into the folder that the first is removing.
            with suppress(AssertionError):
                run.wait(10)
        if run.status is not None:
            raise TooLate
        assert refused, second.said()[-2000:]

    return strike


def two_at_once(fault: Strike) -> None:
    """Two runs started in the same moment: one works at most, and the other says why not."""
    if fault.scene.living is not None:
        raise TooLate
    run = fault.begin()
    time.sleep(fault.random.uniform(0, 0.1))
    second = fault.scene.start()
    while run.status is None and second.status is None:
        time.sleep(0.02)
    refused, working = (run, second) if run.status is not None else (second, run)
    fault.record |= {"status": refused.status, "said": last_words(refused), "running": []}
    explained = LOCKED in refused.said() or OCCUPIED in refused.said() or lost_its_locks(refused)
    assert refused.status == 0 or explained, refused.said()[-2000:]
    fault.scene.living = working


def cut_short(fault: Strike) -> None:
    """A finished file loses its end between two runs, with its date as it was or not."""
    scene, random = fault.scene, fault.random
    fault.rest()
    while not (files := [path for path in scene.finished_files() if reader_of(path)]):
        run = fault.run_until()
        os.kill(run.process.pid, signal.SIGTERM)
        fault.end(run)
    path = str(random.choice(files))
    cut, kept = scene.run / path, bool(random.integers(2))
    before, size = cut.stat(), cut.stat().st_size
    left = int(random.integers(0, size - 1))  # a json file's last line break says nothing
    os.truncate(cut, left)
    if kept:
        os.utime(cut, ns=(before.st_atime_ns, before.st_mtime_ns))
    fault.record |= {"file": path, "left": [left, size], "date_kept": kept, "running": []}
    after = scene.command()
    fault.record["status"] = after.wait()
    if cut.exists() and cut.stat().st_size == size:
        fault.record |= {"found": "made again in any case", "said": last_words(after)}
        return
    fault.record["found"] = "by the next run"
    if after.status == 0:  # nobody had to read it
        fault.record["found"] = "by its next reader"
        reader = reader_of(path)
        asked = () if reader.startswith("results/") else ("--forcerun", reader)
        after = scene.start(*asked, targets=TARGETS if asked else (reader,))
        fault.record["status"] = after.wait()
    named = [line for line in after.said().splitlines() if path in line and "said:" in line]
    assert named and after.status == 1, f"{path}: {after.said()[-3000:]}"
    fault.record["said"] = named[-1].strip()
    cut.unlink()  # as the sentence says


def reader_of(path: str) -> str:
    """Who reads a file next; empty if nobody does."""
    return next((reader for name, reader in READERS if path.endswith(name)), "")


def config_edited(fault: Strike) -> None:
    """The config is edited while jobs of a cluster work, and is as before when they have ended."""
    scene = fault.scene
    if scene.living is not None:
        raise TooLate
    scene.living = scene.command(*ON_CLUSTER)
    run = fault.run_until(lambda: bool(scene.jobs()))
    before = scene.config.read_text()
    scene.config.write_text(before.replace("epochs: 20", "epochs: 1"))
    assert scene.config.read_text() != before
    fault.end(run)
    scene.config.write_text(before)
    assert fault.record["status"] == 0, run.said()[-3000:]


def temporary_folder_emptied(fault: Strike) -> None:
    """A cleaner removes whatever is in the temporary folder while a run works."""
    fault.run_until(lambda: bool(fault.scene.jobs()))
    left = list(fault.scene.temporary.iterdir())
    for path in left:
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    fault.record |= {"status": None, "said": f"{len(left)} files and folders removed"}


def clock_set_back(fault: Strike) -> None:
    """Between two runs the clock is set back: all that was made is dated after now."""
    scene = fault.scene
    run = fault.run_until(lambda: bool(scene.finished_files()))
    os.kill(run.process.pid, signal.SIGTERM)
    fault.end(run)
    ahead = float(fault.random.uniform(120, 86_400))
    for folder in ("resources", "results"):
        for path in (scene.run / folder).rglob("*"):
            date = path.stat().st_mtime + ahead
            os.utime(path, (date, date))
    after = scene.command()
    fault.record |= {"status": after.wait(), "said": last_words(after), "ahead": round(ahead)}
    if "Nothing to be done" in after.said():
        raise TooLate
    assert after.status == 1 and "dated after now" in after.said(), after.said()[-3000:]
    # As docs/reruns.md shows.
    repair = "find resources results -newermt now -exec touch -r {} -d '-2 days' {} \\;"
    subprocess.run(repair, shell=True, cwd=scene.run, check=True)


def disk_full(fault: Strike) -> None:
    """The disk takes nothing more for a while, or only small files where there is no own disk."""
    scene = fault.scene
    run = fault.run_until()
    filler = scene.run / "filler"
    room = int(fault.random.integers(0, 60_000))
    fault.record["room"] = room
    if scene.own_disk:
        fill(filler, room)
    else:
        for process in (run.process.pid, *(job.process for job in scene.jobs())):
            with suppress(ProcessLookupError):
                resource.prlimit(process, resource.RLIMIT_FSIZE, (room, room))
    deadline = time.monotonic() + 30
    while run.status is None and time.monotonic() < deadline:
        time.sleep(0.05)
    filler.unlink(missing_ok=True)
    fault.end(run)


def fill(path: Path, room: int) -> None:
    """Fills a disk with one file until that many bytes are left at most."""
    with path.open("wb", buffering=0) as file:
        for piece in (bytes(1_000_000), bytes(4096)):
            with suppress(OSError):
                while file.write(piece) == len(piece):
                    pass
        file.truncate(max(0, file.tell() - room))


KINDS: dict[str, Callable[[Strike], None]] = {
    "kill -9 of a job": to_job(signal.SIGKILL),
    "SIGTERM to a job": to_job(signal.SIGTERM),
    "SIGINT to a job": to_job(signal.SIGINT),
    "another signal to a job": to_job(*OTHERS),
    "kill -9 of Snakemake": to_master(signal.SIGKILL),
    "kill -9 of Snakemake amid long jobs": to_master_amid_steps,
    "kill -9 of Snakemake and its jobs": to_master(signal.SIGKILL, group=True),
    "SIGTERM to Snakemake": to_master(signal.SIGTERM),
    "SIGINT to Snakemake": to_master(signal.SIGINT),
    "Ctrl-C (SIGINT to all)": to_master(signal.SIGINT, group=True),
    "a second run": second_run(unlock=False),
    "a second run after --unlock": second_run(unlock=True),
    "two runs in the same moment": two_at_once,
    "a finished file cut short": cut_short,
    "disk full": disk_full,
    "config edited under a cluster's jobs": config_edited,
    "temporary folder emptied": temporary_folder_emptied,
    "clock set back": clock_set_back,
}
