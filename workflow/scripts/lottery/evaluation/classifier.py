"""An exported model that takes texts: what `lottery.load` gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from lottery import files
from lottery.data.tokens import Tokens, encode, load_tokenizer
from lottery.evaluation.predict import BATCH_SIZE, predict
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model
from lottery.models.checks import CONFIG, WEIGHTS
from lottery.models.encoder import Encoder
from lottery.models.exported import SHRUNK, TOKENIZER_CONFIG
from lottery.models.model_files import TOKENIZER

if TYPE_CHECKING:
    from tokenizers import Tokenizer

NEEDED = (CONFIG, TOKENIZER, TOKENIZER_CONFIG)
EXPORTED = (
    "name a folder that the study has exported, as "
    "results/export/bert/rte/seed_1/magnitude/good/retrained"
)


@dataclass(frozen=True)
class Classifier:
    """A classifier of texts, or a regressor. It is shrunk if units are pruned.

    Attributes:
        labels: names of the classes in the order of the probabilities; None for a regressor.
        max_length: longest input in tokens, special ones included; longer ones are cut.
        model: the encoder itself.
    """

    labels: tuple[str, ...] | None
    max_length: int
    model: Encoder
    _tokenizers: dict[bool, Tokenizer]  # whether they read pairs -> tokeniser

    def logits(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> np.ndarray:
        """Computes the model's outputs, float32 [texts, outputs].

        Args:
            texts: single texts, or pairs for a task of pairs.

        Raises:
            TypeError: `texts` is neither a list of texts nor one of pairs.
        """
        pairs = _are_pairs(texts)
        first: Any = texts
        second = None
        if pairs:
            first, second = zip(*texts, strict=True)
        ids, types, offsets, _ = encode(self._tokenizers[pairs], first, second)
        numbers = np.arange(len(texts))
        tokens = Tokens(ids, types, offsets, labels=numbers, idx=numbers)
        return predict(self.model, tokens, BATCH_SIZE)

    def predict(self, texts: Sequence[str] | Sequence[tuple[str, str]]) -> np.ndarray:
        """Computes probabilities, float32 [texts, labels], or for a regression scores [texts].

        Args:
            texts: single texts, or pairs for a task of pairs.

        Raises:
            TypeError: `texts` is neither a list of texts nor one of pairs.
        """
        logits = self.logits(texts)
        if self.labels is None:
            return logits[:, 0]
        return torch.from_numpy(logits).softmax(-1).numpy()


def _are_pairs(texts: Sequence[str] | Sequence[tuple[str, str]]) -> bool:
    def is_pair(given: Any) -> bool:
        is_row = isinstance(given, list | tuple) and len(given) == 2
        return is_row and all(isinstance(text, str) for text in given)

    if not isinstance(texts, str):
        if all(isinstance(each, str) for each in texts):
            return False
        if all(map(is_pair, texts)):
            return True
    raise TypeError(f"texts is {texts!r:.60}; it must be a list of texts, or of pairs of texts")


def load_classifier(folder: str | Path, device: str = "cpu") -> Classifier:
    """Loads what the study has exported; see `lottery.load`."""
    folder = Path(folder)
    lacking = [name for name in NEEDED if not (folder / name).is_file()]
    if lacking:
        raise StudyError(
            f"{folder} has no {lacking[0]}; {EXPORTED}. `snakemake export` writes removed files of "
            "an export again."
        )
    config = files.read_json(folder / CONFIG)
    if not {"id2label", "problem_type"} <= config.keys():
        raise StudyError(f"{folder / CONFIG} is not that of an exported model; {EXPORTED}.")
    weights = folder / SHRUNK if (folder / SHRUNK).exists() else folder / WEIGHTS
    max_length = files.read_json(folder / TOKENIZER_CONFIG)["model_max_length"]
    names = config["id2label"]
    return Classifier(
        labels=None
        if config["problem_type"] == "regression"
        else tuple(names[str(number)] for number in range(len(names))),
        max_length=max_length,
        model=load_model(weights).to(device),
        _tokenizers={
            pairs: load_tokenizer(folder / TOKENIZER, max_length, pairs=pairs)
            for pairs in (False, True)
        },
    )
