"""A study so small that a whole run takes a minute: a model, two tasks, and how to run them."""

from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[2]
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

# Both methods as published, with one control more than the defaults for one of them.
METHODS = {
    "structured": {"algorithm": "structured", "subnetworks": ["good", "bad", "super_good"]},
    "magnitude": {"algorithm": "magnitude", "subnetworks": ["good", "random"]},
}


def write_study(folder: Path) -> dict[str, Any]:
    """Writes model and tasks into a folder and gives the config of the study."""
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
            "learning_rate": 3e-3,
            "batch_size": 16,
            "epochs": 4,
            "max_length": 20,
            "log_every": 4,
        },
        "methods": METHODS,
    }


def write_model(folder: Path, seed: int = 0) -> None:
    """Saves a BERT with random weights, large enough for every unit to matter, and a tokenizer."""
    import torch
    from transformers import BertConfig, BertModel

    words = sorted({word for text in _all_texts() for word in text.split()})
    folder.mkdir(parents=True, exist_ok=True)
    _write_tokenizer(folder / "tokenizer.json", words)
    config = BertConfig(vocab_size=len(words) + 5, **SIZES)
    torch.manual_seed(seed)
    model = BertModel(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "LayerNorm" not in name:
                parameter.mul_(5)
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


def _all_texts() -> list[str]:
    return [*FOR, *AGAINST, *DEGREES, *(text for texts in AROUND.values() for text in texts)]


def _parts(rows: list[Any], train: int, dev: int) -> list[tuple[str, list[Any]]]:
    order = np.random.default_rng(0).permutation(len(rows))
    chosen = [rows[i] for i in order]
    return [("", chosen[:train]), ("_dev", chosen[train : train + dev])]


def run_snakemake(
    folder: Path, config: dict[str, Any] | Path, *arguments: str, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Runs Snakemake as a user does, in a folder, with a config.

    Args:
        folder: the working directory of the run.
        config: a config file, or what to write into one.
        *arguments: more command-line arguments.
        env: environment variables to add.

    Returns:
        The finished process; standard output and error together in `stdout`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(config, Path):
        path = folder / "study.yaml"
        path.write_text(yaml.safe_dump(config, sort_keys=False))
        config = path
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile")]
    command += ["--directory", str(folder), "--configfile", str(config), "--cores", "2"]
    environment = os.environ | {"LOTTERY_LEASES": str(folder / "leases")} | (env or {})
    return subprocess.run(
        [*command, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        cwd=folder,
        timeout=600,
    )


def planned(folder: Path, config: dict[str, Any] | Path, *arguments: str) -> dict[str, int]:
    """What a dry run plans: rule -> number of jobs, `all` left out; empty if nothing is to do."""
    finished = run_snakemake(folder, config, "--dry-run", "--quiet", "rules", *arguments)
    assert finished.returncode == 0, finished.stdout
    counts = {
        rule: int(count)
        for rule, count in re.findall(r"^([a-z_]+) +(\d+)$", finished.stdout, re.MULTILINE)
    }
    if not counts:
        assert "Nothing to be done" in finished.stdout, finished.stdout
        return {}
    assert counts.pop("total") == sum(counts.values())
    counts.pop("all", None)
    return counts
