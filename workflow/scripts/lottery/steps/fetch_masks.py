"""Step fetch_masks: the authors' masks of one task, checked by digest. It may use the network."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

from lottery import files
from lottery.files.errors import StudyError

VERSION = 1


def fetch_masks(*, wanted: Sequence[tuple[str, str]], paths_to_masks: list[Path]) -> None:
    """Downloads files and writes those whose content is the expected one.

    Args:
        wanted: address and SHA-256 of each file.
        paths_to_masks: where they are written, in the same order.

    Raises:
        StudyError: a file does not come, or has another content.
    """
    from lottery.files import hub

    for (address, digest), path in zip(wanted, paths_to_masks, strict=True):
        content = hub.fetch_address(
            address, "only_tasks leaves tasks out, and masks may name a folder with a copy"
        )
        found = hashlib.sha256(content).hexdigest()
        if found != digest:
            raise StudyError(
                f"{address} has the SHA-256 {found}, where the mask of the paper has {digest}; "
                "what came is not used."
            )
        with files.atomic(path) as temporary:
            temporary.write_bytes(content)
