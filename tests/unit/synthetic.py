"""A results tree without any model: made-up scores, masks and searches in the study's formats.

The numbers follow a simple story, so that figures look like figures and tests know what to expect:
good subnetworks nearly reach the full model, random ones less so, bad ones least; retraining helps;
every seed differs a little.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from synthetic_masks import random_units, random_weights

from lottery import files
from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo, full_size, read_mask, size_of, write_mask

GLUE = {
    "cola": "matthews",
    "sst2": "accuracy",
    "mrpc": "accuracy",
    "stsb": "pearson",
    "qqp": "accuracy",
    "mnli": "accuracy",
    "qnli": "accuracy",
    "rte": "accuracy",
    "wnli": "accuracy",
}
FULL = (0.56, 0.93, 0.84, 0.89, 0.91, 0.84, 0.92, 0.63, 0.34)
MAJORITY = (None, 0.51, 0.68, 0.02, 0.63, 0.35, 0.51, 0.53, 0.56)
SEEDS = (1337, 42, 86, 71, 166)
STRUCTURED = ("good", "random", "bad", "super_good", "super_random", "super_bad")
MAGNITUDE = ("good", "random", "bad")
STRICT = ("good", "good_half", "random_half", "random_half_2", "bad_half", "super_good")
SPLITS = {"validation": 400, "search_half": 200, "report_half": 200}
# Share of the distance from majority to full that a kind reaches, pruned and retrained.
REACHED = {"good": (0.85, 0.95), "random": (0.4, 0.8), "bad": (0.1, 0.6)}
SMALL = {
    "model_type": "bert",
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "hidden_size": 8,
    "intermediate_size": 6,
    "vocab_size": 11,
}


@dataclass(frozen=True)
class Tree:
    """A results tree of one model.

    Attributes:
        root: folder that holds results/ and resources/.
        tasks: task -> reported metric.
        seeds: seeds.
        methods: method -> {"algorithm", "preset", "published", "subnetworks"}.
        model: the model's id.
        config: the model's config.json.
    """

    root: Path
    tasks: dict[str, str] = field(default_factory=lambda: dict(GLUE))
    seeds: tuple[int, ...] = SEEDS
    methods: dict[str, dict] = field(
        default_factory=lambda: {
            "structured": method("structured", "structured", STRUCTURED),
            "magnitude": method("magnitude", "magnitude", MAGNITUDE),
        }
    )
    model: str = "bert_base"
    config: dict = field(default_factory=lambda: dict(SMALL))

    @property
    def architecture(self) -> Architecture:
        return Architecture.from_config(self.config, "the synthetic model")

    @property
    def path_to_config(self) -> Path:
        return self.root / "resources/models" / self.model / "config.json"

    @property
    def layout(self) -> dict:
        """The params of the steps that lay out tables."""
        return {
            "models": [self.model],
            "published_models": ["bert_base"],
            "tasks": {
                task: {
                    "metric": metric,
                    "in_average": task != "wnli",
                    "published": task if task in GLUE else None,
                }
                for task, metric in self.tasks.items()
            },
            "methods": {
                name: {key: facts[key] for key in ("preset", "published", "subnetworks")}
                for name, facts in self.methods.items()
            },
        }

    def cell(self, task: str, seed: int) -> Path:
        return self.root / "results" / self.model / task / f"seed_{seed}"

    def metrics(self) -> list[Path]:
        """metrics.json of all evaluations, in the order of the grid."""
        return [
            self.cell(task, seed) / "evaluate" / name / subnetwork / phase / "metrics.json"
            for task in self.tasks
            for seed in self.seeds
            for name, subnetwork, phase in self.runs()
        ]

    def runs(self) -> list[tuple[str, str, str]]:
        """(method, subnetwork, phase) of a cell."""
        return [("none", "full", "finetuned")] + [
            (name, subnetwork, phase)
            for name, facts in self.methods.items()
            for subnetwork in facts["subnetworks"]
            for phase in ("pruned", "retrained")
        ]

    def majority(self) -> list[Path]:
        return [self.root / "results/majority" / task / "metrics.json" for task in self.tasks]

    def mask(self, task: str, seed: int, name: str, subnetwork: str) -> Path:
        folder = self.cell(task, seed) / "mask" / name
        if subnetwork.startswith("super_"):
            folder = self.root / "results" / self.model / task / "super" / name
        return folder / f"{subnetwork}.safetensors"

    def masks(self, name: str, subnetwork: str = "good") -> list[Path]:
        return [self.mask(t, s, name, subnetwork) for t in self.tasks for s in self.seeds]

    def searches(self, name: str) -> list[Path]:
        return [
            self.cell(task, seed) / "mask" / name / "search.csv"
            for task in self.tasks
            for seed in self.seeds
        ]


def method(algorithm: str, published: str | None, subnetworks: tuple, preset="published") -> dict:
    """What a tree says about a method."""
    return {
        "algorithm": algorithm,
        "preset": preset,
        "published": published,
        "subnetworks": list(subnetworks),
    }


def write_tree(tree: Tree) -> None:
    """Writes all files of a tree."""
    files.write_json(tree.path_to_config, tree.config)
    for path, (task, metric) in zip(tree.majority(), tree.tasks.items(), strict=True):
        files.write_json(path, _majority(task, metric))
    for task in tree.tasks:
        for seed in tree.seeds:
            rng = np.random.default_rng([seed, len(task), *task.encode()])
            for name, facts in tree.methods.items():
                _write_masks(tree, task, seed, name, facts, rng)
                _write_search(tree, task, seed, name, facts["algorithm"], rng)
            for run in tree.runs():
                path = tree.cell(task, seed) / "evaluate" / Path(*run) / "metrics.json"
                files.write_json(path, _evaluation(tree, task, seed, run, rng))


def expected_level(task: str, subnetwork: str, phase: str) -> float:
    """The score around which a run's score is drawn."""
    place = list(GLUE).index(task) if task in GLUE else 7
    full, floor = FULL[place], MAJORITY[place] or 0.0
    if subnetwork == "full":
        return full
    kind = next(kind for kind in REACHED if kind in subnetwork.split("_"))
    return floor + REACHED[kind][phase == "retrained"] * (full - floor)


