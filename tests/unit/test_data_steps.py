"""Fetching tasks of every kind and scoring their baselines, from files to files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import ClassLabel, Dataset, DatasetDict, Features, Value

from lottery.files import read_json, read_parquet
from lottery.files.errors import StudyError
from lottery.steps.fetch_task import fetch_task
from lottery.steps.majority import majority
from lottery.tasks.entries import task_from_config
from lottery.tasks.metrics import score
from lottery.tasks.task import GLUE_REPOSITORY, GLUE_REVISION, Task


def fetched(folder: Path, task: Task, glue_folder: Path | None = None) -> dict[str, pa.Table]:
    paths = {split: folder / task.id / f"{split}.parquet" for split in task.split_names}
    fetch_task(
        task=json.loads(json.dumps(task.to_dict())),
        glue_folder=None if glue_folder is None else str(glue_folder),
        path_to_train=paths.get("train"),
        path_to_validation=paths["validation"],
        path_to_validation_mismatched=paths.get("validation_mismatched"),
        path_to_data_summary=folder / task.id / "summary.json",
    )
    return {split: read_parquet(path) for split, path in paths.items()}


def scored(folder: Path, task: Task) -> dict[tuple[str, str, str], dict[str, Any]]:
    of_task = folder / task.id
    mismatched = of_task / "validation_mismatched.parquet"
    majority(
        path_to_train=of_task / "train.parquet",
        path_to_validation=of_task / "validation.parquet",
        path_to_validation_mismatched=mismatched if mismatched.exists() else None,
        path_to_metrics=of_task / "metrics.json",
        task=task.to_dict(with_metrics=True),
    )
    result = read_json(of_task / "metrics.json")
    assert (result["format"], result["task"]) == (1, task.id)
    return {(row["split"], row["metric"], row["labels_from"]): row for row in result["scores"]}


def made_mnli(folder: Path, names: list[str], suffix: str = "") -> None:
    """Writes MNLI as the hub does, with the class names in an order of our choice."""
    features = {"label": {"names": names, "_type": "ClassLabel"}}
    note = {"huggingface": json.dumps({"info": {"features": features}})}
    (folder / "mnli").mkdir(parents=True)
    for split, n in (("train", 30), ("validation_matched", 9), ("validation_mismatched", 8)):
        said = ["neutral", "entailment", "contradiction", "neutral"]
        table = pa.table(
            {
                "premise": [f"premise {i}" for i in range(n)],
                "hypothesis": [said[i % 4] for i in range(n)],
                "label": [names.index(said[i % 4]) for i in range(n)],
                "idx": pa.array(range(n), pa.int32()),
            }
        )
        path = folder / "mnli" / f"{split}{suffix}.parquet"
        pq.write_table(table.replace_schema_metadata(note), path)


@pytest.mark.parametrize(
    "names",
    [["entailment", "neutral", "contradiction"], ["contradiction", "entailment", "neutral"]],
)
def test_glue_labels_follow_their_names_whatever_the_order_of_the_source(
    tmp_path: Path, names: list[str]
) -> None:
    made_mnli(tmp_path / "glue", names)
    task = task_from_config("mnli", {})
    tables = fetched(tmp_path, task, tmp_path / "glue")
    assert set(tables) == {"train", "validation", "validation_mismatched"}
    for table in tables.values():
        said = table.column("text_b").to_pylist()
        assert [task.labels[i] for i in table.column("label").to_pylist()] == said


def test_the_hub_is_asked_for_the_pinned_revision(tmp_path: Path, monkeypatch) -> None:
    made_mnli(tmp_path / "hub", ["entailment", "neutral", "contradiction"], "-00000-of-00001")
    asked = []

    def download(
        repository: str, name: str, *, repo_type: str, revision: str, cache_dir: Path
    ) -> str:
        asked.append((repository, repo_type, revision, cache_dir))
        return str(tmp_path / "hub" / name)

    monkeypatch.setattr("huggingface_hub.hf_hub_download", download)
    tables = fetched(tmp_path, task_from_config("mnli", {}))
    # In the folder of the tasks, not in the user's home.
    assert asked == 3 * [(GLUE_REPOSITORY, "dataset", GLUE_REVISION, tmp_path / ".hub")]
    note = json.loads(tables["validation"].schema.metadata[b"lottery"])
    assert note["revision"] == GLUE_REVISION and note["n"] == 9
    assert note["labels"] == ["entailment", "neutral", "contradiction"]


def test_without_network_one_sentence_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"rte/train.*HF_HUB_OFFLINE.*network.*glue_folder"):
        fetched(tmp_path, task_from_config("rte", {}))


def test_a_local_glue_folder_without_the_task_is_named(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"glue_folder .* no file rte/train"):
        fetched(tmp_path, task_from_config("rte", {}), tmp_path)


def test_a_local_glue_folder_may_hold_saved_folders(tmp_path: Path) -> None:
    classes = ClassLabel(names=["acceptable", "unacceptable"])  # not in the order of the preset
    features = Features({"sentence": Value("string"), "label": classes})
    rows = {"sentence": [f"Word {i}." for i in range(6)], "label": [0, 1] * 3}
    splits = {split: Dataset.from_dict(rows, features) for split in ("train", "validation")}
    DatasetDict(splits).save_to_disk(str(tmp_path / "glue" / "cola"))
    table = fetched(tmp_path, task_from_config("cola", {}), tmp_path / "glue")["train"]
    assert table.column("label").to_pylist() == [1, 0] * 3


def test_a_local_glue_folder_may_hold_text_files(tmp_path: Path) -> None:
    (tmp_path / "glue" / "cola").mkdir(parents=True)
    for split in ("train", "validation"):
        rows = "idx\tsentence\tlabel\n" + "".join(f'{i}\tWord "{i}.\t{i % 2}\n' for i in range(6))
        (tmp_path / "glue" / "cola" / f"{split}.tsv").write_text(rows)
    table = fetched(tmp_path, task_from_config("cola", {}), tmp_path / "glue")["train"]
    assert table.column("label").to_pylist() == [0, 1] * 3
    assert table.column_names == ["idx", "text_a", "label"]


@pytest.mark.parametrize(
    "name", ["sentiment", "reviews", "acceptability", "entailment", "similarity"]
)
def test_generated_tasks_are_fetched_in_the_wanted_sizes(tmp_path: Path, name: str) -> None:
    entry = {"generated": name, "train_examples": 60, "validation_examples": 20}
    task = task_from_config("toy", entry)
    tables = fetched(tmp_path, task)
    assert [tables[s].num_rows for s in ("train", "validation")] == [60, 20]
    assert tables["validation"].column("half").to_numpy().sum() == 10
    assert "half" not in tables["train"].column_names
    assert ("text_b" in tables["train"].column_names) == (len(task.text) == 2)
    labels = tables["train"].column("label").to_numpy()
    assert labels.dtype == (np.float64 if task.is_regression else np.int64)
    other = fetched(tmp_path, task_from_config("toy", entry | {"data_seed": 1}))
    assert other["train"].column("text_a") != tables["train"].column("text_a")


def own(folder: Path, train: list[str], validation: list[str], **entry: Any) -> Task:
    for split, labels in (("train", train), ("validation", validation)):
        lines = [f"some text {i},{label}" for i, label in enumerate(labels)]
        (folder / f"{split}.csv").write_text("\n".join(["text,label", *lines]) + "\n")
    data = {split: str(folder / f"{split}.csv") for split in ("train", "validation")}
    return task_from_config("own", {"data": data, "text": "text", **entry})


def test_subsets_are_stratified_repeatable_and_seeded(tmp_path: Path) -> None:
    labels = ["no"] * 150 + ["yes"] * 50
    entry = {"labels": ["no", "yes"], "train_examples": 20, "validation_examples": 8}
    task = own(tmp_path, labels, labels, **entry)
    first, again = fetched(tmp_path / "a", task), fetched(tmp_path / "b", task)
    assert first["train"].equals(again["train"])
    assert first["train"].column("label").to_numpy().sum() == 5
    assert first["validation"].num_rows == 8
    other = fetched(tmp_path, own(tmp_path, labels, labels, **entry, data_seed=1))
    assert other["train"].column("idx") != first["train"].column("idx")


def test_a_source_must_have_as_many_examples_as_are_asked_for(tmp_path: Path) -> None:
    labels = ["no", "yes"] * 4
    every = fetched(tmp_path, own(tmp_path, labels, labels, labels=["no", "yes"], train_examples=8))
    assert every["train"].num_rows == 8
    task = own(tmp_path, labels, labels, labels=["no", "yes"], train_examples=9)
    with pytest.raises(StudyError, match=r"train\.csv has 8 examples, .*train_examples is 9; .* 8"):
        fetched(tmp_path, task)


def test_a_subset_too_small_for_two_classes_is_refused(tmp_path: Path) -> None:
    labels = ["no"] * 99 + ["yes"]
    task = own(tmp_path, labels, labels, labels=["no", "yes"], train_examples=2)
    with pytest.raises(StudyError, match=r"subset of .*train.csv: all 2 .* 'no'"):
        fetched(tmp_path, task)


def test_nothing_is_written_when_a_later_split_is_bad(tmp_path: Path) -> None:
    task = own(tmp_path, ["no", "yes"], ["no", "maybe"], labels=["no", "yes"])
    with pytest.raises(StudyError, match="maybe"):
        fetched(tmp_path, task)
    assert not list(tmp_path.rglob("*.parquet"))


def test_majority_from_validation_and_from_train_differ_where_the_labels_do(
    tmp_path: Path,
) -> None:
    task = own(
        tmp_path, ["no"] * 7 + ["yes"] * 3, ["no", "yes", "yes", "yes"], labels=["no", "yes"]
    )
    fetched(tmp_path, task)
    rows = scored(tmp_path, task)
    assert rows["validation", "accuracy", "validation"]["value"] == 0.75
    assert rows["validation", "accuracy", "train"]["value"] == 0.25
    assert rows["train_sample", "accuracy", "train"]["value"] == 0.75  # 3 of 4, stratified
    assert rows["train_sample", "accuracy", "validation"]["value"] == 0.25
    assert {split for split, _, _ in rows} == {
        "validation",
        "search_half",
        "report_half",
        "train_sample",
    }
    sizes = [rows[s, "accuracy", "train"]["n_examples"] for s in ("search_half", "report_half")]
    assert sizes == [2, 2]


def test_majority_of_undefined_metrics_is_missing_and_flagged(tmp_path: Path) -> None:
    task = own(tmp_path, ["a", "b"] * 5, ["a", "b", "b"], labels=["a", "b"], metric="matthews")
    fetched(tmp_path, task)
    for (_, metric, _), row in scored(tmp_path, task).items():
        assert (row["value"] is None) == (metric == "matthews") == row["degenerate"]
        assert row["constant_prediction"]


def test_majority_of_scores_is_one_repeatable_normal_draw(tmp_path: Path) -> None:
    generator = np.random.default_rng(7)
    values = [f"{value:.3f}" for value in generator.uniform(0, 5, 400)]
    task = own(tmp_path, values, values[:200])
    fetched(tmp_path, task)
    rows = scored(tmp_path, task)
    assert {metric for _, metric, _ in rows} == {"pearson", "spearman", "pearson_spearman"}
    assert rows == scored(tmp_path, task)
    drawn = rows["validation", "pearson", "validation"]
    assert 0 < abs(drawn["value"]) < 0.25 and not drawn["constant_prediction"]
    labels = np.array([float(value) for value in values[:200]])
    draw = np.random.default_rng(0).normal(labels.mean(), labels.std(), 200)
    assert drawn["value"] == pytest.approx(score("pearson", labels, draw))
    strict = rows["validation", "pearson", "train"]
    assert strict["value"] is None and strict["degenerate"] and strict["constant_prediction"]


def test_mnli_has_both_validation_splits_in_its_baselines(tmp_path: Path) -> None:
    made_mnli(tmp_path / "glue", ["entailment", "neutral", "contradiction"])
    task = task_from_config("mnli", {})
    fetched(tmp_path, task, tmp_path / "glue")
    rows = scored(tmp_path, task)
    assert rows["validation_mismatched", "accuracy", "validation"]["value"] == 0.5
    assert rows["validation_mismatched", "accuracy", "validation"]["n_examples"] == 8
    assert rows["validation", "accuracy", "train"]["value"] == pytest.approx(5 / 9)
