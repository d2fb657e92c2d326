"""What data files mean: encodings, line ends, quotation marks, labels, and the GLUE download."""

from __future__ import annotations

import csv
import json
import os
import socket
import tracemalloc
import unicodedata
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lottery.config.sources import tasks_from_config
from lottery.data.examples import checked_examples, read_task, with_gold_label
from lottery.data.readers import read_data_file
from lottery.data.sources import local_glue_file
from lottery.data.text import DELIMITERS
from lottery.files.errors import StudyError
from lottery.steps.fetch_task import fetch_task
from lottery.tasks.entries import task_from_config
from lottery.tasks.labels import label_name
from lottery.tasks.task import GLUE, Task

WANTED = ("text", "label")


def rows(path: Path, content: str | bytes, **options: Any) -> list[tuple[str, str]]:
    """Texts and labels of a csv, tsv or jsonl file with that content."""
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    raw = read_data_file(path, WANTED, **options)
    return list(zip(raw.values("text"), raw.values("label"), strict=True))


def refused(path: Path, content: str | bytes, words: list[str], **options: Any) -> None:
    with pytest.raises(StudyError) as caught:
        rows(path, content, **options)
    sentence = str(caught.value)
    assert all(word in sentence for word in words), sentence
    assert str(path) in sentence and sentence.endswith(".") and "\n" not in sentence


LINES = ["text{}label", "naïve 東京{}neg", "b{}pos", ""]
PLAIN = [("naïve 東京", "neg"), ("b", "pos")]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", b""),
        ("utf-8", b"\xef\xbb\xbf"),
        ("utf-16-le", b"\xff\xfe"),
        ("utf-16-be", b"\xfe\xff"),
        ("utf-32-le", b"\xff\xfe\0\0"),
    ],
)
@pytest.mark.parametrize(("suffix", "delimiter"), [(".csv", ","), (".tsv", "\t"), (".jsonl", "")])
def test_encodings_with_a_mark_and_line_ends_are_found_out(
    tmp_path: Path, end: str, encoding: str, mark: bytes, suffix: str, delimiter: str
) -> None:
    lines = [line.format(delimiter) for line in LINES]
    if suffix == ".jsonl":
        lines = [json.dumps({"text": t, "label": n}, ensure_ascii=False) for t, n in PLAIN] + [""]
    content = mark + end.join(lines).encode(encoding)
    assert rows(tmp_path / f"a{suffix}", content) == PLAIN


@pytest.mark.parametrize(
    ("suffix", "content", "words"),
    [
        (".csv", b"text,label\ncaf\xe9,x\nb,y\n", ["line 2", "0xe9", "UTF-8", "`encoding: "]),
        (".tsv", b"text\tlabel\nb\ty\ncaf\xe9\tx\n", ["line 3", "0xe9", "UTF-8", "`encoding: "]),
        (".jsonl", b'{"text": "a"}\n\n{"text": "\xe9"}', ["line 3", "0xe9"]),
        (".csv", b"text,label\n" + b"a,x\n" * 9000 + b"\xff,x\n", ["line 9002", "0xff"]),
        (".csv", "text,label\na,x\nb,y\n".encode("utf-16-le"), ["line 1", "NUL", "`encoding: "]),
        (".tsv", b"text\tlabel\na\tx\nb\0\ty\n", ["line 3", "NUL"]),
        (".csv", "\ufefftext,label\n\ud83d".encode("utf-16-le", "surrogatepass"), ["UTF-16-LE"]),
    ],
)
def test_what_cannot_be_decoded_is_asked_for_with_its_line(
    tmp_path: Path, suffix: str, content: bytes, words: list[str]
) -> None:
    refused(tmp_path / f"a{suffix}", content, words)


def test_an_encoding_that_is_named_is_used(tmp_path: Path) -> None:
    content = "text,label\ncafé,x\nb,y\n"
    for name in ("latin-1", "utf-16-le", "utf-16-be", "cp1252"):
        found = rows(tmp_path / "a.csv", content.encode(name), encoding=name)
        assert found == [("café", "x"), ("b", "y")]
    marked = "\ufeff" + content
    assert len(rows(tmp_path / "a.csv", marked.encode("utf-8"), encoding="utf-8")) == 2
    assert len(rows(tmp_path / "a.csv", marked.encode("utf-16-be"), encoding="utf-16")) == 2
    words = ["byte order mark of UTF-16-LE", "encoding is set to latin-1"]
    refused(tmp_path / "a.csv", marked.encode("utf-16-le"), words, encoding="latin-1")
    refused(tmp_path / "a.csv", b"text,label\n\x81,x\n", ["line 2", "0x81"], encoding="cp1252")


TABLE = "text,label\ncafé,x\nb,y\n"
ASCII = "text,label\na,x\nb,y\n"


