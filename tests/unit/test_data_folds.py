"""Folds of a data set without a validation split: tasks that share their examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.config import load_study
from lottery.data.examples import read_task
from lottery.files.errors import StudyError
from lottery.planning import params
from lottery.tasks.task import Task


def written(folder: Path, labels: list[Any]) -> Path:
    path = folder / "all.jsonl"
    rows = ({"t": f"Text {i}.", "label": label} for i, label in enumerate(labels))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def config(path: Path, **more: Any) -> dict[str, Any]:
    entry = {"data": {"train": str(path)}, "text": "t", "labels": ["x", "y"], "folds": 3} | more
    return {
        "models": {"tiny": {"source": "embedded"}},
        "tasks": {"rte": {}, "mine": entry, "cola": {}},
        "seeds": [1],
        "methods": {
            "m": {"algorithm": "magnitude", "subnetworks": ["good"]},
            "s": {"algorithm": "structured", "subnetworks": ["good"], "only_tasks": ["mine"]},
        },
    }


def folds_of(path: Path, **more: Any) -> list[Task]:
    study = load_study(config(path, **more), path.parent)
    return [task for task in study.tasks.values() if task.folds]


def examples(task: Task) -> dict[str, list[int]]:
    # As the step gets the task.
    made = read_task(Task.from_dict(task.to_dict()), None)
    return {split: table["idx"].to_pylist() for split, table in made.items()}


def test_folds_are_tasks_in_the_place_of_theirs(tmp_path: Path) -> None:
    path = written(tmp_path, ["x", "y"] * 6)
    study = load_study(config(path, training={"epochs": 9}), tmp_path)
    folds = ["mine_fold1", "mine_fold2", "mine_fold3"]
    assert list(study.tasks) == ["rte", *folds, "cola"]
    assert study.methods["s"].tasks == tuple(folds)
    assert study.methods["m"].tasks == ("rte", *folds, "cola")
    assert [study.training[name]["epochs"] for name in ("rte", *folds)] == [3, 9, 9, 9]
    assert study.tasks[folds[0]].source_files == (str(path),)


@settings(max_examples=30, deadline=None)
@given(
    labels=st.lists(st.sampled_from("xy"), min_size=0, max_size=40),
    folds=st.integers(2, 6),
    data_seed=st.integers(0, 3),
)
def test_every_example_is_in_one_validation_set(
    tmp_path_factory: pytest.TempPathFactory, labels: list[str], folds: int, data_seed: int
) -> None:
    labels = labels + ["x", "y"] * folds
    path = written(tmp_path_factory.mktemp("data"), labels)
    made = [examples(task) for task in folds_of(path, folds=folds, data_seed=data_seed)]
    assert len(made) == folds
    assert sorted(idx for each in made for idx in each["validation"]) == [*range(len(labels))]
    for each in made:
        assert sorted(each["train"] + each["validation"]) == [*range(len(labels))]
    for label in "xy":
        sizes = [sum(labels[i] == label for i in each["validation"]) for each in made]
        assert max(sizes) - min(sizes) <= 1


def test_a_subset_is_drawn_of_what_is_trained_on(tmp_path: Path) -> None:
    path = written(tmp_path, ["x", "y", "y"] * 8)
    whole = [examples(task) for task in folds_of(path)]
    parts = [examples(task) for task in folds_of(path, train_examples=6)]
    for all_of, part in zip(whole, parts, strict=True):
        assert part["validation"] == all_of["validation"]
        assert len(part["train"]) == 6 and set(part["train"]) < set(all_of["train"])


def test_scores_are_divided_too(tmp_path: Path) -> None:
    path = written(tmp_path, [i / 2 for i in range(12)])
    entry = config(path)["tasks"]["mine"]
    del entry["labels"]
    changed = config(path) | {"tasks": {"mine": entry | {"metric": "pearson"}}}
    made = [examples(each) for each in load_study(changed, tmp_path).tasks.values()]
    assert sorted(idx for each in made for idx in each["validation"]) == [*range(12)]


@pytest.mark.parametrize(
    ("labels", "folds", "words"),
    [
        (["x"] * 9 + ["y"] * 2, 3, ["mine.folds is 3", "label 'y' has 2", "one for each fold"]),
        (["x", "y"], 2, ["mine.folds is 2", "label 'x' has 1"]),
        (["x", "y"] * 2 + ["z"], 2, ["line 5, column 'label' holds 'z'", "'x', 'y'"]),
    ],
)
def test_what_cannot_be_divided_is_one_sentence(
    tmp_path: Path, labels: list[str], folds: int, words: list[str]
) -> None:
    with pytest.raises(StudyError) as refusal:
        examples(folds_of(written(tmp_path, labels), folds=folds)[0])
    sentence = str(refusal.value)
    assert sentence.startswith("tasks.mine.data.train: ") and "\n" not in sentence
    assert all(word in sentence for word in words), sentence


def test_tasks_without_folds_have_the_params_that_they_had(tmp_path: Path) -> None:
    study = load_study(config(written(tmp_path, ["x", "y"] * 3)), tmp_path)
    known = {"id", "kind", "text", "label", "labels", "splits", "generated", "glue", "group"}
    known |= {"train_examples", "validation_examples", "data_seed"}
    assert set(params.task_params(study, "rte")["task"]) == known
    more = {"folds", "fold", "fold_of"}
    assert set(params.task_params(study, "mine_fold1")["task"]) == known | more


def test_averages_over_masks_take_the_first_fold(tmp_path: Path) -> None:
    study = load_study(config(written(tmp_path, ["x", "y"] * 3)), tmp_path)
    averaged = params.stability_params(study, "tiny", "m")["averaged_tasks"]
    assert averaged == ["rte", "mine_fold1", "cola"]
