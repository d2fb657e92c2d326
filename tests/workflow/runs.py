"""A finished run as tests look at it, and what is run for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from command_line import run_snakemake

Config = dict[str, Any]
LARGE = 50_000  # bytes
STAND_IN = Path(__file__).parent / "stand_in"
DEVICES = ("GPU-first", "GPU-second", "GPU-third")  # made up


@dataclass(frozen=True)
class Run:
    """A finished run: its folder, its config, and what Snakemake said."""

    folder: Path
    config: Config
    output: str

    def cell(self, task: str, seed: int) -> Path:
        """The folder of one (task, seed) of the tiny model."""
        return self.folder / "results" / "tiny" / task / f"seed_{seed}"


def copy_run(run: Run, folder: Path) -> None:
    """Copies a finished run; only large files are shared, which no step writes in place."""

    def copy(source: str, target: str) -> None:
        if Path(source).stat().st_size > LARGE:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(run.folder, folder, copy_function=copy, dirs_exist_ok=True)


Share = Callable[[str, Callable[[Path], Config]], Run]


def run_to_the_end(folder: Path, config: Config, *arguments: str, **keywords: Any) -> Config:
    """Runs a study that must succeed, and keeps what was said."""
    finished = run_snakemake(folder, config, *arguments, **keywords)
    (folder / "output.txt").write_text(finished.stdout)
    assert finished.returncode == 0, finished.stdout[-6000:]
    return config


# Masks that are drawn without being evaluated, which saves most of their time.
DRAWN = [
    f"results/tiny/{task}/seed_7/mask/{method}/{subnetwork}.safetensors"
    for task in ("tone", "degree")
    for method in ("structured", "magnitude")
    for subnetwork in ("random", "bad")
]

STRICT = {
    "structured": {
        "algorithm": "structured",
        "preset": "strict",
        "subnetworks": [
            *("good", "good_half", "random_half", "random_half_2", "random_half_3"),
            *("bad_half", "super_good"),
        ],
    },
    "magnitude": {"algorithm": "magnitude", "preset": "strict"},
}
HALVES = ("good_half", "random_half", "random_half_2", "random_half_3", "bad_half")


def strict_targets() -> list[str]:
    """All masks of both seeds; retraining and evaluation where they show something."""
    targets = ["results/tiny/tone/super/structured/super_good.safetensors"]
    for method in STRICT:
        targets.append(f"results/tiny/degree/seed_7/mask/{method}/search.csv")
        targets += [
            f"results/tiny/tone/seed_{seed}/mask/{method}/{name}.safetensors"
            for seed in (7, 3)
            for name in ("good", *HALVES)
        ]
    targets += [
        f"results/tiny/{cell}/metrics.json"
        for cell in (
            "tone/seed_7/evaluate/none/full/finetuned",
            "degree/seed_7/evaluate/none/full/finetuned",
            "tone/seed_7/evaluate/structured/good_half/pruned",
            "tone/seed_7/evaluate/structured/good_half/retrained",
            "tone/seed_7/evaluate/structured/random_half_2/pruned",
            "tone/seed_7/evaluate/magnitude/bad_half/retrained",
        )
    ]
    return [*targets, "results/majority/degree/metrics.json"]
