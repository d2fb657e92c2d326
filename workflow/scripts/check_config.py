"""Checks config files by themselves, or asks the hub for the revisions that they lack.

python workflow/scripts/check_config.py mine.yaml ...
python workflow/scripts/check_config.py --resolve mine.yaml ...
"""

import sys
from pathlib import Path

from lottery.config import load_study, read_config
from lottery.config.sources import unpinned
from lottery.files.errors import blaming
from lottery.planning.grid import check_exports
from lottery.runtime.start import stop_on_error


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


def check(name: str) -> None:
    """Checks all that a config says by itself."""
    check_exports(load_study(read_config(Path(name)), Path.cwd()))
    print(f"{name} is fine.")


names = [name for name in sys.argv[1:] if name != "--resolve"]
if not names:
    sys.exit("usage: python workflow/scripts/check_config.py [--resolve] CONFIG ...")
for name in names:
    stop_on_error(resolve if "--resolve" in sys.argv else check, name)