@pytest.mark.parametrize(
    ("content", "encoding", "words"),
    [
        # without the byte order mark that utf-16 and utf-32 need
        (TABLE.encode("utf-16-le"), "utf-16", ["byte order mark", "to utf-16-le."]),
        (TABLE.encode("utf-16-be"), "UTF_16", ["byte order mark", "to utf-16-be."]),
        (TABLE.encode("utf-32-le"), "utf-32", ["byte order mark", "to utf-32-le."]),
        (TABLE.encode("utf-32-be"), "utf-32", ["byte order mark", "to utf-32-be."]),
        (TABLE.encode(), "utf-16", ["byte order mark", "utf-16-le or utf-16-be, or leave"]),
        (TABLE.encode("utf-16-le"), "utf-32", ["byte order mark", "to utf-16-le."]),
        # the places of the zero bytes
        (ASCII.encode("utf-16-le"), None, ["NUL", "encoding: utf-16-le`"]),
        (ASCII.encode("utf-16-be"), None, ["NUL", "encoding: utf-16-be`"]),
        (ASCII.encode("utf-32-le"), None, ["NUL", "encoding: utf-32-le`"]),
        (ASCII.encode("utf-32-be"), None, ["NUL", "encoding: utf-32-be`"]),
        (TABLE.encode("utf-16-be"), "cp1252", ["NUL", "encoding: utf-16-be`", "not CP1252"]),
        (ASCII.encode() + 1999 * b"c,y\n" + b"\0,x\n", None, ["line 2003", "NUL", "; correct the"]),
        # cut at an odd byte, or within a pair of surrogates
        (("\ufeff" + TABLE).encode("utf-16-le")[:-1], None, ["line 3", "cut short"]),
        (("\ufeff" + TABLE).encode("utf-16-be")[:-3], None, ["line 3", "UTF-16-BE", "cut short"]),
        (TABLE.encode("utf-16-le")[:-1], "utf-16-le", ["line 3", "cut short"]),
        (("\ufeff" + TABLE).encode("utf-32-le")[:-2], None, ["UTF-32-LE", "cut short"]),
        (("\ufeff" + TABLE + "😀").encode("utf-16-le")[:-2], None, ["line 4", "cut short"]),
        # UTF-8 that another encoding would garble
        (TABLE.encode(), "latin-1", ["is UTF-8", "set to latin-1"]),
        (TABLE.encode(), "cp1252", ["is UTF-8", "set to cp1252"]),
        (TABLE.encode(), "cp037", ["is UTF-8", "set to cp037"]),
        # no line ends
        (ASCII.encode(), "cp037", ["no row of data", "read as cp037", "encoding is another"]),
    ],
)
def test_a_wrong_encoding_is_one_sentence(
    tmp_path: Path, content: bytes, encoding: str | None, words: list[str]
) -> None:
    refused(tmp_path / "a.csv", content, words, encoding=encoding)


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("encoding", [None, "utf-8", "utf8", "utf-8-sig", "UTF_8_SIG"])
def test_utf_8_may_have_a_mark_under_each_of_its_names(
    tmp_path: Path, mark: bytes, encoding: str | None
) -> None:
    found = rows(tmp_path / "a.csv", mark + TABLE.encode(), encoding=encoding)
    assert found == [("café", "x"), ("b", "y")]


def test_a_file_of_ascii_is_of_every_such_encoding(tmp_path: Path) -> None:
    assert rows(tmp_path / "a.csv", ASCII, encoding="latin-1") == [("a", "x"), ("b", "y")]


