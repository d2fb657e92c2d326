"""Bad, half-written and unwritable files: one sentence each, and never half a file in the end."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given

from lottery import files
from lottery.files.errors import StudyError


@dataclass(frozen=True)
class Format:
    """A file of one format with something in it, and its reader."""

    name: str
    write: Callable[[Path], None]
    read: Callable[[Path], object]


FORMATS = [
    Format(
        "a.json", lambda p: files.write_json(p, {"a": [1, 2.5, None], "b": "x"}), files.read_json
    ),
    Format(
        "a.csv", lambda p: files.write_csv(p, [{"a": 1, "b": "x,y"}], ["a", "b"]), files.read_csv
    ),
    Format(
        "a.safetensors",
        lambda p: files.write_arrays(p, {"a": np.arange(9.0)}, {"k": "v"}),
        files.read_arrays,
    ),
    Format("a.npz", lambda p: files.write_npz(p, {"a": np.arange(9.0)}), files.read_npz),
    Format(
        "a.parquet",
        lambda p: files.write_parquet(p, pa.table({"a": [1, 2, 3]})),
        files.read_parquet,
    ),
]
each_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all examples of a property: each overwrites the last one's file."""
    return tmp_path_factory.mktemp("files")


@each_format
@given(data=st.data())
def test_truncated_anywhere_is_named(folder: Path, form: Format, data: st.DataObject) -> None:
    path = folder / form.name
    form.write(path)
    whole = path.read_bytes()
    # A JSON object ends with its brace; the line break after it says nothing.
    last = len(whole) - (2 if form.name == "a.json" else 1)
    path.write_bytes(whole[: data.draw(st.integers(0, last))])
    if form.name == "a.csv" and path.read_bytes().endswith(b"\n"):
        return  # cut between rows: such a file is a shorter table, which only `atomic` prevents
    with pytest.raises(StudyError) as caught:
        form.read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "delete it and run again" in str(caught.value)


@each_format
@given(content=st.binary(max_size=64))
def test_foreign_content_never_shows_another_error(
    folder: Path, form: Format, content: bytes
) -> None:
    path = folder / form.name
    path.write_bytes(content)
    with suppress(StudyError):  # a few bytes can also be valid JSON, or a table
        form.read(path)


@each_format
def test_missing_file_and_folder_in_its_place(tmp_path: Path, form: Format) -> None:
    path = tmp_path / form.name
    with pytest.raises(StudyError, match="does not exist"):
        form.read(path)
    path.mkdir()
    with pytest.raises(StudyError, match=form.name):
        form.read(path)


@pytest.mark.parametrize("form", FORMATS[2:], ids=lambda form: form.name)
def test_a_format_in_the_place_of_another_is_named(tmp_path: Path, form: Format) -> None:
    for other in FORMATS:
        if other is not form:
            other.write(tmp_path / form.name)
            with pytest.raises(StudyError, match=form.name):
                form.read(tmp_path / form.name)


def test_flipped_bytes_in_npz_and_parquet_are_found(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    files.write_npz(path, {"a": np.arange(500.0)})
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"a\.npz"):
        files.read_npz(path)
    path = tmp_path / "a.parquet"
    files.write_parquet(path, pa.table({"a": np.random.default_rng(0).normal(size=5000)}))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(StudyError, match=r"a\.parquet"):
        files.read_parquet(path)


def test_a_failure_keeps_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "a.txt"
    with files.atomic(path) as temporary:
        assert not path.exists()
        assert temporary.suffix == ".txt"
        temporary.write_text("old")
    for error in (RuntimeError, KeyboardInterrupt, SystemExit):
        with pytest.raises(error):
            _write_and_fail(path, error)
        assert path.read_text() == "old"
        assert list(path.parent.iterdir()) == [path]


def _write_and_fail(path: Path, error: type[BaseException]) -> None:
    with files.atomic(path) as temporary:
        temporary.write_text("new, half")
        raise error


def test_readers_see_old_or_new_while_a_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with files.atomic(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o640


KILLED = """
import os, sys
from lottery import files
with files.atomic(sys.argv[1]) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), 9)
"""


def test_leftovers_of_a_killed_writer_go_with_the_next_write(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)], env=library_env(), check=False)
    assert done.returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with files.atomic(path) as mine, files.atomic(path) as other:  # the living are left alone
        mine.write_text("1")
        other.write_text("2")
        assert len(list(tmp_path.iterdir())) == 2
    assert list(tmp_path.iterdir()) == [path]


def library_env() -> dict[str, str]:
    """The environment in which a subprocess finds the library."""
    return {**os.environ, "PYTHONPATH": str(Path(files.__file__).parents[2])}


LIMITED = """
import resource, sys
import numpy as np, pyarrow as pa
from lottery import files
from lottery.files.errors import StudyError
big = np.random.default_rng(0).normal(size=50_000)
writers = {
    "json": lambda p: files.write_json(p, big.tolist()),
    "csv": lambda p: files.write_csv(p, [{"a": x} for x in big], ["a"]),
    "safetensors": lambda p: files.write_arrays(p, {"a": big}, {}),
    "npz": lambda p: files.write_npz(p, {"a": big}),
    "parquet": lambda p: files.write_parquet(p, pa.table({"a": big})),
}
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
for name, write in writers.items():
    try:
        write(f"{sys.argv[1]}/a.{name}")
    except StudyError as error:
        print(error)
"""


def test_a_disk_that_takes_no_more_is_one_sentence(tmp_path: Path) -> None:
    # A limit on file sizes meets every writer where a full disk does: in mid-file.
    done = subprocess.run(
        [sys.executable, "-c", LIMITED, str(tmp_path)],
        env=library_env(),
        capture_output=True,
        text=True,
        check=True,
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(FORMATS)
    for line, form in zip(lines, FORMATS, strict=True):
        assert line.startswith(f"{tmp_path / form.name} cannot be written (")
        assert "File too large" in line
    assert list(tmp_path.iterdir()) == []
