"""The command `tickets`: from its words to those of Snakemake, and its sentences about mistakes."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from snakemake import cli

from lottery.command import main as command
from lottery.files.workflow import ROOT, WORKFLOW
from lottery.planning import partial
from lottery.runtime import gpu_lease

STUDY = {
    "models": {"embedded": {"source": "embedded"}},
    "tasks": {"tone": {"generated": "sentiment"}},
    "seeds": [1],
    "methods": {"structured": {"algorithm": "structured", "subnetworks": ["good"]}},
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory on a machine without GPU."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu_lease, "_nvml_devices", list)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path


def write(path: str = "config.yaml", **changes: Any) -> None:
    Path(path).write_text(yaml.safe_dump(STUDY | changes))


def handed_over(monkeypatch: pytest.MonkeyPatch, *words: str) -> list[str]:
    """The words that a command hands to Snakemake."""
    given: list[list[str]] = []
    monkeypatch.setattr(command, "snakemake", given.append)
    assert command.main(words) == 0
    return given[0]


def parsed(words: list[str]) -> Any:
    """What Snakemake makes of its words, with those of the profile."""
    return cli.parse_args(words)[1]


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence that a command ends with."""
    assert command.main(words) == 1
    said = capsys.readouterr()
    (line,) = said.err.splitlines()
    assert said.out == "" and line.startswith("Error: ") and line.endswith(".")
    return line


def test_run_is_the_workflow_of_this_library_on_the_config_here(monkeypatch) -> None:
    write()
    found = parsed(handed_over(monkeypatch, "run", "--cores", "3"))
    assert Path(found.snakefile) == ROOT / "Snakefile"
    assert [*map(Path, found.configfile)] == [Path("config.yaml")]
    assert (found.cores, found.dryrun, {*found.targets}) == (3, False, set())
    assert found.directory is None
    # Of the profile.
    assert found.keep_going and found.rerun_incomplete and found.scheduler == "greedy"
    names = {str(getattr(each, "name", each)).lower() for each in found.rerun_triggers}
    assert names == {"mtime", "params", "input", "software_env", "code"}


def test_what_follows_two_dashes_is_snakemakes_and_comes_last(monkeypatch) -> None:
    write("study.yaml")
    words = ["run", "study.yaml", "-n", "--", "fetch", "--cores", "5", "--forcerun", "finetune"]
    found = parsed(handed_over(monkeypatch, *words))
    assert found.dryrun and found.cores == 5
    assert {*found.targets} == {"fetch"} and {*found.forcerun} == {"finetune"}
    assert [*map(Path, found.configfile)] == [Path("study.yaml")]


def test_a_profile_of_the_users_takes_the_place_of_ours(monkeypatch, folder: Path) -> None:
    write()
    (folder / "mine").mkdir()
    (folder / "mine/config.yaml").write_text("keep-going: false\n")
    found = parsed(handed_over(monkeypatch, "run", "--", "--workflow-profile", "mine"))
    assert not found.keep_going


@pytest.mark.parametrize(
    ("compute", "options", "resources"),
    [
        ({}, [], 2),
        ({"slots_per_gpu": 3}, [], 6),
        ({"slots_per_gpu": 3}, ["--gpus", "1"], 3),
        ({"device": "cpu"}, [], None),
        ({}, ["--", "--resources", "gpu=7"], 7),
    ],
)
def test_gpu_jobs_are_limited_by_the_devices(monkeypatch, compute, options, resources) -> None:
    devices = [SimpleNamespace(name="GPU-a"), SimpleNamespace(name="GPU-b")]
    monkeypatch.setattr(gpu_lease, "allowed_devices", lambda: devices)
    write(compute=compute)
    found = parsed(handed_over(monkeypatch, "run", *options))
    assert dict(found.resources).get("gpu") == resources


def test_an_export_runs_one_job_per_gpu(monkeypatch) -> None:
    write()
    assert "--resources" not in handed_over(monkeypatch, "export")
    devices = [SimpleNamespace(name="GPU-a"), SimpleNamespace(name="GPU-b")]
    monkeypatch.setattr(gpu_lease, "allowed_devices", lambda: devices)
    found = parsed(handed_over(monkeypatch, "export"))
    assert dict(found.resources)["gpu"] == 2 and {*found.targets} == {"export"}


