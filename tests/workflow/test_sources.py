"""The content of the user's own files decides what runs again, and their dates never do."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from bad_inputs import changed_config, write_base
from command_line import ROOT, run_many, run_snakemake

from lottery.attention.rules import CLASSES
from lottery.runtime.digests import SMALL

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
OLD = 10**18  # ns, in 2001
DAY = 86_400  # seconds
CONFIG: Any = changed_config(
    {
        "tasks.saved": {
            "data": {"train": "saved", "validation": "saved_dev"},
            "text": "text",
            "labels": ["no", "yes"],
        },
        "tasks.rte": {},
        "tasks.hans": {"evaluate_with": "rte"},
        "glue_folder": "glue",
        "plugins": ["layerwise_magnitude.py"],
        "methods.plugged": {"algorithm": "layerwise_magnitude", "only_tasks": ["own"]},
        "analysis": {"baselines": "others.csv", "annotated_maps": "maps"},
    }
)
TASKS = ("own", "score", "saved", "rte", "hans")
MASK = "results/tiny/own/seed_{seed}/mask/i"
PLUGGED = "results/tiny/own/seed_1/mask/plugged"
# The rules that read the user's files, and what each of their jobs writes.
OUTPUTS = {
    "resources/models/tiny": """tokenizer.json model.safetensors config.json
        config.provenance.json tokenizer_config.json tokenizer_config.provenance.json""",
    **{f"resources/tasks/{task}": "train.parquet validation.parquet" for task in TASKS},
    **{MASK.format(seed=seed): "good.safetensors" for seed in (1, 2)},
    PLUGGED: "good.safetensors search.csv path.npz",
    "results/tables": """pattern_rules.csv pattern_rules.rst pattern_rules.provenance.json
        scores.csv trainability.csv trainability.md trainability.tex
        trainability.provenance.json""",
}
TARGETS = [f"{folder}/provenance.json" for folder in OUTPUTS if folder != "results/tables"]
TARGETS += [
    "resources/models/tiny/config.json",
    "resources/models/tiny/tokenizer_config.json",
    "results/tables/pattern_rules.csv",
    "results/tables/trainability.csv",
]
RULES = (
    "fetch_model fetch_config fetch_tokenizer fetch_task fetch_task_alone import_masks "
    "check_pattern_rules tabulate_trainability search_layerwise_magnitude"
)
# What rules that are not allowed would make.
MADE_BEFORE = """
    results/tiny/own/tokens/train.safetensors results/tiny/own/tokens/validation.safetensors
    results/tiny/own/seed_1/finetune/model.safetensors results/majority/own/metrics.json
