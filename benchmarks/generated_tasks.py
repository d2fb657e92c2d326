"""Shows that the generated tasks are worth an experiment: what the pretrained weights add to them.

Per task and seed it fine-tunes the embedded model and the same architecture from random weights,
then prunes the fine-tuned model to halves without retraining, with both algorithms under the strict
preset. Run from the repository's root:

    PYTHONPATH=workflow/scripts python benchmarks/generated_tasks.py --json results.json
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from lottery.data.tokens import Tokens, read_tokens
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files import write_json
from lottery.models.checkpoints import load_model, load_pretrained, save_model
from lottery.models.encoder import Encoder
from lottery.pruning.algorithms import algorithm
from lottery.pruning.algorithms.search import SearchContext
from lottery.pruning.controls import generator
from lottery.pruning.masks import Mask
from lottery.pruning.shrink import apply_mask
from lottery.steps.fetch_model import fetch_model
from lottery.steps.fetch_task import fetch_task
from lottery.steps.tokenize import tokenize
from lottery.tasks import metrics
from lottery.tasks.task import GENERATED, Task
from lottery.training.loop import Recipe, train

ALGORITHMS = ("structured", "magnitude")
RANDOM_DRAWS = 5
INITS = ("pretrained", "random")


@dataclass(frozen=True)
class Setting:
    """Size and recipe with which a task is shown.

    Attributes:
        train_examples: see `Task`.
        recipe: of the pretrained and of the random model.
        validation_examples: see `Task`.
    """

    train_examples: int
    recipe: Recipe
    validation_examples: int = 320


def _setting(train_examples: int, *, epochs: int, batch_size: int, learning_rate: float) -> Setting:
    recipe = Recipe(learning_rate, batch_size, epochs, warmup_steps=0.1)
    return Setting(train_examples, recipe)


# Small trainings with which every seed leaves the plateau at chance. Small batches matter more for
# that than many examples.
SETTINGS = {
    "sentiment": _setting(320, epochs=3, batch_size=16, learning_rate=1.5e-4),
    "acceptability": _setting(512, epochs=5, batch_size=16, learning_rate=1.5e-4),
    "entailment": _setting(384, epochs=5, batch_size=16, learning_rate=1.5e-4),
    "similarity": _setting(320, epochs=5, batch_size=8, learning_rate=1e-4),
}


@dataclass
class SeedResult:
    """What one seed measures; scores by metric, on validation unless said.

    Attributes:
        seed: of classifier, data order and dropout.
        scores: init ("pretrained" or "random") -> metric -> score, undefined ones as chance.
        seconds: processor time of fine-tuning, by init; a busy machine lengthens it too.
        halves: algorithm -> "full", "good_half", "bad_half" (reported metric on report_half).
        random_halves: algorithm -> the same of each random draw.
    """

    seed: int
    scores: dict[str, dict[str, float]] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)
    halves: dict[str, dict[str, float]] = field(default_factory=dict)
    random_halves: dict[str, list[float]] = field(default_factory=dict)


def prepare_models(folder: Path) -> dict[str, Path]:
    """Fetches the embedded model and its random twin; gives each one's folder."""
    for init in INITS:
        fetch_model(
            source="embedded",
            kind="embedded",
            revision=None,
            init=init,
            init_seed=0,
            path_to_tokenizer=folder / init / "tokenizer.json",
            path_to_model=folder / init / "model.safetensors",
        )
    return {init: folder / init for init in INITS}


def prepare_tokens(folder: Path, task: Task, path_to_tokenizer: Path) -> Path:
    """Writes and tokenises a task; gives the folder of its tokens."""
    splits = {split: folder / task.id / f"{split}.parquet" for split in task.split_names}
    fetch_task(
        task=task,
        path_to_train=splits["train"],
        path_to_validation=splits["validation"],
        path_to_data_summary=folder / task.id / "summary.json",
    )
    tokens = folder / task.id / "tokens"
    tokenize(
        path_to_tokenizer=path_to_tokenizer,
        paths_to_splits=list(splits.values()),
        paths_to_tokens=[tokens / f"{split}.safetensors" for split in splits],
        path_to_data_summary=tokens / "summary.json",
        max_length=64,
    )
    return tokens


def majority_score(tokens: Tokens, metric: str) -> float:
    """The score of the validation split's most frequent label; chance for the other metrics."""
    if (chance := metrics.chance(metric)) is not None:
        return chance
    return float(np.bincount(tokens.labels).max() / len(tokens))


def score_of(model: Encoder, tokens: Tokens, metric: str) -> float:
    """A model's score, undefined ones as chance."""
    value = metrics.score(metric, tokens.labels, decide(predict(model, tokens, 64)))
    return value if value is not None else metrics.chance(metric)


