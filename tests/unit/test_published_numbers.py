"""The numbers that come with the workflow are the published ones, where the machine has these."""

from __future__ import annotations

import csv
import math
from collections import defaultdict
from pathlib import Path
from statistics import fmean

import numpy as np
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
MODES = ("heads_only", "mlps_only")
STATISTICS = {"cochran_q_p": "cochran_p", "similar_pairs_of_10": "similar_pairs"}


def authors(name):
    if not (PAPER / name).is_file():
        pytest.skip(f"the authors' numbers are not at {PAPER / name}")
    with (PAPER / name).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [row for row in rows if {*row.get("task", "CoLA").split("+")} <= {*TASKS}]


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
        alone = row["method"] in MODES and row["subnetwork"] == "good"
        if (row["in_paper"] != "yes" and not alone) or row["metric"] not in METRICS:
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
    # 20 cells, and heads pruned and retrained, and MLPs pruned.
    assert compared == 2 * (20 + 3) * 13


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


def test_survival_of_every_unit():
    """Figure 1: structured from the masks, magnitude as the authors' figures print it."""
    path = PAPER / "masks_structured.npz"
    if not path.is_file():
        pytest.skip(f"the authors' masks are not at {path}")
    found = published.published_heatmap(OWN / "heatmap.csv", "structured", OURS)
    with np.load(path) as masks:
        for theirs, task in TASKS.items():
            own = [masks[key] for key in masks.files if key.startswith(f"{theirs}/")]
            assert (task in found) == bool(own)
            for kind in found.get(task, {}):
                of_kind = [
                    masks[f"{theirs}/{seed}/{kind}s"] for seed in ("1337", "42", "86", "71", "166")
                ]
                np.testing.assert_allclose(found[task][kind], np.mean(of_kind, axis=0), atol=1e-9)
    found = published.published_heatmap(OWN / "heatmap.csv", "magnitude", OURS)
    rows = authors("heatmap_magnitude.csv")
    for row in rows:
        place = (int(row["layer"]), int(row["head"])) if row["head"] else int(row["layer"])
        units = found[TASKS[row["task"]]][row["component"]]
        assert units[place] == float(row["kept_share_mean"])
    assert len(rows) == sum(units.size for each in found.values() for units in each.values())
    assert published.published_heatmap(OWN / "heatmap.csv", None, OURS) == {}


def test_units_that_tasks_share():
    """Figure 5."""
    found = published.published_overlap(OWN / "task_overlap.csv", OURS)
    names = {
        "shared_mean": "shared_mean_over_seeds",
        "shared_sd": "shared_std",
        "expected": "expected_if_independent",
        "super_shared": "shared_super_survivors",
    }
    rows = authors("task_overlap.csv")
    for row in rows:
        first, second = TASKS[row["task_a"]], TASKS[row["task_b"]]
        for number, column in names.items():
            for pair in ((first, second), (second, first)):
                assert found[*pair, row["component"], number] == float(row[column])
    assert len(rows) == 2 * 45 and len(found) == 2 * 81 * len(names)


def test_numbers_of_analyses():
    """Those that stand in sentences of the description of the paper."""
    path = PAPER / "PAPER.md"
    if not path.is_file():
        pytest.skip(f"the description of the paper is not at {path}")
    text = " ".join(path.read_text(encoding="utf-8").split())
    found = published.published_analyses(OWN / "analyses.csv")
    for words, places in {
        "masks give 93 % and 83 % (mean number": [
            ("fewer_than_7_tasks", "heads", 0.93),
            ("fewer_than_7_tasks", "mlps", 0.83),
        ],
        "Kept > pruned in 7 of 45 runs for heads, 28 of 45 for MLPs, 19 of 45 jointly": [
            ("larger_magnitude_kept", "heads", 7),
            ("larger_magnitude_kept", "mlps", 28),
            ("larger_magnitude_kept", "both", 19),
        ],
        "Pearson 0.82 for steps 0-1, about 0.55 for steps 1-2 and 2-3": [
            ("importance_correlation_step_1", "heads", 0.82),
            ("importance_correlation_step_2", "heads", 0.55),
            ("importance_correlation_step_3", "heads", 0.55),
        ],
        "heads only 58.5 of 144, MLPs only 6.8 of 12, together 76.3 and 7.8": [
            ("kept_alone", "heads", 58.5),
            ("kept_alone", "mlps", 6.8),
            ("kept_together", "heads", 76.3),
            ("kept_together", "mlps", 7.8),
        ],
    }.items():
        assert words in text
        for quantity, unit, value in places:
            assert found[quantity, unit].value == value
    assert "(phi) .18-.39" in text and "(.21-.35)" in text
    noise = published.published_noise(OWN / "analyses.csv")
    assert noise == {("heads", "data"): (0.18, 0.39), ("heads", "seeds"): (0.21, 0.35)}
    assert published.published_magnitudes(OWN / "analyses.csv")["mlps"] == (28, 45)
    steps = published.published_correlations(OWN / "analyses.csv", {"ours": "cola", "x": "rte"})
    assert steps == {("ours", "heads"): {1: 0.82, 2: 0.55, 3: 0.55}}
