"""A config by itself: what is wrong with it, and the revisions that it lacks."""

from __future__ import annotations

from pathlib import Path

from lottery.config import load_study, read_config
from lottery.config.sources import unpinned
from lottery.files.errors import blaming
from lottery.planning.grid import check_exports


def check(name: str) -> None:
    """Checks all that a config says by itself, and says so."""
    check_exports(load_study(read_config(Path(name)), Path.cwd()))
    print(f"{name} is fine.")


def resolve(name: str) -> None:
    """Prints the present commit of every hub id of a config that has no revision."""
    found = unpinned(read_config(Path(name)), Path.cwd())
    if not found:
        print(f"{name} has no hub id without a revision.")
        return
    from lottery.files.hub import present_commit

    for key, (source, kind) in found.items():
        with blaming(key):
            commit = present_commit(source, kind)
        print(f"{key.rpartition('.')[0]} ({source}):\n    revision: {commit}", flush=True)
