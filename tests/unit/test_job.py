"""What a job leaves behind: log, exit status, environment, provenance."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import lottery
from lottery import files
from lottery.runtime.resume import SIGNALS

# Stands in for what Snakemake puts before a script: the same classes, filled by hand. The rule has
# another name than its step, as after a module import.
PREAMBLE = """
import json, os, sys
from types import SimpleNamespace
from snakemake.iocontainers import Namedlist
given = {"rule": "theirs", "wildcards": {"model": "m", "seed": "1"},
         "params": {"step": "finetune 3", "settings": {"rate": 0.5}},
         "input": {"data": "in.txt", "many": ["in.txt", "folder"]},
         "output": {"model": "out.txt", "provenance": "sub/provenance.json"}, "resources": {},
         "log": ["logs/a.log"], "threads": 2, "config": {}, **json.loads(sys.argv[1])}
named = {k: Namedlist(fromdict=v) for k, v in given.items()
         if k in ("wildcards", "params", "input", "output", "resources")}
snakemake = SimpleNamespace(**{**given, **named})
from lottery.files.errors import StudyError
from lottery.runtime.job import run
def run_as_step(function):
    name = snakemake.params.step.split()[0]
    sys.modules[f"lottery.steps.{name}"] = SimpleNamespace(**{name: function})
    run(snakemake)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A working folder with the inputs of the stand-in job."""
    (tmp_path / "in.txt").write_text("abc")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "x").write_text("x")
    return tmp_path


def start(folder: Path, script: str, env: dict[str, str], **given: object) -> subprocess.Popen[str]:
    """Starts a script as a job; `given` replaces parts of the stand-in."""
    source = PREAMBLE + textwrap.dedent(script)
    library = str(Path(lottery.__file__).parents[1])
    return subprocess.Popen(
        [sys.executable, "-c", source, json.dumps(given)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": library, "CUDA_VISIBLE_DEVICES": "", **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def job(
    folder: Path, script: str, env: dict[str, str] | None = None, **given: object
) -> tuple[int, str, str]:
    """Runs a script as a job; gives exit status, what the terminal showed, and the log."""
    running = start(folder, script, env or {}, **given)
    output, errors = running.communicate(timeout=60)
    log = folder / "logs" / "a.log"
    return running.returncode, output + errors, log.read_text() if log.exists() else ""


STEP = {"step": "finetune 3"}
SUCCESS = """
def finetune(*, path_to_model, rate, **others):
    print("printed by the step")
    os.system("echo printed by a child")
    path_to_model.write_text(str(rate))
