"""Tokenised examples: one flat array per split, and the tokeniser that fills it.

The library `tokenizers` does the work; transformers' classes around it give the same tokens, and
take more than a second to import, where a step takes one.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from lottery.data.splits import HALVES, train_sample
from lottery.files import read_arrays
from lottery.files.errors import StudyError

if TYPE_CHECKING:
    import pyarrow as pa
    from tokenizers import Tokenizer

CHUNK = 8192  # examples tokenised at a time: bounds the memory of the tokeniser's own objects


@dataclass(frozen=True, eq=False)
class Tokens:
    """Tokenised examples of one split, without padding."""

    input_ids: np.ndarray  # int32 [tokens], all examples one after another
    token_types: np.ndarray  # uint8 [tokens]
    offsets: np.ndarray  # int64 [n + 1]; example i owns the tokens offsets[i] to offsets[i + 1]
    labels: np.ndarray  # classes int64 [n], or scores float32 [n]
    idx: np.ndarray  # the examples' numbers, int64 [n]
    half: np.ndarray | None = None  # uint8 [n], values of HALVES; None for training examples

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def lengths(self) -> np.ndarray:
        """Number of tokens of each example, int64 [n]."""
        return np.diff(self.offsets)

    def select(self, indices: np.ndarray) -> Tokens:
        """Picks examples, in the order given; a row may occur more than once."""
        lengths = self.lengths[indices]
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        # Token j of a picked example lies as far from its old start as from its new one.
        shift = self.offsets[:-1][indices] - offsets[:-1]
        places = np.arange(offsets[-1]) + np.repeat(shift, lengths)
        return Tokens(
            self.input_ids[places],
            self.token_types[places],
            offsets,
            self.labels[indices],
            self.idx[indices],
            None if self.half is None else self.half[indices],
        )

    def subset(self, split: str) -> Tokens:
        """Gives a half of a validation split; any other split name gives all examples."""
        if split not in HALVES:
            return self
        if self.half is None:
            raise ValueError(f"{split} is asked of tokens that have no halves")
        return self.select(np.flatnonzero(self.half == HALVES[split]))

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by name, as the token file holds them."""
        return {name: array for name, array in vars(self).items() if array is not None}


def read_tokens(folder: Path, split: str) -> Tokens:
    """Reads a split, half (search_half, report_half) or train_sample from a model's tokens."""
    folder = Path(folder)
    if split == "train_sample":
        tokens = _read(folder / "train.safetensors")
        size = len(_read(folder / "validation.safetensors"))
        return tokens.select(train_sample(tokens.labels, tokens.idx, size))
    stored = "validation" if split in HALVES else split
    return _read(folder / f"{stored}.safetensors").subset(split)


def _read(path: Path) -> Tokens:
    arrays, _ = read_arrays(path)
    try:
        return Tokens(**arrays)
    except TypeError as error:
        raise StudyError(f"{path} is no file of tokens; delete it and run again.") from error


def load_tokenizer(path: Path, max_length: int, *, pairs: bool) -> Tokenizer:
    """Loads a tokenizer.json as a tokeniser that truncates but does not pad.

    Args:
        path: The file, whose own truncation and padding are replaced.
        max_length: Most tokens of an example, special tokens included.
        pairs: Whether it will read pairs, the longer text of which is shortened first.
    """
    from tokenizers import Tokenizer

    if not Path(path).is_file():
        raise StudyError(f"{path} is missing; run the step that fetches the model again.")
    try:
        tokenizer = Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises bare Exception
        reason = " ".join(str(error).split()).rstrip(".")[:200]
        raise StudyError(f"{path} is no tokenizer file: {reason}.") from error
    special = tokenizer.num_special_tokens_to_add(is_pair=pairs)
    if max_length <= special + pairs:
        raise StudyError(
            f"max_length is {max_length}; with {special} special tokens at least "
            f"{special + pairs + 1} are needed."
        )
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_length, strategy="longest_first")
    return tokenizer


def encode(
    tokenizer: Tokenizer, text_a: Sequence[str], text_b: Sequence[str] | None
) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """Tokenises single texts (`text_b` is None) or pairs.

    Returns:
        input_ids int32 [tokens], token_types uint8 [tokens], offsets int64 [n + 1], and the number
        of examples that lost tokens.
    """
    inputs = list(text_a) if text_b is None else list(zip(text_a, text_b, strict=True))
    ids, types = [np.empty(0, np.int32)], [np.empty(0, np.uint8)]
    lengths: list[int] = []
    n_cut, longest = 0, (tokenizer.truncation or {}).get("max_length")
    for start in range(0, len(inputs), CHUNK):
        encoded = tokenizer.encode_batch_fast(inputs[start : start + CHUNK])
        lengths.extend(len(one) for one in encoded)
        ids.extend(np.array(one.ids, np.int32) for one in encoded)
        types.extend(np.array(one.type_ids, np.uint8) for one in encoded)
        n_cut += sum(len(one) == longest and bool(one.overflowing) for one in encoded)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return np.concatenate(ids), np.concatenate(types), offsets, n_cut


def added_tokens(path: Path) -> np.ndarray:
    """The numbers of the tokens that a tokenizer.json adds to every text, as [CLS] and [SEP]."""
    tokenizer = load_tokenizer(path, max_length=16, pairs=False)
    return np.unique(np.array(tokenizer.encode("").ids, np.int64))


def unknown_token(tokenizer: Tokenizer) -> int | None:
    """The number of the token that stands for what a tokeniser does not know; None without one."""
    if type(tokenizer.model).__name__ == "Unigram":  # it gives no access to the number
        return json.loads(tokenizer.to_str())["model"]["unk_id"]
    word = getattr(tokenizer.model, "unk_token", None)
    return None if word is None else tokenizer.token_to_id(word)


def tokens_of(table: pa.Table, tokenizer: Tokenizer) -> tuple[Tokens, int]:
    """Tokenises the table of a split; gives its tokens and how many examples lost some."""
    text_b = table["text_b"].to_pylist() if "text_b" in table.column_names else None
    labels = table["label"].to_numpy()
    ids, types, offsets, n_cut = encode(tokenizer, table["text_a"].to_pylist(), text_b)
    tokens = Tokens(
        ids,
        types,
        offsets,
        labels.astype(np.float32 if labels.dtype.kind == "f" else np.int64),
        table["idx"].to_numpy(),
        table["half"].to_numpy() if "half" in table.column_names else None,
    )
    return tokens, n_cut
