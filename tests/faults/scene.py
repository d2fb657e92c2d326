"""A tiny study that is run and disturbed: its folder, its runs, its jobs, and what must be left."""

from __future__ import annotations

import filecmp
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from tiny_study import write_study

ROOT = Path(__file__).resolve().parents[2]
TARGET = "results/tables/scores.csv"
KEPT = (("good", "bad"), ("pruned", "retrained"))
# As in the study's own target: what a failed step loses must be wanted for itself, or Snakemake
# takes a table that is newer than the rest for finished.
CELL = "results/tiny/tone/seed_7"
CELLS = ("none/full/finetuned", *(f"structured/{m}/{p}" for m, p in product(*KEPT)))
TARGETS = (
    TARGET,
    "resources/models/tiny/provenance.json",
    "resources/tasks/tone/provenance.json",
    "results/majority/tone/provenance.json",
    "results/tiny/tone/tokens/provenance.json",
    f"{CELL}/finetune/provenance.json",
    f"{CELL}/mask/structured/provenance.json",
    f"{CELL}/mask/structured/bad.provenance.json",
    f"{CELL}/mask/structured/importance.npz",  # of which a study makes figures
    *(f"{CELL}/retrain/structured/{mask}/provenance.json" for mask in KEPT[0]),
    *(f"{CELL}/evaluate/{cell}/metrics.json" for cell in CELLS),
)
LOCKS = ".snakemake/locks"
# Every job is a Snakemake of its own, which reads the config again.
ON_CLUSTER = ("--executor", "loopback", "--jobs", "2", "--seconds-between-status-checks", "0")
SIZE = 64_000_000  # bytes of the run's own disk, a few times what a run writes
RUN = "LOTTERY_TEST_RUN"  # the environment variable by which a job names the run that started it
PATIENCE = 240  # seconds without a word after which something hangs


def small_study(folder: Path) -> dict[str, Any]:
    """One cell of the tiny study: 15 jobs, which keep checkpoints as often as they can."""
    study = write_study(folder)
    return study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": {"structured": {"algorithm": "structured", "subnetworks": ["good", "bad"]}},
        "training": study["training"] | {"epochs": 20, "log_every": 20},
        "compute": {"checkpoint_minutes": 0.002},
    }


class Job(NamedTuple):
    """A process that runs a step; `run` is the name of the run that started it."""

    process: int
    parent: int
    rule: str
    log: str
    run: str


