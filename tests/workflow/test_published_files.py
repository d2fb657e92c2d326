"""A finished run: every file is there, every cell is scored, and records say whence all came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import pandas as pd
import torch
from runs import DRAWN, Run

from lottery.files import sha256
from lottery.runtime import stages

SEEDS = (7, 3)
PHASES = ("pruned", "retrained")
SPLITS = ("validation", "search_half", "report_half")
COLUMNS = [
    *"model task seed method subnetwork phase split metric value n_examples".split(),
    *"kept_fraction heads_kept mlps_kept degenerate eval_task group".split(),
    *"target_kept start mask_source units_kept".split(),
    *"parameters nonzero_parameters file_bytes flops".split(),
]
VERSIONS = {stages.stage(step) for step in stages.step_names()}
LISTED = ["good", "super_good"], ["good"]


def expected_files() -> Iterator[str]:
    """Every file of results/ and resources/, logs and benchmarks left out."""
    names = "config.json config.provenance.json tokenizer.json model.safetensors"
    yield from in_folder("resources/models/tiny", names)
    for task in ("tone", "degree"):
        names = "train.parquet validation.parquet summary.json"
        yield from in_folder(f"resources/tasks/{task}", names)
        yield from in_folder(f"results/majority/{task}", "metrics.json")
        names = "train.safetensors validation.safetensors summary.json"
        yield from in_folder(f"results/tiny/{task}/tokens", names)
        yield from in_folder(
            f"results/tiny/{task}/super/structured",
            "super_good.safetensors super_random.safetensors super_bad.safetensors",
        )
        for seed in SEEDS:
            yield from files_of_cell(f"results/tiny/{task}/seed_{seed}")
    for mask in DRAWN:
        yield from (mask, mask.replace(".safetensors", ".provenance.json"))
    for name in ("scores.csv", "summary.csv", "summary.md", "summary.tex", "overlap.csv"):
        yield f"results/tables/{name}"
        yield f"results/tables/{name.split('.')[0]}.provenance.json"
    for kind in ("svg", "png", "pdf", "rst", "provenance.json"):
        yield f"results/figures/tiny/overview.{kind}"
    for method in ("structured", "magnitude"):
        yield f"results/tables/tiny/{method}/survival.csv"
        for figure in ("scores", "survival_tasks", "survival_all", "trajectories"):
            for kind in ("svg", "png", "pdf", "rst"):
                yield f"results/figures/tiny/{method}/{figure}.{kind}"
        for step in ("scores", "survival", "trajectories"):
            yield f"results/figures/tiny/{method}/{step}.provenance.json"


def files_of_cell(cell: str) -> Iterator[str]:
    """The files of one (model, task, seed)."""
    names = "model.safetensors logits.safetensors metrics.json history.csv"
    yield from in_folder(f"{cell}/finetune", names)
    for measured in ("magnitudes", "patterns"):
        yield f"{cell}/finetune/{measured}.npz"
        yield f"{cell}/finetune/{measured}.provenance.json"
    yield from in_folder(f"{cell}/mask/magnitude", "good.safetensors search.csv path.npz")
    names = "good.safetensors search.csv path.npz importance.npz"
    yield from in_folder(f"{cell}/mask/structured", names)
    yield from in_folder(f"{cell}/evaluate/none/full/finetuned", "metrics.json predictions.parquet")
    for method, subnetworks in zip(("structured", "magnitude"), LISTED, strict=True):
        yield f"{cell}/evaluate/{method}/pruned.json"
        yield f"{cell}/evaluate/{method}/pruned.provenance.json"
        for name in subnetworks:
            names = "model.safetensors logits.safetensors history.csv"
            yield from in_folder(f"{cell}/retrain/{method}/{name}", names)
            yield f"{cell}/evaluate/{method}/{name}/pruned/logits.safetensors"
            for phase in ("pruned", "retrained"):
                yield from in_folder(
                    f"{cell}/evaluate/{method}/{name}/{phase}", "metrics.json predictions.parquet"
                )


def in_folder(folder: str, names: str) -> Iterator[str]:
    """Files of a folder, and the record beside them."""
    return (f"{folder}/{name}" for name in (*names.split(), "provenance.json"))


def test_every_file_is_there_and_in_cells_none_besides(published: Run) -> None:
    found = {
        str(path.relative_to(published.folder))
        for room in ("results", "resources")
        for path in (published.folder / room).rglob("*")
        if path.is_file()
    }
    expected = set(expected_files())
    assert expected <= found
    # Tables and figures may be more: other analyses have tests of their own.
    cells = ("results/tiny/", "results/majority/", "resources/")
    assert {path for path in found if path.startswith(cells)} == {
        path for path in expected if path.startswith(cells)
    }
    logs = {path for path in found if path.startswith("results/logs")}
    benchmarks = {path for path in found if path.startswith("results/benchmarks")}
    jobs = sum(path.endswith("provenance.json") for path in found)
    assert len(logs) == len(benchmarks) == jobs
    assert "results/logs/evaluate/tiny/tone/seed_7/structured/good/pruned.log" in logs


def test_scores_csv_holds_every_cell(published: Run) -> None:
    table = pd.read_csv(published.folder / "results/tables/scores.csv")
    assert list(table) == COLUMNS
    metrics = {"tone": {"accuracy"}, "degree": {"pearson", "spearman"}}
    cells = [("none", "full", "finetuned")]
    for method, subnetworks in zip(("structured", "magnitude"), LISTED, strict=True):
        cells += [(method, name, phase) for name in subnetworks for phase in PHASES]
    expected = {
        ("tiny", task, str(seed), *cell, split, metric)
        for task, names in metrics.items()
        for seed in SEEDS
        for cell in cells
        for split in SPLITS
        for metric in names
    } | {
        ("none", task, "", "none", "majority", "none", split, metric)
        for task, names in metrics.items()
        for split in SPLITS
        for metric in names
    }
    table["seed"] = [str(int(seed)) if seed == seed else "" for seed in table["seed"]]
    rows = list(table[COLUMNS[:8]].itertuples(index=False, name=None))
    assert len(rows) == len(set(rows))
    assert set(rows) == expected
    assert set(table.loc[table["method"] == "magnitude", "heads_kept"].isna()) == {True}
    assert table.loc[table["subnetwork"] == "majority", "kept_fraction"].isna().all()
    assert table[["eval_task", "group"]].isna().all(axis=None)


def records(run: Run) -> Iterator[dict[str, Any]]:
    """All provenance files of a run."""
    for room in ("results", "resources"):
        for path in (run.folder / room).rglob("*provenance.json"):
            yield json.loads(path.read_text())


def test_provenance_names_what_a_file_was_made_from(published: Run) -> None:
    digests: dict[str, str] = {}
    for record in records(published):
        assert record["device"] == "cpu" and record["slot"] is None
        assert record["duration_seconds"] > 0
        assert record["versions"]["torch"] == torch.__version__
        assert record["params"]["step"] in VERSIONS
        assert record["outputs"]
        for kind in ("inputs", "outputs"):
            for named in record[kind].values():
                for path, digest in named.items():
                    assert digests.setdefault(path, digest) == digest, path
    for path, digest in digests.items():
        found = published.folder / path
        if found.is_dir():  # the names and digests of what is in it
            assert sha256(found) == digest, path
        else:
            assert hashlib.sha256(found.read_bytes()).hexdigest() == digest, path


def test_no_two_params_of_a_step_could_trade_places_unseen(published: Run) -> None:
    # Snakemake compares them as a set of values without names. Files stand with their digests.
    for record in records(published):
        named = {**record["params"], "resources": None, "sources": None}
        kinds = [type(value) for value in named.values() if value is not None]
        assert len(set(kinds)) == len(kinds), record["rule"]


def test_provenance_names_options_and_seed(published: Run) -> None:
    by_rule: dict[str, list[dict[str, Any]]] = {}
    for record in records(published):
        by_rule.setdefault(record["rule"], []).append(record)
    assert len(by_rule["retrain"]) == 12
    retrain = by_rule["retrain"][0]
    assert retrain["params"]["settings"]["training"]["learning_rate"] == 6e-3
    assert retrain["params"]["torch_threads"] == 1
    assert {record["wildcards"]["seed"] for record in by_rule["retrain"]} == {"7", "3"}
    options = by_rule["search_structured"][0]["params"]["settings"]["options"]
    assert (options["importance"], options["keep_score"]) == ("running_sum", 0.9)
    (model,) = by_rule["fetch_model"]
    assert model["params"]["settings"]["source"] == published.config["models"]["tiny"]["source"]
