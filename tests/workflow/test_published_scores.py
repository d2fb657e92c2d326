"""A finished run: its scores say what its predictions say, its tables what its scores say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
from command_line import planned, run_snakemake
from runs import Run
from scipy import stats
from sklearn import metrics as reference

from lottery.files import sha256

CELL = ["model", "task", "seed", "method", "subnetwork", "phase"]
FIGURES = ("scores", "survival_tasks", "survival_all", "trajectories")


def scores(run: Run) -> pd.DataFrame:
    """scores.csv without the majority rows."""
    table = pd.read_csv(run.folder / "results/tables/scores.csv")
    return table[table["subnetwork"] != "majority"].astype({"seed": int})


def recomputed(metric: str, labels: np.ndarray, predictions: np.ndarray) -> float:
    """A metric as scikit-learn and scipy have it; NaN where it is undefined."""
    if metric == "accuracy":
        return reference.accuracy_score(labels, predictions)
    if np.ptp(predictions) == 0:
        return float("nan")
    function = stats.pearsonr if metric == "pearson" else stats.spearmanr
    return function(labels, predictions).statistic


def test_scores_are_those_of_the_predictions(published: Run) -> None:
    for cell, rows in scores(published).groupby(CELL):
        model, task, seed, method, subnetwork, phase = cell
        folder = published.folder / f"results/{model}/{task}/seed_{seed}/evaluate/{method}"
        table = pd.read_parquet(folder / subnetwork / phase / "predictions.parquet")
        logits = np.stack(table["logits"])
        decided = logits.argmax(axis=1) if task == "tone" else logits[:, 0]
        assert np.array_equal(decided, table["prediction"])
        for row in rows.itertuples():
            part = table[(table["split"] == row.split) | (table["half"] == row.split)]
            value = recomputed(
                row.metric, part["label"].to_numpy(), part["prediction"].to_numpy(np.float64)
            )
            assert row.value == pytest.approx(value, abs=1e-6, nan_ok=True), cell
            assert row.n_examples == len(part)


def test_labels_are_those_of_the_files(published: Run) -> None:
    data = published.config["tasks"]["tone"]["data"]
    given = pd.read_csv(data["validation"])["label"].map({"no": 0, "yes": 1})
    folder = published.cell("tone", 7) / "evaluate/none/full/finetuned"
    table = pd.read_parquet(folder / "predictions.parquet")
    assert list(table.sort_values("idx")["label"]) == list(given)


def test_sizes_are_those_of_the_masks(published: Run) -> None:
    from lottery.pruning.masks import read_mask

    for cell, rows in scores(published).groupby(CELL):
        _, task, seed, method, subnetwork, _ = cell
        if method == "none":
            assert (rows["kept_fraction"] == 1).all()
            continue
        place = (
            published.folder / f"results/tiny/{task}/super/{method}"
            if subnetwork.startswith("super_")
            else published.cell(task, seed) / "mask" / method
        )
        mask, info = read_mask(place / f"{subnetwork}.safetensors")
        assert (rows["kept_fraction"] == info.kept_fraction).all()
        if mask.granularity == "units":
            assert (rows["heads_kept"] == mask.units["head"].sum()).all()
            assert (rows["mlps_kept"] == mask.units["mlp"].sum()).all()


def test_full_models_have_learnt_and_degenerate_runs_are_marked(published: Run) -> None:
    table = scores(published)
    full = table[(table["subnetwork"] == "full") & (table["split"] == "validation")]
    assert (full["value"] > 0.8).all()
    assert not full["degenerate"].any()
    # All full models beat majority, so a run collapses by itself, and only if it was trained.
    for cell, rows in table.groupby([*CELL, "split"]):
        *_, method, subnetwork, phase, split = cell
        path = published.cell(cell[1], cell[2]) / "evaluate" / method / subnetwork / phase
        predictions = pd.read_parquet(path / "predictions.parquet")
        part = predictions[(predictions["split"] == split) | (predictions["half"] == split)]
        if phase == "pruned":
            assert not rows["degenerate"].any(), cell
        elif part["prediction"].nunique() == 1:
            assert rows["degenerate"].all(), cell


def test_majority_rows(published: Run) -> None:
    table = pd.read_csv(published.folder / "results/tables/scores.csv")
    rows = table[(table["subnetwork"] == "majority") & (table["task"] == "tone")]
    value = rows.set_index("split")["value"]
    data = published.config["tasks"]["tone"]["data"]
    labels = pd.read_csv(data["validation"])["label"]
    assert value["validation"] == labels.value_counts(normalize=True).max()


def test_summary_is_made_of_the_scores(published: Run) -> None:
    folder = published.folder / "results/tables"
    summary = pd.read_csv(folder / "summary.csv")
    table = scores(published)
    chosen = table[(table["metric"] == "pearson") & (table["split"] == "validation")]
    chosen = chosen[(chosen["subnetwork"] == "good") & (chosen["method"] == "structured")]
    for phase, runs in chosen.groupby("phase"):
        row = summary[
            (summary["task"] == "degree")
            & (summary["split"] == "validation")
            & (summary["method"] == "structured")
            & (summary["subnetwork"] == "good")
            & (summary["phase"] == phase)
        ]
        assert row["mean"].item() == pytest.approx(runs["value"].fillna(0).mean())
        assert row["sd"].item() == pytest.approx(runs["value"].fillna(0).std(ddof=1))
        assert row["n"].item() == 2
    printed = (folder / "summary.md").read_text()
    for words in ("| majority |", "| **structured** |", "| good, retrained |", "degree"):
        assert words in printed


@pytest.mark.parametrize("method", ["structured", "magnitude"])
@pytest.mark.parametrize("figure", FIGURES)
def test_figures_are_not_blank(published: Run, method: str, figure: str) -> None:
    folder = published.folder / f"results/figures/tiny/{method}"
    image = matplotlib.image.imread(folder / f"{figure}.png")[..., :3]
    assert image.shape[0] > 200 and image.shape[1] > 200
    colours = np.unique((255 * image).round().astype(np.int64) @ [1, 256, 65536])
    assert len(colours) > 20
    assert np.ptp(image) > 0.5
    text = (folder / f"{figure}.svg").read_text()
    assert text.rstrip().endswith("</svg>")
    assert len(re.findall(r"<(?:path|use|text)", text)) > 20


def test_a_finished_run_plans_nothing(published: Run, tmp_path: Path) -> None:
    assert planned(published.folder, published.config, config_folder=tmp_path) == {}


def test_the_report_opens_without_network(published: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    finished = run_snakemake(
        published.folder, published.config, "--report", str(page), config_folder=tmp_path
    )
    assert finished.returncode == 0, finished.stdout
    text = page.read_text()
    assert not re.search(r"<(script|link|img|iframe)[^>]+(src|href)=.?(https?:)?//", text)
    assert "Searches" in text and "Survival" in text
    for figure in ("scores", "survival_tasks", "survival_all", "trajectories"):
        assert f"{figure}.svg" in text


def test_super_masks_serve_all_seeds(published: Run) -> None:
    from lottery.pruning.masks import read_mask

    for task in ("tone", "degree"):
        masks = {}
        for name in ("super_good", "super_random", "super_bad"):
            path = published.folder / f"results/tiny/{task}/super/structured/{name}.safetensors"
            masks[name], info = read_mask(path)
            assert (info.subnetwork, info.seed) == (name, "")
        goods = [
            read_mask(published.cell(task, seed) / "mask/structured/good.safetensors")[0]
            for seed in (7, 3)
        ]
        for kind, kept in masks["super_good"].units.items():
            assert np.array_equal(kept, goods[0].units[kind] & goods[1].units[kind])
        counts = {tuple(mask.counts().values()) for mask in masks.values()}
        assert len(counts) == 1
        used = {
            digest
            for seed in (7, 3)
            for step in ("retrain/structured/super_good", "evaluate/structured/super_good/pruned")
            for digest in read_record(published, task, seed, step)["inputs"]["mask"].values()
        }
        path = f"results/tiny/{task}/super/structured/super_good.safetensors"
        assert used == {sha256(published.folder / path)}


def read_record(run: Run, task: str, seed: int, step: str) -> dict:
    return json.loads((run.cell(task, seed) / step / "provenance.json").read_text())
