"""Digests of the user's files: right whatever dates say, read once, kept safely."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import lottery
from lottery.files.errors import StudyError
from lottery.runtime import digests

OLD = 10**18  # ns, in 2001


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture
def reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """A working directory; gives the paths that were read to the end, and all files are large."""
    read, seen = digests._read, []
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(digests, "SMALL", 0)
    monkeypatch.setattr(digests, "_read", lambda path: (seen.append(path), read(path))[1])
    # A date is set by hand, that of the last change of the inode cannot be.
    monkeypatch.setattr(digests, "SETTLED", 0)
    digests.begin()
    yield seen
    digests.begin()


def found_by_the_next_run(*paths: str) -> dict[str, str]:
    digests.begin()
    return digests.digests(paths)


def test_digests_are_those_of_the_content_by_path(reads: list[str], tmp_path: Path) -> None:
    (tmp_path / "b").write_text("two")
    (tmp_path / "a").write_text("one")
    found = digests.digests(["b", "a"])
    assert found == {"a": sha256("one"), "b": sha256("two")} and list(found) == ["a", "b"]


def test_home_is_expanded(
    reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "a").write_text("one")
    assert digests.digests(["~/a"]) == {"~/a": sha256("one")}


@pytest.mark.parametrize("path", ["missing", "folder", "pipe", "/dev/zero", "link"])
def test_what_is_no_file_is_rejected_at_once(reads: list[str], tmp_path: Path, path: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("nowhere")
    with pytest.raises(StudyError, match=rf"^{path} (cannot be read \(No such|is a folder, a pip)"):
        digests.digests([path])


def test_a_run_reads_a_file_once(reads: list[str], tmp_path: Path) -> None:
    (tmp_path / "a").write_text("one")
    digests.digests(["a"])
    (tmp_path / "a").write_text("other")
    assert digests.digests(["a"]) == {"a": sha256("one")}
    assert found_by_the_next_run("a") == {"a": sha256("other")}


def test_a_file_that_is_not_as_planned_is_named(reads: list[str], tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    planned = digests.digests(["a", "b"])
    digests.require(planned)
    (tmp_path / "a").write_text("other")
    digests.require({"b": planned["b"]})
    with pytest.raises(StudyError, match=r"^a has changed since the run was planned; run again\."):
        digests.require(planned)


def write(text: str, date: int | None) -> Callable[[Path], None]:
    def edit(path: Path) -> None:
        before = path.stat().st_mtime_ns
        path.write_text(text)
        os.utime(path, ns=(0, before if date is None else date))

    return edit


def replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_text("other")
    os.utime(copy, ns=(0, path.stat().st_mtime_ns))
    copy.replace(path)


@pytest.mark.parametrize(
    ("edit", "content", "read_again"),
    [
        (lambda path: None, "12345", False),
        (write("other", OLD - 10**9), "other", True),
        (write("other", None), "other", True),
        (replace, "other", True),
        (write("more than that", None), "more than that", True),
        (Path.touch, "12345", True),
    ],
    ids=["nothing", "older", "same date and size", "another inode", "longer", "touched"],
)
def test_a_kept_digest_is_used_for_the_very_same_file_alone(
    reads: list[str],
    tmp_path: Path,
    edit: Callable[[Path], None],
    content: str,
    read_again: bool,
) -> None:
    path = tmp_path / "a"
    path.write_text("12345")
    os.utime(path, ns=(0, OLD))
    assert found_by_the_next_run("a") == {"a": sha256("12345")}
    reads.clear()
    edit(path)
    assert found_by_the_next_run("a") == {"a": sha256(content)}
    assert bool(reads) == read_again


@pytest.mark.parametrize("date", ["just now", "to come"])
def test_a_file_that_may_still_change_is_not_kept(
    reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, date: str
) -> None:
    path = tmp_path / "a"
    path.write_text("one")
    if date == "to come":
        os.utime(path, ns=(0, 10**19 // 4))
    else:
        monkeypatch.setattr(digests, "SETTLED", 10**12)
    found_by_the_next_run("a")
    assert not digests.CACHE.exists()


def test_a_file_that_changes_while_it_is_read_is_not_kept(
    reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = tmp_path / "a", digests._read
    path.write_text("one")
    monkeypatch.setattr(digests, "_read", lambda name: (read(name), path.write_text("other"))[0])
    found_by_the_next_run("a")
    assert not digests.CACHE.exists()


def test_small_files_are_not_kept(
    reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "SMALL", 4)
    (tmp_path / "a").write_text("one")
    found_by_the_next_run("a")
    assert not digests.CACHE.exists()


def test_the_cache_does_not_grow_for_ever(
    reads: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(digests, "MOST", 2)
    for name in "abc":
        (tmp_path / name).write_text(name)
        found_by_the_next_run(name)
    assert [*digests._cache().values()] == [sha256("b"), sha256("c")]


def flipped(text: str) -> str:
    """Another digest where the right one was."""
    return text.replace(sha256("one"), sha256("other"))


@pytest.mark.parametrize(
    "damage",
    [
        lambda path, text: path.write_text(text[:-20]),
        lambda path, text: path.write_text(""),
        lambda path, text: path.write_text("{}"),
        lambda path, text: path.write_text(flipped(text)),
        lambda path, text: path.write_bytes(b"\xff\x00" * 20),
        lambda path, text: (path.unlink(), path.mkdir()),
        lambda path, text: path.unlink(),
    ],
    ids=["cut short", "empty", "no checksum", "another digest", "bytes", "a folder", "removed"],
)
def test_a_damaged_cache_is_ignored_and_made_again(
    reads: list[str], tmp_path: Path, damage: Callable[[Path, str], object]
) -> None:
    (tmp_path / "a").write_text("one")
    found_by_the_next_run("a")
    whole = digests.CACHE.read_text()
    damage(digests.CACHE, whole)
    assert found_by_the_next_run("a") == {"a": sha256("one")}
    assert digests.CACHE.is_dir() or digests.CACHE.read_text() == whole


RUN = """
from lottery.runtime import digests
digests.SMALL = digests.SETTLED = 0
for _ in range(40):
    digests.begin()
    digests._keep({})
    print(digests.digests(["a", "b", "c"]))
"""


def test_two_runs_at_once_do_no_harm(reads: list[str], tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / name).write_text(name)
    library = {"PYTHONPATH": str(Path(lottery.__file__).parents[1])}
    command = [sys.executable, "-c", RUN]
    runs = [
        subprocess.Popen(command, env=os.environ | library, stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    runs[2].kill()  # may leave a file behind that is half written
    right = str({name: sha256(name) for name in "abc"})
    assert [{*run.communicate()[0].splitlines()} for run in runs[:2]] == [{right}, {right}]
    runs[2].communicate()
    assert found_by_the_next_run("a") == {"a": sha256("a")}
