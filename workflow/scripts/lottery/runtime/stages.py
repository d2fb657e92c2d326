"""The steps of the workflow as planning reads them: their versions, without imports.

A step is the file `lottery/steps/{name}.py` with a function of that name and its stage version.
The version is part of a rule's params, so raising it runs the step again, and only that step and
what depends on it. Snakemake itself sees neither edits of the library nor of what a step imports.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

STEPS = Path(__file__).resolve().parents[1] / "steps"
_VERSION = re.compile(r"^VERSION = (\d+)\b", re.MULTILINE)


def stage(step: str) -> str:
    """A step and its version, as `finetune 3`: `params.step` of its rule.

    Text, because Snakemake compares the values of params without their names: a version that is a
    number could trade places with the number of threads, and no job would run again.
    """
    version = _VERSION.search(_source(step))
    if version is None:
        raise ValueError(f"steps/{step}.py has no line 'VERSION = <number>'")
    return f"{step} {version[1]}"


def step_of(job: Any) -> str:
    """The step of a job or a rule. Not the rule's name, which a module import may change."""
    return job.params.step.split()[0]


def step_names() -> list[str]:
    """The steps that have a version, sorted."""
    return sorted(path.stem for path in STEPS.glob("*.py") if _VERSION.search(_source(path.stem)))


@cache
def _source(step: str) -> str:
    return (STEPS / f"{step}.py").read_text(encoding="utf-8")