# Content of a tsv file (each , stands for a tab) or a csv file, and its rows, or words of the
# sentence. Every file has the columns text and label.
QUOTING: dict[str, tuple[str, str, Any]] = {
    # pandas' to_csv(sep="\t"), with a tab, a line break, or all fields enclosed
    "a tab": (".tsv", '"a,b",x\nc,y', [("a\tb", "x"), ("c", "y")]),
    "a line break": (".tsv", '"a\nb",x\nc,y', [("a\nb", "x"), ("c", "y")]),
    "break and mark": (".tsv", '"a ""b""\nc",x\nd,y', [('a "b"\nc', "x"), ("d", "y")]),
    "doubled marks": (
        ".tsv",
        '"He said ""no way""",x\nplain,y',
        ["line 2", "quoting: csv", "none"],
    ),
    "all enclosed": (".tsv", '"a","x"\n"b","y"', ["line 2", "`quoting: csv` or `quoting: none`"]),
    # texts as they are, as in GLUE
    "a mark within": (".tsv", 'say "hi",x\nb,y', [('say "hi"', "x"), ("b", "y")]),
    "a mark begins": (".tsv", '"hi" he said,x\nb,y', [('"hi" he said', "x"), ("b", "y")]),
    "an open mark": (".tsv", '"hi,x\nb,y', [('"hi', "x"), ("b", "y")]),
    "enclosed among others": (".tsv", '"hi",x\nsay "b",y', [('"hi"', "x"), ('say "b"', "y")]),
    "marks that would join rows": (".tsv", '"a,x\nb",y', ["line 2", "quoting"]),
    "both kinds": (".tsv", '"a ""b""",x\nsay "c",y', ["line 2", "quoting"]),
    "fits neither": (".tsv", '"a,b",x\n"c,y', ["neither", "line 2 has 3 fields", "line 3"]),
    "neither, short": (
        ".tsv",
        '"a,b",x\nc',
        ["neither", "line 2 has 3", "line 3 has 1 field where"],
    ),
    # csv
    "csv": (".csv", '"a, ""b""",x\n"c",y', [('a, "b"', "x"), ("c", "y")]),
    "csv, all enclosed": (".csv", '"a","x"\n"b","y"', [("a", "x"), ("b", "y")]),
    "csv, lines": (".csv", '"a\nb",x\n\nc,y', [("a\nb", "x"), ("c", "y")]),
    "csv, inches": (".csv", '5" disk,x\nb,y', [('5" disk', "x"), ("b", "y")]),
    "csv, inches and comma": (".csv", '5" disk,x\n"b, c",y', [('5" disk', "x"), ("b, c", "y")]),
    "csv, inches and marks": (".csv", '5" disk,x\n"b",y', ["line 3", "quoting: none"]),
    "csv, a blank": (".csv", 'a, "x"\nb,y', ["line 2", "quoting"]),
    "csv, joined rows": (".csv", '"open,x\nclosed",y\nb,x', ["line 2", "quoting"]),
    "csv, open": (".csv", 'a,x\n"open,x\nb,y', ["line 3 is no valid csv", "quoting: none"]),
    "csv, after the mark": (".csv", '"a" b,x\nc,y', ["line 2 is no valid csv", "quoting: none"]),
    "csv, short": (".csv", '"a, b",x\nc', ["line 3 has 1 field where the header has 2"]),
}


@pytest.mark.parametrize("name", QUOTING)
def test_quotation_marks_enclose_or_belong_to_the_text_or_are_asked_for(
    tmp_path: Path, name: str
) -> None:
    suffix, content, expected = QUOTING[name]
    content = f"text,label\n{content}\n"
    content = content.replace(",", "\t") if suffix == ".tsv" else content
    if isinstance(expected[0], str):
        refused(tmp_path / f"a{suffix}", content, expected)
    else:
        assert rows(tmp_path / f"a{suffix}", content) == expected


@pytest.mark.parametrize(
    ("suffix", "quoting", "line", "expected"),
    [
        (".tsv", "csv", '"He said ""no way"""\tx', 'He said "no way"'),
        (".tsv", "none", '"He said ""no way"""\tx', '"He said ""no way"""'),
        (".csv", "none", '"a",x', '"a"'),
        (".csv", "csv", 'a" b,x', 'a" b'),
    ],
)
def test_quoting_that_is_named_is_used(
    tmp_path: Path, suffix: str, quoting: str, line: str, expected: str
) -> None:
    header = "text\tlabel" if suffix == ".tsv" else "text,label"
    content = f"{header}\n{line}\n"
    assert rows(tmp_path / f"a{suffix}", content, quoting=quoting) == [(expected, "x")]


@pytest.mark.parametrize(
    ("suffix", "content", "words"),
    [
        (".csv", "text,label\na,x\nb;y\n", ["line 3 has 1 field where", "separated by ';'"]),
        (".csv", "text,label\na,x\nb\ty\n", ["line 3 has 1 field where", "separated by '\\t'"]),
        (".tsv", "text\tlabel\na\tx\nb,y\n", ["line 3 has 1 field where", "separated by ','"]),
        (".tsv", "text\tlabel\na\tx\nb\ty\tz\n", ["line 3 has 3 fields where the header has 2"]),
        (".csv", "text,label\na,x\n\nb,y,z\nc\n", ["line 4 has 3 fields"]),
        (".csv", 'text,label\n"a\nb",x\nc,y,z\n', ["line 4 has 3 fields"]),
        (".tsv", "text\tlabel\ra\tx\nb\ty\r", ["line 2 holds a line feed"]),
        (
            ".jsonl",
            '{"text": "a", "label": 0}\n{"text": "b", "label": 0, "label": 1}',
            ["line 2", "'label' twice"],
        ),
        (".jsonl", '{"text": "a", "label": [1]}', ["line 1", "'label' holds list"]),
        (".jsonl", '{"text": "a", "label": ' + "9" * 5000 + "}", ["line 1", "4300 digits"]),
        (".jsonl", '{"text": ' + "[" * 99999, ["line 1", "nested too deeply"]),
    ],
)
def test_the_physical_line_at_fault_is_named(
    tmp_path: Path, suffix: str, content: str, words: list[str]
) -> None:
    refused(tmp_path / f"a{suffix}", content, words)


