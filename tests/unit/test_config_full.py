"""The two configs that use everything: what full.yaml says, and generated.yaml after it."""

from __future__ import annotations

import re
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from lottery.config import load_study
from lottery.planning import grid, params
from lottery.planning.params import trainability_params

ROOT = Path(__file__).parents[2]
FULL, GENERATED = (ROOT / f"workflow/configs/{name}.yaml" for name in ("full", "generated"))


def methods_as_written(path: Path) -> str:
    """The text of the methods, comments included."""
    return path.read_text().split("\nmethods:\n")[1]


def study_of(path: Path):
    return load_study(yaml.safe_load(path.read_text()), ROOT)


def test_generated_has_the_methods_of_full_word_for_word():
    renamed = re.sub(r"\bbert_base(?=_|\b)", "embedded", methods_as_written(FULL))
    assert methods_as_written(GENERATED).startswith(renamed)
    full, generated = (yaml.safe_load(path.read_text()) for path in (FULL, GENERATED))
    assert (
        yaml.safe_load(yaml.safe_dump(full["methods"]).replace("bert_base", "embedded"))
        == (generated["methods"])
    )
    assert [name.replace("bert_base", "embedded") for name in full["models"]] == list(
        generated["models"]
    )


@pytest.mark.parametrize(("path", "model"), [(FULL, "bert_base"), (GENERATED, "embedded")])
def test_what_runs_on_which_model(path, model):
    study, untrained = study_of(path), f"{model}_untrained"
    on_untrained = {cell[3:] for cell in grid.cells(study) if cell.model == untrained}
    assert on_untrained == {
        ("none", "full", "finetuned"),
        ("structured", "random", "pruned"),
        ("structured", "random", "retrained"),
    }
    searched = [row["model"] for name in ("structured", "magnitude")
                for row in grid.search_rows(study, name)]  # fmt: skip
    assert set(searched) == {model}
    assert trainability_params(study)["untrained"] == [untrained]


@pytest.mark.parametrize(("path", "model"), [(FULL, "bert_base"), (GENERATED, "embedded")])
def test_searches_on_other_examples_are_families(path, model):
    study = study_of(path)
    assert params.families(study) == ["structured", "structured_strict"]
    searched = params.noise_params(study, model, "structured")["search_on"]
    assert list(searched.values()) == ["validation", "search_half", "report_half", "train_sample"]
    strict = params.noise_params(study, model, "structured_strict")["search_on"]
    assert list(strict.values()) == ["search_half", "report_half", "train_sample"]
    for name in (*searched, *strict):
        assert model in study.methods[name].models


def test_methods_of_one_algorithm_stand_side_by_side():
    study = study_of(FULL)
    assert params.comparison_rows(study) == [
        {"model": "bert_base", "method": "structured"},
        {"model": "bert_base", "method": "magnitude"},
    ]
    assert params.method_params(study, "bert_base", "structured")["compared"] == [
        "structured",
        "structured_strict",
        "structured_heads",
        "structured_mlps",
    ]


def test_every_key_at_the_top_has_a_comment():
    for path in (FULL, GENERATED):
        lines = path.read_text().splitlines()
        for above, line in pairwise(lines):
            if re.match(r"\w+:", line):
                assert above.startswith("#"), (path.name, line)


def test_the_sample_of_the_training_data_is_smaller_than_the_data():
    study = study_of(GENERATED)
    for task in map(study.tasks.get, study.trained_tasks):
        assert task.train_examples > task.validation_examples