class Run:
    """A Snakemake process, started as users start it, in a process group of its own.

    Attributes:
        name: of the run, which its jobs inherit.
        unlocked: whether the lock of a killed run had to be taken away first.
    """

    def __init__(self, command: list[str], folder: Path, said: Path) -> None:
        self._said = said
        self.name = said.stem
        self.unlocked = False
        self.began = time.monotonic()
        fixed = {
            "CUDA_VISIBLE_DEVICES": "",
            "OMP_NUM_THREADS": "1",
            "TMPDIR": str(said.parent / "temporary"),
            "PATH": f"{said.parent / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT / "tests/workflow/loopback"),
            RUN: self.name,
        }
        for name in ("temporary", "bin"):
            (said.parent / name).mkdir(exist_ok=True)
        squeue = said.parent / "bin/squeue"  # of a cluster without jobs: see `ON_CLUSTER`
        squeue.write_text("#!/bin/sh\n")
        squeue.chmod(0o755)
        with said.open("w") as out:
            self.process = subprocess.Popen(
                command,
                cwd=folder,
                env=os.environ | fixed,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """How the process has ended; None while it lives."""
        return self.process.poll()

    def said(self) -> str:
        return self._said.read_text(errors="replace")

    def wait(self, seconds: float = PATIENCE) -> int:
        """Waits for the end of the process, which hangs if it prints nothing for so long."""
        said = None
        while said != (said := self.said()):
            with suppress(subprocess.TimeoutExpired):
                return self.process.wait(seconds)
        raise AssertionError(f"it hangs: {said[-3000:]}")


class Scene:
    """The folder of a study with its undisturbed results, and the runs that are disturbed.

    Attributes:
        run: the folder of the runs.
        undisturbed: a copy of it after a run that nobody disturbed.
        own_disk: whether the folder of the runs is a small disk of its own.
        config: the study's.
        temporary: the temporary folder of the runs.
        seconds: what the undisturbed run took.
        living: the run that is disturbed next.
        commands: the runs of the documented command, in order.
        held: steps of a killed run that stand still until the next run has found them.
        resumed: how often a step went on from a checkpoint, in the runs checked so far.
        two_writers: pairs of processes that were seen to run the same step.
    """

    def __init__(self, folder: Path, own_disk: bool) -> None:
        self.run, self.undisturbed = folder / "run", folder / "undisturbed"
        self.own_disk = own_disk
        self.living: Run | None = None
        self.commands: list[Run] = []
        self.held: list[Job] = []
        self.resumed = 0
        self.two_writers: list[str] = []
        self._folder, self._number = folder, 0
        # Processes started in the background of a shell ignore it, and hand that on.
        if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        (folder / "given").mkdir()
        study = yaml.safe_dump(small_study(folder / "given"), sort_keys=False)
        self.config, self.temporary = folder / "study.yaml", folder / "temporary"
        self.config.write_text(study)
        whole = self.start()
        assert whole.wait() == 0, whole.said()
        self.seconds = time.monotonic() - whole.began
        shutil.copytree(self.run, self.undisturbed)

    def command(self, *arguments: str) -> Run:
        """The documented command: `--unlock` after a run that was killed, then the same again."""
        unlocked = self.unlock()
        run = self.start(*arguments)
        run.unlocked = unlocked
        self.commands.append(run)
        self._release(run)
        return run

    def _release(self, run: Run) -> None:
        """Lets steps go on that a run has found, or should have found."""
        deadline = time.monotonic() + 60
        while self.held and run.status is None and " left behind: " not in run.said():
            assert time.monotonic() < deadline, f"{self.held} were not found: {run.said()}"
            time.sleep(0.05)
        for job in self.held:
            with suppress(ProcessLookupError):
                os.kill(job.process, signal.SIGCONT)
        self.held = []

    def start(self, *arguments: str, targets: tuple[str, ...] = TARGETS) -> Run:
        """Starts a run, with more arguments."""
        self._number += 1
        command = [sys.executable, "-m", "snakemake", *targets, "-s", str(ROOT / "Snakefile")]
        command += ["--configfile", "../study.yaml", "--cores", "2", "--rerun-incomplete"]
        said = self._folder / f"said_{self._number:04d}.txt"
        return Run([*command, *arguments], self.run, said)

    def unlock(self) -> bool:
        """What the docs say of a run that was killed; whether there was a need for it."""
        if not any((self.run / LOCKS).glob("*.lock")):
            return False
        unlocking = self.start("--unlock", targets=())
        assert unlocking.wait() == 0, unlocking.said()
        return True

    def jobs(self) -> list[Job]:
        """The living processes that run a step in the folder of the runs."""
        return list(_jobs(f"{self.run}/.snakemake/scripts/"))

    def check(self) -> None:
        """A finished run has made what the undisturbed one has made, and has left nothing else."""
        whole, other = _listing(self.undisturbed), _listing(self.run)
        assert other == whole, f"missing {sorted(whole - other)}, left over {sorted(other - whole)}"
        assert filecmp.cmp(self.run / TARGET, self.undisturbed / TARGET, shallow=False), TARGET
        different = [
            path
            for path in sorted(whole)
            if _is_result(path)
            and not filecmp.cmp(self.run / path, self.undisturbed / path, shallow=False)
        ]
        assert not different, f"not as in the undisturbed run: {different}"
        records = (self.run / "results").rglob("provenance.json")
        steps = [json.loads(path.read_text()).get("resumed_from") or [] for path in records]
        self.resumed += sum(map(len, steps))

    def clear(self) -> None:
        """Takes everything away that runs have made."""
        for path in self.run.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def finished_files(self) -> list[str]:
        """Files with a checked format that are there and whole now."""
        return [
            path
            for path in sorted(_listing(self.undisturbed))
            if _is_result(path)
            and (self.run / path).exists()
            and filecmp.cmp(self.run / path, self.undisturbed / path, shallow=False)
        ]

    def watch(self) -> Callable[[], None]:
        """Looks for two processes that run the same step until the returned function is called."""
        over = threading.Event()

        def look() -> None:
            while not over.wait(0.1):
                seen: dict[str, Job] = {}
                for job in self.jobs():
                    other = seen.setdefault(job.log, job)
                    family = {other.process, other.parent} & {job.process, job.parent}
                    if job.log.endswith(".log") and not family & {job.process, other.process}:
                        self.two_writers.append(f"{job} and {other}")

        thread = threading.Thread(target=look, daemon=True)
        thread.start()
        return lambda: (over.set(), thread.join())[0]

    def close(self) -> None:
        """Leaves no process behind."""
        if self.living is not None and self.living.status is None:
            with suppress(ProcessLookupError):
                os.killpg(self.living.process.pid, signal.SIGKILL)
            self.living.process.wait()
        for job in self.jobs():
            with suppress(ProcessLookupError):
                os.kill(job.process, signal.SIGKILL)


def _jobs(scripts: str) -> Iterator[Job]:
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has ended
            arguments = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
            if len(arguments) < 2 or not arguments[1].startswith(scripts):
                continue
            # Snakemake removes the log of a job before it starts it anew.
            log = os.readlink(folder / "fd/1").removesuffix(" (deleted)")
            variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
            run = next((each for each in variables if each.startswith(f"{RUN}=")), "")
            state, parent, *_ = (folder / "stat").read_text().rpartition(")")[2].split()
            if state not in "ZX":
                # All rules have one script; the log lies in a folder or file of the rule's name.
                rule = log.partition("/logs/")[2].partition("/")[0].removesuffix(".log")
                yield Job(int(folder.name), int(parent), rule, log, run.removeprefix(f"{RUN}="))


def _listing(folder: Path) -> set[str]:
    """The files under results and resources, without logs and benchmarks, which no step reads."""
    found = {
        path.relative_to(folder).as_posix()
        for place in ("results", "resources")
        for path in (folder / place).rglob("*")
        if path.is_file()
    }
    return {path for path in found if not path.startswith(("results/logs/", "results/benchmarks/"))}


def _is_result(path: str) -> bool:
    """Whether a file is the same in every run, and checked by whoever reads it."""
    name = path.rpartition("/")[2]
    checked = path.endswith((".safetensors", ".npz", ".parquet", ".json"))
    return checked and not name.endswith("provenance.json")


@contextmanager
def disk(folder: Path, allowed: bool) -> Iterator[bool]:
    """Gives the folder a small disk in memory where this process may mount one.

    Yields:
        Whether it has one.
    """
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    mounted = False
    with suppress(FileNotFoundError):
        mounted = (
            allowed and subprocess.run(mount, check=False, capture_output=True).returncode == 0
        )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
