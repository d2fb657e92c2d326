"""The generated tasks need pretrained weights; their good halves beat random ones."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks" / "generated_tasks.py"
SEEDS = [0, 1, 2]


@pytest.fixture(scope="module")
def shown():
    spec = importlib.util.spec_from_file_location("generated_tasks", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # where its dataclasses look themselves up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def models(shown, tmp_path_factory):
    return shown.prepare_models(tmp_path_factory.mktemp("models"))


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("task", ["sentiment", "acceptability", "entailment", "similarity"])
def test_pretrained_weights_and_important_units_matter(task, shown, models, tmp_path):
    measured = shown.measure_task(task, SEEDS, models, tmp_path, shown.SETTINGS[task])
    print(shown.summary(task, measured))
    runs = measured["seeds"]
    for metric, majority in measured["majority"].items():
        pretrained, random = (
            np.mean([run["scores"][init][metric] for run in runs]) for init in shown.INITS
        )
        assert pretrained >= majority + 0.25
        assert pretrained >= random + 0.1
    for algorithm in shown.ALGORITHMS:
        good = np.mean([run["halves"][algorithm]["good_half"] for run in runs])
        random = np.mean([run["random_halves"][algorithm] for run in runs])
        assert good > random
        assert all(len(run["random_halves"][algorithm]) == 5 for run in runs)