# Of a label: what files and configs write, and its name.
LABELS = [
    ((1, 1.0, "1", "1.0", " 1 ", "1.00"), "1"),
    ((0, 0.0, -0.0, "0", "-0.0"), "0"),
    ((-1, -1.0, "-1", "-1.0"), "-1"),
    ((0.5, "0.5", "0.50"), "0.5"),
    ((1e22, 10**22, "10000000000000000000000"), "10000000000000000000000"),
    ((True, "true", "True", "TRUE"), "true"),
    ((False, "false", "False", "FALSE"), "false"),
    (("caf\u00e9", "cafe\u0301"), "caf\u00e9"),
    (("01",), "01"),
    (("1e0",), "1e0"),
    (("+1",), "+1"),
    (("tRUE",), "tRUE"),
    (("1.",), "1."),
    (("NA",), "NA"),
    ((None, float("nan"), "", "  "), None),
]


@pytest.mark.parametrize(("written", "name"), LABELS)
def test_labels_have_one_name_however_they_are_written(
    written: tuple[object, ...], name: str | None
) -> None:
    assert [label_name(value) for value in written] == [name] * len(written)


def own_task(**changes: Any) -> Task:
    entry = {"data": {"train": "a.csv", "validation": "b.csv"}, "text": "text"}
    return task_from_config("own", entry | {"labels": ["neg", "pos"]} | changes)


def labels_of(path: Path, values: list[Any], task: Task) -> list[int | float]:
    """What the labels in a file of some format are read as; the values are written as they are."""
    texts = [f"text {i}" for i in range(len(values))]
    if path.suffix == ".parquet":
        pq.write_table(pa.table({"text": texts, "label": values}), path)
    elif path.suffix == ".arrow":
        table = pa.table({"text": texts, "label": values})
        with pa.ipc.new_file(str(path), table.schema) as file:
            file.write_table(table)
    elif path.suffix == ".jsonl":
        lines = [{"text": t, "label": v} for t, v in zip(texts, values, strict=True)]
        path.write_text("\n".join(map(json.dumps, lines)))
    else:
        mark = "," if path.suffix == ".csv" else "\t"
        lines = [f"{t}{mark}{v}" for t, v in zip(texts, values, strict=True)]
        path.write_text("\n".join([f"text{mark}label", *lines]))
    raw, _ = with_gold_label(read_data_file(path, ("text", "label", "idx")), task)
    return checked_examples(raw, task, "train")["label"].to_pylist()


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".arrow"])
@pytest.mark.parametrize(
    ("labels", "values", "expected"),
    [
        (["1", "0"], [1, 0, 1], [0, 1, 0]),
        (["1.0", "0"], [1.0, 0.0, 1.0], [0, 1, 0]),
        ([1, 0], ["1", "0", "1.0"], [0, 1, 0]),
        (["True", "False"], [True, False, True], [0, 1, 0]),
        (["true", "false"], ["True", "FALSE", "true"], [0, 1, 0]),
        (["neg", "pos"], [0.0, 1.0, 0.0], [0, 1, 0]),
        (["cafe\u0301", "b"], ["caf\u00e9", "b", "cafe\u0301"], [0, 1, 0]),
        (["0.5", "1.5"], [0.5, 1.5, 0.5], [0, 1, 0]),
        (["0.1", "1.7"], [0.1, 1.7, 0.1], [0, 1, 0]),
    ],
)
def test_labels_follow_one_rule_in_every_format(
    tmp_path: Path, suffix: str, labels: list[Any], values: list[Any], expected: list[int]
) -> None:
    assert labels_of(tmp_path / f"a{suffix}", values, own_task(labels=labels)) == expected


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize(
    ("labels", "values", "words"),
    [
        (["1", "0"], [True, False], ["'true'", "allowed labels are '1', '0'"]),
        (["true", "false"], [1, 0], ["'1'", "allowed labels are 'true', 'false'"]),
        (["neg", "pos"], [True, False], ["'true'"]),
        (["neg", "pos"], [0, 1, -1], ["3, column 'label' holds '-1'", "all of 0 to 1"]),
        (["neg", "pos"], [0, 1, 0, 2], ["4, column 'label' holds '2'"]),
        (["neg", "pos"], ["neg", "0", "pos"], ["2, column 'label' holds '0'"]),
        (["a", "b", "c"], [0, 2, 0], ["no 1", "all of 0 to 2"]),
        (
            ["1", "2", "3"],
            [1, 2, 0],
            ["3, column 'label' holds '0'; allowed labels are '1', '2', '3'."],
        ),
    ],
)
def test_the_row_whose_label_is_wrong_is_named(
    tmp_path: Path, suffix: str, labels: list[str], values: list[Any], words: list[str]
) -> None:
    if suffix == ".csv":  # its first row is in line 2
        words = [f"{int(w[0]) + 1}{w[1:]}" if w[1:2] == "," else w for w in words]
    with pytest.raises(StudyError) as caught:
        labels_of(tmp_path / f"a{suffix}", values, own_task(labels=labels))
    assert all(word in str(caught.value) for word in words), str(caught.value)
    assert f"a{suffix}" in str(caught.value)


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("kind", [pa.float16(), pa.float32(), pa.float64()])
def test_a_label_is_the_shortest_number_of_its_type(
    tmp_path: Path, suffix: str, kind: pa.DataType
) -> None:
    task = own_task(labels=["0.1", "2"], drop_labels=[""])
    values = pa.array([0.1, 2, None, 0.1], kind)
    assert labels_of(tmp_path / f"a{suffix}", values, task) == [0, 1, 0]
    scores = own_task(labels=None, metric="pearson")
    values = pa.array([0.1, 2, 0.1], kind)
    assert (
        labels_of(tmp_path / f"a{suffix}", values, scores) == values.cast(pa.float64()).to_pylist()
    )


