"""Data files in every format, and one sentence for each way they can be bad."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from datasets import Dataset, DatasetDict

from lottery.data.examples import checked_examples, wanted_columns
from lottery.data.readers import read_data_file
from lottery.files.errors import StudyError
from lottery.tasks.entries import task_from_config
from lottery.tasks.places import files_of
from lottery.tasks.task import Task

ROWS = [
    {"premise": 'He said "go".', "hypothesis": "a, b", "gold": "yes"},
    {"premise": "naïve café", "hypothesis": "東京", "gold": "no"},
    {"premise": "third\u2028line", "hypothesis": "NA", "gold": "yes"},
]
FORMATS = [".csv", ".tsv", ".jsonl", ".parquet", ".arrow", ""]  # a folder has no ending


def own_task(**changes: Any) -> Task:
    entry = {
        "data": {"train": "train.csv", "validation": "dev.csv"},
        "text": ["premise", "hypothesis"],
        "label": "gold",
        "labels": ["no", "yes"],
    }
    return task_from_config("mine", entry | changes)


def examples(path: Path, task: Task | None = None, split: str = "train") -> pa.Table:
    task = task or own_task()
    return checked_examples(read_data_file(path, wanted_columns(task)), task, split)


def written(folder: Path, suffix: str, rows: list[dict[str, Any]]) -> Path:
    path = folder / f"data{suffix}"
    names = list(rows[0])
    if suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist(rows), path)
    elif suffix == ".arrow":
        write_arrow(path, pa.Table.from_pylist(rows))
    elif suffix == "":
        Dataset.from_list(rows).save_to_disk(str(path))
    elif suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    elif suffix == ".tsv":
        lines = ["\t".join(str(row[name]) for name in names) for row in rows]
        path.write_text("\n".join(["\t".join(names), *lines]) + "\n", encoding="utf-8")
    else:
        quoted = [[str(row[name]).replace('"', '""') for name in names] for row in rows]
        lines = [",".join(f'"{value}"' for value in row) for row in [names, *quoted]]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def write_arrow(path: Path, table: pa.Table, opened: Any = pa.ipc.new_stream) -> None:
    with opened(str(path), table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize("suffix", FORMATS)
def test_every_format_gives_the_same_examples(tmp_path: Path, suffix: str) -> None:
    found = examples(written(tmp_path, suffix, ROWS))
    assert found["text_a"].to_pylist() == [row["premise"] for row in ROWS]
    assert found["text_b"].to_pylist() == [row["hypothesis"] for row in ROWS]
    assert found["label"].to_pylist() == [1, 0, 1]
    assert found["idx"].to_pylist() == [0, 1, 2]


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_word_is_taken_for_a_missing_value(tmp_path: Path, suffix: str) -> None:
    words = ["NA", "null", "None", "nan", "N/A", "-", "true"]
    rows = [
        {"premise": w, "hypothesis": w, "gold": ["no", "yes"][i % 2]} for i, w in enumerate(words)
    ]
    assert examples(written(tmp_path, suffix, rows))["text_a"].to_pylist() == words


def test_both_formats_of_arrow_files_are_read(tmp_path: Path) -> None:
    for opened in (pa.ipc.new_stream, pa.ipc.new_file):
        write_arrow(tmp_path / "a.arrow", pa.Table.from_pylist(ROWS), opened)
        assert examples(tmp_path / "a.arrow")["text_a"].to_pylist() == [
            row["premise"] for row in ROWS
        ]


def test_types_that_are_not_wanted_or_stored_otherwise(tmp_path: Path) -> None:
    """A column that `datasets` cannot hold, and a text column of pandas' categories."""
    table = pa.Table.from_pylist(ROWS)
    gold = table.column("gold").dictionary_encode()
    pairs = pa.array([[("a", 1)], [], []], pa.map_(pa.string(), pa.int64()))
    table = table.set_column(2, "gold", gold).append_column("more", pairs)
    pq.write_table(table, tmp_path / "a.parquet")
    assert examples(tmp_path / "a.parquet")["label"].to_pylist() == [1, 0, 1]


