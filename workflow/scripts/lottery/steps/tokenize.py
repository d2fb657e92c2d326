"""Tokenises a task's splits with a model's tokeniser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lottery.data.tokens import load_tokenizer, tokens_of
from lottery.files import read_parquet, sha256, write_arrays

VERSION = 1


def tokenize(
    *,
    path_to_tokenizer: Path,
    paths_to_splits: Sequence[Path],
    paths_to_tokens: Sequence[Path],
    max_length: int,
) -> None:
    """Writes a token file per split.

    Pairs that are too long lose tokens of the longer text first. No padding is stored: batches
    are padded to their own longest example.

    Args:
        path_to_tokenizer: The tokenizer.json in the model's folder, whose name is the model's id.
        paths_to_splits: Parquet file of each split.
        paths_to_tokens: Token file to write for each of them, in the same order.
        max_length: Most tokens of an example, special tokens included.
    """
    path_to_tokenizer = Path(path_to_tokenizer)
    digest = sha256(path_to_tokenizer)
    for path, path_to_tokens in zip(paths_to_splits, paths_to_tokens, strict=True):
        table = read_parquet(path)
        pairs = "text_b" in table.column_names
        tokens = tokens_of(table, load_tokenizer(path_to_tokenizer, max_length, pairs=pairs))
        note = json.loads((table.schema.metadata or {}).get(b"lottery", b"{}"))
        metadata = {
            "task": note.get("task", ""),
            "model": path_to_tokenizer.parent.name,
            "max_length": str(max_length),
            "tokenizer": digest,
        }
        write_arrays(path_to_tokens, tokens.arrays(), metadata)
