"""The files that come with the workflow: published numbers, captions, the report's templates.

Their place depends on the clone or installation, so rules do not name them as inputs. Their
content enters the params instead: `params.resources` maps a keyword of the step to pairs of a path
within `workflow/` and the SHA-256 of the file.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Any

from lottery import files
from lottery.files.workflow import WORKFLOW


def bundled(**names: str | Iterable[str]) -> dict[str, list[Any]]:
    """The `resources` of a rule's params: name -> [path, digest], or a list of such pairs.

    Args:
        **names: the step's keywords: one path within `workflow/`, or several.
    """
    return {
        name: _pair(paths) if isinstance(paths, str) else [_pair(path) for path in paths]
        for name, paths in names.items()
    }


def below(folder: str, pattern: str) -> list[str]:
    """The files of a folder within `workflow/` that fit a pattern, sorted."""
    return sorted(str(path.relative_to(WORKFLOW)) for path in (WORKFLOW / folder).glob(pattern))


def _pair(path: str) -> list[str]:
    return [path, _digest(path)]


@cache
def _digest(path: str) -> str:
    return files.sha256(WORKFLOW / path)
