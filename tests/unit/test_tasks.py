"""Presets, config entries, and the sentences for what is wrong in entries that fit the schema."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lottery.files.errors import StudyError
from lottery.tasks.entries import task_from_config
from lottery.tasks.task import GLUE, Task

OWN = {
    "data": {"train": "my.csv", "validation": "my_dev.jsonl"},
    "text": ["premise", "hypothesis"],
    "label": "gold",
    "labels": ["no", "yes"],
    "metric": "accuracy",
}
HANS = {
    "evaluate_with": "mnli",
    "data": {"validation": "hans.tsv"},
    "text": ["sentence1", "sentence2"],
    "label": "gold_label",
    "labels": ["entailment", "non-entailment"],
    "map": {"neutral": "non-entailment", "contradiction": "non-entailment"},
    "group": "heuristic",
}


def test_the_nine_presets_are_glue_as_the_paper_scores_it() -> None:
    reported = {name: task.metric for name, task in GLUE.items()}
    assert reported == dict.fromkeys(
        ("sst2", "mrpc", "qqp", "mnli", "qnli", "rte", "wnli"), "accuracy"
    ) | {"cola": "matthews", "stsb": "pearson"}
    assert {n: t.search_metric for n, t in GLUE.items() if t.search_metric != t.metric} == {
        "stsb": "pearson_spearman"
    }
    assert {n for n, t in GLUE.items() if not t.in_average} == {"wnli"}
    assert {n for n, t in GLUE.items() if len(t.text) == 1} == {"cola", "sst2"}
    assert GLUE["mnli"].labels == ("entailment", "neutral", "contradiction")
    assert GLUE["rte"].labels == ("entailment", "not_entailment")
    assert GLUE["wnli"].labels == ("not_entailment", "entailment")
    assert GLUE["mnli"].validation_splits == ("validation", "validation_mismatched")
    assert GLUE["stsb"].n_outputs == 1 and GLUE["mnli"].n_outputs == 3


@pytest.mark.parametrize("labels", [["no", "yes"], ["a", "b", "c"]])
def test_a_task_is_scored_by_balanced_accuracy_only_if_it_asks_for_it(labels) -> None:
    entry = OWN | {"labels": labels}
    assert task_from_config("mine", entry).metrics == ("accuracy",)
    asked = task_from_config("mine", entry | {"metric": "balanced_accuracy"})
    assert asked.metrics == ("balanced_accuracy", "accuracy")
    assert not any("balanced_accuracy" in task.metrics for task in GLUE.values())


@pytest.mark.parametrize("entry", [None, {}, {"preset": "rte"}])
def test_an_empty_entry_is_the_preset_of_that_name(entry: dict[str, Any] | None) -> None:
    assert task_from_config("rte", entry) == GLUE["rte"]


def test_an_alias_keeps_the_preset_and_takes_options() -> None:
    task = task_from_config("rte_small", {"preset": "rte", "train_examples": 100, "training": {}})
    assert (task.id, task.glue, task.train_examples) == ("rte_small", "rte", 100)
    assert task.labels == GLUE["rte"].labels


def test_another_metric_comes_first_and_the_rest_stay() -> None:
    task = task_from_config("mrpc", {"metric": "f1"})
    assert task.metric == "f1" and task.search_metric == "f1"
    assert task.metrics == ("f1", "accuracy")
    assert task_from_config("wnli", {"in_average": True}).in_average


def test_own_files_in_five_lines() -> None:
    task = task_from_config("mine", OWN)
    assert task.kind == "files" and task.labels == ("no", "yes") and task.label == "gold"
    assert task.source_files == ("my.csv", "my_dev.jsonl")
    scores = task_from_config("mine", {**OWN, "labels": None, "metric": None, "text": "premise"})
    assert scores.is_regression and scores.metrics == ("pearson", "spearman")
    assert scores.text == ("premise",)


def test_an_evaluation_only_task_has_no_training_split() -> None:
    task = task_from_config("hans", HANS)
    assert task.split_names == ("validation",)
    assert task.group == "heuristic" and dict(task.label_map)["neutral"] == "non-entailment"


@pytest.mark.parametrize("entry", [OWN, HANS, {"preset": "mnli"}, {"generated": "similarity"}])
def test_params_survive_json_and_rebuild_what_the_data_depend_on(entry: dict[str, Any]) -> None:
    task = task_from_config("some", {**entry, "data_seed": 3})
    again = Task.from_dict(json.loads(json.dumps(task.to_dict())))
    assert again.to_dict() == task.to_dict()
    assert again.split_names == task.split_names and again.labels == task.labels
    scored = Task.from_dict(json.loads(json.dumps(task.to_dict(with_metrics=True))))
    assert (scored.metric, scored.metrics) == (task.metric, task.metrics)


def test_what_does_not_change_the_data_is_not_in_the_params() -> None:
    plain = task_from_config("mrpc", {})
    edited = task_from_config(
        "mrpc", {"metric": "f1", "in_average": False, "training": {"epochs": 1}}
    )
    assert plain.to_dict() == edited.to_dict()
    assert plain.to_dict() != task_from_config("mrpc", {"validation_examples": 50}).to_dict()


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({}, ["tasks.mine", "cola", "preset, generated, data"]),
        ({"preset": "rtee"}, ["tasks.mine.preset", "'rtee'", "did you mean rte?"]),
        ({"generated": "sentimant"}, ["tasks.mine.generated", "did you mean sentiment?"]),
        ({"preset": "rte", **OWN}, ["both preset and data"]),
        ({"preset": "rte", "labels": ["a", "b"]}, ["tasks.mine.labels", "only with data"]),
        (OWN | {"labels": [1, "1"]}, ["tasks.mine.labels", "'1' twice"]),
        (OWN | {"labels": ["no", " "]}, ["tasks.mine.labels", "blank"]),
        (OWN | {"text": None}, ["tasks.mine.text", "missing"]),
        (OWN | {"text": "gold"}, ["both name the column 'gold'"]),
        (OWN | {"metric": "bleu"}, ["tasks.mine.metric", "'bleu'", "accuracy, f1, matthews"]),
        (OWN | {"metric": "pearson"}, ["tasks.mine.metric", "2 labels"]),
        (OWN | {"metric": "f1", "labels": ["a", "b", "c"]}, ["'f1'", "accuracy, matthews"]),
        (OWN | {"metric": "f1", "labels": None}, ["pearson, spearman", "scores"]),
        (OWN | {"data": {"train": "a.csv"}}, ["tasks.mine.data.validation", "missing"]),
        (OWN | {"group": "kind"}, ["tasks.mine.group", "evaluate_with"]),
        (HANS | {"map": {"neutral": "maybe"}}, ["tasks.mine.map", "'maybe'", "non-entailment"]),
        (HANS | {"data": {"train": "a.csv", "validation": "b.csv"}}, ["nothing is trained"]),
    ],
)
def test_a_wrong_entry_gets_one_sentence(entry: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        task_from_config("mine", entry)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".") and "\n" not in sentence
