"""Runs many commands of Snakemake, each in a process of its own that has imported it already.

Standard input holds a list of {folder, arguments} in JSON, standard output gets a list of {status,
output}. Importing Snakemake takes longer than a command that is refused.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any, NoReturn

import snakemake.cli

from lottery.config import schema
from lottery.planning import preflight


def run(command: dict[str, Any]) -> dict[str, Any]:
    """Runs one command in a child process."""
    with tempfile.TemporaryFile() as file:
        child = os.fork()
        if child == 0:
            _become(command, file.fileno())
        _, status = os.waitpid(child, 0)
        file.seek(0)
        output = file.read().decode(errors="replace")
    return {"status": os.waitstatus_to_exitcode(status), "output": output}


def _become(command: dict[str, Any], output: int) -> NoReturn:
    status = 70
    try:
        os.chdir(command["folder"])
        for stream in (1, 2):
            os.dup2(output, stream)
        sys.argv = [str(Path(sys.executable).with_name("snakemake")), *command["arguments"]]
        status = _status(snakemake.cli.main)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _status(main: Any) -> int:
    try:
        main()
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
            return 1
        return int(end.code or 0)
    except Exception:  # as Python would show it
        sys.excepthook(*sys.exc_info())
        return 1
    return 0


if __name__ == "__main__":
    # Both are what every command needs and would otherwise load again.
    assert preflight and schema.schema()
    commands = json.load(sys.stdin)
    # What Snakemake prints goes into the files; the answer alone to standard output.
    json.dump([run(command) for command in commands], sys.stdout)
