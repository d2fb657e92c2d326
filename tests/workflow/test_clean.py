"""The commands that remove what the config no longer names, on a finished study."""

from __future__ import annotations

import shutil
from pathlib import Path

from command_line import planned, run_snakemake
from runs import Run
from test_incremental import edited


def test_a_removed_seed_stays_until_its_files_are_cleaned(published: Run, tmp_path: Path) -> None:
    study = Run(tmp_path / "study", published.config, "")
    shutil.copytree(published.folder, study.folder)
    fewer = edited(study.config, {"seeds": [7], "methods.structured.subnetworks": ["good"]})
    refused = run_snakemake(study.folder, fewer, "clean_unnamed", "--cores", "1")
    assert refused.returncode != 0 and "run list_unnamed first" in refused.stdout
    listed = run_snakemake(study.folder, fewer, "list_unnamed", "--cores", "1")
    assert listed.returncode == 0, listed.stdout
    assert "MB  results/tiny/tone/seed_3" in listed.stdout
    assert "MB  results/tiny/tone/super/structured" in listed.stdout
    assert study.cell("tone", 3).is_dir()
    cleaned = run_snakemake(study.folder, fewer, "clean_unnamed", "--cores", "1")
    assert cleaned.returncode == 0, cleaned.stdout
    assert not study.cell("tone", 3).exists() and not study.cell("degree", 3).exists()
    assert not (study.folder / "results/tiny/tone/super").exists()
    # Nothing that the config names has gone: only what is made of all seeds is to be done.
    jobs = planned(study.folder, fewer)
    assert not {"finetune", "search_structured", "retrain", "evaluate"} & jobs.keys()