def test_the_files_of_a_source_are_itself_or_what_a_saved_folder_holds(tmp_path: Path) -> None:
    assert files_of("./given/a.csv") == ["./given/a.csv"]
    folder = written(tmp_path, "", ROWS)
    names = ["data-00000-of-00001.arrow", "dataset_info.json", "state.json"]
    assert files_of(str(folder)) == [str(folder / name) for name in names]


def test_nothing_is_written_into_the_home_folder(tmp_path: Path) -> None:
    paths = [written(tmp_path, suffix, ROWS) for suffix in (".parquet", ".arrow", "")]
    (tmp_path / "home").mkdir()
    code = (
        "import sys; from pathlib import Path; from lottery.data.readers import read_data_file\n"
        "print([len(read_data_file(Path(path), ['gold'])) for path in sys.argv[1:]])"
    )
    scripts = Path(__file__).resolve().parents[2] / "workflow" / "scripts"
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("HF_", "XDG_"))
    }
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)],
        env={**kept, "HOME": str(tmp_path / "home"), "PYTHONPATH": str(scripts)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[3, 3, 3]\n" and not done.stderr
    assert not list((tmp_path / "home").rglob("*"))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl"])
def test_a_byte_order_mark_and_windows_line_ends_change_nothing(
    tmp_path: Path, suffix: str
) -> None:
    path = written(tmp_path, suffix, ROWS)
    plain = examples(path)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n"))
    marked = examples(path)
    assert marked.equals(plain)


def test_very_long_texts_can_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f"premise,hypothesis,gold\n{'word ' * 40_000},b,no\nc,d,yes\n")
    assert len(examples(path)["text_a"].to_pylist()[0]) == 200_000


def test_numbers_of_examples_come_from_idx(tmp_path: Path) -> None:
    rows = [{**row, "idx": 10 - i} for i, row in enumerate(ROWS)]
    for suffix in FORMATS:
        assert examples(written(tmp_path, suffix, rows))["idx"].to_pylist() == [10, 9, 8]


@pytest.mark.parametrize(
    ("labels", "values", "expected"),
    [
        (["no", "yes"], ["yes", " no ", "yes"], [1, 0, 1]),
        (["no", "yes"], [1, 0, 1], [1, 0, 1]),
        (["no", "yes"], [1.0, 0.0, 1.0], [1, 0, 1]),
        (["no", "yes"], ["1", "0", "1"], [1, 0, 1]),
        (["1", "0"], [1, 0, 1], [0, 1, 0]),
        (["false", "true"], [True, False, True], [1, 0, 1]),
        (["-1", "1"], [1, -1, 1], [1, 0, 1]),
    ],
)
def test_labels_are_mapped_by_name_and_bare_numbers_by_position(
    tmp_path: Path, labels: list[str], values: list[Any], expected: list[int]
) -> None:
    rows = [{**row, "gold": value} for row, value in zip(ROWS, values, strict=True)]
    found = examples(written(tmp_path, ".jsonl", rows), own_task(labels=labels))
    assert found["label"].to_pylist() == expected


@pytest.mark.parametrize("suffix", [".parquet", ".arrow", ""])
@pytest.mark.parametrize("kind", [pa.int64(), pa.int32(), pa.uint8()])
def test_numbers_with_names_are_mapped_by_the_names(
    tmp_path: Path, suffix: str, kind: pa.DataType
) -> None:
    features = {"gold": {"names": ["yes", "no"], "_type": "ClassLabel"}}
    table = pa.Table.from_pylist([{**row, "gold": i % 2} for i, row in enumerate(ROWS)])
    table = table.set_column(2, pa.field("gold", kind, nullable=False), table["gold"].cast(kind))
    note = json.dumps({"info": {"features": features}})
    table = table.replace_schema_metadata({"huggingface": note})
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, path)
    elif suffix == ".arrow":
        write_arrow(path, table)
    else:
        plain = pa.field("gold", pa.int64())  # what `datasets` stores
        names = table.set_column(2, plain, table["gold"].cast(pa.int64()))
        Dataset(names).save_to_disk(str(path))
    assert examples(path)["label"].to_pylist() == [1, 0, 1]  # 0 is "yes" there, 1 is "yes" here
    assert examples(path, own_task(labels=["yes", "no"]))["label"].to_pylist() == [0, 1, 0]
    with pytest.raises(StudyError, match=r"row 2, column 'gold' holds 'no'; .* 'yes', 'maybe'"):
        examples(path, own_task(labels=["yes", "maybe"]))