@pytest.mark.parametrize(
    ("train", "validation", "expected"),
    [
        ("abc", "cb", [2, 1]),
        ("012", "12", [1, 2]),
        ("012", "cb", [2, 1]),
        ("abc", "12", ["2, column 'label' holds '1'", "only if the first split holds numbers"]),
        ("abc", "012", ["2, column 'label' holds '0'", "only if the first split holds numbers"]),
        ("012", "13", ["3, column 'label' holds '3'", "all of 0 to 2"]),
    ],
)
def test_numbers_are_positions_in_every_split_or_in_none(
    tmp_path: Path, train: str, validation: str, expected: list[Any]
) -> None:
    data = {}
    for split, labels in (("train", train), ("validation", validation)):
        data[split] = str(tmp_path / f"{split}.csv")
        lines = [f"text {i},{label}" for i, label in enumerate(labels)]
        Path(data[split]).write_text("\n".join(["text,label", *lines]))
    task = own_task(data=data, labels=["a", "b", "c"])
    if isinstance(expected[0], int):
        assert read_task(task, None)["validation"]["label"].to_pylist() == expected
        return
    with pytest.raises(StudyError) as caught:
        read_task(task, None)
    assert all(word in str(caught.value) for word in [*expected, "validation.csv"])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
@pytest.mark.parametrize("name", ["text ", " text", "\ttext\u00a0"])
def test_blanks_around_the_name_of_a_column_do_not_count(
    tmp_path: Path, suffix: str, name: str
) -> None:
    def read(columns: list[str]) -> list[Any]:
        path = tmp_path / f"a{suffix}"
        if suffix == ".csv":
            path.write_text(f"{','.join(columns)}\n{','.join('a' for _ in columns)}\n")
        elif suffix == ".jsonl":
            path.write_text(json.dumps(dict.fromkeys(columns, "a")))
        else:
            pq.write_table(pa.table({column: ["a"] for column in columns}), path)
        return list(read_data_file(path, WANTED).values("text"))

    assert read([name, "label"]) == ["a"]
    with pytest.raises(StudyError, match=f"a{suffix} has two columns 'text', .* blanks"):
        read([name, "label", "text"])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_a_column_may_serve_twice(tmp_path: Path, suffix: str) -> None:
    """As the label and as the group of an evaluation-only task."""
    path = tmp_path / f"a{suffix}"
    labels_of(path, ["neg", "pos"], own_task())
    raw = read_data_file(path, ("text", "label", "label", "idx"))
    assert {name: list(raw.values(name)) for name in raw.columns} == {
        "text": ["text 0", "text 1"],
        "label": ["neg", "pos"],
    }


