"""What a job leaves behind: log, exit status, environment, provenance."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import lottery
from lottery import files

# Stands in for what Snakemake puts before a script: the same classes, filled by hand.
PREAMBLE = """
import json, os, sys
from types import SimpleNamespace
from snakemake.iocontainers import Namedlist
given = {"rule": "finetune", "wildcards": {"model": "m", "seed": "1"}, "params": {"seed": 1},
         "input": {"data": "in.txt", "many": ["in.txt", "folder"]},
         "output": {"model": "out.txt", "provenance": "sub/provenance.json"},
         "log": ["logs/a.log"], "threads": 2, "config": {}, **json.loads(sys.argv[1])}
named = {k: Namedlist(fromdict=v) for k, v in given.items()
         if k in ("wildcards", "params", "input", "output")}
snakemake = SimpleNamespace(**{**given, **named})
from lottery.errors import StudyError
from lottery.job import run
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


SUCCESS = """
def finetune(*, path_to_out, rate):
    print("printed by the step")
    os.system("echo printed by a child")
    open(path_to_out, "w").write(str(rate))
run(finetune, snakemake, path_to_out=snakemake.output.model, rate=0.5)
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
    assert (record["rule"], record["wildcards"]) == ("finetune", {"model": "m", "seed": "1"})
    assert (record["params"], record["threads"]) == ({"seed": 1}, 2)
    assert (record["device"], record["slot"]) == ("cpu", None)
    assert (record["log"], record["energy_joules"]) == ("logs/a.log", None)
    assert record["versions"]["python"].startswith(f"{sys.version_info.major}.")
    assert record["versions"]["torch"].startswith("2.13.0")
    assert record["started"].endswith("+00:00")
    assert 0 <= record["duration_seconds"] < 60
    assert 5 < record["peak_memory_mb"] < 1000
    assert record["peak_gpu_memory_mb"] is None


def test_nothing_heavy_is_imported_and_no_provenance_is_written_unasked(folder: Path) -> None:
    script = """
    def finetune():
        heavy = {"torch", "transformers", "numpy", "pandas", "pyarrow", "scipy"}
        print("heavy:", sorted(heavy & set(sys.modules)))
    run(finetune, snakemake)
    """
    status, _, log = job(folder, script, output={"model": "out.txt"})
    assert status == 0
    assert "heavy: []" in log
    assert not (folder / "sub").exists()


def test_a_study_error_is_one_sentence_on_terminal_and_log(folder: Path) -> None:
    script = """
    def finetune():
        raise StudyError("tasks.rte.label is missing; name a column.")
    run(finetune, snakemake)
    """
    status, shown, log = job(folder, script)
    assert status == 1
    assert shown == "tasks.rte.label is missing; name a column.\n"
    assert "tasks.rte.label is missing; name a column." in log
    assert "Traceback" not in log
    assert not (folder / "sub").exists()


def test_any_other_error_leaves_its_trace_in_the_log_and_one_line(folder: Path) -> None:
    script = """
    def finetune():
        {}["absent"]
    run(finetune, snakemake)
    """
    status, shown, log = job(folder, script)
    assert status == 1
    assert shown == "finetune failed with KeyError: 'absent'; see logs/a.log\n"
    assert "Traceback" in log
    assert "in finetune" in log
    assert not (folder / "sub").exists()


def test_an_unknown_step_fails_in_the_log(folder: Path) -> None:
    status, shown, log = job(folder, 'run("no_such_step", snakemake)')
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


ENVIRONMENT = """
def show():
    for name in ("HF_HUB_OFFLINE", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "CUDA_VISIBLE_DEVICES"):
        print(name, "=", os.environ.get(name))
