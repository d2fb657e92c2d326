"""workflow/configs/authors_masks.yaml, with the four tasks whose masks the machine has."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from authors_masks import BERT_BASE, OWN, TASKS, rebuilt, served
from command_line import ROOT, run_snakemake

from lottery import files

CONFIG = ROOT / "workflow" / "configs" / "authors_masks.yaml"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_the_authors_masks_give_the_papers_numbers_without_training(tmp_path: Path) -> None:
    files.write_json(tmp_path / "bert" / "config.json", BERT_BASE)
    config = yaml.safe_load(CONFIG.read_text())
    config["models"] = {"bert_base": {"source": "bert"}}
    config["tasks"] = {task: {} for task in TASKS.values()}
    with served(rebuilt()) as address:
        env = {
            "AUTHORS_ADDRESS": address,
            "HF_HUB_OFFLINE": "0",
            "PYTHONPATH": str(Path(__file__).parent / "authors"),
            "NO_PROXY": "127.0.0.1",
        }
        done = run_snakemake(tmp_path, config, env=env)
    assert done.returncode == 0, done.stdout
    results = tmp_path / config["results"]
    made = [path.name for path in results.rglob("*") if path.is_file()]
    assert not {"model.safetensors", "metrics.json", "history.csv"} & {*made}
    assert not (tmp_path / "resources/tasks").exists()
    of_method = results / "tables/bert_base/authors"
    kappa = {
        (row["task"], row["statistic"]): float(row["value"])
        for row in files.read_csv(of_method / "stability.csv")
        if row["unit"] == "heads" and not row["other_task"]
    }
    published = {
        row["statistic"]: row
        for row in files.read_csv(OWN / "stability.csv")
        if row["unit"] == "heads" and not row["other_task"]
    }
    for statistic in ("fleiss_kappa", "krippendorff_alpha"):
        for task in TASKS.values():
            expected = float(published[statistic][task])
            assert kappa[task, statistic] == pytest.approx(expected, rel=1e-6)
    for name in ("survival_tasks", "survival_all", "survivors", "task_overlap", "stability"):
        assert (results / f"figures/bert_base/authors/{name}.svg").is_file(), name
    claims = {row["claim"]: row for row in files.read_csv(results / "tables/claims.csv")}
    for claim in ("C10", "C14"):
        assert claims[claim]["estimate"] and claims[claim]["n_seeds"] == "5", claims[claim]
    assert os.path.getsize(results / "report.html") > 10_000
