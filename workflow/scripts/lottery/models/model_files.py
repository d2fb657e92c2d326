"""What a checkpoint's folder must hold, as far as it can be seen without loading weights."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.reading import GIVEN
from lottery.models.architecture import Architecture

if TYPE_CHECKING:
    from tokenizers import Tokenizer

CONFIG = "config.json"
WEIGHTS = "*.safetensors"
TOKENIZER = "tokenizer.json"
VOCABULARY = "vocab.txt"
PICKLED = ("*.bin", "*.pt", "*.pth", "*.ckpt")


def check_folder(folder: Path, *, weights: bool) -> Architecture:
    """Checks a checkpoint's files, and gives the sizes of the model.

    Raises:
        StudyError: a file is missing, damaged, or of something that cannot be studied.
    """
    architecture = architecture_of(folder)
    if weights:
        check_weights(folder)
    read_tokenizer(folder, architecture)
    return architecture


def architecture_of(folder: Path) -> Architecture:
    """Reads the sizes of a checkpoint."""
    path = folder / CONFIG
    return Architecture.from_config(files.read_json(path, GIVEN), str(path))


def check_weights(folder: Path) -> None:
    """Rejects a folder whose weights are missing, cut short or pickled; only headers are read."""
    paths = sorted(folder.glob(WEIGHTS))
    for path in paths:
        files.read_metadata(path, GIVEN)
    if not paths:
        pickled = sorted(path.name for kind in PICKLED for path in folder.glob(kind))
        instead = f" (but {pickled[0]})" if pickled else ""
        raise StudyError(
            f"{folder}: no .safetensors file is there{instead}; pickled weights are not loaded."
        )


def read_tokenizer(folder: Path, architecture: Architecture) -> Tokenizer | None:
    """Reads tokenizer.json; None where there is only a vocabulary, from which it can be made.

    Raises:
        StudyError: neither is there, or what is there does not fit the model.
    """
    from tokenizers import Tokenizer

    path = folder / TOKENIZER
    if not path.exists():
        if (folder / VOCABULARY).exists():
            return None
        raise StudyError(f"{folder}: neither {TOKENIZER} nor {VOCABULARY} is there.")
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
