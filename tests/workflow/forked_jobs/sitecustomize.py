"""Lets the fork server run a job's script in place of the process that Snakemake starts for it.

Python imports this module by itself where it finds it; its folder stands in PYTHONPATH of the run.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def hand_over(script: str) -> None:
    """Runs a script by the server, and ends as it does."""
    sys.path.insert(0, str(Path(__file__).parents[1]))
    from fork_server import SERVED, run_program

    address = os.environ[SERVED]
    status = run_program(address, [script], (0, 1, 2), {**os.environ}, os.getcwd())
    os._exit(status if status >= 0 else 128 - status)


if sys.orig_argv[-1].endswith(".run_step.py"):
    hand_over(sys.orig_argv[-1])
