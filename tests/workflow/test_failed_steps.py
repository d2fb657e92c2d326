"""A step that fails stops no other one, and the end of the run says how to go on."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import yaml
from command_line import ROOT, planned, run_snakemake
from runs import Config, Run, copy_run

TOKENS = "results/tiny/{}/tokens/train.safetensors"


def shell(command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Runs a command line as a user pastes it, with the environment activated."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        env=os.environ | {"PATH": path, "CUDA_VISIBLE_DEVICES": ""},
        timeout=600,
    )


def test_the_others_run_on_and_the_failed_one_can_be_run_alone(
    study: Config, tmp_path: Path
) -> None:
    given, run = tmp_path / "a folder", tmp_path / "the run"
    given.mkdir()
    (given / "my study.yaml").write_text(yaml.safe_dump(study | {"seeds": [7]}))
    options = (
        f"--snakefile {ROOT}/Snakefile --workflow-profile {ROOT}/workflow/profiles/demo "
        f"--directory '{run}' --configfile 'my study.yaml' --config 'seeds=[7, 3]'"
    )
    tasks = [f"resources/tasks/{task}/train.parquet" for task in ("tone", "degree")]
    fetched = shell(f"snakemake {' '.join(tasks)} {options}", given)
    assert fetched.returncode == 0, fetched.stdout
    damaged = run / tasks[1]
    before = damaged.stat()
    damaged.write_bytes(damaged.read_bytes()[:-60])
    os.utime(damaged, ns=(before.st_atime_ns, before.st_mtime_ns))

    targets = " ".join(TOKENS.format(task) for task in ("degree", "tone"))
    failed = shell(f"snakemake {targets} {options}", given)
    assert failed.returncode == 1
    assert (run / TOKENS.format("tone")).exists(), "the other cell should have gone on"
    assert not (run / TOKENS.format("degree")).exists()
    end = failed.stdout[failed.stdout.index("\n1 step failed") :]
    assert "FAILED  tokenize degree for tiny" in end
    said = r"said: .*degree/train\.parquet is not what its step wrote .*; delete it and run again"
    assert re.search(said, end)
    (log,) = re.findall(r"^  log:   (.*)$", end, re.MULTILINE)
    assert Path(given, log).is_file()
    (again,) = re.findall(r"^  again: (.*)$", end, re.MULTILINE)

    damaged.unlink()  # as the sentence says
    alone = shell(again, given)
    assert alone.returncode == 0, alone.stdout
    assert (run / TOKENS.format("degree")).exists()
    assert "tone" not in alone.stdout[alone.stdout.index(" done:  ") :]


def times(folder: Path) -> dict[Path, int]:
    """When the files of the cells were written."""
    cells = folder / "results" / "tiny"
    return {path: path.stat().st_mtime_ns for path in cells.rglob("*") if path.is_file()}


def test_what_is_finished_has_a_report_that_names_what_is_missing(
    published: Run, tmp_path: Path
) -> None:
    folder, page = tmp_path / "run", tmp_path / "run/results/partial/report.html"
    copy_run(published, folder)
    config = published.config | {"methods": {"magnitude": published.config["methods"]["magnitude"]}}
    cell = folder / "results/tiny/degree/seed_3"
    damaged = cell / "retrain/magnitude/good/logits.safetensors"
    before = damaged.stat()
    content = damaged.read_bytes()
    damaged.unlink()  # it may be shared with the other run
    damaged.write_bytes(content[:-60])
    os.utime(damaged, ns=(before.st_atime_ns, before.st_mtime_ns))
    (cell / "evaluate/magnitude/good/retrained/metrics.json").unlink()
    written = (folder / "results/report.html").read_bytes()
    others = {path: at for path, at in times(folder).items() if "retrained" not in path.parts}

    failed = run_snakemake(folder, config, "all", "--keep-going")
    assert failed.returncode == 1, failed.stdout
    assert "1 step failed" in failed.stdout
    assert "Report:  results/partial/report.html" in failed.stdout, failed.stdout
    named = "tiny on degree, seed 3: magnitude (good retrained)"
    text = page.read_text(encoding="utf-8")
    assert "This study is not finished." in text and f"<li>{named}</li>" in text
    assert "not made: " not in text
    assert "1 of 12 evaluated cells are missing" in text
    for name in ("summary", "claims"):
        assert named in (page.parent / f"tables/{name}.md").read_text(encoding="utf-8")
    summary = (page.parent / "tables/summary.csv").read_text().splitlines()
    columns = summary[0].split(",")
    rows = [dict(zip(columns, line.split(","), strict=True)) for line in summary[1:]]
    n = {
        (row["task"], row["phase"]): int(row["n"])
        for row in rows
        if row["subnetwork"] == "good" and row["split"] == "validation"
    }
    assert (n["degree", "retrained"], n["degree", "pruned"], n["tone", "retrained"]) == (1, 2, 2)
    claims = pd.read_csv(page.parent / "tables/claims.csv").set_index("claim")["incomplete"]
    assert claims["A1"] == "rests on 3 of 4 runs" and pd.isna(claims["A2"])
    assert "rests on 3 of 4 runs" in text
    assert "rests on 3 of 4 runs" in failed.stdout
    # Nothing of the study itself has been touched, and nothing that is finished runs again.
    assert (folder / "results/report.html").read_bytes() == written
    assert others.items() <= times(folder).items()

    damaged.unlink()  # as the sentence says
    jobs = planned(folder, config, "all")
    assert jobs["retrain"] == jobs["evaluate"] == 1 and "finetune" not in jobs
    done = run_snakemake(folder, config, "all")
    assert done.returncode == 0, done.stdout
    text = (folder / "results/report.html").read_text(encoding="utf-8")
    assert text.encode() != written and "This study is not finished." not in text
    assert not page.parent.exists()
