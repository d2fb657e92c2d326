"""`snakemake export`: folders that other programs load, on a finished study."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
import yaml
from command_line import planned, run_snakemake
from runs import Run, copy_run
from tiny_study import EXPORTS
from transformers import pipeline
from transformers.utils import logging

import lottery
from lottery.files.errors import StudyError

pytestmark = pytest.mark.slow

FULL = ("tone", "none", "full", "finetuned")
PRUNED = ("tone", "structured", "good", "pruned")
RETRAINED = ("degree", "magnitude", "good", "retrained")


def folder_of(run: Run, cell: tuple[str, ...]) -> Path:
    task, *rest = cell
    return run.folder.joinpath("results/export/tiny", task, "seed_7", *rest)


def texts_of(run: Run, task: str) -> list:
    table = pq.read_table(run.folder / f"resources/tasks/{task}/validation.parquet")
    texts = table["text_a"].to_pylist()
    pairs = "text_b" in table.column_names
    return [*zip(texts, table["text_b"].to_pylist(), strict=True)] if pairs else texts


@pytest.mark.parametrize("cell", [FULL, PRUNED, RETRAINED], ids="-".join)
def test_the_exports_give_the_logits_of_the_study(exported: Run, cell: tuple[str, ...]) -> None:
    task, *rest = cell
    folder = folder_of(exported, cell)
    path = exported.cell(task, 7).joinpath("evaluate", *rest, "predictions.parquet")
    table = pq.read_table(path, filters=[("split", "=", "validation")])
    logits = np.array(table["logits"].to_pylist(), np.float32)
    texts = texts_of(exported, task)
    ours = lottery.load(folder)
    np.testing.assert_array_equal(ours.logits(texts), logits)
    logging.disable_progress_bar()
    classify = pipeline("text-classification", model=str(folder), device="cpu", top_k=None)
    given = [{"text": a, "text_pair": b} for a, b in texts] if task == "degree" else texts
    found = classify(given, truncation=True, padding=True)
    if task == "degree":
        scores = [[each["score"] for each in row] for row in found]
        np.testing.assert_allclose(scores, logits, atol=1e-4)
        return
    expected = torch.from_numpy(logits).softmax(-1).numpy()
    names = json.loads((folder / "config.json").read_text())["id2label"]
    assert [names["0"], names["1"]] == ["no", "yes"]
    by_name = [{each["label"]: each["score"] for each in row} for row in found]
    np.testing.assert_allclose([[row["no"], row["yes"]] for row in by_name], expected, atol=1e-5)


@pytest.mark.parametrize("cell", [FULL, PRUNED, RETRAINED], ids="-".join)
def test_the_card_has_the_numbers_of_the_tables(exported: Run, cell: tuple[str, ...]) -> None:
    task, method, subnetwork, phase = cell
    card = (folder_of(exported, cell) / "README.md").read_text()
    with (exported.folder / "results/tables/scores.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["task"] == task]
    ours, full = (
        [
            row
            for row in rows
            if (row["seed"], row["method"], row["subnetwork"], row["phase"]) == ("7", *of)
        ]
        for of in ((method, subnetwork, phase), FULL[1:])
    )
    majority = [row for row in rows if row["subnetwork"] == "majority"]
    assert len(ours) == len(full) > 0
    for row, of_full in zip(ours, full, strict=True):
        (of_majority,) = (
            each
            for each in majority
            if (each["split"], each["metric"]) == (row["split"], row["metric"])
        )
        values = [each["value"] for each in (row, of_full, of_majority)]
        shown = [f"{float(value):.4f}" if value else "-" for value in values]
        line = " | ".join([task, row["split"], row["metric"], *shown, row["n_examples"]])
        assert f"| {line} |" in card
    assert f"| parameters | {ours[0]['parameters']} | {full[0]['parameters']} |" in card
    assert f"file of weights | {ours[0]['file_bytes']} | {full[0]['file_bytes']} |" in card
    if method != "none":
        assert f"| kept_fraction | {float(ours[0]['kept_fraction']):.4f} |" in card
    record = exported.cell(task, 7) / "finetune/provenance.json"
    assert f"| finetune | {json.loads(record.read_text())['started']} |" in card


def test_the_card_has_the_intervals_of_the_differences(exported: Run) -> None:
    card = (folder_of(exported, RETRAINED) / "README.md").read_text()
    with (exported.folder / "results/tables/differences.csv").open() as file:
        rows = [
            row
            for row in csv.DictReader(file)
            if (row["task"], row["method"], row["phase"]) == ("degree", "magnitude", "retrained")
            and "good" in (row["first"], row["second"])
        ]
    assert rows
    for row in rows:
        value, low, high = (float(row[name]) for name in ("difference", "low", "high"))
        assert not math.isnan(low)
        line = f"{row['split']} | {row['metric']} | {value:.4f} | [{low:.4f}, {high:.4f}] |"
        assert line in card


def test_the_cards_metadata_are_what_the_hub_reads(exported: Run) -> None:
    card = (folder_of(exported, FULL) / "README.md").read_text()
    _, metadata, _ = card.split("---\n", 2)
    found = yaml.safe_load(metadata)
    assert found["library_name"] == "transformers"
    assert found["pipeline_tag"] == "text-classification"
    # The tiny model is in a folder, which no other machine has.
    assert "base_model" not in found and "datasets" not in found


def test_an_export_holds_no_text_of_the_data_and_no_folder_of_the_machine(exported: Run) -> None:
    for cell in (FULL, PRUNED, RETRAINED):
        texts = texts_of(exported, cell[0])
        sentences = {text if isinstance(text, str) else text[1] for text in texts}
        assert len(sentences) >= 20 and all(" " in text for text in sentences)
        for path in folder_of(exported, cell).iterdir():
            content = path.read_bytes().decode("utf-8", errors="ignore")
            assert str(exported.folder.parent) not in content, path
            assert not any(text in content for text in sentences), path


def test_what_is_exported_is_part_of_the_study_and_is_cleaned_with_it(exported: Run) -> None:
    assert planned(exported.folder, exported.config, "export") == {}
    fewer = exported.config | {"export": EXPORTS[:1]}
    listed = run_snakemake(exported.folder, fewer, "list_unnamed", "--cores", "1")
    assert listed.returncode == 0, listed.stdout
    assert "results/export/tiny/tone/seed_7/structured" in listed.stdout
    assert "results/export/tiny/tone/seed_7/none" not in listed.stdout
    none = {name: value for name, value in exported.config.items() if name != "export"}
    refused = run_snakemake(exported.folder, none, "export", "--cores", "1", "--dry-run")
    assert refused.returncode != 0
    assert "The config has no key export, so there is nothing to export" in refused.stdout


def test_a_removed_file_of_an_export_is_written_again(exported: Run, tmp_path: Path) -> None:
    copy_run(exported, tmp_path / "run")
    run = Run(tmp_path / "run", exported.config, "")
    (folder_of(run, FULL) / "tokenizer.json").unlink()
    with pytest.raises(StudyError, match=r"has no tokenizer\.json; .* writes removed files"):
        lottery.load(folder_of(run, FULL))
    (folder_of(run, PRUNED) / "shrunk.safetensors").unlink()
    jobs = planned(run.folder, run.config)
    assert (jobs["export_model"], jobs["export_shrunk"]) == (1, 1)
    assert "retrain" not in jobs and "evaluate" not in jobs


def test_weights_stay_for_an_export_and_are_made_again_for_one(
    exported: Run, tmp_path: Path
) -> None:
    run = Run(tmp_path / "run", exported.config | {"keep_retrained": False}, "")
    copy_run(exported, run.folder)
    # As if this one had not been exported yet.
    (folder_of(run, RETRAINED) / "model.safetensors").unlink()
    Path(f"{folder_of(run, RETRAINED)}.provenance.json").unlink()
    cleaned = run_snakemake(run.folder, run.config, "clean_retrained", "--cores", "1")
    assert cleaned.returncode == 0, cleaned.stdout
    (weights,) = (run.folder / "results").rglob("retrain/*/*/model.safetensors")
    assert weights.parent == run.cell("degree", 7) / "retrain/magnitude/good"
    assert planned(run.folder, run.config, "export")["export_model"] == 1
    weights.unlink()
    more = [{"subnetwork": "good", "task": "tone", "seed": 7, "method": "structured"}]
    jobs = planned(run.folder, run.config | {"export": EXPORTS + more}, "export")
    assert (jobs["retrain"], jobs["export_model"], jobs["export_shrunk"]) == (2, 1, 1)
    assert "finetune" not in jobs