"""
OPTIONS = ["--allowed-rules", *RULES.split(), "--snakefile", str(ROOT / "Snakefile")]
OPTIONS += ["--cores", "1", "--configfile", "study.yaml"]

# A file of each kind -> the jobs that another content of it runs again.
KINDS = {
    "train.csv": {"fetch_task": 1},
    "score_dev.csv": {"fetch_task": 1},
    "saved/data.arrow": {"fetch_task": 1},
    "glue/rte/train.tsv": {"fetch_task": 1},
    "glue/hans/validation.txt": {"fetch_task_alone": 1},
    "model/model.safetensors": {"fetch_model": 1},
    "model/tokenizer.json": {"fetch_model": 1, "fetch_tokenizer": 1},
    "model/config.json": {
        "fetch_model": 1,
        "fetch_config": 1,
        "fetch_tokenizer": 1,
        "import_masks": 2,
    },
    "masks/own/seed_2/mlp_mask.npy": {"import_masks": 1},
    "maps/maps/3.npy": {"check_pattern_rules": 1},
    "others.csv": {"tabulate_trainability": 1},
    "layerwise_magnitude.py": {"search_layerwise_magnitude": 1},
}
ALL = {
    "check_pattern_rules": 1,
    "fetch_config": 1,
    "fetch_model": 1,
    "fetch_task": 4,
    "fetch_task_alone": 1,
    "fetch_tokenizer": 1,
    "import_masks": 2,
    "search_layerwise_magnitude": 1,
    "tabulate_trainability": 1,
}


def write_sources(folder: Path) -> None:
    """Writes a file of every kind that a config can name; one is large."""
    write_base(folder)
    with (folder / "train.csv").open("a") as file:
        file.writelines(f"{number} b,no\n" for number in range(SMALL // 10))
    assert (folder / "train.csv").stat().st_size > SMALL
    texts = {f"{name}/data.arrow": name for name in ("saved", "saved_dev")}
    texts |= {f"glue/rte/{split}.tsv": split for split in ("train", "validation")}
    texts |= {"glue/hans/validation.txt": "sentences", "others.csv": "name,task,score\nx,own,0.5\n"}
    for name, text in texts.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    plugin = (ROOT / "docs/examples/layerwise_magnitude.py").read_text()
    (folder / "layerwise_magnitude.py").write_text(f"{plugin}# the end\n")
    (folder / "maps/maps").mkdir(parents=True)
    lines = ["map,attention,class"]
    for number, name in enumerate(CLASSES):
        np.save(folder / f"maps/maps/{number}.npy", np.eye(6 + number))
        lines.append(f"maps/{number}.npy,raw,{name}")
    (folder / "maps/maps.csv").write_text("\n".join([*lines, ""]))
    (folder / "study.yaml").write_text(yaml.safe_dump(CONFIG, sort_keys=False))


def other_content(path: Path, date: int) -> None:
    """Another content of the same size."""
    content = bytearray(path.read_bytes())
    content[-2] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(0, date))


def older(path: Path) -> None:
    other_content(path, OLD)


def same_date(path: Path) -> None:
    other_content(path, path.stat().st_mtime_ns)


def copied(path: Path) -> None:
    copy = path.with_name("copy")
    shutil.copyfile(path, copy)
    copy.replace(path)


def dated(seconds: float) -> Callable[[Path], None]:
    return lambda path: os.utime(path, (0, seconds))


def edits() -> dict[str, tuple[Callable[[Path], None], list[str], dict[str, int]]]:
    """What is done to which files of a finished study, and the jobs to run then."""
    rows = {f"older {name}": (older, [name], jobs) for name, jobs in KINDS.items()}
    rows["all with the same date and size"] = (same_date, [*KINDS], ALL)
    rows["touched"] = (Path.touch, [*KINDS], {})
    rows["copied"] = (copied, [*KINDS], {})
    rows["dated to come"] = (dated(time.time() + 400 * DAY), [*KINDS], {})
    rows["dated back"] = (dated(10**9), [*KINDS], {})
    more = ["model/added_tokens.json", "maps/maps/9.npy", "model/README.md"]
    rows["a file more"] = (
        Path.touch,
        more,
        {"fetch_model": 1, "fetch_tokenizer": 1, "check_pattern_rules": 1},
    )
    one = "maps/maps/3.npy"
    rows["a file less"] = (Path.unlink, [one], KINDS[one])
    return rows


EDITS = edits()


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What a dry run says to each row."""
    above = tmp_path_factory.mktemp("sources")
    done = above / "done"
    done.mkdir()
    write_sources(done)
    for folder, names in OUTPUTS.items():
        (done / folder).mkdir(parents=True)
        for name in (*names.split(), *["provenance.json"] * (folder != "results/tables")):
            (done / folder / name).touch()
    for name in MADE_BEFORE.split():
        (done / name).parent.mkdir(parents=True, exist_ok=True)
        (done / name).touch()
    # As if all had been made by this config: Snakemake records the params of what is there.
    accepted = run_steps([(done, "--touch", "--forceall")])
    assert accepted[0]["status"] == 0, accepted[0]["output"]
    folders = {name: above / str(number) for number, name in enumerate(EDITS)}
    for name, (edit, paths, _) in EDITS.items():
        shutil.copytree(done, folders[name])
        for path in paths:
            edit(folders[name] / path)
    found = run_steps([(folder, "--dry-run", "--quiet", "rules") for folder in folders.values()])
    return dict(zip(EDITS, found, strict=True))


