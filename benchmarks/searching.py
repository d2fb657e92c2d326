"""Times the structured search from first to last step against two re-enactments of it.

Both (plain_search.py) run transformers' model with gates, whole, at each step. The strong one takes
gradients of the gates alone, pads each batch to its longest example and remembers what it measured.
It is run from first to last step, and must take the same decisions as the workflow's search at each
of them. The plain one pads every example to 128 tokens, takes gradients of all parameters and
remembers nothing. All its passes cost the same, so some batches are timed and scaled to a pass, and
a pass to the number of steps; `--full` runs it to its end, too. Real GLUE with GLUE_DIR, generated
tasks otherwise. From the root:

    PYTHONPATH=workflow/scripts python benchmarks/searching.py --json build/bench/searching.json
"""

from __future__ import annotations

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
from measuring import arguments, machine, parsed, seconds_of
from plain_search import PlainPass, PlainSearch, State
from rows import Row, finish, speedup

# Task -> training examples of the searched model, and the target by preset.
CASES = {
    "rte": (640, {"published": 2.0, "strict": 3.0}),
    "sst2": (1920, {"published": 1.8, "strict": 3.0}),
}
PRESETS = ("published", "strict")
RECIPE = Recipe(learning_rate=1e-4, epochs=3, warmup_steps=0.1, precision="bf16")
STRONG = "strongest: frozen weights, dynamic padding, memory"
PLAIN = "padded, all gradients, no memory"
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


def re_enacted(
    searched: Searched, path_to_model: Path, *, strong: bool
) -> tuple[float, list[State]]:
    """Runs a re-enactment to its end; gives its seconds and every mask it looked at."""
    model = load_model(path_to_model)
    how = {"length": None, "frozen": True} if strong else {}
    passing = PlainPass(model, searched.tokens, searched.options, **how)
    search = PlainSearch(
        passing.run, searched.score, searched.least, searched.options, remember=strong
    )
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
    case: Case, preset: str, target: float, path_to_model: Path, *, full: bool
) -> list[Row]:
    """The rows of one task and preset."""
    settings = options_of(preset)
    searched = Searched(case.dev.subset(settings["search_on"]), settings, case.task.search_metric)
    seconds, ours = our_search(searched, path_to_model)
    strong, masks = re_enacted(searched, path_to_model, strong=True)
    if full:
        plain, note = re_enacted(searched, path_to_model, strong=False)[0], "to its end"
    else:
        plain = len(ours) * plain_pass_seconds(searched, path_to_model, TIMED_BATCHES)
        note = f"scaled from {TIMED_BATCHES} batches"
    name = f"structured search, {case.label} dev, {preset}"
    same, compared = agreement(ours, masks), max(len(ours), len(masks))
    steps = f"{len(ours)} steps, {distinct(ours)} different masks"
    return [
        speedup(name, seconds, f"{STRONG}, {steps}", strong, target, "to its end"),
        speedup(name, seconds, PLAIN, plain, note=note),
        Row(
            f"{name}: same masks",
            same,
            "",
            "strongest, steps",
            compared,
            same / compared,
            1.0,
            True,
        ),
    ]


def main() -> None:
    """Measures, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--full", action="store_true", help="run the plain one to its end")
    options = parsed(parser)
    facts, rows = machine(), []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        embedded = Embedded(folder)
        for task, (train_examples, targets) in list(CASES.items())[: 1 if options.quick else None]:
            sizes = (16, 8) if options.quick else (train_examples, None)
            case = case_of(task, embedded.tokenizer, *sizes)
            model = embedded.model(case.task.n_outputs)
            train(model, case.train, RECIPE, seed=0)
            path_to_model = folder / f"{task}.safetensors"
            save_model(path_to_model, model)
            del model
            for preset in PRESETS:
                with torch.random.fork_rng():
                    target = targets[preset]
                    rows += measure(case, preset, target, path_to_model, full=options.full)
    finish(options, facts, rows)


if __name__ == "__main__":
    main()
