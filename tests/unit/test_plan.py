"""A job works as its run was planned, or it stops."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from snakemake.iocontainers import Namedlist

import lottery
from lottery import files
from lottery.files.errors import StudyError
from lottery.runtime import plan

LIBRARY = Path(lottery.__file__).parent


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder; what a run says to its jobs is undone."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(plan.VARIABLE, "")
    plan._read.cache_clear()
    return tmp_path


def job(**changes: dict) -> SimpleNamespace:
    """A job as its rule gives it, and as Snakemake hands it to a script."""
    given = {
        "params": {"step": "finetune 3", "settings": {"rate": 0.5}},
        "input": {"data": "in.txt"},
        "output": {"model": "out.txt"},
        "wildcards": {"model": "m", "seed": "1"},
    }
    named = {name: Namedlist(fromdict=each) for name, each in (given | changes).items()}
    return SimpleNamespace(rule="theirs", **named)


def write(*jobs: SimpleNamespace, config: dict | None = None, imported: bool = False):
    """Writes the plan of a run with these jobs; gives what stands in for Snakemake's workflow."""
    needed = [
        SimpleNamespace(**vars(each) | {"rule": SimpleNamespace(name="theirs", params=each.params)})
        for each in jobs
    ]
    settings = SimpleNamespace(configfiles=["mine.yaml"], config={"seeds": [1, 2]})
    registered: list[str] = []
    workflow = SimpleNamespace(
        dag=SimpleNamespace(needrun_jobs=lambda: needed),
        config_settings=settings,
        configfiles=["mine.yaml"],
        main_snakefile="/there/Snakefile",
        register_envvars=registered.append,
    )
    plan.write(workflow, config or {"seeds": [1]}, imported)
    assert registered == [plan.VARIABLE]
    plan._read.cache_clear()
    return settings


def test_jobs_take_the_config_from_the_plan(folder: Path) -> None:
    config = {"tasks": {"z": {}, "a": {"labels": ["no", 1, None]}}, "share": 0.1, "big": 10**400}
    settings = write(config=config)
    assert plan.config() == config
    assert list(plan.config()["tasks"]) == ["z", "a"]  # their order is that of figures
    # Snakemake gives jobs the plan, and not the user's file.
    assert [str(path) for path in settings.configfiles] == [os.environ[plan.VARIABLE]]
    assert write(imported=True).configfiles == ["mine.yaml"]


def test_plans_are_named_by_their_content_and_few(folder: Path) -> None:
    places = []
    for number in (*range(plan.KEPT + 3), plan.KEPT + 2):
        write(config={"seeds": [number]})
        places.append(Path(os.environ[plan.VARIABLE]))
        os.utime(places[-1], (number, number))
    assert places[-1] == places[-2]
    assert {*plan.FOLDER.absolute().iterdir()} == {*places[3:]}


def test_a_job_without_its_plan_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(StudyError, match="LOTTERY_PLAN is not set: let jobs have the environment"):
        plan.config()
    plan.check(job())  # of no run
    assert plan.commit() is None
    plan._read.cache_clear()
    monkeypatch.setenv(plan.VARIABLE, "gone.json")
    with pytest.raises(StudyError, match=r"The plan of this run, gone\.json, cannot be read; run"):
        plan.config()


@pytest.mark.parametrize(
    "change",
    [
        {"params": {"step": "finetune 4", "settings": {"rate": 0.5}}},
        {"params": {"step": "finetune 3", "settings": {"rate": 0.25}}},
        {"params": {"step": "finetune 3", "settings": {"rate": 0.5}, "torch_threads": 1}},
        {"input": {"data": "other.txt"}},
        {"output": {"model": "out.txt", "more": "more.txt"}},
        {"wildcards": {"model": "m", "seed": "2"}},
    ],
)
def test_a_job_that_is_not_as_planned_stops_and_others_go_on(change: dict) -> None:
    other = {"wildcards": {"model": "m", "seed": "3"}}
    write(job(), job(**other))
    plan.check(job())
    with pytest.raises(StudyError, match=r"^finetune is not as it was planned.*; run again\.$"):
        plan.check(job(**change))
    plan.check(job(**other))


