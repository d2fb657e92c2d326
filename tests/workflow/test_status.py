"""The status of a study: what is done, missing, running, and what a run would overwrite."""

from __future__ import annotations

import base64
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from command_line import ROOT
from runs import Config, Run
from test_incremental import edited

from lottery.runtime.status import FOLLOWS

KEPT_LESS = {"methods.structured.keep_score": 0.8}
GOOD = "results/tiny/tone/seed_7/mask/structured/good.safetensors"


def status(
    folder: Path, config: Config, config_folder: Path, *words: str
) -> subprocess.CompletedProcess[str]:
    """Runs the command in the study's folder."""
    command = command_line(config, config_folder, *words)
    return subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)


def command_line(config: Config, config_folder: Path, *words: str) -> list[str]:
    path = config_folder / "study.yaml"
    path.write_text(yaml.safe_dump(config, sort_keys=False))
    command = [sys.executable, str(ROOT / "workflow/scripts/status.py"), "all", *words]
    return [*command, "-s", str(ROOT / "Snakefile"), "--configfile", str(path)]


def rows(said: str) -> dict[tuple[str, str, str], dict[str, str]]:
    """The table: (model, task, method) -> step -> counts."""
    lines = said.split("\n\n")[0].splitlines()
    starts = [match.start() for match in re.finditer(r"\S+", lines[0])]
    ends = [*starts[1:], None]
    cells = [[line[a:b].strip() for a, b in zip(starts, ends, strict=True)] for line in lines]
    return {(row[0], row[1], row[2]): dict(zip(cells[0], row, strict=True)) for row in cells[1:]}


def total(said: str) -> dict[str, int]:
    line = next(line for line in said.splitlines() if " jobs: " in line and line[0].isdigit())
    return {name: int(number) for number, name in re.findall(r"(\d+) (\w+)", line.split(": ")[1])}


def test_a_finished_study_is_done(published: Run, tmp_path: Path) -> None:
    said = status(published.folder, published.config, tmp_path, "--files").stdout
    counts = total(said)
    assert counts["done"] > 60
    assert counts["running"] == counts["missing"] == counts["again"] == 0
    assert "nothing would be overwritten" in said
    cell = rows(said)["tiny", "tone", "structured"]
    assert (cell["search"], cell["masks"], cell["retrain"], cell["evaluate"]) == (
        "2",
        "1",
        "4",
        "10",  # two jobs for all that are pruned
    )
    assert rows(said)["tiny", "tone", "-"]["finetune"] == "2"


def test_the_study_may_be_in_another_folder(published: Run, tmp_path: Path) -> None:
    words = ("--directory", str(published.folder))
    counts = total(status(tmp_path, published.config, tmp_path, *words).stdout)
    assert counts["done"] > 60 and counts["missing"] == counts["again"] == 0


def test_without_words_it_speaks_of_the_last_run(published: Run, tmp_path: Path) -> None:
    command = [sys.executable, str(ROOT / "workflow/scripts/status.py")]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=published.folder
    )
    counts = total(done.stdout)
    assert counts["done"] > 60 and counts["missing"] == counts["again"] == 0, done.stderr
    assert "a run works here" not in done.stdout


def test_a_changed_config_shows_what_it_would_overwrite_and_why(
    published: Run, tmp_path: Path
) -> None:
    before = {path: path.stat().st_mtime_ns for path in published.folder.glob("results/tiny/**/*")}
    done = status(published.folder, edited(published.config, KEPT_LESS), tmp_path, "--files")
    said = done.stdout
    table = rows(said)
    assert table["tiny", "tone", "structured"]["search"] == "0/0/0/2"
    assert table["tiny", "degree", "structured"]["evaluate"] == "0/0/0/10"
    assert table["tiny", "tone", "magnitude"]["retrain"] == "2"
    assert table["tiny", "tone", "-"]["finetune"] == "2"
    assert "  search_structured, 4 jobs: options.keep_score 0.9 -> 0.8" in said.splitlines()
    lines = [line.strip() for line in said.splitlines()]
    at = lines.index(GOOD)
    heads = [line for line in lines[:at] if not line.startswith("results/")]
    assert heads[-1] == "search_structured tiny tone 7 structured: options.keep_score 0.9 -> 0.8"
    listed = {line for line in lines if line.startswith("results/")}
    assert all((published.folder / name).exists() for name in listed)
    assert not any("magnitude" in name and "/seed_" in name for name in listed)
    assert before == {path: path.stat().st_mtime_ns for path in before}


