"""Finished runs that many tests look at; each is made once, whatever number of processes tests."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from command_line import planned
from filelock import FileLock
from runs import (
    DEVICES,
    DRAWN,
    STAND_IN,
    STRICT,
    Config,
    Run,
    Share,
    copy_run,
    run_to_the_end,
    strict_targets,
)
from tiny_study import EXPORTS, write_study


@pytest.fixture(scope="session")
def share(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Share:
    """A function that makes a folder by name, unless another test process has made it already.

    The function it is given fills the folder `<name>` and gives the run's config; what it writes
    into `<name>/output.txt` is kept as the run's output.
    """
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent

    def shared(name: str, make: Callable[[Path], Config]) -> Run:
        folder, made = base / name, base / f"{name}.json"
        with FileLock(base / f"{name}.lock"):
            if not made.exists():
                if folder.exists():
                    pytest.fail(f"{name} has failed before", pytrace=False)
                folder.mkdir()
                made.write_text(json.dumps(make(folder)))
        output = folder / "output.txt"
        text = output.read_text() if output.exists() else ""
        return Run(folder, json.loads(made.read_text()), text)

    return shared


@pytest.fixture(scope="session")
def study(share: Share) -> Config:
    """The config of the tiny study; its model and tasks lie in a folder of their own."""
    return share("given", write_study).config


@pytest.fixture(scope="session")
def published(share: Share, study: Config) -> Run:
    """The whole tiny study: two tasks, two seeds, both methods as published."""
    return share("published", lambda folder: run_to_the_end(folder, study, "all", *DRAWN))


@pytest.fixture(scope="session")
def exported(share: Share, published: Run) -> Run:
    """The same study with three exports, all cells of which were finished before."""
    steps = {"fetch_tokenizer": 1, "export_model": 2, "export_shrunk": 1, "write_card": 3}

    def make(folder: Path) -> Config:
        copy_run(published, folder)
        config = published.config | {"export": EXPORTS}
        assert planned(folder, config, "export") == steps | {"export": 1}
        return run_to_the_end(folder, config, "export")

    return share("exported", make)


@pytest.fixture(scope="session")
def strict(share: Share, study: Config) -> Run:
    """The tiny study under the strict preset: its masks, and some evaluations."""
    config = study | {"methods": STRICT}
    return share("strict", lambda folder: run_to_the_end(folder, config, *strict_targets()))


@pytest.fixture(scope="session")
def leased(share: Share, study: Config) -> Run:
    """A few cells of the tiny study run anew, with room for more GPU jobs than are allowed."""
    config = study | {
        "tasks": {"tone": study["tasks"]["tone"]},
        "seeds": [7],
        "methods": {
            "structured": {"algorithm": "structured", "subnetworks": ["good"]},
            "magnitude": {"algorithm": "magnitude", "subnetworks": ["good"]},
        },
    }
    arguments = ["results/tables/scores.csv", "--cores", "4", "--resources", "gpu=2"]
    # The devices are made up, the leases are real.
    devices = {"CUDA_VISIBLE_DEVICES": ",".join(DEVICES), "PYTHONPATH": str(STAND_IN)}
    return share("leased", lambda folder: run_to_the_end(folder, config, *arguments, env=devices))
