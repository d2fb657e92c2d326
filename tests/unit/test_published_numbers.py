"""The numbers that come with the workflow are the published ones, where the machine has these."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import pytest

from lottery import files
from lottery.results import published

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT.parent / "shared" / "paper"
OWN = ROOT / "workflow/resources/paper"
TASKS = {"CoLA": "cola", "SST-2": "sst2", "MRPC": "mrpc", "STS-B": "stsb", "QQP": "qqp"}
TASKS |= {"MNLI": "mnli", "QNLI": "qnli", "RTE": "rte", "WNLI": "wnli"}
OURS = {task: task for task in TASKS.values()}
METRICS = {"mcc": "matthews", "acc": "accuracy", "mnli_acc": "accuracy", "mnli-mm_acc": "accuracy"}
METRICS |= {"f1": "f1", "pearson": "pearson", "spearmanr": "spearman"}
STATISTICS = {"cochran_q_p": "cochran_p", "similar_pairs_of_10": "similar_pairs"}


def authors(name):
    if not (PAPER / name).is_file():
        pytest.skip(f"the authors' numbers are not at {PAPER / name}")
    with (PAPER / name).open(encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if {*row["task"].split("+")} <= {*TASKS}]


def our_names(row):
    method, subnetwork = row["method"], row["subnetwork"]
    if method == "structured_super":
        return "structured", f"super_{subnetwork}"
    return method, subnetwork


@pytest.fixture(scope="module")
def own():
    return published.Published.read(OWN / "scores.csv", OWN / "sizes.csv")


def test_scores(own):
    compared = 0
    for row in authors("results.csv"):
        if row["in_paper"] != "yes" or row["metric"] not in METRICS:
            continue
        split = "validation_mismatched" if row["metric"] == "mnli-mm_acc" else "validation"
        cell = (*our_names(row), row["phase"], TASKS[row["task"]], split, METRICS[row["metric"]])
        score, value, n = own.score(*cell), float(row["value"]), int(row["n_seeds"])
        assert score.n_seeds == n
        if row["seed_or_statistic"] == "mean":
            assert score.mean == value, cell
        else:
            assert score.sd == (value * math.sqrt(n / (n - 1)) if n > 1 else None), cell
        compared += 1
    assert compared == 2 * 20 * 13


def test_sizes(own):
    sizes = defaultdict(list)
    for row in authors("subnetwork_sizes.csv"):
        if row["seed_or_statistic"].isdigit():
            cell = (*our_names(row), TASKS[row["task"]])
            sizes[cell].append(float(row["body_fraction_kept"]))
    for cell, values in sizes.items():
        assert own.kept_fraction(*cell) == pytest.approx(fmean(values), abs=1e-12), cell
    assert len(sizes) == 7 * 9
    for name in ("random", "bad"):
        assert own.kept_fraction("magnitude", name, "rte") == pytest.approx(
            fmean(sizes["magnitude", "good", "rte"]), abs=1e-12
        )


def test_units_of_every_seed():
    columns = {"heads_kept", "mlps_kept", "magnitude_steps"}
    shipped = {
        (row["method"], row["subnetwork"], task, row["seed"], row["number"]): row[task]
        for row in files.read_csv(OWN / "sizes.csv")
        for task in OURS
    }
    compared = 0
    for row in authors("subnetwork_sizes.csv"):
        method, subnetwork = our_names(row)
        subnetwork = published.SAME_SIZE.get((method, subnetwork), subnetwork)
        seed = "" if subnetwork == "super_good" else row["seed_or_statistic"]
        for column in columns:
            if row["seed_or_statistic"].isdigit() and row[column]:
                place = (method, subnetwork, TASKS[row["task"]], seed, column)
                assert shipped[place] == row[column], place
                compared += 1
    assert compared == 2 * 6 * 45 + 45


def test_survivors():
    found = published.published_survivors(OWN / "sizes.csv", OURS)
    for row in authors("subnetwork_sizes.csv"):
        if our_names(row) == ("structured", "super_good") and row["seed_or_statistic"].isdigit():
            for unit in ("heads", "mlps"):
                assert found[TASKS[row["task"]], unit] == float(row[f"{unit}_kept"])
    assert len(found) == 2 * 9


def test_agreement_of_masks():
    found = {
        (row["unit"], row["statistic"], frozenset((task, row["other_task"])) - {""}): row[task]
        for row in files.read_csv(OWN / "stability.csv")
        for task in set(row) & set(OURS)
        if row[task]
    }
    compared = set()
    for row in authors("stability.csv"):
        statistic = row["statistic"].removesuffix("_two_tasks")
        tasks = frozenset(TASKS[task] for task in row["task"].split("+"))
        key = (row["component"], STATISTICS.get(statistic, statistic), tasks)
        if key in found:
            assert float(found[key]) == float(row["recomputed_from_masks"]), key
            compared.add(key)
    assert compared == found.keys() and len(found) == 2 * (4 * 8 + 28)
    of_tasks = published.published_stability(OWN / "stability.csv", OURS)
    assert of_tasks["rte", "heads", "fleiss_kappa"] == pytest.approx(0.1799, abs=5e-5)
    assert len(of_tasks) == 2 * 4 * 8


def test_shares_of_patterns():
    found = published.published_shares(OWN / "patterns.csv", OURS)
    rows = authors("attention_patterns.csv")
    for row in rows:
        pattern = row["pattern"].replace("+", "_")
        heads = row["heads"].removesuffix("_144_heads")
        weights = row["weights"].replace("pre_", "pre")
        place = (TASKS[row["task"]], heads, weights, row["attention_kind"], pattern)
        assert found[place] == pytest.approx(float(row["share"]), abs=5e-7), place
    assert len(found) == len(rows) == 320