def test_a_small_validation_file_may_lack_a_class_but_not_shift_them(tmp_path: Path) -> None:
    task = own_task(labels=["a", "b", "c"])
    path = written(tmp_path, ".jsonl", [{**row, "gold": 1} for row in ROWS])
    assert examples(path, task, "validation")["label"].to_pylist() == [1, 1, 1]
    path = written(tmp_path, ".jsonl", [{**row, "gold": i + 1} for i, row in enumerate(ROWS)])
    with pytest.raises(StudyError, match="all of 0 to 2, in that order"):
        examples(path, task, "validation")


def test_an_evaluation_only_task_keeps_its_groups(tmp_path: Path) -> None:
    entry = {"data": {"validation": "x.tsv"}, "evaluate_with": "mnli", "group": "heuristic"}
    task = own_task(**entry)
    rows = [{**row, "heuristic": f"h{i}"} for i, row in enumerate(ROWS)]
    assert examples(written(tmp_path, ".tsv", rows), task, "validation")["group"].to_pylist() == [
        "h0",
        "h1",
        "h2",
    ]


HEADER = "premise,hypothesis,gold\n"
GOOD = "a,b,no\nc,d,yes\n"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("premise,gold\na,no\nb,yes\n", ["no column 'hypothesis'", "premise, gold"]),
        ("", ["empty"]),
        (HEADER, ["empty"]),
        (HEADER + "a,b,no\n", ["one row", "train"]),
        (HEADER + "a,b,no\nc,d,no\n", ["all 2 training examples", "label 'no'"]),
        (HEADER + GOOD + "e,f,maybe\n", ["line 4", "'gold' holds 'maybe'", "'no', 'yes'"]),
        (HEADER + GOOD + "e,f,-1\n", ["line 4", "'gold' holds '-1'", "'no', 'yes'"]),
        (HEADER + GOOD + "e,f,\n", ["line 4, column 'gold' is missing"]),
        (HEADER + "a,b,1\nc,d,2\n", ["line 3", "holds '2'", "all of 0 to 1"]),
        (HEADER + GOOD + "e,,no\n", ["line 4, column 'hypothesis' is empty"]),
        (HEADER + GOOD + "e,f\n", ["line 4 has 2 fields", "header has 3"]),
        (HEADER + GOOD + "e,f,no,g\n", ["line 4 has 4 fields"]),
        (HEADER + GOOD + '"open,f,no\n', ["line 4", "no valid csv"]),
        (HEADER + "a,1,no\nb,2.5,yes\n", ["'hypothesis' holds '1'", "number too"]),
        ("premise,hypothesis,gold,gold\na,b,no,no\n", ["two columns 'gold'"]),
        ("premise,hypothesis,gold,idx\na,b,no,7\nc,d,yes,7\n", ["line 3", "7 again", "line 2"]),
        ("premise,hypothesis,gold,idx\na,b,no,x1\nc,d,yes,2\n", ["'idx' holds 'x1'"]),
        (
            "premise,hypothesis,gold,idx\na,b,no,99999999999999999999\nc,d,yes,2\n",
            ["'idx' holds '9999"],
        ),
    ],
)
def test_a_bad_csv_gets_one_sentence(tmp_path: Path, content: str, words: list[str]) -> None:
    path = tmp_path / "train.csv"
    path.write_text(content)
    assert_refused(path, own_task(), words)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (['{"premise": 5, "hypothesis": "b", "gold": "no"}'], ["line 1", "holds 5", "no text"]),
        (['{"premise": null, "hypothesis": "b", "gold": "no"}'], ["'premise' is missing"]),
        (['{"hypothesis": "b", "gold": "no"}', '{"premise": "a"}'], ["'premise' is missing"]),
        (['{"premise": NaN, "hypothesis": "b", "gold": "no"}'], ["'premise' is missing"]),
        (['{"premise": "a"'], ["line 1 is not JSON"]),
        (['["a"]'], ["line 1 is no JSON object"]),
        (["", "[" * 100_000], ["line 2 cannot be read as JSON"]),
        (['{"premise": "\\ud83d", "hypothesis": "b", "gold": "no"}'], ["surrogate"]),
        (['{"premise": "a", "hypothesis": "b", "gold": ["no"]}'], ["'gold' holds", "allowed"]),
    ],
)
def test_a_bad_jsonl_gets_one_sentence(tmp_path: Path, lines: list[str], words: list[str]) -> None:
    path = tmp_path / "train.jsonl"
    path.write_text("\n".join(lines))
    assert_refused(path, own_task(), words)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("nan", ["line 4", "'gold' holds 'nan'", "finite number"]),
        ("inf", ["holds 'inf'"]),
        ("", ["'gold' is missing"]),
        ("high", ["holds 'high'"]),
    ],
)
def test_scores_must_be_finite_numbers(tmp_path: Path, value: str, words: list[str]) -> None:
    path = tmp_path / "train.csv"
    path.write_text(f"{HEADER}a,b,1.5\nc,d,3\ne,f,{value}\n")
    assert_refused(path, own_task(labels=None), words)
    path.write_text(f"{HEADER}a,b,1.5\nc,d,3\n")
    assert examples(path, own_task(labels=None))["label"].to_pylist() == [1.5, 3.0]
    path.write_text(f"{HEADER}a,b,3\nc,d,3\n")
    assert_refused(path, own_task(labels=None), ["all 2 training examples", "score 3"])


