"""A study so small that a whole run takes a minute: its model, its two tasks, its config."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 32,
    "type_vocab_size": 2,
}
LAYERS, HEADS = SIZES["num_hidden_layers"], SIZES["num_attention_heads"]

# Words that decide the label of `tone` and the score of `degree`, and words around them.
FOR, AGAINST = ("good", "fine", "great", "warm"), ("bad", "dull", "poor", "cold")
DEGREES = ("never", "rarely", "often", "always")
AROUND = {
    "subjects": ("the film", "this book", "a song", "the meal", "that play", "her talk"),
    "verbs": ("was", "is", "seemed", "became"),
    "ends": ("today", "again", "there", "to us", "this year"),
}

# As few as the analyses can be made with.
FEW_DRAWS = {
    "permutations": 50,
    "test_permutations": 99,
    "few_tasks": 2,
    "maps_per_cell": 4,
    "least_map_tokens": 5,
}

PUBLISHED = {
    "structured": {"algorithm": "structured", "subnetworks": ["good", "super_good"]},
    "magnitude": {"algorithm": "magnitude", "subnetworks": ["good"]},
}

# What the fixture `exported` exports of the published study.
EXPORTS = [
    {"subnetwork": "full", "task": "tone", "seed": 7},
    {"subnetwork": "good", "task": "tone", "seed": 7, "method": "structured", "phase": "pruned"},
    {"subnetwork": "good", "task": "degree", "seed": 7, "method": "magnitude"},
]


def write_study(folder: Path) -> dict[str, Any]:
    """Writes model and tasks into a folder; gives the config, with both methods as published."""
    write_model(folder / "model")
    write_tone(folder)
    write_degree(folder)
    return {
        "models": {"tiny": {"source": str(folder / "model")}},
        "tasks": {
            "tone": {
                "data": {"train": f"{folder}/tone.csv", "validation": f"{folder}/tone_dev.csv"},
                "text": "text",
                "labels": ["no", "yes"],
            },
            "degree": {
                "data": {
                    "train": f"{folder}/degree.jsonl",
                    "validation": f"{folder}/degree_dev.jsonl",
                },
                "text": ["first", "second"],
                "label": "score",
                "metric": "pearson",
            },
        },
        "seeds": [7, 3],
        "training": {
            "learning_rate": 6e-3,
            "batch_size": 16,
            "epochs": 8,
            "max_length": 20,
            "log_every": 4,
        },
        "methods": PUBLISHED,
        "analysis": FEW_DRAWS,
    }


def write_model(folder: Path, seed: int = 0) -> None:
    """Saves a BERT with random weights, large enough for every unit to matter, and a tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    words = sorted({word for text in all_texts() for word in text.split()})
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder / "tokenizer.json", words)
    config = BertConfig(vocab_size=len(words) + 5, **SIZES)
    torch.manual_seed(seed)
    model = BertModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" not in name:
                parameter.mul_(2)
            if name.endswith("bias"):
                parameter.add_(0.1 * torch.randn(parameter.shape))
    model.save_pretrained(folder)


def _write_tokenizer(path: Path, words: list[str]) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    specials = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {word: number for number, word in enumerate([*specials, *words])}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(path))


def write_tone(folder: Path) -> None:
    """Sentences in two classes: tone.csv, tone_dev.csv."""
    rows = [
        {"text": f"{frame} {word} {end}", "label": label}
        for frame, end in _frames()
        for label, words in (("yes", FOR), ("no", AGAINST))
        for word in words
    ]
    for name, part in _parts(rows, 160, 64):
        with (folder / f"tone{name}.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, ["text", "label"])
            writer.writeheader()
            writer.writerows(part)


def write_degree(folder: Path) -> None:
    """Pairs with a score: degree.jsonl, degree_dev.jsonl."""
    rows = [
        {"first": f"{frame} {FOR[0]}", "second": f"{word} {end}", "score": score + position / 10}
        for frame, end in _frames()
        for score, word in enumerate(DEGREES)
        for position in range(2)
    ]
    for name, part in _parts(rows, 160, 64):
        lines = "".join(json.dumps(row) + "\n" for row in part)
        (folder / f"degree{name}.jsonl").write_text(lines)


def _frames() -> Iterable[tuple[str, str]]:
    for subject, verb, end in product(*AROUND.values()):
        yield f"{subject} {verb}", end


def all_texts() -> list[str]:
    """All words of both tasks."""
    return [*FOR, *AGAINST, *DEGREES, *(text for texts in AROUND.values() for text in texts)]


def _parts(rows: list[Any], train: int, dev: int) -> list[tuple[str, list[Any]]]:
    order = np.random.default_rng(0).permutation(len(rows))
    chosen = [rows[i] for i in order]
    return [("", chosen[:train]), ("_dev", chosen[train : train + dev])]
