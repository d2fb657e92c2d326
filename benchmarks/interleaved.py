"""Times steps of two checkouts of the repository against each other, in turn.

Fine-tuning and the structured search of one cell of the demo, each time in a fresh process, the old
checkout and the new one after each other, so that a busy moment does not hit one alone. Printed are
the median, the least and the largest ratio new / old of the pairs, and which files of the last pair
differ between the sides (history.csv always does, since it holds tokens per second). Only the
step's function is timed, not the imports before it. Settings are those that each checkout reads
from its own demo.yaml. Inputs come from a finished demo and are not changed. From the root:

    python benchmarks/interleaved.py OLD NEW STUDY --json build/bench/interleaved.json

OLD and NEW are checkouts, STUDY the folder in which a demo has run (`--results results` where its
results do not lie in results/demo).
"""

from __future__ import annotations

import argparse
import gc
import importlib
import inspect
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

STEPS = ("finetune", "search")
SIDES = ("old", "new")
PAIRS = 9
MODEL, TASK, SEED, METHOD = "embedded", "sentiment", 1337, "structured"


@dataclass(frozen=True)
class Run:
    """One step in a fresh process.

    Attributes:
        seconds: wall-clock time of its function.
        cpu_seconds: its processor time.
    """

    seconds: float
    cpu_seconds: float


@dataclass(frozen=True)
class Ratio:
    """New / old, over pairs of runs."""

    median: float
    least: float
    largest: float

    def __str__(self) -> str:
        return f"{self.median:.3f} ({self.least:.3f} to {self.largest:.3f})"


def ratio(old: Iterable[float], new: Iterable[float]) -> Ratio:
    """The ratio of times, pair by pair."""
    ratios = [after / before for before, after in zip(old, new, strict=True)]
    return Ratio(median(ratios), min(ratios), max(ratios))


def offers(step: str, study: Path, results: Path, out: Path) -> dict[str, Any]:
    """Paths and names for a step's keywords, in the words of old and new checkouts.

    Args:
        step: finetune or search.
        study: folder of the finished demo.
        results: folder of its results.
        out: folder to write into.
    """
    method = "none" if step == "finetune" else METHOD
    names = {"model": MODEL, "task": TASK, "seed": SEED, "method": method}
    tokens = results / MODEL / TASK / "tokens"
    finetuned = results / MODEL / TASK / f"seed_{SEED}" / "finetune" / "model.safetensors"
    return names | {
        "cell": names | {"subnetwork": "full", "phase": "finetuned"},
        "path_to_pretrained": study / "resources" / "models" / MODEL / "model.safetensors",
        "path_to_tokens": tokens,
        "paths_to_tokens": sorted(tokens.glob("*.safetensors")),
        "path_to_majority": results / "majority" / TASK / "metrics.json",
        "path_to_model": out / "model.safetensors" if step == "finetune" else finetuned,
        "path_to_logits": out / "logits.safetensors",
        "path_to_metrics": out / "metrics.json",
        "path_to_history": out / "history.csv",
        "paths_to_masks": [out / "good.safetensors"],
        "path_to_trajectory": out / "search.csv",
        "path_to_path": out / "path.npz",
        "path_to_importance": out / "importance.npz",
        "path_to_halves": None,
    }


def adapted(function: Callable[..., None], offered: dict[str, Any]) -> dict[str, Any]:
    """Those keywords that a step's function takes, in its form.

    Before steps were called by convention, a step took a cell as a mapping, the folder of the
    tokens, and masks by the names of their subnetworks.
    """
    wanted = inspect.signature(function).parameters
    taken = {name: value for name, value in offered.items() if name in wanted}
    if "cell" in wanted and "paths_to_masks" in wanted:
        taken["paths_to_masks"] = {path.stem: path for path in offered["paths_to_masks"]}
    return taken


