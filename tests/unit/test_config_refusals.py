"""Every way a config can be wrong ends in one sentence that names the key and what is allowed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lottery.config import load_study
from lottery.files.errors import StudyError

HERE = Path(__file__).parent
REFUSALS = yaml.safe_load((HERE / "config_refusals.yaml").read_text(encoding="utf-8"))
OWN = REFUSALS.pop("own")
BASE = """
models:
  bert:
    source: google-bert/bert-base-uncased
    revision: 86b5e0934494bd15c9632b12f734a8a67f723594
tasks: {rte: {}, mnli: {}, stsb: {}}
seeds: [1, 2]
methods:
  s: {algorithm: structured, subnetworks: [good, random]}
  m: {algorithm: magnitude}
"""


def changed(changes: dict[str, Any]) -> dict[str, Any]:
    """The base config with values put at dotted places."""
    config = yaml.safe_load(BASE)
    for place, value in changes.items():
        *above, last = place.split(".")
        target = config
        for part in above:
            target = target[part]
        target[last] = value
    return config


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with two data files, a model folder, one without config.json, and a part of GLUE."""
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("t,label\nx,x\n")
    (tmp_path / "bare").mkdir()
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "config.json").write_text("{}")
    (tmp_path / "glue" / "rte").mkdir(parents=True)
    return tmp_path


def test_the_base_is_accepted(root: Path) -> None:
    made = load_study(changed({"tasks.own": OWN}), root)
    assert list(made.tasks) == ["rte", "mnli", "stsb", "own"]


@pytest.mark.parametrize(("changes", "words"), REFUSALS.values(), ids=REFUSALS)
def test_refused_in_one_sentence(changes: dict[str, Any], words: list[str], root: Path) -> None:
    with pytest.raises(StudyError) as refusal:
        load_study(changed(changes), root)
    sentence = str(refusal.value)
    for word in words:
        assert word in sentence
    assert sentence.endswith((".", "?"))
    assert "\n" not in sentence


@pytest.mark.parametrize("section", ["models", "tasks", "seeds", "methods"])
def test_a_missing_section_is_named(section: str, root: Path) -> None:
    config = changed({})
    del config[section]
    with pytest.raises(StudyError, match=rf"^The config lacks the key {section}\.$"):
        load_study(config, root)


def test_strict_refuses_the_controls_of_published(root: Path) -> None:
    for name in ("random", "random_2", "bad", "super_random", "super_bad"):
        changes = {"methods.s.preset": "strict", "methods.s.subnetworks": ["good", name]}
        with pytest.raises(StudyError, match=rf"subnetworks names {name}, .*preset strict"):
            load_study(changed(changes), root)


def test_control_without_search_takes_only_random_ones(root: Path) -> None:
    changes = {
        "models.untrained": {"source": "embedded", "init": "random"},
        "methods.s.models": ["untrained"],
        "methods.s.sizes_from": "bert",
    }
    with pytest.raises(StudyError, match=r"methods\.s\.subnetworks names good, .*untrained"):
        load_study(changed(changes), root)
    with pytest.raises(StudyError, match=r"methods\.s\.subnetworks must name a random one"):
        load_study(changed(changes | {"methods.s.subnetworks": ["good"]}), root)


def test_the_first_problem_of_the_document_is_reported(root: Path) -> None:
    config = yaml.safe_load("seeds: []\ntasks: {rte: {no_key: 1}}\nmodels: {}\nmethods: {}")
    with pytest.raises(StudyError, match=r"^seeds is empty"):
        load_study(config, root)
