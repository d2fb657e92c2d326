"""Step clean_retrained: frees the disk of retrained weights that the study needs no more."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from lottery import files
from lottery.files.errors import StudyError

VERSION = 2


def clean_retrained(*, cells: list[Mapping[str, Any]], say: Callable[[str], None] = print) -> None:
    """Lists, then removes, the weights of every retrained subnetwork that is evaluated in full.

    Nothing else is removed: logits, histories, provenance, scores and predictions stay, so nothing
    runs again for a table or a figure. Weights of what the config does not name stay as well.

    Args:
        cells: of the study: `weights`, `record` of their training, and `uses`: record and params
            of each step that evaluates them.
        say: prints a line; the list is printed before the first file is removed.
    """
    digest = cache(files.sha256)
    done = [Path(cell["weights"]) for cell in cells if _is_done(cell, digest)]
    sizes = [path.stat().st_size / 1e6 for path in done]
    for path, size in zip(done, sizes, strict=True):
        say(f"{size:8.1f} MB  {path}")
    for path in done:
        path.unlink()
    say(f"removed {len(done)} retrained models, {sum(sizes):.1f} MB")


def _is_done(cell: Mapping[str, Any], digest: Callable[[str], str]) -> bool:
    """Whether all evaluations are there, were made with these params, and of what is there now."""
    if not Path(cell["weights"]).exists():
        return False
    try:
        # The digests of the training's own files are known.
        trained = _paths(files.read_json(cell["record"])["outputs"])
        for path, params in cell["uses"]:
            record = files.read_json(path)
            read = _paths(record["inputs"])
            now = {each: trained.get(each) or digest(each) for each in read}
            if record["params"] != params or read != now:
                return False
        return True
    except (StudyError, KeyError, TypeError, AttributeError):  # a file is gone, or no record
        return False


def _paths(named: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """What a record has by name, as path -> digest."""
    return {path: digest for each in named.values() for path, digest in each.items()}
