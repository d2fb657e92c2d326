"""What a page says of files, so that it can be shared: no absolute path, no name of a user."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lottery import files


def short_paths(config: Any, study: Path) -> dict[str, str]:
    """How the absolute paths of a config are shown, longest first.

    Args:
        config: as it was read.
        study: the absolute path of the study's folder.

    Returns:
        A path as it is written, or may be expanded -> relative to the study, or where it lies
        elsewhere its last part behind an ellipsis.
    """
    found: dict[str, str] = {}
    for text in _texts(config):
        path = files.expanded(text)
        # A label may begin with a slash; of the folder that all users share nothing need be hidden.
        if path.is_absolute() and len(path.parts) > 2:
            inside = path.is_relative_to(study)
            short = str(path.relative_to(study)) if inside else f"…/{path.name}"
            found |= {text: short, str(path): short}
    found |= {f"{study}/": "", str(study): "."}
    home = Path.home()
    if len(home.parts) > 1:  # not the root
        found[str(home)] = "~"
    return dict(sorted(found.items(), key=lambda pair: -len(pair[0])))


def shared(value: Any, short: Mapping[str, str]) -> Any:
    """A value of a config or of params with its paths as `short_paths` shows them."""
    if isinstance(value, str):
        for path, shown in short.items():
            value = value.replace(path, shown)
        return value
    if isinstance(value, Mapping):
        return {shared(key, short): shared(each, short) for key, each in value.items()}
    if isinstance(value, Sequence):
        return [shared(each, short) for each in value]
    return value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, each in value.items():
            yield from _texts(key)
            yield from _texts(each)
    elif isinstance(value, Sequence):
        for each in value:
            yield from _texts(each)