def test_without_a_gpu_nothing_is_said_of_one(monkeypatch) -> None:
    write()
    assert "--resources" not in handed_over(monkeypatch, "run")


def test_a_config_that_comes_with_the_workflow_goes_by_its_name(monkeypatch) -> None:
    found = parsed(handed_over(monkeypatch, "run", "demo"))
    assert [*map(Path, found.configfile)] == [WORKFLOW / "configs/demo.yaml"]
    write("demo", seeds=[5])  # a file of the user's comes first
    found = parsed(handed_over(monkeypatch, "run", "demo"))
    assert [*map(Path, found.configfile)] == [Path("demo")]


@pytest.fixture
def last(folder: Path) -> list[str]:
    """The words of the last run in the folder."""
    for name in ("there/Snakefile", "there/last.yaml", ".snakemake/plans/a.json"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    words = [
        "--snakefile",
        f"{folder}/there/Snakefile",
        "--configfile",
        f"{folder}/there/last.yaml",
    ]
    words += ["--config", "seeds=[1]"]
    (folder / ".snakemake/plans/a.json").write_text(json.dumps({"words": words}))
    return words


def test_the_study_of_the_last_run_is_asked_about(monkeypatch, last: list[str]) -> None:
    shown: list[Any] = []
    monkeypatch.setattr(command, "show", lambda *given: shown.append(given))
    assert command.main(["status", "--files"]) == 0
    ((words, with_files, with_cells),) = shown
    assert words[: len(last)] == last and (with_files, with_cells) == (True, False)
    words = handed_over(monkeypatch, "export")
    assert words[: len(last)] == last and {*parsed(words).targets} == {"export"}


def test_a_config_takes_the_place_of_the_last_run(monkeypatch, capsys, folder, last) -> None:
    write("other.yaml")
    assert last[3] not in handed_over(monkeypatch, "export", "other.yaml")
    (folder / "there/last.yaml").unlink()
    assert "no config config.yaml" in refused(capsys, "export")
    write()
    assert last[3] not in handed_over(monkeypatch, "export")


def test_a_report_is_asked_for_with_the_words_of_a_run(monkeypatch) -> None:
    write()
    given: list[list[str]] = []
    monkeypatch.setattr(partial, "report_what_is_there", lambda words: given.append(words) or 7)
    assert command.main(["report", "--cores", "2"]) == 7
    assert parsed(given[0]).cores == 2


def test_a_config_is_checked_by_itself(capsys) -> None:
    write(seeds=[1, 2, 3])
    assert command.main(["check"]) == 0
    assert (
        capsys.readouterr().out
        == "config.yaml is fine. Data and models are checked when a run starts.\n"
    )
    write(seeds=[1, 2])
    assert command.main(["check"]) == 0
    assert "seeds has 2; claims get a verdict from 3 on." in capsys.readouterr().out
    write(seeds=[])
    assert "seeds is empty" in refused(capsys, "check")
    assert command.main(["check", "demo"]) == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], ["required", "COMMAND", "tickets --help"]),
        (["rnu"], ["invalid choice: 'rnu'", "run"]),
        (["run", "a", "b"], ["unrecognized arguments: b"]),
        (["run"], ["no config config.yaml in", "`tickets init DATA` writes one", "demo"]),
        (["run", "dmo"], ["no config dmo", "did you mean demo?"]),
        (["run", "--gpus", "0"], ["--gpus", "'0' is no number from 1"]),
        (["status", "x.yaml"], ["no config x.yaml"]),
        (["init"], ["DATA", "tickets init --help"]),
        (["init", "a.csv", "--", "-n"], ["takes nothing after --"]),
        (["init", "a.csv", "--text", "a", "--pair", "b", "c"], ["--pair", "not allowed with"]),
        (["init", "a.csv", "--metric", "bleu"], ["--metric", "invalid choice: 'bleu'"]),
    ],
)
def test_a_mistake_is_one_sentence(capsys, words: list[str], said: list[str]) -> None:
    line = refused(capsys, *words)
    assert [text for text in said if text not in line] == [], line


def test_a_wrong_config_is_refused_before_snakemake_starts(monkeypatch, capsys) -> None:
    monkeypatch.setattr(command, "snakemake", lambda words: pytest.fail("it started"))
    write(sedes=[1])
    assert "did you mean seeds" in refused(capsys, "run")
