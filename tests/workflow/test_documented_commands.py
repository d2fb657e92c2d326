"""Every command of the documentation runs; those of a page one after the other, in one folder."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import ROOT
from documented import LANGUAGES, PAGES, Block, blocks
from runs import Run, copy_run
from tiny_study import FEW_DRAWS, write_model, write_tone

BLOCKS = [block for page in PAGES for block in blocks(page)]
COMMANDS = [block for block in BLOCKS if block.language == "sh"]
TO_RUN = [block for block in COMMANDS if not block.untested and block.run_by is None]
RUN_PAGES = list(dict.fromkeys(block.page for block in TO_RUN))
# Pages whose Python is run as well, next to their commands.
WITH_PYTHON = {"tutorial.md", "reading_the_report.md"}
MOST_UNTESTED = 0.1  # of all commands
COPIED = ("Snakefile", "config.yaml", "docs", "envs", "profiles", "tests", "workflow")
TO_INSTALL = ("pyproject.toml", "setup.py", "README.md", "LICENSE")
NOT_COPIED = shutil.ignore_patterns("__pycache__", "*.pyc", "*.egg-info")
# In the place of pip: nothing is downloaded, and this environment stays as it is.
PIP = """#!/bin/sh
exec {python} -m pip "$@" --quiet --disable-pip-version-check --no-deps --no-index \
  --no-build-isolation --target build/installed
"""
TICKETS = """#!/bin/sh
PYTHONPATH={folder}/workflow/scripts exec {python} -P -m lottery.command.main "$@"
"""


def test_every_block_says_what_language_it_is_in() -> None:
    unknown = [str(block) for block in BLOCKS if block.language not in LANGUAGES]
    assert not unknown
    opened = [page for page in PAGES if page.read_text().count("```") != 2 * len(blocks(page))]
    assert not opened  # a fence that the pattern does not find


def test_few_commands_are_not_tested() -> None:
    untested = [command for block in COMMANDS if block.untested for command in block.commands]
    total = sum(len(block.commands) for block in COMMANDS)
    assert total > 40 and len(untested) <= MOST_UNTESTED * total, untested


@pytest.mark.parametrize("block", [each for each in COMMANDS if each.run_by], ids=str)
def test_what_runs_a_block_elsewhere_is_there(block: Block) -> None:
    assert block.run_by is not None and block.run_by.is_file()
    if block.run_by.suffix != ".py":
        text = block.run_by.read_text()
        assert all(command in text for command in block.commands)


def clone(folder: Path) -> None:
    """Copies what the workflow and its installation need, with `pip` and `tickets` in bin/."""
    folder.mkdir(parents=True)
    for name in (*COPIED, *TO_INSTALL):
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy(ROOT / name, folder)
    for name, script in (("pip", PIP), ("tickets", TICKETS)):
        path = folder / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(script.format(python=sys.executable, folder=folder))
        path.chmod(0o755)


def finished_study(folder: Path, exported: Run) -> None:
    """Makes the config of the folder, under the names that pages use, that of a finished study."""
    copy_run(exported, folder)
    for name in ("config.yaml", "mine.yaml", "study.yaml"):
        (folder / name).write_text(yaml.safe_dump(exported.config, sort_keys=False))


def own_file(folder: Path) -> None:
    """Puts a file of reviews, and no config, into the folder."""
    (folder / "config.yaml").unlink()
    write_model(folder / "model")
    write_tone(folder)
    (folder / "tone.csv").rename(folder / "reviews.csv")


def smaller(folder: Path) -> None:
    """Makes the study that `tickets init` has written one of a minute."""
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["models"] = {name: {"source": "model"} for name in config["models"]}
    config["seeds"] = config["seeds"][:1]
    config["methods"] = {"structured": config["methods"]["structured"] | {"subnetworks": ["good"]}}
    config["training"] |= {"learning_rate": 6e-3, "batch_size": 16, "max_length": 20}
    config["analysis"] = FEW_DRAWS
    path.write_text(yaml.safe_dump(config, sort_keys=False))


def run(block: Block, folder: Path) -> None:
    words = ["bash", "-euo", "pipefail", "-c"] if block.language == "sh" else ["python", "-c"]
    places = (folder / "bin", Path(sys.executable).parent, os.environ["PATH"])
    environment = os.environ | {
        "PATH": os.pathsep.join(map(str, places)),
        "CUDA_VISIBLE_DEVICES": "",
    }
    environment.pop("PYTHONPATH", None)
    if block.language == "python":
        environment["PYTHONPATH"] = str(folder / "workflow/scripts")
    done = subprocess.run(
        [*words, block.text],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, f"{block}\n{block.text}\n{done.stdout[-4000:]}"


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN_PAGES, ids=lambda page: page.stem)
def test_the_commands_of_a_page_run(page: Path, exported: Run, tmp_path: Path) -> None:
    folder = tmp_path / "clone"
    clone(folder)
    if page.name == "tutorial.md":
        own_file(folder)
    else:
        finished_study(folder, exported)
    for block in blocks(page):
        if block.mark.startswith("file: "):
            (folder / block.mark.removeprefix("file: ")).write_text(block.text)
    for block in blocks(page):
        runs = block.language == "sh" or (block.language == "python" and page.name in WITH_PYTHON)
        if not runs or block.untested or block.run_by:
            continue
        run(block, folder)
        if any(command.startswith("tickets init") for command in block.commands):
            smaller(folder)
