"""Looks on while a run's jobs work: what they see of their environment, and at one place it waits.

Python imports this module by itself where it finds it; its folder stands in PYTHONPATH of the run.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

STEPS = "lottery.steps."
NOTED = ("CUDA_VISIBLE_DEVICES", "HF_HUB_OFFLINE", "SLURM_JOB_ID")
HOLD = "hold"  # while this file exists, training stands still after its first logged step
HOLD_SECONDS = 120


class Spy:
    """Finds no module; being asked for a step's module tells that the job has been set up."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._noted = False

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if not name.startswith(STEPS) or self._noted:
            return
        self._noted = True
        step = name.removeprefix(STEPS)
        note = {"step": step} | {key: os.environ.get(key) for key in NOTED}
        (self._folder / f"{step}_{os.getpid()}.json").write_text(json.dumps(note))
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # SLURM's devices are made up
        if step == "finetune":
            logging.getLogger("lottery").addHandler(Holder(self._folder))


class Holder(logging.Handler):
    """Holds the training at its first step until it is told to end, or to go on."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._folder = folder
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        if not record.getMessage().startswith("step ") or not self._waiting():
            return
        before = signal.getsignal(signal.SIGTERM)

        def end(number: int, frame: object) -> None:
            self._told = True
            before(number, frame)

        signal.signal(signal.SIGTERM, end)
        (self._folder / f"held_{os.environ['SLURM_JOB_ID']}").touch()
        deadline = time.monotonic() + HOLD_SECONDS
        while self._waiting() and time.monotonic() < deadline:
            time.sleep(0.05)
        if not self._told:
            signal.signal(signal.SIGTERM, before)

    def _waiting(self) -> bool:
        return not self._told and (self._folder / HOLD).exists()


if "SPY_FOLDER" in os.environ:
    sys.meta_path.insert(0, Spy(Path(os.environ["SPY_FOLDER"])))
