"""`tickets init`: a config that says what was found in a data file, and runs as it is."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tiny_families import write_checkpoint

from lottery.command import init as command
from lottery.command.init import init
from lottery.config import Study, load_study, read_config
from lottery.data.examples import read_task
from lottery.files import hub
from lottery.files.errors import StudyError
from lottery.planning.grid import check_exports, export_rows

ROWS = [(f"text number {i} of {i % 3}", "yes" if i % 4 == 0 else "no") for i in range(40)]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write(path: str, header: list[str], rows: list[Any]) -> str:
    with Path(path).open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def reviews(path: str = "reviews.csv") -> str:
    return write(path, ["id", "text", "label"], [(f"r{i}", *row) for i, row in enumerate(ROWS)])


def study(path: str = "config.yaml") -> Study:
    return load_study(read_config(Path(path)), Path.cwd())


def only_task(path: str = "config.yaml") -> Any:
    (task,) = study(path).tasks.values()
    return task


def examples(split: str) -> list[tuple[Any, ...]]:
    """The texts and the label of every example of the written config."""
    task = only_task()
    table = read_task(task, None)[split]
    columns = [table[name].to_pylist() for name in table.column_names if name.startswith("text")]
    labels = table["label"].to_pylist()
    names = labels if task.labels is None else [task.labels[label] for label in labels]
    return [*zip(*columns, names, strict=True)]


def test_a_csv_becomes_a_study_that_says_what_was_found(capsys) -> None:
    init(reviews())
    text = Path("config.yaml").read_text()
    assert "reviews.csv: 40 rows, columns id, text, label." in text
    assert "'no' 30, 'yes' 10" in text
    assert "32 examples for training and 8 for validation" in text
    task = only_task()
    assert (task.id, task.text, task.label) == ("reviews", ("text",), "label")
    assert (task.labels, task.metric) == (("no", "yes"), "accuracy")
    assert study().models["embedded"].kind == "embedded"
    assert [*study().methods] == ["structured", "magnitude"]
    check_exports(study())
    exported = {(row["method"], row["seed"]) for row in export_rows(study())}
    assert exported == {("structured", 1337), ("magnitude", 1337)}
    said = capsys.readouterr().out
    assert said.endswith("  tickets run\n") and "reviews_train.csv" in said


def test_what_is_set_apart_keeps_the_classes_shares() -> None:
    init(reviews(), validation="0.25")
    train, dev = examples("train"), examples("validation")
    assert sorted(train + dev) == sorted(ROWS)
    assert len(dev) == 10 and Counter(label for _, label in dev)["yes"] in (2, 3)


def test_the_written_examples_have_the_numbers_of_their_rows() -> None:
    init(reviews())
    with Path("reviews_validation.csv").open(newline="") as file:
        rows = [(int(row["idx"]), row["text"], row["label"]) for row in csv.DictReader(file)]
    assert rows and [ROWS[idx] for idx, *_ in rows] == [(text, label) for _, text, label in rows]


def test_equal_texts_stay_together() -> None:
    rows = [(f"text number {i % 10}", "ab"[i % 2]) for i in range(60)]
    init(write("d.csv", ["text", "label"], rows), text="text")
    train, dev = ({text for text, _ in examples(split)} for split in ("train", "validation"))
    assert train and dev and not train & dev


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12).map(
    lambda text: f"{text}x"
)  # no column of numbers alone


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(texts=st.lists(st.tuples(TEXTS, TEXTS), min_size=4, max_size=12, unique=True))
def test_whatever_the_texts_are_they_are_read_again_as_they_were(folder: Path, texts) -> None:
    for path in folder.iterdir():
        path.unlink()
    rows = [(*pair, i % 2) for i, pair in enumerate(texts)]
    with Path("d.jsonl").open("w") as file:
        file.writelines(json.dumps(dict(zip("abc", row, strict=True))) + "\n" for row in rows)
    init("d.jsonl", text=["a", "b"], label="c", validation="0.4")
    found = examples("train") + examples("validation")
    assert sorted(found) == sorted((a, b, str(label)) for a, b, label in rows)


def test_a_validation_file_is_named_as_it_is() -> None:
    reviews()
    write("dev.csv", ["text", "label"], ROWS[:6])
    init("reviews.csv", validation="dev.csv")
    assert dict(only_task().splits) == {"train": "reviews.csv", "validation": "dev.csv"}
    assert "40 examples for training, 6 for validation" in Path("config.yaml").read_text()
    assert not Path("reviews_train.csv").exists()


def test_columns_and_metric_may_be_chosen() -> None:
    rows = [(f"a b {i}", f"c d {i}", i / 10, "x y") for i in range(30)]
    write("pairs.csv", ["first: one", "second", "score", "note"], rows)
    init("pairs.csv", text=["first: one", "second"], label="score", metric="pearson")
    task = only_task()
    assert task.text == ("first: one", "second")
    assert (task.label, task.labels, task.metric) == ("score", None, "pearson")
    assert sorted(examples("train") + examples("validation")) == sorted(row[:3] for row in rows)


def test_a_text_may_join_columns() -> None:
    rows = [(f"a title {i}", f"a body {i}", "ab"[i % 2]) for i in range(20)]
    write("d.csv", ["title", "body", "label"], rows)
    init("d.csv", text="{title}: {body}")
    found = examples("train") + examples("validation")
    assert sorted(found) == sorted((f"{a}: {b}", label) for a, b, label in rows)
    Path("config.yaml").unlink()
    with pytest.raises(StudyError, match="names the column author"):
        init("d.csv", text="{title} by {author}")


def test_names_of_labels_are_text_whatever_yaml_makes_of_them() -> None:
    names = ["no", "true", "1.50", "2", "null", "a: #b", "'", "é"]
    rows = [(f"text number {i}", names[i % 8]) for i in range(64)]
    init(write("d.csv", ["text", "label"], rows))
    assert sorted(only_task().labels) == sorted([*names[:2], "1.5", *names[3:]])
    found = Counter(label for _, label in examples("train") + examples("validation"))
    assert {*found.values()} == {8}


def test_numbers_as_labels_are_in_their_order() -> None:
    init(write("d.csv", ["text", "label"], [(f"text number {i}", i % 11) for i in range(60)]))
    assert only_task().labels == tuple(map(str, range(11)))


def test_rows_without_a_label_are_left_out_and_counted() -> None:
    init(write("d.csv", ["text", "label"], [*ROWS, ("one more", ""), ("and one", "")]))
    assert only_task().drop_labels == ("",)
    assert "Rows without a label, left out: 2." in Path("config.yaml").read_text()
    assert sorted(examples("train") + examples("validation")) == sorted(ROWS)


def test_a_label_of_another_name_is_found_if_there_is_one() -> None:
    init(write("d.csv", ["text", "verdict"], ROWS))
    assert (only_task().text, only_task().label) == (("text",), "verdict")


def test_a_file_with_the_name_of_a_preset_gets_another_id() -> None:
    init(reviews("mrpc.csv"))
    assert only_task().id == "own_mrpc"


def test_a_model_in_a_folder(folder: Path) -> None:
    write_checkpoint(folder / "My Model", "roberta", [text for text, _ in ROWS])
    positions = json.loads((folder / "My Model/config.json").read_text())["max_position_embeddings"]
    init(reviews(), model="My Model", output="study.yaml")
    found = study("study.yaml")
    model = found.models["my_model"]
    assert (model.kind, model.source) == ("folder", "My Model")
    assert read_config(Path("study.yaml"))["training"]["max_length"] == positions - 2
    assert "tickets run study.yaml" in Path("study.yaml").read_text()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("config.json", '{"model_type": "albert"}', "albert"),
        ("tokenizer.json", "no json", "not a readable tokenizer"),
        ("model.safetensors", "", "safetensors"),
    ],
)
def test_a_model_that_cannot_be_studied_is_refused(folder, name, content, said) -> None:
    write_checkpoint(folder / "model", "roberta", [text for text, _ in ROWS])
    (folder / "model" / name).write_text(content)
    with pytest.raises(StudyError, match=said) as caught:
        init(reviews(), model="model")
    assert str(caught.value).startswith("--model: ")
    assert {path.name for path in folder.iterdir()} == {"model", "reviews.csv"}


def test_a_class_that_one_split_would_lack_is_refused() -> None:
    rows = [(f"text number {i}", "a" if i else "b") for i in range(40)]
    with pytest.raises(StudyError, match="so few examples of b that none"):
        init(write("d.csv", ["text", "label"], rows))


def test_scores_are_looked_for_among_numbers_that_are_no_texts() -> None:
    rows = [(f"head {i}", f"body {i % 4}", i / 7) for i in range(40)]
    path = write("d.csv", ["head", "body", "score"], rows)
    init(path, text="{head}. {body}", metric="spearman")
    assert only_task().label == "score" and only_task().metric == "spearman"


def test_a_hub_id_gets_its_present_revision(monkeypatch) -> None:
    monkeypatch.setattr(hub, "present_commit", lambda name: f"{len(name):040x}")
    init(reviews(), model="owner/some-model")
    model = study().models["some_model"]
    assert (model.kind, model.source, model.revision) == ("hub", "owner/some-model", f"{16:040x}")


@pytest.mark.parametrize(
    ("header", "rows", "options", "said"),
    [
        (
            ["title", "body", "label"],
            [(f"a title {i}", f"a body {i}", i % 2) for i in range(9)],
            {},
            ["2 columns that could be the text, title, body", "--text", "--pair"],
        ),
        (["n", "label"], [(i, i % 2) for i in range(9)], {}, ["no column that is surely the text"]),
        (
            ["text", "a", "b"],
            [(f"text number {i}", i % 2, i % 3) for i in range(9)],
            {},
            ["2 columns that could be the label, a, b", "--label"],
        ),
        (["text", "label"], ROWS, {"text": "txt"}, ["--text", "txt", "columns are text, label"]),
        (["text", "label"], ROWS, {"label": "gold"}, ["--label", "gold"]),
        (["text", "label"], ROWS, {"text": "text", "label": "text"}, ["both name"]),
        (
            ["text", "label"],
            [(f"text number {i}", i / 7) for i in range(40)],
            {},
            ["40 different numbers", "--metric pearson or spearman"],
        ),
        (["text", "label"], [(f"text {i}", "one") for i in range(9)], {}, ["1 different values"]),
        (["text", "label"], ROWS, {"metric": "pearson"}, ["holds 'yes'", "finite number"]),
        (
            ["text", "label"],
            ROWS,
            {"validation": "1.5"},
            ["--validation is 1.5", "between 0 and 1"],
        ),
        (["text", "label"], ROWS, {"validation": "nowhere.csv"}, ["nowhere.csv"]),
        (["text", "label"], ROWS, {"validation": "d.csv"}, ["as train and as validation"]),
        (["text", "label"], ROWS, {"model": "nowhere/at/all"}, ["models.all.source", "no folder"]),
        (["text;label"], [("a text;yes",), ("more;no",)], {}, ["text;label"]),
        (["text", "label"], [("", "a"), ("b c", "b")] * 4, {"text": "text"}, ["line 2", "empty"]),
        (["text", "label"], [], {}, ["d.csv is empty"]),
        (["text", "label"], ROWS, {"output": "d.csv/a.yaml"}, ["d.csv/a.yaml cannot be written"]),
    ],
)
def test_what_is_left_open_or_wrong_is_one_sentence(folder, header, rows, options, said) -> None:
    write("d.csv", header, rows)
    with pytest.raises(StudyError) as caught:
        init("d.csv", **options)
    assert [text for text in said if text not in str(caught.value)] == [], str(caught.value)
    assert "\n" not in str(caught.value)
    assert [path.name for path in folder.iterdir()] == ["d.csv"]  # nothing is left behind


@pytest.mark.parametrize("name", ["config.yaml", "reviews_train.csv", "reviews_validation.csv"])
def test_nothing_is_overwritten(folder: Path, name: str) -> None:
    reviews()
    (folder / name).write_text("mine")
    with pytest.raises(StudyError, match=f"{name} exists and is not overwritten: remove it"):
        init("reviews.csv")
    assert (folder / name).read_text() == "mine" and len([*folder.iterdir()]) == 2


def test_a_validation_file_with_another_label_is_refused() -> None:
    reviews()
    write("dev.csv", ["text", "label"], [*ROWS[:4], ("one more", "perhaps")])
    with pytest.raises(StudyError, match=r"dev\.csv.*perhaps"):
        init("reviews.csv", validation="dev.csv")


def test_a_file_in_another_encoding_needs_its_name() -> None:
    lines = "text,label\n" + "".join(f"très bien {i},{i % 2}\n" for i in range(9))
    Path("d.csv").write_text(lines, encoding="cp1252")
    with pytest.raises(StudyError, match="not UTF-8"):
        init("d.csv")
    init("d.csv", encoding="cp1252")
    assert all(text.startswith("très bien") for text, _ in examples("train"))


def test_the_share_is_read_as_a_number() -> None:
    assert command._share("0.3") == 0.3 and command._share("dev.csv") is None
