"""Data sets of the hub as tasks, by the real client against a server in this process."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from data_hub import REVISION, DataHub, serving
from datasets import ClassLabel, Dataset, Features, Value

from lottery.data.examples import check_declared, read_task
from lottery.data.sources import HUB_CACHE, read_split
from lottery.files import hub
from lottery.files.errors import StudyError
from lottery.steps.fetch_task import fetch_task
from lottery.tasks.entries import task_from_config
from lottery.tasks.task import Task

CARD = """---
configs:
- config_name: plain
  default: true
  data_files:
  - {split: train, path: plain/train-*}
  - {split: test, path: plain/test-*}
- config_name: rare
  data_files: [{split: train, path: rare/*}]
dataset_info:
- config_name: plain
  features:
  - {name: text, dtype: string}
  - name: label
    dtype: {class_label: {names: {"0": neg, "1": pos}}}
---
"""
ROWS = 60
# Every third is positive, one has no gold label, and each text says which label it has.
LABELS = [int(i % 3 == 0) for i in range(ROWS)]
TEXTS = [f"Sentence {i} is {'pos' if label else 'neg'}." for i, label in enumerate(LABELS)]


def parquet(texts: list[str], labels: list[Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table({"text": texts, "label": labels}), file)
    return file.getvalue()


def lines(texts: list[str], labels: list[Any]) -> bytes:
    rows = zip(texts, labels, strict=True)
    return "".join(json.dumps({"text": t, "label": y}) + "\n" for t, y in rows).encode()


def saved_features() -> bytes:
    features = Features({"text": Value("string"), "label": ClassLabel(names=["pos", "neg"])})
    file = io.BytesIO()
    Dataset.from_dict({"text": ["a", "b"], "label": [0, 1]}, features).to_parquet(file)
    return file.getvalue()


REPOSITORIES = {
    "org/reviews": {
        "README.md": CARD.encode(),
        # A split of two files.
        "plain/train-00000-of-00002.parquet": parquet(TEXTS[:25], LABELS[:25]),
        "plain/train-00001-of-00002.parquet": parquet(TEXTS[25:], LABELS[25:]),
        "plain/test-00000-of-00001.parquet": parquet(["One.", "Two."], [1, 0]),
        "rare/train.parquet": parquet(["One.", "Two."], [1, 0]),
    },
    "org/csv": {
        "train.csv": b"text,label\nNA,none\nNone,some\n",
        "test.csv": b'text,label\n"a, b",some\nnull,none\n',
    },
    "org/lines": {
        "train.jsonl": lines(["One.", "Two.", "Three."], ["pos", "neg", "-"]),
        "test.jsonl": lines(["One.", "Two."], ["pos", "neg"]),
    },
    "org/groups": {
        "test.jsonl": "".join(
            json.dumps({"text": text, "label": ["neg", "pos"][y], "kind": "abc"[i % 3]}) + "\n"
            for i, (text, y) in enumerate(zip(TEXTS, LABELS, strict=True))
        ).encode()
    },
    "org/own": {"train.parquet": saved_features(), "test.parquet": saved_features()},
    "org/holes": {"train.jsonl": lines(["One.", ""], ["pos", "neg"]), "test.jsonl": b""},
    "org/packed": {
        "README.md": b"---\nconfigs: [{config_name: a, default: true, sep: ';', data_files:"
        b" [{split: train, path: train.csv.gz}, {split: test, path: test.csv.gz}]}]\n---\n",
        "train.csv.gz": gzip.compress(b"text;label\nOne, two;pos\nThree;neg\n"),
        "test.csv.gz": gzip.compress(b"text;label\nFour;pos\nFive;neg\n"),
    },
    "org/script": {"README.md": b"---\n---\n", "script.py": b"raise SystemExit"},
    "org/card": {"README.md": b"---\n---\n"},
    "org/pickle": {"train.pkl": b"cos\nsystem\n(S'false'\ntR."},
    "org/two": {
        "README.md": b"---\nconfigs: [{config_name: a, data_files: a.csv},"
        b" {config_name: b, data_files: a.csv}]\n---\n",
        "a.csv": b"text,label\nOne.,pos\n",
    },
    "org/text": {"train.txt": b"One.\n"},
    "org/outside": {
        "README.md": b"---\nconfigs: [{config_name: a, default: true, data_files: 'hf://datasets/org/csv/*.csv'}]\n---\n"
    },
    "org/gated": {"README.md": b"---\n---\n"},
    "org/damaged": {"train.parquet": b"PAR1", "test.parquet": b"PAR1"},
}


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DataHub]:
    constants = "huggingface_hub.constants"
    with serving(REPOSITORIES) as made:
        template = f"{made.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr(f"{constants}.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
        monkeypatch.setattr(f"{constants}.ENDPOINT", made.address)
        monkeypatch.setattr("datasets.config.HF_ENDPOINT", made.address)
        monkeypatch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", template)
        monkeypatch.setattr(f"{constants}.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setattr(hub, "WAITS", (0.0,))
        made.gated.add("org/gated")
        yield made


def entry(repository: str, **changes: Any) -> dict[str, Any]:
    splits = {"train": "train", "validation": "test"}
    data = {"hub": repository, "revision": REVISION, "splits": splits}
    data |= changes.pop("data", {})
    return {"data": data, "text": "text", "labels": ["neg", "pos"]} | changes


def task(repository: str = "org/reviews", **changes: Any) -> Task:
    return task_from_config("mine", entry(repository, **changes))


def fetched(folder: Path, made: Task) -> dict[str, bytes]:
    """The files that the step writes, by name."""
    place = folder / "tasks" / "mine"
    paths = {f"path_to_{split}": place / f"{split}.parquet" for split in made.split_names}
    fetch_task(task=made.to_dict(), path_to_data_summary=place / "summary.json", **paths)
    return {path.name: path.read_bytes() for path in place.iterdir()}


def test_the_examples_are_those_of_the_splits_with_the_classes_by_name(
    server: DataHub, tmp_path: Path
) -> None:
    made = task(labels=["pos", "neg"])  # the other order than the features have
    tables = read_task(made, None, tmp_path)
    train = tables["train"].to_pydict()
    assert train["text_a"] == TEXTS and train["idx"] == [*range(ROWS)]
    assert [made.labels[i] for i in train["label"]] == [t.split()[-1][:-1] for t in TEXTS]
    assert tables["validation"]["label"].to_pylist() == [0, 1]
    note = json.loads(tables["train"].schema.metadata[b"lottery"])
    assert (note["source"], note["revision"]) == ("org/reviews", REVISION)


def test_what_was_fetched_once_is_there_without_the_network(
    server: DataHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = fetched(tmp_path, task())
    asked = len(server.asked)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert fetched(tmp_path, task()) == first
    assert len(server.asked) == asked
    with pytest.raises(StudyError, match=r"org/csv at .* HF_HUB_OFFLINE forbids the network"):
        fetched(tmp_path, task("org/csv"))


def test_without_a_route_to_the_hub_one_sentence_says_what_to_check(
    server: DataHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = "http://127.0.0.1:9"
    template = f"{closed}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr("datasets.config.HF_ENDPOINT", closed)
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", closed)
    monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
    for check in (
        lambda: read_task(task(), None, tmp_path),
        lambda: check_declared(task(), tmp_path),
    ):
        with pytest.raises(StudyError) as refusal:
            check()
        sentence = str(refusal.value)
        assert sentence.startswith("tasks.mine.data: org/reviews at ")
        assert "127.0.0.1 cannot be reached" in sentence and "check the network" in sentence


@pytest.mark.parametrize("more", [{}, {"drop_labels": ["neutral"]}])
@pytest.mark.parametrize("data_seed", [0, 1])
@pytest.mark.parametrize("size", [2, 7, ROWS])
def test_a_subset_is_that_of_a_file_with_the_same_rows(
    server: DataHub, tmp_path: Path, size: int, data_seed: int, more: dict[str, Any]
) -> None:
    chosen = {"train_examples": size, "validation_examples": 2, "data_seed": data_seed} | more
    drawn = read_task(task(**chosen), None, tmp_path)
    names = np.array(["neg", "pos"])
    for split, texts, labels in (("train", TEXTS, LABELS), ("test", ["One.", "Two."], [1, 0])):
        table = pa.table({"text": texts, "label": names[labels].tolist()})
        pyarrow.csv.write_csv(table, tmp_path / f"{split}.csv")
    files = {"train": str(tmp_path / "train.csv"), "validation": str(tmp_path / "test.csv")}
    same = {"data": files, "text": "text", "labels": ["neg", "pos"]} | chosen
    for split, table in read_task(task_from_config("mine", same), None).items():
        assert drawn[split].to_pydict() == table.to_pydict()


def test_a_task_that_is_only_evaluated_on_keeps_its_groups(server: DataHub, tmp_path: Path) -> None:
    given = REPOSITORIES["org/groups"]["test.jsonl"]
    (tmp_path / "dev.jsonl").write_bytes(given)
    more = {"text": "text", "labels": ["neg", "pos"], "validation_examples": 8}
    more |= {"evaluate_with": "rte", "group": "kind"}
    data = {"hub": "org/groups", "revision": REVISION, "splits": {"validation": "test"}}
    of_hub = task_from_config("mine", {"data": data, **more})
    of_file = task_from_config(
        "mine", {"data": {"validation": str(tmp_path / "dev.jsonl")}, **more}
    )
    (found,), (expected,) = (read_task(each, None, tmp_path).values() for each in (of_hub, of_file))
    assert found.to_pydict() == expected.to_pydict() and len(found) == 8


def test_of_a_large_split_the_labels_and_the_subset_alone_are_kept(
    server: DataHub, tmp_path: Path
) -> None:
    rows = np.array([0, 24, 25, 59])
    raw = read_split(task(), "train", ["text", "label"], None, tmp_path, rows)
    assert [*raw.values("text")] == [TEXTS[i] for i in rows]
    assert [*raw.values("idx")] == rows.tolist() and raw.at(1, "text").endswith(
        "row 25, column 'text'"
    )
    kept = sum(pa.array(chunk).get_total_buffer_size() for chunk in raw.columns["text"])
    assert kept < 500 < sum(map(len, TEXTS))  # bytes


def test_a_csv_file_keeps_texts_and_labels_that_look_like_missing_ones(
    server: DataHub, tmp_path: Path
) -> None:
    tables = read_task(task("org/csv", labels=["none", "some"]), None, tmp_path)
    assert tables["train"].to_pydict() == {
        "idx": [0, 1],
        "text_a": ["NA", "None"],
        "label": [0, 1],
    }
    assert tables["validation"]["text_a"].to_pylist() == ["a, b", "null"]


def test_files_are_read_as_their_card_says_and_unpacked(server: DataHub, tmp_path: Path) -> None:
    table = read_task(task("org/packed"), None, tmp_path)["train"]
    assert table["text_a"].to_pylist() == ["One, two", "Three"]
    assert table["label"].to_pylist() == [1, 0]
    assert not [*tmp_path.glob("**/*.csv")]


def test_labels_are_left_out_as_of_files(server: DataHub, tmp_path: Path) -> None:
    for size in ({}, {"train_examples": 2}):
        table = read_task(task("org/lines", drop_labels=["-"], **size), None, tmp_path)["train"]
        assert table["text_a"].to_pylist() == ["One.", "Two."]
        note = json.loads(table.schema.metadata[b"lottery"])
        assert note["left_out"] == {"label -": 1}


def test_class_names_in_the_files_count_where_the_card_has_none(
    server: DataHub, tmp_path: Path
) -> None:
    assert read_task(task("org/own"), None, tmp_path)["train"]["label"].to_pylist() == [1, 0]


SPLITS = {"splits": {"train": "train", "validation": "dev"}}
REFUSALS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "split": (
        {"data": SPLITS},
        ["mine.data: org/reviews has no split 'dev'", "allowed are test, train."],
    ),
    "config": ({"data": {"config": "plan"}}, ["no config 'plan'", "allowed are plain, rare."]),
    "column": (
        {"text": "txt"},
        ["no column 'txt', which tasks.mine.text names", "label, text", "did you mean text"],
    ),
    "label": ({"label": "gold"}, ["no column 'gold', which tasks.mine.label names"]),
    "class": (
        {"labels": ["negative", "pos"]},
        ["split train, column 'label' has the classes neg, pos", "labels names 'negative'"],
    ),
    "no_config": ({"repository": "org/two"}, ["has no default config", "allowed are a, b."]),
    "missing": ({"repository": "org/gone"}, ["org/gone at", "it does not exist"]),
    "gated": ({"repository": "org/gated"}, ["org/gated at", "accounts that accept its terms"]),
    "script": ({"repository": "org/script"}, ["made by a script, and no code of the hub is run"]),
    "empty": ({"repository": "org/card"}, ["no data files"]),
    "pickle": ({"repository": "org/pickle"}, ["no data files"]),
    "lines": ({"repository": "org/text"}, ["type text", "arrow, csv, json, parquet"]),
    "outside": ({"repository": "org/outside"}, ["card names files that are not in it"]),
    "revision": ({"data": {"revision": "1" * 40}}, ["no such revision", "--resolve"]),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_refused_in_one_sentence_before_files_are_downloaded(
    case: str, server: DataHub, tmp_path: Path
) -> None:
    changes, words = REFUSALS[case]
    made = task(**changes)
    for check in (lambda: check_declared(made, tmp_path), lambda: read_task(made, None, tmp_path)):
        with pytest.raises(StudyError) as refusal:
            check()
        sentence = str(refusal.value)
        assert sentence.startswith("tasks.mine.data") and sentence.count("\n") == 0
        assert all(word in sentence for word in words), sentence
    read = [path for path in server.asked if path.endswith((".parquet", ".csv", ".pkl"))]
    assert not read or case in ("column", "label", "class", "split")


def test_the_check_before_a_run_downloads_no_data(server: DataHub, tmp_path: Path) -> None:
    check_declared(task(), tmp_path / HUB_CACHE)
    assert not [path for path in server.asked if path.endswith(".parquet")]


@pytest.mark.parametrize(
    ("repository", "words"),
    [("org/holes", "row 2, column 'text' is empty"), ("org/damaged", "no readable data set")],
)
def test_a_fault_in_the_data_is_one_sentence(
    repository: str, words: str, server: DataHub, tmp_path: Path
) -> None:
    with pytest.raises(StudyError, match=rf"^tasks.mine.data: {repository}, split train.*{words}"):
        read_task(task(repository), None, tmp_path)


def test_data_prepared_before_are_no_way_around_the_revision(
    server: DataHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "prepared")
    datasets.load_dataset("org/own", split="train", cache_dir=str(tmp_path / "prepared"))
    with pytest.raises(StudyError, match="no such revision"):
        read_task(task("org/own", data={"revision": "1" * 40}), None, tmp_path)
