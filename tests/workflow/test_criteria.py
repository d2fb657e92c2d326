"""Criteria and kinds of unit other than the paper's, from the config to masks of a whole run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from command_line import planned
from runs import Config, Run, Share, run_to_the_end

from lottery import files
from lottery.pruning.masks import read_mask

WEIGHTS = {
    "magnitude": {"algorithm": "magnitude"},
    "taylor": {"algorithm": "magnitude", "importance": "taylor"},
    "wanda": {"algorithm": "magnitude", "importance": "wanda", "scope": "output"},
    "snip": {"algorithm": "magnitude", "importance": "snip", "scope": "layer"},
}
UNITS = {
    "left_out": {"algorithm": "structured", "importance": "leave_one_out", "units": ["layer"]},
    "every": {
        "algorithm": "structured",
        "importance": "taylor",
        "units": ["head", "mlp", "neuron", "layer"],
    },
}
METHODS = {
    name: method | {"subnetworks": ["good"], "keep_score": 0.6}
    for name, method in (WEIGHTS | UNITS).items()
}

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def criteria(share: Share, study: Config) -> Run:
    config = study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": METHODS,
    }
    targets = [f"results/tiny/tone/seed_7/mask/{name}/good.safetensors" for name in METHODS]
    return share("criteria", lambda folder: run_to_the_end(folder, config, *targets))


def masks_of(run: Run, methods: Config) -> dict[str, np.ndarray]:
    cell = run.cell("tone", 7) / "mask"
    masks = {name: read_mask(cell / name / "good.safetensors")[0] for name in methods}
    assert not any(mask.is_full for mask in masks.values())
    return {
        name: np.concatenate([array.ravel() for array in mask.arrays().values()])
        for name, mask in masks.items()
    }


def test_each_criterion_has_masks_of_its_own(criteria: Run) -> None:
    found = [mask.tobytes() for mask in masks_of(criteria, WEIGHTS).values()]
    assert len({*found}) == len(WEIGHTS)
    path = criteria.cell("tone", 7) / "mask/every/path.npz"
    assert set(files.read_npz(path)) == {"heads", "mlps", "neurons", "layers"}
    masks_of(criteria, UNITS)


def test_only_snip_reads_the_pretrained_weights(criteria: Run) -> None:
    for name in METHODS:
        record = criteria.cell("tone", 7) / "mask" / name / "provenance.json"
        inputs = json.dumps(json.loads(record.read_text())["inputs"])
        assert ("resources/models/tiny/model.safetensors" in inputs) == (name == "snip"), name


def test_a_further_criterion_searches_its_own_cells_alone(criteria: Run, tmp_path: Path) -> None:
    methods = METHODS | {"drawn": METHODS["taylor"] | {"importance": "random"}}
    targets = [f"results/tiny/tone/seed_7/mask/{name}/good.safetensors" for name in methods]
    found = planned(criteria.folder, criteria.config | {"methods": methods}, *targets)
    assert found == {"search_magnitude": 1}