run_as_step(finetune)
"""


def test_success_leaves_outputs_log_and_provenance(folder: Path) -> None:
    status, shown, log = job(folder, SUCCESS)
    assert (status, shown) == (0, "")
    assert (folder / "out.txt").read_text() == "0.5"
    for line in ("finetune model=m seed=1", "device cpu", "printed by the step", "by a child"):
        assert line in log
    record = files.read_json(folder / "sub" / "provenance.json")
    digest = files.sha256(folder / "in.txt")
    assert record["inputs"]["data"] == {"in.txt": digest}
    assert record["inputs"]["many"]["in.txt"] == digest
    assert record["inputs"]["many"]["folder"] == files.sha256(folder / "folder")
    assert record["outputs"] == {"model": {"out.txt": files.sha256(folder / "out.txt")}}
    assert (record["format"], record["step"], record["rule"]) == (2, "finetune", "theirs")
    assert record["wildcards"] == {"model": "m", "seed": "1"}
    params = {"step": "finetune 3", "settings": {"rate": 0.5}}
    assert (record["params"], record["threads"]) == (params, 2)
    assert (record["device"], record["slot"]) == ("cpu", None)
    assert (record["log"], record["energy_joules"]) == ("logs/a.log", None)
    assert record["versions"]["python"].startswith(f"{sys.version_info.major}.")
    assert record["versions"]["torch"].startswith("2.13.0")
    assert record["started"].endswith("+00:00")
    assert 0 <= record["duration_seconds"] < 60
    assert 5 < record["peak_memory_mb"] < 1000
    assert record["peak_gpu_memory_mb"] is None


def test_a_step_gets_what_its_rule_has_by_name(folder: Path) -> None:
    script = """
    def finetune(*, seed, say, **others):
        say(f"seed {seed!r}")
        for name, value in sorted(others.items()):
            path = value[0] if isinstance(value, list) else value
            kind = type(value).__name__ + (" of Path" if hasattr(path, "name") else "")
            shown = ", ".join(map(str, value)) if kind == "list of Path" else value
            print(name, "=", shown, kind, flush=True)
    run_as_step(finetune)
    """
    given = {
        "input": {"data": "in.txt", "many": ["in.txt", "in.txt"]},
        "output": {"provenance": "p.json", "model": "out.txt", "both": ["a", "b"]},
        "params": {
            "step": "finetune 3",
            "settings": {"rates": [1, 2], "task": "rte"},
            "resources": {"one": ["envs/a.yaml", "0"], "two": [["b", "1"], ["c", "2"]]},
            "torch_threads": 2,
        },
    }
    given["input"]["note"] = "in.txt"
    for name in ("out.txt", "a", "b"):
        (folder / name).touch()
    status, shown, log = job(folder, script, **given)
    assert (status, shown) == (0, "seed 1\n")
    workflow = Path(lottery.__file__).parents[2]
    lines = log.splitlines()
    start = lines.index("seed 1") + 1
    # The wildcard model is there, too, but this step does not ask for it.
    assert lines[start:-1] == [
        "path_to_data = in.txt PosixPath of Path",
        "path_to_model = out.txt PosixPath of Path",
        f"path_to_one = {workflow}/envs/a.yaml PosixPath of Path",
        "paths_to_both = a, b list of Path",
        "paths_to_many = in.txt, in.txt list of Path",
        f"paths_to_two = {workflow}/b, {workflow}/c list of Path",
        "rates = [1, 2] list",
        "task = rte str",
        "torch_threads = 2 int",
    ]


def test_a_summary_of_data_is_repeated_in_the_record(folder: Path) -> None:
    script = """
    def finetune(*, path_to_data_summary, data_warnings, **others):
        path_to_data_summary.write_text(json.dumps({"warnings": [data_warnings]}))
    run_as_step(finetune)
    """
    output = {"data_summary": "summary.json", "provenance": "provenance.json"}
    status, _, _ = job(folder, script, output=output, config={"data_warnings": "error"})
    record = files.read_json(folder / "provenance.json")
    assert (status, record["data"]) == (0, {"warnings": ["error"]})
    assert [*record["outputs"]] == ["data_summary"]


def test_nothing_heavy_is_imported_and_no_provenance_is_written_unasked(folder: Path) -> None:
    script = """
    def finetune(**others):
        heavy = {"torch", "transformers", "numpy", "pandas", "pyarrow", "scipy"}
        print("heavy:", sorted(heavy & set(sys.modules)))
    run_as_step(finetune)
    """
    status, _, log = job(folder, script, output={"model": "out.txt"})
    assert status == 0
    assert "heavy: []" in log
    assert not (folder / "sub").exists()


def test_a_study_error_is_one_sentence_on_terminal_and_log(folder: Path) -> None:
    script = """
    def finetune(**others):
        raise StudyError("tasks.rte.label is missing; name a column.")
    run_as_step(finetune)
    """
    status, shown, log = job(folder, script)
    assert status == 1
    assert shown == "tasks.rte.label is missing; name a column.\n"
    assert "tasks.rte.label is missing; name a column." in log
    assert "Traceback" not in log
    assert not (folder / "sub").exists()


def test_any_other_error_leaves_its_trace_in_the_log_and_one_line(folder: Path) -> None:
    script = """
    def finetune(**others):
        {}["absent"]
    run_as_step(finetune)
    """
    status, shown, log = job(folder, script)
    assert status == 1
    assert shown == "finetune failed with KeyError: 'absent'; see logs/a.log\n"
    assert "Traceback" in log
    assert "in finetune" in log
    assert not (folder / "sub").exists()


DIGEST = hashlib.sha256(b"abc").hexdigest()  # of in.txt


def test_the_record_names_the_users_files(folder: Path) -> None:
    params = STEP | {"settings": {"rate": 0.5}, "sources": {"in.txt": DIGEST}}
    status, shown, _ = job(folder, SUCCESS, params=params)
    assert (status, shown) == (0, "")
    record = files.read_json(folder / "sub" / "provenance.json")
    assert record["params"] == params
    assert record["inputs"]["sources"] == {"in.txt": DIGEST}


CHANGING = """
def finetune(*, path_to_model, **others):
    print("the step runs")
    path_to_model.write_text("made")
    open("in.txt", "a").write("d")
