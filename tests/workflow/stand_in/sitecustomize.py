"""Lets a job compute on the CPU although it has leased a made-up GPU.

Python imports this module by itself where it finds it; its folder stands in PYTHONPATH of the run.
"""

from __future__ import annotations

import os
import sys
from typing import Any


class NoDevice:
    """Finds no module; a step's module is looked for when the job holds its lease."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name.startswith("lottery.steps."):
            os.environ["CUDA_VISIBLE_DEVICES"] = ""


sys.meta_path.insert(0, NoDevice())
