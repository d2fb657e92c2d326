"""Step fetch_tokenizer: how transformers is to read a model's tokenizer, for exported models."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from lottery import files
from lottery.files.errors import blaming
from lottery.models.checks import CONFIG, TOKENIZER_FILES, transformers_tokenizer
from lottery.models.model_files import source_folder

VERSION = 1

# How and from where this machine has read it.
OF_THIS_MACHINE = ("is_local", "local_files_only", "name_or_path")


def fetch_tokenizer(
    *, source: str, kind: str, revision: str | None, path_to_tokenizer_config: Path
) -> None:
    """Writes the tokenizer_config.json that goes with the model's tokenizer.json.

    It is the one that transformers writes for the checkpoint, special tokens included, whatever
    files the checkpoint has them in. The step may use the network.

    Args:
        source, kind, revision: see `lottery.models.model_files.source_folder`.
    """
    # The folder that Snakemake fetches into has the model's id as its name.
    with blaming(f"models.{Path(path_to_tokenizer_config).parent.name}.source"):
        folder = source_folder(source, kind, revision, (CONFIG, *TOKENIZER_FILES))
        tokenizer = transformers_tokenizer(folder)
    with tempfile.TemporaryDirectory() as temporary:
        tokenizer.save_pretrained(temporary)
        written = json.loads(Path(temporary, "tokenizer_config.json").read_text("utf-8"))
    kept = {key: value for key, value in written.items() if key not in OF_THIS_MACHINE}
    files.write_json(path_to_tokenizer_config, kept)