def work(step: str, root: Path, offered: dict[str, Any], threads: int) -> Run:
    """Runs a step of the checkout whose library this process imports, as a job would."""
    gc.set_threshold(50_000, 20, 50)
    from lottery.runtime.job import THREAD_VARIABLES

    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    from lottery.config import load_study, read_config
    from lottery.planning import params

    study = load_study(read_config(root / "workflow" / "configs" / "demo.yaml"), root)
    if step == "search":
        settings = params.search_params(study, METHOD, TASK)
    else:
        settings = getattr(params, "finetune_params", params.training_params)(study, TASK)
    function = getattr(importlib.import_module(f"lottery.steps.{step}"), step)
    keywords = adapted(function, offered | settings | {"torch_threads": threads})
    started = time.perf_counter(), time.process_time()
    function(**keywords)
    return Run(time.perf_counter() - started[0], time.process_time() - started[1])


def fresh(root: Path, step: str, out: Path, options: argparse.Namespace) -> Run:
    """Runs `work` in a fresh process with the library of a checkout."""
    out.mkdir(parents=True)
    words = [str(options.old), str(options.new), str(options.study)]
    words += ["--results", str(options.results), "--threads", str(options.threads)]
    words += ["--worker", str(root), "--steps", step, "--out", str(out)]
    scripts = str(root / "workflow" / "scripts")
    environment = os.environ | {"PYTHONPATH": scripts, "HF_HUB_OFFLINE": "1"}
    said = subprocess.run(
        [sys.executable, __file__, *words],
        env=environment,
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    ).stdout
    return Run(**json.loads(said.splitlines()[-1]))


def same_files(folders: Sequence[Path]) -> dict[str, bool]:
    """Whether the files that both sides wrote are the same byte for byte, by name."""
    old, new = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    return {name: old[name] == new[name] for name in sorted(old.keys() & new.keys())}


def measure(step: str, options: argparse.Namespace) -> dict[str, Any]:
    """Runs a step of both checkouts in turn, once more than counts; prints what that gave."""
    runs: dict[str, list[Run]] = {side: [] for side in SIDES}
    roots = {"old": options.old, "new": options.new}
    for pair in range(options.pairs + 1):
        with tempfile.TemporaryDirectory() as name:
            # The sides take turns in going first.
            for side in SIDES if pair % 2 else SIDES[::-1]:
                run = fresh(roots[side], step, Path(name) / side, options)
                if pair:
                    runs[side].append(run)
            same = same_files([Path(name) / side for side in SIDES])
    ratios = {}
    for what in ("seconds", "cpu_seconds"):
        old, new = ([getattr(run, what) for run in runs[side]] for side in SIDES)
        ratios[what] = ratio(old, new)
        print(
            f"{step}, {what}: new / old {ratios[what]} in {options.pairs} pairs; "
            f"medians {median(old):.2f} and {median(new):.2f} s",
            flush=True,
        )
    different = [name for name, equal in same.items() if not equal]
    print(f"{step}: files that differ: {', '.join(different) or 'none'} of {', '.join(same)}")
    return {
        "ratios": {what: asdict(found) for what, found in ratios.items()},
        "runs": {side: [asdict(run) for run in found] for side, found in runs.items()},
        "same_files": same,
    }


def commit_of(root: Path) -> str | None:
    """The commit of a checkout, marked where files differ from it; None outside a repository."""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*"]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    return found.stdout.strip() or None


def main() -> None:
    """Measures, prints the ratios, and writes all times as json."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", type=Path, help="a checkout of the repository")
    parser.add_argument("new", type=Path, help="another one")
    parser.add_argument("study", type=Path, help="the folder of a finished demo")
    parser.add_argument("--results", type=Path, default=Path("results/demo"), help="of the study")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--pairs", type=int, default=PAIRS, help=f"default {PAIRS}")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch (default 1)")
    parser.add_argument("--json", type=Path, help="where to write all times")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.pairs < 1:
        parser.error(f"--pairs is {options.pairs}; it must be at least 1")
    for name in ("old", "new", "study"):
        setattr(options, name, getattr(options, name).resolve())
    if options.worker:
        (step,) = options.steps
        results = options.study / options.results
        offered = offers(step, options.study, results, options.out)
        print(json.dumps(asdict(work(step, options.worker, offered, options.threads))))
        return
    found = {step: measure(step, options) for step in options.steps}
    if options.json:
        commits = {side: commit_of(getattr(options, side)) for side in SIDES}
        text = json.dumps({"commits": commits, "steps": found}, indent=1) + "\n"
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
