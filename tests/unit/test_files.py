"""Every file format gives back what was written, and refuses what it cannot hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import hypothesis.extra.numpy as npst
import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from lottery import files
from lottery.files.errors import StudyError

NAMES = st.text(st.characters(min_codepoint=97, max_codepoint=122), min_size=1, max_size=8)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
NUMBERS = st.one_of(
    npst.boolean_dtypes(),
    npst.integer_dtypes(endianness="="),
    npst.floating_dtypes(endianness="=", sizes=(16, 32, 64)),
)
ARRAYS = st.dictionaries(
    NAMES, npst.arrays(NUMBERS, npst.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), TEXT, st.floats(allow_nan=False, allow_infinity=False)
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner), max_leaves=12
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property: each overwrites the last one's file."""
    return tmp_path_factory.mktemp("files")


def same(left: dict[str, np.ndarray], right: dict[str, np.ndarray]) -> bool:
    """Whether two sets of arrays agree in names, dtypes, shapes and bytes."""
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype
        and left[name].shape == right[name].shape
        and left[name].tobytes() == right[name].tobytes()
        for name in left
    )


@given(obj=JSON)
def test_json_round_trip(folder: Path, obj: object) -> None:
    files.write_json(folder / "a.json", obj)
    assert files.read_json(folder / "a.json") == obj


def test_json_is_the_same_text_for_the_same_content(folder: Path) -> None:
    files.write_json(folder / "a.json", {"b": np.float64(0.5), "a": np.int64(3), "c": Path("x/y")})
    first = (folder / "a.json").read_text()
    files.write_json(folder / "a.json", {"c": "x/y", "a": 3, "b": 0.5})
    assert (folder / "a.json").read_text() == first
    assert json.loads(first) == {"a": 3, "b": 0.5, "c": "x/y"}


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float32("nan")])
def test_json_rejects_what_is_not_finite(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match=r"JSON|nan|inf"):
        files.write_json(tmp_path / "a.json", {"loss": value})
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "a.json").write_text('{"loss": NaN}\n')
    with pytest.raises(StudyError, match="NaN is no JSON number"):
        files.read_json(tmp_path / "a.json")


@given(rows=st.lists(st.fixed_dictionaries({"a": TEXT, "b": TEXT})), one=st.booleans())
def test_csv_round_trip(folder: Path, rows: list[dict[str, str]], one: bool) -> None:
    columns = ["a"] if one else ["a", "b"]
    rows = [{column: row[column] for column in columns} for row in rows]
    files.write_csv(folder / "a.csv", rows, columns)
    assert files.read_csv(folder / "a.csv") == rows


@given(value=st.floats(allow_nan=False, allow_infinity=False))
def test_csv_keeps_every_float(folder: Path, value: float) -> None:
    files.write_csv(folder / "a.csv", [{"a": value}], ["a"])
    assert float(files.read_csv(folder / "a.csv")[0]["a"]) == value


def test_csv_writes_what_tables_need(folder: Path) -> None:
    row = {"none": None, "nan": float("nan"), "yes": True, "no": np.False_, "n": np.int64(3)}
    files.write_csv(folder / "a.csv", [row], [*row, "absent"])
    assert (folder / "a.csv").read_text() == "none,nan,yes,no,n,absent\n,,true,false,3,\n"


@pytest.mark.parametrize("row", [{"a": 1, "typo": 2}, {"a": float("inf")}])
def test_csv_rejects_unknown_columns_and_infinity(tmp_path: Path, row: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"no column|infinite"):
        files.write_csv(tmp_path / "a.csv", [row], ["a"])


def test_csv_with_a_ragged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n3\n")
    with pytest.raises(StudyError, match=r"a\.csv .*row 3 has 1 of 2 fields"):
        files.read_csv(tmp_path / "a.csv")


@given(arrays=ARRAYS, metadata=st.dictionaries(TEXT, TEXT))
def test_safetensors_round_trip(
    folder: Path, arrays: dict[str, np.ndarray], metadata: dict[str, str]
) -> None:
    files.write_arrays(folder / "a.safetensors", arrays, metadata)
    read, read_metadata = files.read_arrays(folder / "a.safetensors")
    assert same(read, arrays)
    assert read_metadata == metadata