run(show, snakemake, gpu=bool(int(os.environ.get("GPU", "0"))))
"""


def test_threads_come_from_params_and_only_fetching_is_online(folder: Path) -> None:
    env = {"OMP_NUM_THREADS": "7", "HF_HUB_OFFLINE": "0"}
    _, _, log = job(folder, ENVIRONMENT, env, params={"torch_threads": 3})
    assert "OMP_NUM_THREADS = 3\nMKL_NUM_THREADS = 3\n" in log
    assert "HF_HUB_OFFLINE = 1\n" in log
    (folder / "logs" / "a.log").unlink()
    _, _, log = job(folder, ENVIRONMENT, env, rule="fetch_model")
    assert "HF_HUB_OFFLINE = 0\n" in log
    assert "OMP_NUM_THREADS = 7\n" in log


def test_the_device_stands_in_log_and_provenance(folder: Path) -> None:
    env = {"CUDA_VISIBLE_DEVICES": "a,b", "LOTTERY_LEASES": str(folder / "leases")}
    outputs = {"provenance": "p.json"}
    _, _, log = job(folder, ENVIRONMENT, {**env, "GPU": "1"}, output=outputs)
    assert "device a, slot 0" in log
    assert "CUDA_VISIBLE_DEVICES = a\n" in log
    record = files.read_json(folder / "p.json")
    assert (record["device"], record["slot"]) == ("a", 0)
    # A job that asked for no device sees none.
    _, _, log = job(folder, ENVIRONMENT, env, output=outputs)
    assert "CUDA_VISIBLE_DEVICES = \n" in log


def test_slots_per_gpu_of_the_config_lets_jobs_share(folder: Path) -> None:
    script = """
    from lottery.device import lease
    first = lease()
    def show(): pass
    os.environ["CUDA_VISIBLE_DEVICES"] = "a"
    run(show, snakemake, gpu=True)
    """
    env = {"CUDA_VISIBLE_DEVICES": "a", "LOTTERY_LEASES": str(folder / "leases")}
    status, _, log = job(folder, script, env, config={"compute": {"slots_per_gpu": 2}}, output={})
    assert status == 0
    assert "device a, slot 1" in log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_an_interrupted_job_cleans_up_and_keeps_the_log_of_each_attempt(
    folder: Path, number: signal.Signals
) -> None:
    script = """
    import atexit, time
    from lottery import files
    atexit.register(print, "torch has more to say")
    def finetune():
        with files.atomic("out.txt") as temporary:
            temporary.write_text("half")
            open("ready", "w").close()
            time.sleep(60)
    run(finetune, snakemake)
    """
    running = start(folder, script, {})
    while not (folder / "ready").exists():
        assert running.poll() is None
        time.sleep(0.02)
    running.send_signal(number)
    running.communicate(timeout=30)
    assert running.returncode == 128 + number
    log = (folder / "logs/a.log").read_text()
    assert log.endswith("ERROR interrupted\n"), "the last line is what the run's end shows"
    assert {path.name for path in folder.iterdir()} == {"in.txt", "folder", "logs", "ready"}
    _, _, log = job(folder, SUCCESS)
    assert log.index("interrupted") < log.index("finished")


WORKFLOW = """
rule first:
    input: data="in.txt",
    output: out="out/{name}.txt", provenance="out/{name}.json",
    log: "logs/{name}.log",
    params: torch_threads=1, rates=[0.5, 1.0],
    script: "workflow/scripts/first.py"
"""


def test_under_snakemake_itself(folder: Path) -> None:
    scripts = folder / "workflow" / "scripts"
    scripts.mkdir(parents=True)
    (scripts / "lottery").symlink_to(Path(lottery.__file__).parent)
    (folder / "Snakefile").write_text(WORKFLOW)
    (scripts / "first.py").write_text(
        "from lottery.job import run\n"
        "def first(out, rates):\n"
        "    open(out, 'w').write(repr(rates))\n"
        "run(first, snakemake, out=snakemake.output.out, rates=snakemake.params.rates)\n"
    )
    command = [
        sys.executable,
        "-m",
        "snakemake",
        "--cores",
        "1",
        "--quiet",
        "all",
        "--",
        "out/a.txt",
    ]
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (folder / "out" / "a.txt").read_text() == "[0.5, 1.0]"
    record = files.read_json(folder / "out" / "a.json")
    assert record["params"] == {"torch_threads": 1, "rates": [0.5, 1.0]}
    assert record["wildcards"] == {"name": "a"}
    assert "finished" in (folder / "logs" / "a.log").read_text()
