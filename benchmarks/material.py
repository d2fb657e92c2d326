"""What the benchmarks work on: the embedded model, and tasks as tokens."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa

from drawn import TASKS
from lottery.data.examples import read_task
from lottery.data.splits import halves
from lottery.data.tokens import Tokens, load_tokenizer, tokens_of
from lottery.models.checkpoints import load_pretrained
from lottery.models.encoder import Encoder
from lottery.steps.fetch_model import fetch_model
from lottery.tasks.task import GENERATED, GLUE, Task
from measuring import ROOT

MAX_LENGTH = 128
STAND_INS = {"rte": "entailment", "sst2": "sentiment"}  # generated tasks of the same shape


@dataclass(frozen=True)
class Case:
    """A task to measure with.

    Attributes:
        label: how rows name it; says so if the task is generated.
        task: its description.
        train, dev: its tokens.
    """

    label: str
    task: Task
    train: Tokens
    dev: Tokens


class Embedded:
    """The embedded model, fetched into a folder.

    Args:
        folder: to write into.
    """

    def __init__(self, folder: Path) -> None:
        self.tokenizer = folder / "embedded" / "tokenizer.json"
        self._weights = folder / "embedded" / "model.safetensors"
        fetch_model(
            source="embedded",
            kind="embedded",
            revision=None,
            init="pretrained",
            init_seed=0,
            path_to_tokenizer=self.tokenizer,
            path_to_model=self._weights,
        )

    def model(self, n_outputs: int, seed: int = 0) -> Encoder:
        """A fresh copy with a drawn classifier."""
        return load_pretrained(self._weights, n_outputs, seed)


def glue_folder() -> Path | None:
    """The folder of real GLUE, `<task>/<split>.parquet`, if there is one.

    It is named by GLUE_DIR, or lies next to the repository in shared/data/glue. A folder that is
    named and lacks a task ends the script with a sentence.
    """
    named = os.environ.get("GLUE_DIR")
    folder = Path(named) if named else ROOT.parent / "shared" / "data" / "glue"
    missing = [task for task in TASKS if not (folder / task).is_dir()]
    if named and missing:
        sys.exit(
            f"GLUE_DIR: {named} has no folder {' and no '.join(missing)}; name a folder of GLUE "
            "tasks (<task>/<split>.parquet), or unset it for generated ones."
        )
    return None if missing else folder


def case_of(name: str, tokenizer: Path, train_examples: int, dev_examples: int | None) -> Case:
    """Reads and tokenises a task.

    Without a folder of real GLUE a generated task of the same shape takes its place.

    Args:
        name: "rte" or "sst2".
        tokenizer: tokenizer.json of the model.
        train_examples: how many to train on.
        dev_examples: how many of validation; all when None (600 of a generated task).
    """
    glue = glue_folder()
    task = GLUE[name] if glue else GENERATED[STAND_INS[name]]
    label = TASKS[name] if glue else f"{STAND_INS[name]} (generated)"
    dev_examples = dev_examples or task.validation_examples
    task = replace(task, train_examples=train_examples, validation_examples=dev_examples)
    tokens = {
        split: _tokens(table, tokenizer, with_halves=split != "train")
        for split, table in read_task(task, glue and str(glue)).items()
    }
    return Case(label, task, tokens["train"], tokens["validation"])


def _tokens(table: pa.Table, path_to_tokenizer: Path, *, with_halves: bool) -> Tokens:
    pairs = "text_b" in table.column_names
    tokens, _ = tokens_of(table, load_tokenizer(path_to_tokenizer, MAX_LENGTH, pairs=pairs))
    return replace(tokens, half=halves(tokens.labels, tokens.idx) if with_halves else None)