def test_safetensors_of_views_and_foreign_byte_order(folder: Path) -> None:
    whole = np.arange(12, dtype=">f4").reshape(3, 4)
    files.write_arrays(folder / "a.safetensors", {"t": whole.T, "s": whole[:, ::2]}, {})
    read, _ = files.read_arrays(folder / "a.safetensors")
    np.testing.assert_array_equal(read["t"], whole.T)
    np.testing.assert_array_equal(read["s"], whole[:, ::2])


@given(arrays=ARRAYS)
def test_npz_round_trip(folder: Path, arrays: dict[str, np.ndarray]) -> None:
    files.write_npz(folder / "a.npz", arrays)
    assert same(files.read_npz(folder / "a.npz"), arrays)
    first = (folder / "a.npz").read_bytes()
    files.write_npz(folder / "a.npz", arrays)
    assert (folder / "a.npz").read_bytes() == first


def test_npz_rejects_objects_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle"):
        files.write_npz(tmp_path / "a.npz", {"a": np.array([{}])})
    np.savez(tmp_path / "b.npz", a=np.array([{}]))
    with pytest.raises(StudyError, match=r"b\.npz, a is an array of Python objects"):
        files.read_npz(tmp_path / "b.npz")
    np.save(tmp_path / "c.npz.npy", np.zeros(3))
    with pytest.raises(StudyError, match="not a zip file"):
        files.read_npz(tmp_path / "c.npz.npy")


@given(numbers=st.lists(st.integers(-(2**63), 2**63 - 1) | st.none()), label=TEXT)
def test_parquet_round_trip(folder: Path, numbers: list[int | None], label: str) -> None:
    logits = pa.list_(pa.field("element", pa.float32()))  # the name that parquet prescribes
    table = pa.table(
        {"n": pa.array(numbers, pa.int64()), "l": pa.array([[0.5]] * len(numbers), logits)}
    ).replace_schema_metadata({"label": label})
    files.write_parquet(folder / "a.parquet", table)
    read = files.read_parquet(folder / "a.parquet")
    assert read.equals(table, check_metadata=True)
    assert files.read_parquet(folder / "a.parquet", ["l", "n"]).column_names == ["l", "n"]


def test_parquet_names_a_missing_column(tmp_path: Path) -> None:
    files.write_parquet(tmp_path / "a.parquet", pa.table({"a": [1]}))
    with pytest.raises(StudyError, match=r"a\.parquet .*no column b"):
        files.read_parquet(tmp_path / "a.parquet", ["a", "b"])


def test_digests(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x").write_bytes(b"abc")
    assert files.sha256(tmp_path / "a" / "x") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-2, example 1
    )
    before = files.sha256(tmp_path / "a")
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "y")
    assert files.sha256(tmp_path / "a") != before
    with pytest.raises(StudyError, match="does not exist"):
        files.sha256(tmp_path / "nothing")


def test_equal_arrays_and_metadata_give_equal_bytes(tmp_path: Path) -> None:
    """The library orders the metadata at random, so one comparison could agree by luck."""
    metadata = {name: f'"{name}" \u00e9\n' for name in "abcdefgh"}
    arrays = {"x": np.arange(5), "y": np.ones((2, 3), np.float32)}
    contents = set()
    for _ in range(5):
        files.write_arrays(tmp_path / "a.safetensors", arrays, metadata)
        contents.add((tmp_path / "a.safetensors").read_bytes())
    assert len(contents) == 1
    read, told = files.read_arrays(tmp_path / "a.safetensors")
    assert told == metadata and np.array_equal(read["y"], arrays["y"])


@pytest.mark.parametrize(
    "read",
    [
        files.read_json,
        files.read_csv,
        files.read_npy,
        files.read_npz,
        files.read_arrays,
        files.read_metadata,
        files.read_parquet,
        files.sha256,
    ],
)
def test_no_reader_waits_for_a_pipe_or_reads_a_device(tmp_path: Path, read) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(StudyError, match=r"pipe is a pipe and no file"):
        read(tmp_path / "pipe")
    with pytest.raises(StudyError, match=r"/dev/zero is a device and no file"):
        read("/dev/zero")
