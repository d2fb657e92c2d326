"""Tokenises a task's splits with a model's tokeniser."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from lottery.data.summary import count_tokens, describe_tokens, report
from lottery.data.tokens import load_tokenizer, tokens_of, unknown_token
from lottery.files import read_parquet, sha256, write_arrays, write_json

VERSION = 2


def tokenize(
    *,
    path_to_tokenizer: Path,
    paths_to_splits: Sequence[Path],
    paths_to_tokens: Sequence[Path],
    path_to_data_summary: Path,
    max_length: int,
    data_warnings: str = "warn",
) -> None:
    """Writes a token file per split, and a summary of what is cut and unknown.

    Pairs that are too long lose tokens of the longer text first. No padding is stored: batches
    are padded to their own longest example.

    Args:
        path_to_tokenizer: The tokenizer.json in the model's folder, whose name is the model's id.
        paths_to_splits: Parquet file of each split.
        paths_to_tokens: Token file to write for each of them, in the same order.
        path_to_data_summary: json file to write (`describe_tokens`).
        max_length: Most tokens of an example, special tokens included.
        data_warnings: "error" raises a StudyError where the summary has warnings.
    """
    path_to_tokenizer = Path(path_to_tokenizer)
    model, digest = path_to_tokenizer.parent.name, sha256(path_to_tokenizer)
    task, counts = "", {}
    for path, path_to_tokens in zip(paths_to_splits, paths_to_tokens, strict=True):
        table = read_parquet(path)
        pairs = "text_b" in table.column_names
        tokenizer = load_tokenizer(path_to_tokenizer, max_length, pairs=pairs)
        tokens, n_cut = tokens_of(table, tokenizer)
        special = tokenizer.num_special_tokens_to_add(is_pair=pairs)
        counts[Path(path).stem] = count_tokens(tokens, n_cut, special, unknown_token(tokenizer))
        note = json.loads((table.schema.metadata or {}).get(b"lottery", b"{}"))
        task = note.get("task", "")
        metadata = {
            "task": task,
            "model": model,
            "max_length": str(max_length),
            "tokenizer": digest,
        }
        write_arrays(path_to_tokens, tokens.arrays(), metadata)
    summary = describe_tokens(counts, task, model, max_length)
    report(summary, data_warnings)
    write_json(path_to_data_summary, summary)
