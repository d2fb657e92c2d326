"""Step fetch_config: a model's config.json alone, for tables of masks that need its sizes only."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.files.errors import blaming
from lottery.files.reading import GIVEN
from lottery.models.architecture import Architecture
from lottery.models.model_files import CONFIG, source_folder

VERSION = 1


def fetch_config(*, source: str, kind: str, revision: str | None, path_to_config: Path) -> None:
    """Fetches config.json; no weights and no tokenizer. It may use the network."""
    # The folder that Snakemake fetches into has the model's id as its name.
    with blaming(f"models.{Path(path_to_config).parent.name}.source"):
        path = source_folder(source, kind, revision, CONFIG) / CONFIG
        config = files.read_json(path, GIVEN)
        Architecture.from_config(config, str(path))
    files.write_json(path_to_config, config)
