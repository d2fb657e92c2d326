"""What a run says at its end of the steps that failed: their logs' last lines, how to rerun one."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
from argparse import Action
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_STAMP = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (?P<level>[A-Z]+) ")
# Options that say what is made, not how: they have no place in the command for one step.
_OF_THE_RUN = {
    *("force", "forceall", "forcerun", "until", "omit_from", "batch", "target_jobs", "prioritize"),
    *("keep_going", "allowed_rules", "touch"),
}


@dataclass(frozen=True)
class Failure:
    """A step that failed.

    Attributes:
        what: the step in words.
        outputs: the files that it should have made.
        logs: its log files, its own first.
    """

    what: str
    outputs: tuple[str, ...]
    logs: tuple[str, ...]


def summary(failures: Sequence[Failure], not_run: int, command: str, *, moved: bool) -> str:
    """The lines that end a run in which steps failed.

    Args:
        failures: at least one.
        not_run: number of steps that were not run, since they need the failed ones or the run
            stopped at the first failure.
        command: the command line that reruns one step, with `{}` in the place of its output.
        moved: whether the run has a folder of its own, so that paths are told in full.
    """
    head = f"{len(failures)} step{'s' * (len(failures) > 1)} failed"
    head += f"; {not_run} {'was' if not_run == 1 else 'were'} not run." if not_run else "."
    return "\n".join([head, *(line for each in failures for line in _lines(each, command, moved))])


def last_line(paths: Iterable[str]) -> str:
    """What the last line of the first log that has one says, without its time stamp."""
    for path in paths:
        try:
            with Path(path).open("rb") as file:
                file.seek(max(0, Path(path).stat().st_size - 5000))
                text = file.read().decode("utf-8", errors="replace")
        except OSError:
            continue
        lines = [line.rstrip() for line in text.splitlines() if line.strip()]
        if lines:
            return _told(lines[-1])[:500]
    return ""


def _told(line: str) -> str:
    """What the last line of a log says of the end; a job that was killed had no time for a word."""
    stamp = _STAMP.match(line)
    rest = _STAMP.sub("", line)
    if stamp and stamp["level"] in ("INFO", "WARNING"):
        return f"nothing: it was killed, or ran out of memory. Its log ends: {rest}"
    return rest


def rerun_command(arguments: Sequence[str], targets: Sequence[str] = ("{}",)) -> str:
    """The command line of the run with other targets.

    Targets stand first: `--configfile` and others would swallow those behind them.

    Args:
        arguments: of the run, without the name of the program.
        targets: what to make instead.
    """
    import snakemake
    from snakemake.cli import get_argument_parser

    options = {
        name: action for action in get_argument_parser()._actions for name in action.option_strings
    }
    program = ["snakemake"]
    if shutil.which("snakemake") is None:
        program = [sys.executable, "-m", snakemake.__name__]
    return " ".join([shlex.join(program), *targets, shlex.join(_kept(arguments, options))]).rstrip()


def _kept(arguments: Sequence[str], options: Mapping[str, Action]) -> list[str]:
    """The options that hold for a single step too, with their values; targets are left out."""
    kept: list[str] = []
    keep, values = False, 0.0
    for argument in arguments:
        if argument.startswith("-") and len(argument) > 1:
            action, attached = _option(argument, options)
            keep = action is not None and action.dest not in _OF_THE_RUN
            values = 0 if action is None or attached else _most_values(action)
            if keep:
                kept.append(argument)
        elif values > 0:
            values -= 1
            if keep:
                kept.append(argument)
    return kept


def _option(argument: str, options: Mapping[str, Action]) -> tuple[Action | None, bool]:
    """What an argument stands for, and whether its value is attached: --cores=2, -c2."""
    name, equals, _ = argument.partition("=")
    if name in options:
        return options[name], bool(equals)
    if not argument.startswith("--"):
        return options.get(argument[:2]), True
    found = {id(action): action for text, action in options.items() if text.startswith(name)}
    return (next(iter(found.values())) if len(found) == 1 else None), bool(equals)


def _most_values(action: Action) -> float:
    if action.nargs in ("+", "*"):
        return float("inf")
    if action.nargs is None or action.nargs == "?":
        return 1
    return int(action.nargs)


def _lines(failure: Failure, command: str, moved: bool) -> list[str]:
    lines = ["", f"FAILED  {failure.what}"]
    if said := last_line(failure.logs):
        lines.append(f"  said:  {said}")
    if failure.logs:
        lines.append(f"  log:   {Path(failure.logs[0]).resolve() if moved else failure.logs[0]}")
    if failure.outputs:
        lines.append(f"  again: {command.replace('{}', shlex.quote(failure.outputs[0]), 1)}")
    return lines