def test_missing_labels_of_a_table_with_types(tmp_path: Path) -> None:
    rows = [{**row, "gold": score} for row, score in zip(ROWS, (1.0, 2.0, None), strict=True)]
    path = written(tmp_path, ".parquet", rows)
    assert_refused(path, own_task(labels=None), ["row 3, column 'gold' is missing"])
    assert_refused(path, own_task(), ["row 2", "holds '2'", "allowed labels"])
    rows = [{**row, "gold": score} for row, score in zip(ROWS, (0.0, 1.0, None), strict=True)]
    path = written(tmp_path, ".parquet", rows)
    assert_refused(path, own_task(), ["row 3, column 'gold' is missing"])


def test_bytes_that_are_no_utf8_are_found_by_line(tmp_path: Path) -> None:
    for suffix in (".csv", ".tsv", ".jsonl"):
        path = tmp_path / f"train{suffix}"
        path.write_bytes(b"premise,hypothesis,gold\na,b,no\ncaf\xe9,d,yes\n")
        assert_refused(path, own_task(), ["line 3", "0xe9", "UTF-8"])


def test_files_that_are_not_there_or_not_what_they_say(tmp_path: Path) -> None:
    assert_refused(tmp_path / "none.csv", own_task(), ["none.csv is no file"])
    for suffix in ("parquet", "arrow"):
        (tmp_path / f"a.{suffix}").write_text("premise,hypothesis\n")
        assert_refused(tmp_path / f"a.{suffix}", own_task(), [f"no readable {suffix} file"])
    (tmp_path / "empty").mkdir()
    assert_refused(tmp_path / "empty", own_task(), ["no readable folder of save_to_disk"])
    splits = DatasetDict({name: Dataset.from_list(ROWS) for name in ("train", "test")})
    splits.save_to_disk(str(tmp_path / "splits"))
    assert_refused(tmp_path / "splits", own_task(), ["the splits train, test; name the folder"])
    assert examples(tmp_path / "splits" / "train")["label"].to_pylist() == [1, 0, 1]
    for suffix in FORMATS[3:]:
        other = written(tmp_path, suffix, [{"a": "b"}] * 2)
        assert_refused(other, own_task(), ["no column 'premise'", "its columns are a."])
    (tmp_path / "a.xlsx").write_text("")
    assert_refused(tmp_path / "a.xlsx", own_task(), ["no known type", ".jsonl"])
    (tmp_path / "folder.csv").mkdir()
    assert_refused(tmp_path / "folder.csv", own_task(), ["folder.csv is no file"])


def assert_refused(path: Path, task: Task, words: list[str]) -> None:
    with pytest.raises(StudyError) as caught:
        examples(path, task)
    sentence = str(caught.value)
    assert path.name in sentence
    assert all(word in sentence for word in words), sentence
    assert sentence.endswith(".") and "\n" not in sentence and len(sentence) < 400