JOB = """
import sys
from types import SimpleNamespace
from snakemake.iocontainers import Namedlist
from lottery.files.errors import StudyError
from lottery.runtime import plan
import lottery.runtime.gpu_lease
job = SimpleNamespace(params=Namedlist(fromdict={"step": "finetune 3"}))
try:
    plan.check_code(job)
    open("ready", "w")
    input()
    import lottery.runtime.allocator
    plan.check_code(job)
except StudyError as error:
    print(error)
else:
    print("fine")
"""


@pytest.mark.parametrize(
    ("edited", "when", "said"),
    [
        (None, "before", "fine"),
        ("runtime/gpu_lease.py", "before", "gpu_lease.py"),
        ("runtime/gpu_lease.py", "meanwhile", "gpu_lease.py"),
        ("runtime/allocator.py", "before", "runtime/allocator.py"),  # is imported late
        ("models/encoder.py", "before", "fine"),  # is not imported
    ],
)
def test_a_job_stops_when_code_that_it_imports_has_changed(
    folder: Path, edited: str | None, when: str, said: str
) -> None:
    """The same size and date, as Python's own cache would not see."""
    library = folder / "lottery"
    shutil.copytree(LIBRARY, library, ignore=shutil.ignore_patterns("__pycache__"))
    code = {p.relative_to(library).as_posix(): files.sha256(p) for p in library.rglob("*.py")}
    (folder / "plan.json").write_text(json.dumps({"code": code}))

    def edit() -> None:
        path = library / edited
        before = path.stat()
        path.write_text(path.read_text().replace('"""', "'''"))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    if edited and when == "before":
        edit()
    running = subprocess.Popen(
        [sys.executable, "-c", JOB],
        env=os.environ | {"PYTHONPATH": str(folder), plan.VARIABLE: "plan.json"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if edited and when == "meanwhile":
        while not (folder / "ready").exists():
            assert running.poll() is None
        edit()
    output, _ = running.communicate("\n", timeout=60)
    assert said in output
    if said != "fine":
        start = "The code of finetune has changed since this run was planned ("
        assert output.startswith(start) and output.endswith("); run again.\n")


def test_a_file_that_comes_with_the_workflow_is_compared_too() -> None:
    caption = "report/workflow.rst"
    digest = files.sha256(LIBRARY.parents[1] / caption)
    given = {"step": "finetune 3", "resources": {"one": [caption, digest], "two": [[caption, "0"]]}}
    write()
    with pytest.raises(StudyError, match=r"has changed since this run was planned \(.*flow\.rst\)"):
        plan.check_code(job(params=given))
    given["resources"].pop("two")
    plan.check_code(job(params=given))


def test_the_commit_is_that_of_the_clone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def git(*words: str) -> str:
        command = ("git", "-c", "user.name=a", "-c", "user.email=b", *words)
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    monkeypatch.setattr(plan, "WORKFLOW", folder / "workflow")
    assert plan._commit() is None
    git("init", "-q")
    (folder / "a").write_text("1")
    git("add", "a")
    git("commit", "-q", "-m", "first")
    head = git("rev-parse", "HEAD")
    assert plan._commit() == head
    (folder / "a").write_text("2")
    assert plan._commit() == f"{head}-dirty"


def test_the_last_run_is_found_by_its_words(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert plan.last_words() == []
    write(config={"seeds": [1]})
    words = ["--snakefile", "/there/Snakefile", "--configfile", str(folder / "mine.yaml")]
    words += ["--config", "seeds=[1, 2]"]
    assert plan.last_words() == words
    # A later report on a partial study is not what status.py is asked about.
    monkeypatch.setenv(plan.PARTIAL, "list.json")
    write(config={"seeds": [2]})
    assert len([*plan.FOLDER.glob("*.json")]) == 2
    assert plan.last_words() == words
