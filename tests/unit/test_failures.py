"""The end of a run in which steps failed: what it says of them, and the command it gives."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from lottery.runtime.failures import Failure, last_line, rerun_command, summary


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("all --cores 8 --resources gpu=2", "--cores 8 --resources gpu=2"),
        ("--cores 8 all results/a", "--cores 8"),
        ("-c8 -j 4 a b", "-c8 -j 4"),
        ("a --configfile my.yaml --directory /x", "--configfile my.yaml --directory /x"),
        ("a --configfile=my.yaml -d /x", "--configfile=my.yaml -d /x"),
        ("-F all --until finetune b --config 'seeds=[1, 2]' x=3", "--config 'seeds=[1, 2]' x=3"),
        ("--forceall --keep-going -k --workflow-profile p", "--workflow-profile p"),
        ("--workflow-prof p a", "--workflow-prof p"),
        ("", ""),
    ],
)
def test_a_command_for_one_step_keeps_what_says_how(given: str, kept: str) -> None:
    command = rerun_command(shlex.split(given), ["out/x"])
    _, found, rest = command.partition(" out/x")
    assert found
    assert shlex.split(rest) == shlex.split(kept)


def test_the_end_names_log_last_line_and_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = "2026-01-02 03:04:05,678 INFO begun\n2026-01-02 03:04:06,789 ERROR It broke.\n\n"
    Path("a.log").write_text(log)
    failures = [
        Failure("finetune a", ("out/a b", "out/c"), ("none.log", "a.log")),
        Failure("evaluate b", ("out/d",), ()),
    ]
    text = summary(failures, 3, "snakemake {} --config 'x={}'", moved=False)
    assert text.splitlines() == [
        "2 steps failed; 3 were not run.",
        "",
        "FAILED  finetune a",
        "  said:  It broke.",
        "  log:   none.log",
        "  again: snakemake 'out/a b' --config 'x={}'",
        "",
        "FAILED  evaluate b",
        "  again: snakemake out/d --config 'x={}'",
    ]
    moved = summary(failures[:1], 0, "{}", moved=True)
    assert moved.startswith("1 step failed.\n") and f"log:   {tmp_path}/none.log" in moved


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("INFO", "nothing: it was killed, or ran out of memory. Its log ends: step 5"),
        ("ERROR", "step 5"),
    ],
)
def test_a_step_that_ended_without_a_word_is_said_to(tmp_path: Path, level: str, said: str) -> None:
    path = tmp_path / "a.log"
    path.write_text(f"2026-01-02 03:04:05,678 {level} step 5\n")
    assert last_line([str(path)]) == said


def test_the_last_line_of_a_long_or_missing_log(tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("é" * 20_000 + "\n  last  \n")
    assert last_line([str(tmp_path / "none"), str(path)]) == "  last"
    assert last_line([str(tmp_path / "none")]) == ""
