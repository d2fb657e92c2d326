"""Times the structured search from first to last step against a plain re-enactment of it.

The re-enactment (plain_search.py) pads every example to 128 tokens, takes the gradients of all
parameters and runs the full model at each step. All its passes cost the same, so some batches are
timed and scaled to a pass, and a pass to the number of steps. Some steps come to a mask of before,
as where a stage begins; the workflow's search remembers what it measured, the re-enactment does
not. That both take the same decisions step by step is checked on a sample; `--full` runs the
re-enactment whole, so that nothing is scaled and the whole search is compared. Real GLUE with
GLUE_DIR, generated tasks otherwise. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/searching.py --json build/bench/searching.json
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lottery.data.tokens import Tokens
from lottery.evaluation.scoring import decide
from lottery.models.checkpoints import load_model, save_model
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.search import MeasurementCache, SearchContext
from lottery.steps.search import threshold
from lottery.tasks import metrics
from lottery.training.loop import Recipe, train
from material import Case, Embedded, case_of
from measuring import arguments, count, machine, parsed, seconds_of
from plain_search import PlainPass, PlainSearch, State
from rows import Row, finish, speedup

# Task, training examples of the searched model, and the target for its development set.
CASES = (("rte", 640, 6.0), ("sst2", 1920, 15.0))
PRESETS = ("published", "strict")
RECIPE = Recipe(learning_rate=1e-4, epochs=3, warmup_steps=0.1, precision="bf16")
SAMPLE = 96  # examples on which the decisions are compared
TIMED_BATCHES = 2


class Recorded(MeasurementCache):
    """A search's cache that notes which masks it is asked for, in order."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: list[str] = []

    def get(self, key: str, measure: Any) -> dict[str, Any]:
        """As `MeasurementCache`."""
        self.keys.append(key)
        return super().get(key, measure)


@dataclass(frozen=True)
class Searched:
    """What a search is given, apart from the model."""

    tokens: Tokens
    options: dict[str, Any]
    metric: str

    def score(self, logits: np.ndarray) -> float | None:
        """The search metric."""
        return metrics.score(self.metric, self.tokens.labels, decide(logits))

    def least(self, full_score: float | None) -> float | None:
        """The score that a subnetwork must reach."""
        baseline = np.bincount(self.tokens.labels).max() / len(self.tokens)
        return threshold(full_score, options=self.options, baseline=float(baseline))


def options_of(preset: str) -> dict[str, Any]:
    """The method's options in a preset."""
    return {name: option.preset(preset) for name, option in structured.OPTIONS.items()}


def our_search(searched: Searched, path_to_model: Path) -> tuple[float, list[State]]:
    """Runs the workflow's search; gives its seconds and every mask it asked for."""
    model, cache = load_model(path_to_model), Recorded()
    context = SearchContext(
        model=model,
        tokens=searched.tokens,
        options=searched.options,
        score=searched.score,
        threshold=searched.least,
        cache=cache,
    )
    seconds = seconds_of(partial(structured.search, context))
    layers, heads = model.architecture.layers, model.architecture.heads
    return seconds, [mask_of(key, layers, heads) for key in cache.keys]


def mask_of(key: str, layers: int, heads: int) -> State:
    """The mask that a key of the search's memory stands for."""
    bits = np.unpackbits(np.frombuffer(bytes.fromhex(key), np.uint8)).astype(bool)
    return bits[: layers * heads].reshape(layers, heads), bits[layers * heads :][:layers]


def plain_search(searched: Searched, path_to_model: Path) -> tuple[float, list[State]]:
    """Runs the re-enactment whole; gives its seconds and every mask it measured."""
    model = load_model(path_to_model)
    passing = PlainPass(model, searched.tokens, searched.options)
    search = PlainSearch(passing.run, searched.score, searched.least, searched.options)
    sizes = model.architecture
    seconds = seconds_of(partial(search.run, sizes.layers, sizes.heads))
    return seconds, search.visited


def plain_pass_seconds(searched: Searched, path_to_model: Path, batches: int) -> float:
    """Seconds of one pass of the re-enactment, from a few of its batches."""
    model = load_model(path_to_model)
    passing = PlainPass(model, searched.tokens, searched.options)
    state = (
        np.ones((model.architecture.layers, model.architecture.heads), bool),
        np.ones(model.architecture.layers, bool),
    )
    examples = min(batches * searched.options["search_batch_size"], len(searched.tokens))
    return seconds_of(partial(passing.run, state, examples)) * len(searched.tokens) / examples


def agreement(ours: list[State], theirs: list[State]) -> int:
    """How many steps from the first on have the same mask on both sides."""
    pairs = zip(ours, theirs, strict=False)
    same = [all(np.array_equal(a, b) for a, b in zip(*pair, strict=True)) for pair in pairs]
    return same.index(False) if False in same else len(same)


def distinct(masks: list[State]) -> int:
    """How many different masks there are."""
    return len({heads.tobytes() + mlps.tobytes() for heads, mlps in masks})


def measure(
    case: Case, preset: str, target: float, path_to_model: Path, options: argparse.Namespace
) -> list[Row]:
    """The rows of one task and preset."""
    settings = options_of(preset)
    tokens = case.dev.subset(settings["search_on"])
    searched = Searched(tokens, settings, case.task.search_metric)
    seconds, ours = our_search(searched, path_to_model)
    steps, different = len(ours), distinct(ours)
    if options.full:
        theirs, plain = plain_search(searched, path_to_model)
        note = "whole"
    else:
        theirs = steps * plain_pass_seconds(searched, path_to_model, TIMED_BATCHES)
        sample = case.dev.select(np.arange(min(options.sample, len(case.dev))))
        sampled = Searched(sample.subset(settings["search_on"]), settings, searched.metric)
        note = f"scaled from {TIMED_BATCHES} batches"
        _, ours = our_search(sampled, path_to_model)
        _, plain = plain_search(sampled, path_to_model)
    name = f"structured search, {case.label} dev, {preset}"
    same, compared = agreement(ours, plain), max(len(ours), len(plain))
    on = "all" if options.full else f"{min(options.sample, len(case.dev))}"
    plainly = f"padded, all gradients, full model, {steps} steps ({different} different masks)"
    against = "re-enactment, steps"
    return [
        speedup(name, seconds, plainly, theirs, target, note),
        Row(
            f"{name}: same masks on {on} examples",
            same,
            "",
            against,
            compared,
            same / compared,
            1.0,
            True,
        ),
    ]


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--full", action="store_true", help="run the re-enactment whole")
    parser.add_argument("--sample", type=count, default=SAMPLE, help="examples for the decisions")
    options = parsed(parser)
    options.sample = 4 if options.quick else options.sample
    facts, rows = machine(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        embedded = Embedded(folder)
        for task, train_examples, target in CASES[:1] if options.quick else CASES:
            sizes = (16, 8) if options.quick else (train_examples, None)
            case = case_of(task, embedded.tokenizer, *sizes)
            model = embedded.model(case.task.n_outputs)
            train(model, case.train, RECIPE, seed=0)
            path_to_model = folder / f"{task}.safetensors"
            save_model(path_to_model, model)
            del model
            for preset in PRESETS:
                with torch.random.fork_rng():
                    rows += measure(case, preset, target, path_to_model, options)
    finish(options, facts, rows)


if __name__ == "__main__":
    main()
