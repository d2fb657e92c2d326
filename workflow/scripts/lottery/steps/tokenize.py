"""Tokenises a task's splits with a model's tokeniser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from lottery.data.tokens import Tokens, encode, load_tokenizer
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
        tokenizer = load_tokenizer(path_to_tokenizer, max_length, pairs=pairs)
        text_b = table.column("text_b").to_pylist() if pairs else None
        input_ids, token_types, offsets = encode(
            tokenizer, table.column("text_a").to_pylist(), text_b
        )
        labels = table.column("label").to_numpy()
        tokens = Tokens(
            input_ids,
            token_types,
            offsets,
            labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64),
            table.column("idx").to_numpy(),
            table.column("half").to_numpy() if "half" in table.column_names else None,
        )
        note = json.loads((table.schema.metadata or {}).get(b"lottery", b"{}"))
        metadata = {
            "task": note.get("task", ""),
            "model": path_to_tokenizer.parent.name,
            "max_length": str(max_length),
            "tokenizer": digest,
        }
        write_arrays(path_to_tokens, tokens.arrays(), metadata)