def test_the_cases_of_mixed_labels(tmp_path: Path) -> None:
    """A number, a text, a whole number with a point, and the text of one."""
    assert labels_of(tmp_path / "a.jsonl", [0, "1", 1.0, "1.0"], own_task()) == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"labels": [1, "1.0"]}, ["labels names '1' twice"]),
        ({"labels": ["true", "True"]}, ["labels names 'true' twice"]),
        ({"labels": ["\u00e9", "e\u0301"]}, ["twice"]),
        ({"labels": ["a", " "]}, ["blank"]),
        ({"drop_labels": ["neg"]}, ["own.drop_labels", "both name 'neg'"]),
        ({"labels": ["-1", "1"], "drop_labels": [-1]}, ["both name '-1'"]),
        ({"data": {"encoding": "klingon"}}, ["own.data.encoding is 'klingon'", "utf-8"]),
        ({"data": {"encoding": "hex"}}, ["own.data.encoding is 'hex'"]),
        ({"data": {"encoding": "idna"}}, ["own.data.encoding is 'idna'"]),
        (
            {"data": {"train": "a.jsonl", "validation": "b.parquet", "quoting": "csv"}},
            ["own.data.quoting", ".csv, .tsv"],
        ),
        (
            {"data": {"train": "a.arrow", "validation": "b.parquet", "encoding": "utf-8"}},
            ["own.data.encoding", ".jsonl"],
        ),
    ],
)
def test_keys_of_data_that_contradict(changes: dict[str, Any], words: list[str]) -> None:
    data = {"train": "a.csv", "validation": "b.csv"} | changes.get("data", {})
    with pytest.raises(StudyError) as caught:
        own_task(**changes | {"data": data})
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_keys_that_are_not_set_are_in_no_params() -> None:
    """The params of a rule decide whether finished studies run again."""
    assert not {"quoting", "encoding", "drop_labels"} & own_task().to_dict().keys()
    data = {"train": "a.csv", "validation": "b.csv", "quoting": "none", "encoding": "utf-16"}
    task = own_task(data=data, drop_labels=["-", -1])
    assert Task.from_dict(json.loads(json.dumps(task.to_dict()))).drop_labels == ("-", "-1")
    assert (task.quoting, task.encoding) == ("none", "utf-16")


def test_column_names_are_compared_in_nfc_and_texts_stay_as_they_are(tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "préface")
    task = own_task(text="préface", label="étiquette")
    rows_ = [{decomposed: decomposed, unicodedata.normalize("NFD", "étiquette"): i} for i in (0, 1)]
    (tmp_path / "a.jsonl").write_text("\n".join(map(json.dumps, rows_)))
    pq.write_table(pa.Table.from_pylist(rows_), tmp_path / "a.parquet")
    for name in ("a.jsonl", "a.parquet"):
        table = checked_examples(
            read_data_file(tmp_path / name, ("préface", "étiquette")), task, "train"
        )
        assert table["text_a"].to_pylist() == [decomposed] * 2
    both = [{"préface": "a", decomposed: "b"}]
    (tmp_path / "b.jsonl").write_text(json.dumps(both[0]))
    pq.write_table(pa.Table.from_pylist(both), tmp_path / "b.parquet")
    for name in ("b.jsonl", "b.parquet"):
        with pytest.raises(StudyError, match="two columns"):
            read_data_file(tmp_path / name, ("préface",))


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_examples_without_a_gold_label_are_left_out_and_counted(
    tmp_path: Path, suffix: str, caplog: pytest.LogCaptureFixture
) -> None:
    values = ["neg", "-", "pos", "-", "neg", "-1"]
    for name in ("train", "dev"):
        task = own_task(drop_labels=["-", -1, "other"])
        assert labels_of(tmp_path / f"{name}{suffix}", values, task) == [0, 1, 0]
    data = {"train": tmp_path / f"train{suffix}", "validation": tmp_path / f"dev{suffix}"}
    task = own_task(data={k: str(v) for k, v in data.items()}, drop_labels=["-", -1, "other"])
    table = read_task(task, None)["train"]
    assert table["idx"].to_pylist() == [0, 2, 4]  # as without the key
    note = json.loads(table.schema.metadata[b"lottery"])
    assert note["n"] == 3 and note["left_out"] == {"label -": 2, "label -1": 1}
    with caplog.at_level("INFO"):
        fetch_task(
            task=task.to_dict(),
            path_to_train=tmp_path / "t.parquet",
            path_to_validation=tmp_path / "v.parquet",
            path_to_data_summary=tmp_path / "summary.json",
        )
    assert "train: left out 2 examples (label -)" in caplog.text
    with pytest.raises(StudyError, match="no other labels than those of drop_labels"):
        labels_of(tmp_path / f"a{suffix}", ["-", "-1"], task)


def test_labels_are_dropped_of_numbers_of_scores_and_where_they_are_missing(tmp_path: Path) -> None:
    task = own_task(drop_labels=[-1])
    assert labels_of(tmp_path / "a.parquet", [0, 1, -1, 1], task) == [0, 1, 1]
    task = own_task(drop_labels=[""])
    assert labels_of(tmp_path / "a.jsonl", [0, None, 1], task) == [0, 1]
    raw = read_data_file(tmp_path / "a.jsonl", ("text", "label"))
    assert with_gold_label(raw, task)[1] == {"no label": 1}
    scores = own_task(labels=None, metric="pearson", drop_labels=[-1])
    assert labels_of(tmp_path / "a.csv", [0.5, -1.0, 2], scores) == [0.5, 2.0]


