"""The plan of a run: what its jobs must find as it was when the run was planned.

Snakemake records the params that it planned. But a job on a cluster reads the config, the rules and
the user's files once more, and every job imports the library when it starts. So the main process
writes down what it has planned with. A job takes the config from there and compares the rest.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.workflow import WORKFLOW
from lottery.runtime.stages import step_of

# The file of the plan, for the processes that the main process starts, here or on a cluster.
VARIABLE = "LOTTERY_PLAN"
# Of a run that reports on a partial study, the list of what is unfinished (planning/partial.py).
PARTIAL = "LOTTERY_PARTIAL"
FOLDER = Path(".snakemake/plans")
KEPT = 20  # plans; a job that a cluster puts back reads the plan of its own run
LIBRARY = Path(__file__).resolve().parents[1]


def write(workflow: Any, config: Mapping[str, Any], imported: bool) -> None:
    """Writes the plan of a run, and names it to the jobs; for the main process.

    Args:
        workflow: Snakemake's, when it is planned and has started no job.
        config: of the study, with all that the command line adds.
        imported: whether the workflow is a module. Then the config files are its importer's.
    """
    content = {
        "config": config,
        "commit": _commit(),
        "words": _words(workflow),
        "code": {_name(path): files.sha256(path) for path in LIBRARY.rglob("*.py")},
        "jobs": {
            _job(job.rule.name, job.wildcards): _digest(job)
            for job in workflow.dag.needrun_jobs()
            if job.rule.params.get("step")
        },
    }
    text = json.dumps(content)
    path = FOLDER.absolute() / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.json"
    try:
        with files.atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
    except OSError as error:
        raise StudyError(f"The plan {path} cannot be written: {error.strerror}.") from error
    with suppress(FileNotFoundError):  # another run removes them, too
        for old in sorted(path.parent.glob("*.json"), key=os.path.getmtime)[:-KEPT]:
            old.unlink()
    os.environ[VARIABLE] = str(path)
    workflow.register_envvars(VARIABLE)  # for clusters that do not pass the environment on
    if not imported:
        # Jobs would fail while the user's file is being edited, or gone.
        workflow.config_settings.configfiles = [path]


def last_words(folder: Path = FOLDER) -> list[str]:
    """What the last run in a folder was called with: Snakefile, config files, `--config`.

    Runs that report on a partial study do not count.

    Returns:
        Words of a Snakemake command; none if there is no plan, or none that can be read.
    """
    for path in sorted(folder.glob("*.json"), key=os.path.getmtime, reverse=True):
        with suppress(OSError, ValueError, LookupError, TypeError):
            if words := json.loads(path.read_bytes())["words"]:
                return list(words)
    return []


def _words(workflow: Any) -> list[str]:
    settings = workflow.config_settings
    if os.environ.get(PARTIAL):
        return []
    words = ["--snakefile", str(workflow.main_snakefile)]
    if paths := [str(Path(path).absolute()) for path in workflow.configfiles]:
        words += ["--configfile", *paths]
    if given := settings.config:
        words += ["--config", *(f"{name}={json.dumps(value)}" for name, value in given.items())]
    return words


def config() -> dict[str, Any]:
    """The config that a run was planned with, for a Snakemake that runs one of its jobs.

    Raises:
        StudyError: the environment does not name the plan, or it cannot be read.
    """
    plan = _read()
    if plan is None:
        raise StudyError(
            f"This job does not know the plan of its run, because {VARIABLE} is not set: let jobs "
            "have the environment of the run, as by sbatch --export=ALL."
        )
    return plan["config"]


def commit() -> str | None:
    """The commit that a run was planned with, ending in -dirty if files were edited since."""
    plan = _read()
    return plan["commit"] if plan else None


def check(job: Any) -> None:
    """Stops a job that is not the one that was planned. Outside of a run nothing is compared.

    Raises:
        StudyError: its params, inputs, outputs or code are others.
    """
    plan = _read()
    if plan and plan["jobs"].get(_job(job.rule, job.wildcards)) != _digest(job):
        raise StudyError(
            f"{step_of(job)} is not as it was planned, because the workflow's rules or files that "
            "it reads have changed since then; run again."
        )
    check_code(job)


def check_code(job: Any) -> None:
    """Stops a job if what it has imported, or a file that came with the workflow, has changed.

    Raises:
        StudyError: names the first such file.
    """
    plan = _read()
    if plan is None:
        return
    imported = [getattr(module, "__file__", None) for module in list(sys.modules.values())]
    paths = [Path(path).resolve() for path in imported if path]
    ours = [path for path in paths if path.is_relative_to(LIBRARY)]
    digests = [(path, plan["code"].get(_name(path))) for path in ours]
    for given in job.params.get("resources", {}).values():  # see lottery.runtime.bundled
        pairs = [given] if isinstance(given[0], str) else given
        digests += [(WORKFLOW / path, digest) for path, digest in pairs]
    for path, digest in digests:
        if not path.exists() or files.sha256(path) != digest:
            raise StudyError(
                f"The code of {step_of(job)} has changed since this run was planned ({path}); "
                "run again."
            )


def _job(rule: str, wildcards: Any) -> str:
    return " ".join([rule, *(str(value) for _, value in wildcards.items())])


def _digest(job: Any) -> str:
    """Of what Snakemake records of a job."""
    given = [dict(job.params.items()), [*map(str, job.input)], [*map(str, job.output)]]
    return hashlib.sha256(json.dumps(given, default=str).encode()).hexdigest()[:16]


def _name(path: Path) -> str:
    return path.relative_to(LIBRARY).as_posix()


@cache
def _read() -> dict[str, Any] | None:
    """The plan that the environment names."""
    path = os.environ.get(VARIABLE)
    if not path:
        return None
    try:
        return json.loads(Path(path).read_bytes())
    except (OSError, ValueError) as error:
        raise StudyError(f"The plan of this run, {path}, cannot be read; run again.") from error


def _commit() -> str | None:
    """Of the clone that the workflow runs from; None for an installation, or without git."""
    repository = WORKFLOW.parent
    if not (repository / ".git").exists():
        return None
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=40"]
    try:
        done = subprocess.run(
            [*command, "--exclude=*"], capture_output=True, text=True, timeout=20, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