def measure_seed(
    task: Task, setting: Setting, seed: int, models: dict[str, Path], path_to_tokens: Path
) -> SeedResult:
    """Fine-tunes both models with one seed, and prunes the pretrained one to halves."""
    result = SeedResult(seed)
    train_tokens, validation = (read_tokens(path_to_tokens, s) for s in task.split_names)
    for init in INITS:
        model = load_pretrained(models[init] / "model.safetensors", task.n_outputs, seed)
        started = time.process_time()
        train(model, train_tokens, setting.recipe, seed)
        result.seconds[init] = time.process_time() - started
        result.scores[init] = {name: score_of(model, validation, name) for name in task.metrics}
        if init == "pretrained":
            path_to_model = path_to_tokens / "model.safetensors"
            save_model(path_to_model, model)
            measure_halves(task, path_to_model, path_to_tokens, result)
    return result


def measure_halves(
    task: Task, path_to_model: Path, path_to_tokens: Path, result: SeedResult
) -> None:
    """Searches the halves on one half of validation and scores them on the other."""
    search_half, report_half = (
        read_tokens(path_to_tokens, split) for split in ("search_half", "report_half")
    )

    def score(mask: Mask | None) -> float:
        model = load_model(path_to_model)
        if mask is not None:
            model, _ = apply_mask(model, mask, search_half)
        return score_of(model, report_half, task.metric)

    for name in ALGORITHMS:
        module = algorithm(name)
        found = module.search(
            SearchContext(
                model=load_model(path_to_model),
                tokens=search_half,
                options={key: option.strict for key, option in module.options.items()},
                score=lambda logits: metrics.score(task.metric, search_half.labels, decide(logits)),
                # Only the halves are wanted, so the search itself may end at once.
                threshold=lambda full_score: None,
            )
        )
        good = found.masks["good_half"]
        result.halves[name] = {
            "full": score(None),
            "good_half": score(good),
            "bad_half": score(found.masks["bad_half"]),
        }
        result.random_halves[name] = [
            score(
                module.sample(
                    "random_half",
                    good,
                    path_to_model,
                    generator(task.id, result.seed, name, draw),
                )
            )
            for draw in range(RANDOM_DRAWS)
        ]


def measure_task(
    name: str, seeds: list[int], models: dict[str, Path], folder: Path, setting: Setting
) -> dict[str, Any]:
    """Measures one generated task over some seeds; plain JSON values."""
    task = replace(
        GENERATED[name],
        train_examples=setting.train_examples,
        validation_examples=setting.validation_examples,
    )
    path_to_tokens = prepare_tokens(folder, task, models["pretrained"] / "tokenizer.json")
    validation = read_tokens(path_to_tokens, "validation")
    results = [measure_seed(task, setting, seed, models, path_to_tokens) for seed in seeds]
    return {
        "majority": {metric: majority_score(validation, metric) for metric in task.metrics},
        "mean_tokens": float(validation.lengths.mean()),
        "setting": asdict(setting),
        "seeds": [asdict(result) for result in results],
    }


def summary(name: str, measured: dict[str, Any]) -> str:
    """Means over the seeds of one task, as lines of text."""
    seeds = measured["seeds"]

    def mean(*keys: str) -> float:
        values = seeds
        for key in keys:
            values = [value[key] for value in values]
        return float(np.mean(values))

    lines = []
    for metric, majority in measured["majority"].items():
        pretrained, random = (mean("scores", init, metric) for init in INITS)
        lines.append(
            f"{name} {metric}: majority {majority:.3f}, pretrained {pretrained:.3f}, "
            f"random weights {random:.3f}"
        )
    for kind in ALGORITHMS:
        full, good, bad = (mean("halves", kind, h) for h in ("full", "good_half", "bad_half"))
        lines.append(
            f"  {kind}: full {full:.3f}, good_half {good:.3f}, "
            f"random_half {mean('random_halves', kind):.3f}, bad_half {bad:.3f}"
        )
    lines.append(f"  fine-tuning took {mean('seconds', 'pretrained'):.1f} s of processor time")
    return "\n".join(lines)


def main() -> None:
    """Measures tasks and prints what they show."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", nargs="+", choices=SETTINGS, default=list(SETTINGS))
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--json", type=Path, help="file for all numbers")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    measured = {}
    with tempfile.TemporaryDirectory() as name:
        models = prepare_models(Path(name))
        for task in options.tasks:
            measured[task] = measure_task(task, options.seeds, models, Path(name), SETTINGS[task])
            print(summary(task, measured[task]), flush=True)
    if options.json:
        write_json(options.json, measured)


if __name__ == "__main__":
    main()