# Header lines of the original GLUE download; invented rows. CoLA has none.
OF_MNLI = (
    "index promptID pairID genre sentence1_binary_parse sentence2_binary_parse sentence1_parse"
)
OF_MNLI = f"{OF_MNLI} sentence2_parse sentence1 sentence2 label1"
ORIGINAL = {
    "cola": ("CoLA", None, [["x01", "1", "", 'A "quoted" cat.'], ["x01", "0", "*", '"Cat a.']]),
    "sst2": ("SST-2", "sentence label", [["fine", "1"], ["dull", "0"]]),
    "mrpc": (
        "MRPC",
        "Quality|#1 ID|#2 ID|#1 String|#2 String",
        [["1", "7", "8", 'He said "a', "b"], ["0", "9", "6", "c", "d"]],
    ),
    "stsb": (
        "STS-B",
        "index genre filename year old_index source1 source2 sentence1 sentence2 score",
        [
            ["0", "g", "f", "y", "1", "s", "s", "a", "b", "2.5"],
            ["1", "g", "f", "y", "1", "s", "s", "c", "d", "5.0"],
        ],
    ),
    "qqp": (
        "QQP",
        "id qid1 qid2 question1 question2 is_duplicate",
        [["5", "1", "2", "a", "b", "1"], ["6", "cut"], ["7", "3", "4", "c", "", "0"]],
    ),
    "mnli": (
        "MNLI",
        f"{OF_MNLI} gold_label",
        [
            ["0", "1", "1n", "g", "", "", "", "", "a", "b", "neutral", "neutral"],
            ["1", "1", "1e", "g", "", "", "", "", "c", "d", "entailment", "entailment"],
        ],
    ),
    "qnli": (
        "QNLI",
        "index question sentence label",
        [["0", "a?", "b", "entailment"], ["1", "c?", "d", "not_entailment"]],
    ),
    "rte": (
        "RTE",
        "index sentence1 sentence2 label",
        [["0", "a", "b", "not_entailment"], ["1", "c", "d", "entailment"]],
    ),
    "wnli": (
        "WNLI",
        "index sentence1 sentence2 label",
        [["0", "a", "b", "1"], ["1", "c", "d", "0"]],
    ),
}
READ = {
    "cola": (['A "quoted" cat.', '"Cat a.'], None, [1, 0]),
    "sst2": (["fine", "dull"], None, [1, 0]),
    "mrpc": (['He said "a', "c"], ["b", "d"], [1, 0]),
    "stsb": (["a", "c"], ["b", "d"], [2.5, 5.0]),
    "qqp": (["a", "c"], ["b", ""], [1, 0]),
    "mnli": (["a", "c"], ["b", "d"], [1, 0]),
    "qnli": (["a?", "c?"], ["b", "d"], [0, 1]),
    "rte": (["a", "c"], ["b", "d"], [1, 0]),
    "wnli": (["a", "c"], ["b", "d"], [1, 0]),
}


@pytest.mark.parametrize("name", GLUE)
def test_the_original_glue_download_is_read(tmp_path: Path, name: str) -> None:
    folder, header, lines = ORIGINAL[name]
    (tmp_path / folder).mkdir()
    files = ["train", "dev_matched", "dev_mismatched"] if name == "mnli" else ["train", "dev"]
    for file in files:
        columns = [] if header is None else [header.replace("|", " " * 0 + "|")]
        columns = [c.replace("|", "\t") if "|" in c else c.replace(" ", "\t") for c in columns]
        text = "\n".join([*columns, *("\t".join(line) for line in lines)]) + "\n"
        (tmp_path / folder / f"{file}.tsv").write_text(text)
    (tmp_path / folder / "test.tsv").write_text("never read")
    task = tasks_from_config({"tasks": {name: {}}, "glue_folder": str(tmp_path)}, tmp_path)[name]
    tables = read_task(task, str(tmp_path))
    assert len(tables) == len(files)
    for split, place in task.splits:
        assert local_glue_file(tmp_path, task, split, place).parent.name == folder
        text_a, text_b, labels = READ[name]
        table = tables[split]
        assert table["text_a"].to_pylist() == text_a
        assert text_b is None or table["text_b"].to_pylist() == text_b
        assert table["label"].to_pylist() == labels
        note = json.loads(table.schema.metadata[b"lottery"])
        cut = {"fewer fields than the header": 1}
        assert note.get("left_out") == (cut if name == "qqp" else None)
        assert table["idx"].to_pylist() == ([0, 2] if name == "qqp" else [0, 1])