def test_new_cells_are_missing_and_overwrite_only_what_is_made_of_all(
    published: Run, tmp_path: Path
) -> None:
    config = edited(published.config, {"seeds": [7, 3, 5]})
    said = status(published.folder, config, tmp_path, "--files").stdout
    table = rows(said)
    assert table["tiny", "tone", "-"]["finetune"] == "2/0/1/0"
    assert table["tiny", "tone", "magnitude"]["evaluate"] == "6/0/3/0"
    # super_good is made of all seeds.
    assert table["tiny", "tone", "structured"]["masks"] == "0/0/0/1"
    assert "other input files than before" in said
    assert GOOD not in said


def test_every_cell_has_its_state(published: Run, tmp_path: Path) -> None:
    config = edited(published.config, KEPT_LESS | {"seeds": [7, 3, 5]})
    said = status(published.folder, config, tmp_path, "--cells").stdout
    listed = said.split("\n\n")[0].splitlines()
    assert len(listed) == sum(total(said).values())
    assert "done     finetune tiny tone 7" in listed
    assert "missing  finetune tiny tone 5" in listed
    assert "done     evaluate tiny degree 3 magnitude good retrained" in listed
    why = "options.keep_score 0.9 -> 0.8"
    assert f"again    search_structured tiny tone 7 structured: {why}" in listed
    assert f"again    retrain tiny tone 7 structured good: {FOLLOWS}" in listed


def marker(folder: Path, name: str) -> Path:
    path = folder / ".snakemake/incomplete" / base64.urlsafe_b64encode(name.encode()).decode()
    path.write_text("{}")
    return path


@pytest.fixture
def halted(published: Run, tmp_path: Path) -> Run:
    """A copy of the study in which one search has begun and not finished."""
    folder = tmp_path / "halted"
    shutil.copytree(published.folder, folder, ignore=shutil.ignore_patterns("*.parquet"))
    for name in ("good.safetensors", "search.csv", "path.npz", "importance.npz", "provenance.json"):
        path = str(Path(GOOD).with_name(name))
        (folder / path).unlink()
        marker(folder, path)
    return Run(folder, published.config, "")


def test_a_job_that_has_begun_runs_as_long_as_a_run_holds_the_folder(
    halted: Run, tmp_path: Path
) -> None:
    locks = halted.folder / ".snakemake/locks"
    (locks / "0.output.lock").write_text(GOOD)
    said = status(halted.folder, halted.config, tmp_path).stdout
    assert total(said)["running"] == 1
    assert "running: search_structured tiny tone 7 structured" in said
    assert rows(said)["tiny", "tone", "structured"]["search"] == "1/1/0/0"
    (locks / "0.output.lock").unlink()
    said = status(halted.folder, halted.config, tmp_path).stdout
    assert total(said)["running"] == 0
    assert rows(said)["tiny", "tone", "structured"]["search"] == "1/0/1/0"
    assert "5 files were left half done by an interruption" in said


def test_a_rejected_config_ends_in_its_sentence(published: Run, tmp_path: Path) -> None:
    done = status(published.folder, published.config | {"seeds": []}, tmp_path)
    assert done.returncode == 1 and not done.stdout
    assert "seeds" in done.stderr and "Traceback" not in done.stderr


# Permissions do not keep root from writing, a file system that is read-only does.
READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && cd "$0" && exec "$@"'


def test_a_folder_that_cannot_be_written_to_is_named(study: Config, tmp_path: Path) -> None:
    folder = tmp_path / "theirs"
    folder.mkdir(mode=0o555)
    command = command_line(study, tmp_path)
    if os.geteuid() == 0:
        alone = ["unshare", "--mount", "sh", "-c", READ_ONLY, str(folder)]
        if subprocess.run([*alone, "true"], check=False, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        command = [*alone, *command]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 1 and not done.stdout
    (sentence,) = done.stderr.strip().splitlines()
    assert sentence.startswith(f"{folder} cannot be written to (") and sentence.endswith(".")
    assert not list(folder.iterdir())