run_as_step(finetune)
"""


@pytest.mark.parametrize(
    ("script", "before", "says", "runs"),
    [
        (SUCCESS, "abd", "in.txt has changed since the run was planned; run again.", False),
        (SUCCESS, None, "in.txt cannot be read (No such file or directory).", False),
        (CHANGING, "abc", "in.txt has changed since the run was planned; run again.", True),
    ],
    ids=["before", "removed", "while the step runs"],
)
def test_a_users_file_that_changed_after_planning_stops_the_job(
    folder: Path, script: str, before: str | None, says: str, runs: bool
) -> None:
    (folder / "in.txt").unlink()
    if before is not None:
        (folder / "in.txt").write_text(before)
    params = STEP | {"settings": {"rate": 0.5}, "sources": {"in.txt": DIGEST}}
    status, shown, log = job(folder, script, params=params, input={})
    assert (status, shown) == (1, says + "\n")
    assert ("the step runs" in log) == runs
    assert not (folder / "sub").exists()


WRITTEN = {"outputs": {"data": {"in.txt": DIGEST}}}
OTHER = {"outputs": {"data": {"in.txt": "0" * 64, "x.txt": DIGEST}}}


@pytest.mark.parametrize(
    ("records", "accepted"),
    [
        ({}, True),
        ({"provenance": WRITTEN}, True),
        ({"provenance": OTHER}, False),
        ({"in.provenance": OTHER}, False),
        # Of an earlier version of the workflow, under another name.
        ({"old.provenance": OTHER, "provenance": WRITTEN}, True),
        ({"provenance": {"outputs": {"data": {"x.txt": "0" * 64}}}}, True),
        ({"provenance": ["damaged"]}, True),
    ],
)
def test_an_input_that_is_not_what_its_step_wrote_is_rejected(
    folder: Path, records: dict[str, object], accepted: bool
) -> None:
    for name, record in records.items():
        files.write_json(folder / f"{name}.json", record)
    status, shown, _ = job(folder, SUCCESS)
    assert status == (0 if accepted else 1)
    if not accepted:
        assert shown == (
            f"in.txt is not what its step wrote (its sha256 is {DIGEST[:12]}..., "
            f"{next(iter(records))}.json has another one); delete it and run again.\n"
        )


def test_an_unknown_step_fails_in_the_log(folder: Path) -> None:
    status, shown, log = job(folder, "run(snakemake)", params={"step": "no_such_step 1"})
    assert status == 1
    assert "no_such_step" in shown
    assert "Traceback" in log


def test_missing_input_and_unwritable_log_are_sentences(folder: Path) -> None:
    status, shown, _ = job(folder, SUCCESS, input={"data": "absent.txt"})
    assert (status, shown.count("\n")) == (1, 1)
    assert "absent.txt does not exist" in shown
    status, shown, _ = job(folder, SUCCESS, log=["in.txt/a.log"])
    assert (status, shown.count("\n")) == (1, 1)
    assert "The log in.txt/a.log cannot be written" in shown


GPU = {"gpu": 1}

ENVIRONMENT = """
def finetune(**others):
    for name in ("HF_HUB_OFFLINE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        print(name, "=", os.environ.get(name))
run_as_step(finetune)
"""


def test_threads_come_from_params_and_only_fetching_is_online(folder: Path) -> None:
    env = {"OMP_NUM_THREADS": "7", "HF_HUB_OFFLINE": "0"}
    _, _, log = job(folder, ENVIRONMENT, env, params=STEP | {"torch_threads": 3})
    assert "OMP_NUM_THREADS = 3\nMKL_NUM_THREADS = 3\n" in log
    assert "HF_HUB_OFFLINE = 1\n" in log
    (folder / "logs" / "a.log").unlink()
    _, _, log = job(folder, ENVIRONMENT, env, params={"step": "fetch_model 2"})
    assert "HF_HUB_OFFLINE = 0\n" in log
    assert "OMP_NUM_THREADS = 7\n" in log


def test_log_and_provenance_name_the_device(folder: Path) -> None:
    first = f"GPU-{folder.name}"  # a lease is known on the whole machine
    env = {"CUDA_VISIBLE_DEVICES": f"{first},GPU-b"}
    outputs = {"provenance": "p.json"}
    _, _, log = job(folder, ENVIRONMENT, env, output=outputs, resources=GPU)
    assert f"device {first}, slot 0" in log
    assert f"CUDA_VISIBLE_DEVICES = {first}\n" in log
    record = files.read_json(folder / "p.json")
    assert (record["device"], record["slot"]) == (first, 0)
    # A job that asked for no device sees none.
    _, _, log = job(folder, ENVIRONMENT, env, output=outputs)
    assert "CUDA_VISIBLE_DEVICES = \n" in log


def test_slots_per_gpu_of_the_config_lets_jobs_share(folder: Path) -> None:
    script = """
    from lottery.runtime.gpu_lease import lease
    first_device = os.environ["CUDA_VISIBLE_DEVICES"]
    first = lease()
    first.__enter__()
    def finetune(**others): pass
    os.environ["CUDA_VISIBLE_DEVICES"] = first_device
    run_as_step(finetune)
    """
    env = {"CUDA_VISIBLE_DEVICES": f"GPU-{folder.name}"}
    config = {"compute": {"slots_per_gpu": 2}}
    status, _, log = job(folder, script, env, config=config, output={}, resources=GPU)
    assert status == 0
    assert f"device GPU-{folder.name}, slot 1" in log


@pytest.mark.parametrize(
    ("device", "visible", "gpu", "status", "said"),
    [
        ("auto", "", 1, 0, "device cpu"),
        ("auto", "all", 1, 1, "CUDA_VISIBLE_DEVICES is 'all'; allowed are"),
        ("auto", "all", 0, 0, "device cpu"),
        ("cuda", "", 1, 1, "compute.device is cuda, but there is no GPU on "),
        ("cuda", "", 0, 0, "device cpu"),
        ("cpu", "GPU-x", 1, 0, "device cpu"),
    ],
)
def test_the_config_decides_whether_a_job_leases_a_gpu(
    folder: Path, device: str, visible: str, gpu: int, status: int, said: str
) -> None:
    given = {"config": {"compute": {"device": device}}, "resources": {"gpu": gpu}, "output": {}}
    env = {"CUDA_VISIBLE_DEVICES": visible, "CUDA_DEVICE_ORDER": ""}
    script = ENVIRONMENT.replace('"HF_HUB_OFFLINE"', '"CUDA_DEVICE_ORDER"')
    found, shown, log = job(folder, script, env, **given)
    assert found == status
    assert said in log
    assert ("CUDA_DEVICE_ORDER = PCI_BUS_ID\n" in log) == (status == 0)
    assert shown.count("\n") == status  # one sentence


def test_a_job_that_has_leased_a_gpu_without_torch_finding_it_ends(folder: Path) -> None:
    script = """
    from lottery.steps.setup import prepare_torch
    def finetune(**others):
        prepare_torch(1)
    run_as_step(finetune)
    """
    env = {"CUDA_VISIBLE_DEVICES": f"GPU-{folder.name}"}
    status, shown, _ = job(folder, script, env, output={}, resources=GPU)
    assert status == 1
    assert shown.startswith(f"The GPU GPU-{folder.name} is leased, but torch ")
    assert shown.count("\n") == 1


@pytest.mark.parametrize("number", SIGNALS)
def test_an_interrupted_job_cleans_up_and_keeps_the_log_of_each_attempt(
    folder: Path, number: signal.Signals
) -> None:
    script = """
    import atexit, time
    from lottery import files
    atexit.register(print, "torch has more to say")
    def finetune(**others):
        with files.atomic("out.txt") as temporary:
            temporary.write_text("half")
            open("ready", "w").close()
            time.sleep(60)
    run_as_step(finetune)
    """
    running = start(folder, script, {})
    while not (folder / "ready").exists():
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate(timeout=30)
    assert running.returncode == 128 + number
    log = (folder / "logs/a.log").read_text()
    said = f"ERROR interrupted ({signal.Signals(number).name})\n"
    assert log.endswith(said), "the last line is what the run's end shows"
    assert {path.name for path in folder.iterdir()} == {"in.txt", "folder", "logs", "ready"}
    _, _, log = job(folder, SUCCESS)
    assert log.index("interrupted") < log.index("finished")


WORKFLOW = """
rule theirs:
    input: data="in.txt",
    output: out="out/{name}.txt", provenance="out/{name}.json",
    log: "logs/{name}.log",
    params: step="first 1", torch_threads=1, settings={"rates": [0.5, 1.0]},
    script: "workflow/scripts/run_step.py"
"""
FIRST = """
def first(*, path_to_data, path_to_out, name, rates, torch_threads):
    path_to_out.write_text(f"{path_to_data.read_text()} {name} {rates} {torch_threads}")
"""


def test_under_snakemake_itself(folder: Path) -> None:
    library, scripts = Path(lottery.__file__).parent, folder / "workflow" / "scripts"
    shutil.copytree(library, scripts / "lottery", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(library.parent / "run_step.py", scripts)
    (scripts / "lottery/steps/first.py").write_text(FIRST)
    (folder / "Snakefile").write_text(WORKFLOW)
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--"]
    command += ["out/a.txt"]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "a.txt").read_text() == "abc a [0.5, 1.0] 1"
    record = files.read_json(folder / "out" / "a.json")
    params = {"step": "first 1", "torch_threads": 1, "settings": {"rates": [0.5, 1.0]}}
    assert (record["params"], record["step"], record["rule"]) == (params, "first", "theirs")
    assert record["wildcards"] == {"name": "a"}
    assert "finished" in (folder / "logs" / "a.log").read_text()