def _majority(task: str, metric: str) -> dict:
    value = MAJORITY[list(GLUE).index(task)] if task in GLUE else 0.5
    scores = []
    for split, n in (SPLITS | {"train_sample": 400}).items():
        for labels_from in ("validation", "train"):
            # The two baselines differ, so that a test sees which one was taken.
            shift = 0.0 if labels_from == "validation" or value is None else -0.005
            known = None if value is None else value + shift
            scores.append(
                {
                    "split": split,
                    "metric": metric,
                    "value": known,
                    "n_examples": n,
                    "labels_from": labels_from,
                    "constant_prediction": metric != "pearson",
                    "degenerate": known is None,
                }
            )
    return {"format": 1, "task": task, "scores": scores}


def _evaluation(
    tree: Tree, task: str, seed: int, run: tuple[str, str, str], rng: np.random.Generator
) -> dict:
    name, subnetwork, phase = run
    level = expected_level(task, subnetwork, phase)
    spread = 0.005 if phase == "finetuned" else 0.02
    if name == "none":
        size = full_size(tree.architecture)
    else:
        mask, info = read_mask(tree.mask(task, seed, name, subnetwork))
        size = size_of(mask, info.kept_fraction)
    scores = [
        {
            "split": split,
            "metric": tree.tasks[task],
            "value": float(min(1.0, level + spread * rng.standard_normal())),
            "n_examples": n,
            "constant_prediction": False,
        }
        for split, n in SPLITS.items()
    ]
    return {
        "format": 1,
        "model": tree.model,
        "task": task,
        "seed": seed,
        "method": name,
        "subnetwork": subnetwork,
        "phase": phase,
        **size,
        "scores": scores,
    }


def _write_masks(tree, task, seed, name, facts, rng) -> None:
    architecture = tree.architecture
    for subnetwork in dict.fromkeys(("good", *facts["subnetworks"])):
        shared = subnetwork.startswith("super_")
        path = tree.mask(task, seed, name, subnetwork)
        if shared and path.exists():
            continue
        keep = 0.5 if "half" in subnetwork else 0.25 if shared else 0.6
        if facts["algorithm"] == "magnitude":
            mask = random_weights(architecture, keep, rng)
        else:
            mask = random_units(architecture, keep, rng)
        info = MaskInfo(
            algorithm=facts["algorithm"],
            model=tree.model,
            task=task,
            seed="" if shared else str(seed),
            method=name,
            subnetwork=subnetwork,
            kept_fraction=mask.kept_fraction(architecture),
        )
        write_mask(path, mask, info)


def _write_search(tree, task, seed, name, algorithm, rng) -> None:
    full = expected_level(task, "full", "finetuned") + 0.01 * rng.standard_normal()
    steps: list[tuple[str, float, float, bool]] = []
    kept = 1.0
    for stage in ("weights",) if algorithm == "magnitude" else ("both", "heads", "mlps"):
        shrink = {"both": 0.09, "heads": 0.02, "mlps": 0.05, "weights": 0.03}[stage]
        bend = {"both": 0.55, "heads": 0.5, "mlps": 0.45, "weights": 0.6}[stage]
        bend += 0.05 * rng.standard_normal()
        if not steps:
            steps.append((stage, 1.0, full, True))
        while True:
            score = full * (0.97 - max(0.0, bend + 0.1 - (kept - shrink)))
            score += 0.004 * rng.standard_normal()
            passed = score >= 0.9 * full
            steps.append((stage, kept - shrink, score, passed))
            if not passed:
                break
            kept -= shrink
    rows = [
        {
            "step": step,
            "stage": stage,
            "kept_fraction": kept,
            "score": score,
            "threshold": 0.9 * full,
            "accepted": "true" if accepted else "false",
        }
        for step, (stage, kept, score, accepted) in enumerate(steps)
    ]
    columns = "step stage heads_kept mlps_kept kept_fraction score threshold accepted".split()
    files.write_csv(tree.cell(task, seed) / "mask" / name / "search.csv", rows, columns)