def test_a_glue_download_that_lacks_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "RTE").mkdir()
    with pytest.raises(StudyError, match=r"tasks\.rte: glue_folder .* no file RTE/train\.tsv"):
        read_task(GLUE["rte"], str(tmp_path))
    with pytest.raises(StudyError, match="has no folder cola"):
        tasks_from_config({"tasks": {"cola": {}}, "glue_folder": str(tmp_path)}, tmp_path)
    (tmp_path / "RTE" / "train.tsv").write_text("index\tsentence1\tsentence2\tlabel\n0\ta\n")
    with pytest.raises(StudyError, match="line 2 has 2 fields where the header has 4"):
        read_task(GLUE["rte"], str(tmp_path))


@pytest.mark.parametrize(("suffix", "quoted"), [(".csv", False), (".csv", True), (".jsonl", False)])
def test_a_large_file_is_read_in_little_memory(tmp_path: Path, suffix: str, quoted: bool) -> None:
    path = tmp_path / f"a{suffix}"
    n = 8000
    with path.open("w") as file:
        if suffix == ".csv":
            file.write("text,label,more\n")
        for i in range(n):
            text = (
                f"{i} a text, as long as such texts are, with café" if quoted else f"{i} text" * 9
            )
            row = {"text": text, "label": "neg" if i % 2 else "pos", "more": "x" * 40}
            line = f'"{text}",{row["label"]},{row["more"]}'
            file.write((line if suffix == ".csv" else json.dumps(row)) + "\n")
    size = path.stat().st_size
    task = own_task()
    before = pa.total_allocated_bytes()
    tracemalloc.start()
    raw = read_data_file(path, ("text", "label"))
    held = pa.total_allocated_bytes() - before
    table = checked_examples(raw, task, "train")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(table) == n
    # As lists of texts it took nine times the size of the file.
    assert held < size and peak < size, (held, peak, size)


def test_pipes_devices_sockets_and_folders_are_refused_while_planning(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    (tmp_path / "device.csv").symlink_to("/dev/zero")
    saved = tmp_path / "saved"
    saved.mkdir()
    os.mkfifo(saved / "state.json")
    (tmp_path / "good.csv").write_text("text,label\na,neg\nb,pos\n")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.csv"))
        for name, what in {
            "pipe.csv": "is a pipe and no file",
            "s.csv": "is a socket and no file",
            "device.csv": "is a device and no file",
            "folder.csv": "is no file but a folder",
            "saved": "state.json is a pipe and no file",
        }.items():
            entry = {"data": {"train": name, "validation": "good.csv"}, "text": "text"}
            entry |= {"labels": ["neg", "pos"]}
            with pytest.raises(StudyError, match=rf"tasks\.own\.data\.train: .*{what}"):
                tasks_from_config({"tasks": {"own": entry}}, tmp_path)
            with pytest.raises(StudyError, match=what):
                read_data_file(tmp_path / name, WANTED)


FIELDS = st.text('ab", \t\n\r', min_size=1, max_size=6)


@given(texts=st.lists(FIELDS, min_size=1, max_size=4), how=st.sampled_from(["minimal", "all"]))
@settings(max_examples=150)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_enclosed_texts_are_read_back_or_asked_for(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, texts: list[str], how: str
) -> None:
    path = tmp_path_factory.getbasetemp() / f"enclosed{suffix}"
    quoting = csv.QUOTE_ALL if how == "all" else csv.QUOTE_MINIMAL
    with path.open("w", newline="") as file:
        writer = csv.writer(file, delimiter=DELIMITERS[suffix], quoting=quoting)
        writer.writerows([("text", "label"), *((text, "x") for text in texts)])
    read_back_or_asked_for(path, texts)
    assert list(read_data_file(path, ("text",), quoting="csv").values("text")) == texts


@given(texts=st.lists(st.text('ab", ', min_size=1, max_size=6), min_size=1, max_size=4))
@settings(max_examples=150)
@pytest.mark.parametrize("suffix", [".csv", ".tsv"])
def test_plain_texts_are_read_back_or_asked_for(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, texts: list[str]
) -> None:
    if suffix == ".csv":  # where an enclosed text alone is what it looks like
        texts = [text.replace(",", "") + "a" for text in texts]
    path = tmp_path_factory.getbasetemp() / f"plain{suffix}"
    lines = [f"{text}{DELIMITERS[suffix]}x" for text in texts]
    path.write_text("\n".join([f"text{DELIMITERS[suffix]}label", *lines]))
    read_back_or_asked_for(path, texts)
    assert list(read_data_file(path, ("text",), quoting="none").values("text")) == texts


def read_back_or_asked_for(path: Path, texts: list[str]) -> None:
    try:
        found: list[str] | str = list(read_data_file(path, ("text",)).values("text"))
    except StudyError as error:
        found = str(error)
    assert found == texts or "quoting: " in found
