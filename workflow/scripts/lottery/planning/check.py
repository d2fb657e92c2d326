"""A config by itself: what is wrong with it, and the revisions that it lacks."""

from __future__ import annotations

from pathlib import Path

from lottery.config import load_study, read_config
from lottery.config.sources import unpinned
from lottery.files.errors import blaming
from lottery.planning.grid import check_exports
from lottery.statistics.claims.verdicts import FEWEST_SEEDS


def check(name: str) -> None:
    """Checks all that a config says by itself, and says so."""
    study = load_study(read_config(Path(name)), Path.cwd())
    check_exports(study)
    print(f"{name} is fine. Data and models are checked when a run starts.")
    if len(study.seeds) < FEWEST_SEEDS:
        print(f"seeds has {len(study.seeds)}; claims get a verdict from {FEWEST_SEEDS} on.")


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
