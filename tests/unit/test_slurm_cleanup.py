"""SLURM jobs that a dead run has left behind: which are cancelled, and when a run is refused."""

from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from lottery.files.errors import StudyError
from lottery.runtime.slurm_cleanup import SlurmJob, cancel_orphans, orphans

RUN = "5d4f2445-5f39-419c-a96e-37501c924cae"
STEP = "rule_finetune_wildcards_bert_rte_7"


def workflow(*steps: tuple[str, list[str]], local: bool = False) -> SimpleNamespace:
    """A planned workflow with these rules and wildcards."""
    jobs = [SimpleNamespace(rule=SimpleNamespace(name=name), wildcards=w) for name, w in steps]
    return SimpleNamespace(dag=SimpleNamespace(jobs=jobs), local_exec=local)


PLANNED = (("finetune", ["bert", "rte", "7"]), ("summarize", []))


@pytest.fixture
def squeue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pretended squeue that prints the file it is given here, and a scancel that empties it."""
    queue = tmp_path / "queue"
    queue.write_text("")
    programs = tmp_path / "bin"
    programs.mkdir()
    scripts = {
        "squeue": f'[ -f {queue} ] || {{ echo "no controller" >&2; exit 1; }}; cat {queue}',
        "scancel": f'echo "$@" > {tmp_path}/cancelled; [ -f {tmp_path}/stuck ] || : > {queue}',
    }
    for name, script in scripts.items():
        (programs / name).write_text(f"#!/bin/sh\n{script}\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    return queue


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"name": f"my_prefix_{RUN}"}, True),
        ({"comment": "rule_summarize"}, True),
        ({"name": "interactive"}, False),
        ({"folder": "/elsewhere"}, False),
        # Another run may live in the same folder as long as it works on other steps.
        ({"comment": "rule_finetune_wildcards_bert_rte_8"}, False),
        ({"comment": "(null)"}, False),
    ],
)
def test_only_jobs_on_this_runs_steps_are_taken(
    tmp_path: Path, change: dict[str, str], taken: bool
):
    job = SlurmJob("12", RUN, str(tmp_path), STEP)._replace(**change)
    assert orphans([job], {STEP, "rule_summarize"}, tmp_path) == [job] * taken


def test_a_folder_is_known_by_any_of_its_names(tmp_path: Path):
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    assert orphans([SlurmJob("1", RUN, str(link), STEP)], {STEP}, real)


def test_orphans_are_cancelled_and_named(squeue: Path, capfd: pytest.CaptureFixture[str]):
    lines = [
        f"4|{RUN}|{squeue.parent}|{STEP}",
        f"5|{RUN}|{squeue.parent}|rule_summarize",
        f"6|{RUN}|{squeue.parent}|rule_evaluate_wildcards_x",
        "7|shell|/home|(null)",
    ]
    squeue.write_text("\n".join(lines) + "\n")
    cancel_orphans(workflow(*PLANNED))
    assert (squeue.parent / "cancelled").read_text().split() == ["4", "5"]
    assert (
        f"Cancelling 2 SLURM jobs that an earlier run left behind: 4 ({STEP})"
        in capfd.readouterr().err
    )


def test_nothing_is_cancelled_or_printed_without_orphans(
    squeue: Path, capfd: pytest.CaptureFixture[str]
):
    squeue.write_text("7|shell|/home|(null)\n")
    cancel_orphans(workflow(*PLANNED))
    assert not (squeue.parent / "cancelled").exists()
    assert capfd.readouterr().err == ""


def test_jobs_that_do_not_end_stop_the_run(squeue: Path):
    (squeue.parent / "stuck").touch()
    squeue.write_text(f"4|{RUN}|{squeue.parent}|{STEP}\n")
    with pytest.raises(StudyError, match=r"SLURM jobs 4, .* not ended in 0 seconds"):
        cancel_orphans(workflow(*PLANNED), seconds=0)


def test_a_run_on_slurm_needs_an_answer_and_a_local_one_does_not(squeue: Path):
    squeue.unlink()
    with pytest.raises(StudyError, match=r"cannot be asked .*no controller"):
        cancel_orphans(workflow(*PLANNED))
    cancel_orphans(workflow(*PLANNED, local=True))


def test_nothing_is_asked_without_slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    cancel_orphans(SimpleNamespace())