def run_steps(commands: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    each = [{"folder": str(f), "arguments": [*TARGETS, *words, *OPTIONS]} for f, *words in commands]
    return run_many(each)


@pytest.mark.parametrize("name", EDITS)
def test_what_a_dry_run_plans(answers: dict[str, dict[str, Any]], name: str) -> None:
    said = answers[name]["output"]
    assert answers[name]["status"] == 0, said
    jobs = {
        rule: int(count) for rule, count in re.findall(r"^([a-z_]+) +(\d+)$", said, re.MULTILINE)
    }
    jobs.pop("total", None)
    assert jobs == EDITS[name][2]
    assert bool(jobs) != ("Nothing to be done" in said)


# --- runs ---

OWN = "resources/tasks/own/validation.parquet"
MAJORITY = "results/majority/own/metrics.json"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with one task that is fetched from files that are dated to come."""
    folder = tmp_path_factory.mktemp("done")
    write_base(folder)
    for name in ("train.csv", "dev.csv"):
        dated(time.time() + 400 * DAY)(folder / name)
    assert ran(folder, OWN).returncode == 0
    return folder


@pytest.fixture
def fetched(done: Path, tmp_path: Path) -> Path:
    """A copy that a test may change."""
    return Path(shutil.copytree(done, tmp_path / "study"))


def ran(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    config = changed_config({})
    assert isinstance(config, dict)
    return run_snakemake(folder, config, *words)


def last_line(finished: subprocess.CompletedProcess[str]) -> str:
    assert finished.returncode == 1 and "Traceback" not in finished.stdout
    return finished.stdout.strip().splitlines()[-1]


def test_files_dated_to_come_are_read_and_older_ones_again(fetched: Path) -> None:
    record = fetched / "resources/tasks/own/provenance.json"
    assert "Nothing to be done" in ran(fetched, OWN).stdout
    (fetched / "dev.csv").write_text("text,label\na b,yes\nc d,no\ne f,no\n")
    dated(10**9)(fetched / "dev.csv")
    status = [sys.executable, str(ROOT / "workflow/scripts/status.py"), OWN, *OPTIONS[-6:]]
    said = subprocess.run(status, cwd=fetched, capture_output=True, text=True, check=False).stdout
    assert "1 jobs: 0 done, 0 running, 0 missing, 1 again" in said
    reason = r"^  fetch_task, 1 job: content of dev\.csv [0-9a-f]{8} -> [0-9a-f]{8}$"
    assert re.search(reason, said, re.MULTILINE)
    assert ran(fetched, OWN).returncode == 0
    digest = hashlib.sha256((fetched / "dev.csv").read_bytes()).hexdigest()
    assert json.loads(record.read_text())["inputs"]["sources"]["dev.csv"] == digest
    assert "Nothing to be done" in ran(fetched, OWN).stdout


def test_an_exchanged_file_is_found_by_the_step_that_reads_it(fetched: Path) -> None:
    shutil.copy(fetched / "resources/tasks/own/train.parquet", fetched / OWN)
    dated(10**9)(fetched / OWN)
    said = ran(fetched, MAJORITY).stdout
    assert re.search(
        rf"^{OWN} is not what its step wrote \(its sha256 is [0-9a-f]{{12}}\.\.\., resources/tasks/"
        r"own/provenance\.json has another one\); delete it and run again\.$",
        said,
        re.MULTILINE,
    )
    assert not (fetched / MAJORITY).exists()
    (fetched / OWN).unlink()
    assert ran(fetched, MAJORITY).returncode == 0


def test_results_dated_to_come_stop_a_run_before_its_first_job(fetched: Path) -> None:
    content = (fetched / OWN).read_bytes()
    dated(time.time() + 2 * DAY)(fetched / OWN)
    sentence = last_line(ran(fetched, MAJORITY))
    assert sentence.startswith(f"Error: 1 file of this study is dated after now, as {OWN} (20")
    assert sentence.endswith("set the clock right, or set the dates back as docs/reruns.md shows.")
    assert (fetched / OWN).read_bytes() == content and not (fetched / MAJORITY).exists()
    # What the page shows.
    page = (ROOT / "docs/reruns.md").read_text()
    (command,) = re.findall(r"^find .*-newermt.*$", page, re.MULTILINE)
    subprocess.run(command, shell=True, cwd=fetched, check=True)
    assert (fetched / OWN).stat().st_mtime < time.time()
    assert ran(fetched, MAJORITY).returncode == 0


def test_what_is_no_file_ends_in_a_sentence(fetched: Path) -> None:
    (fetched / "dev.csv").unlink()
    os.mkfifo(fetched / "dev.csv")
    assert last_line(ran(fetched, OWN)) == (
        f"Error: tasks.own.data.validation: {fetched / 'dev.csv'} is a pipe and no file; give the "
        "path of an existing file."
    )
