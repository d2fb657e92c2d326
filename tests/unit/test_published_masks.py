"""The authors' masks, where the machine has them: every table gives their printed numbers."""

from __future__ import annotations

import csv
import statistics

import pytest
from authors_masks import BERT_BASE, OWN, PAPER, TASKS, fetch_all

from lottery import files
from lottery.steps.import_masks import import_masks
from lottery.steps.measure_overlap import measure_overlap
from lottery.steps.measure_stability import measure_stability

SEEDS = (1337, 42, 86, 71, 166)
STATISTICS = {"cochran_q_p": "cochran_p", "similar_pairs_of_10": "similar_pairs"}


def published(name):
    with (PAPER / name).open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """Name of a table -> its rows, made from the authors' files alone: no weights."""
    root = tmp_path_factory.mktemp("authors")
    fetched = fetch_all(root)
    files.write_json(root / "config.json", BERT_BASE)
    paths = []
    for ours in TASKS.values():
        for seed in SEEDS:
            paths.append(root / ours / str(seed) / "good.safetensors")
            import_masks(
                path_to_config=root / "config.json",
                path_to_mask=paths[-1],
                model="bert",
                task=ours,
                seed=seed,
                method="authors",
                masks="authors",
                task_name=ours,
                emptied_attention="drop_bias",
                paths_to_authors=fetched[ours, seed],
            )
    common = {"paths_to_masks": paths, "path_to_config": root / "config.json"}
    common |= {"model": "bert", "method": "authors", "permutations": 200}
    common |= {"published": {task: task for task in TASKS.values()}}
    common |= {"averaged_tasks": list(TASKS.values())}
    measure_stability(
        **common,
        path_to_published=OWN / "stability.csv",
        path_to_stability=root / "stability.csv",
        path_to_pairs=root / "pairs.csv",
        path_to_agreement=root / "agreement.csv",
        paths_to_figure=[root / "stability.svg"],
    )
    pictures = {
        f"paths_to_{name}_figure": [root / f"{name}.svg"] for name in ("survivors", "overlap")
    }
    measure_overlap(
        **common,
        **pictures,
        path_to_published=OWN / "sizes.csv",
        path_to_shared=OWN / "task_overlap.csv",
        path_to_analyses=OWN / "analyses.csv",
        path_to_sizes=root / "sizes.csv",
        path_to_survivors=root / "survivors.csv",
        path_to_layers=root / "layers.csv",
        path_to_overlap=root / "overlap.csv",
        path_to_task_pairs=root / "task_pairs.csv",
        few_tasks=3,
    )
    names = ("stability", "pairs", "agreement", "sizes", "survivors", "layers", "overlap")
    names += ("task_pairs",)
    return {name: files.read_csv(root / f"{name}.csv") for name in names}


def test_stability_equals_the_recomputed_column(tables):
    found = {
        (row["unit"], row["task"], row["other_task"], row["statistic"]): float(row["value"])
        for row in tables["stability"]
    }
    compared = 0
    for row in published("stability.csv"):
        tasks = row["task"].split("+")
        if not set(tasks) <= set(TASKS):
            continue
        first, second = sorted((TASKS[t] for t in tasks), key=list(TASKS.values()).index)[0], ""
        if len(tasks) == 2:
            second = next(TASKS[t] for t in tasks if TASKS[t] != first)
        statistic = row["statistic"].removesuffix("_two_tasks")
        key = (row["component"], first, second, STATISTICS.get(statistic, statistic))
        expected = float(row["recomputed_from_masks"])
        assert found[key] == pytest.approx(expected, abs=1e-6), row
        if statistic == "cochran_q_p":  # 1e-6 says nothing of p = 2e-11
            assert found[key] == pytest.approx(expected, rel=1e-6), row
        compared += 1
    # Per kind of unit: four statistics of four tasks, and six pairs of tasks.
    assert compared == 2 * (4 * 4 + 6)


def test_sizes_equal_the_published_ones(tables):
    found = {(row["subnetwork"], row["task"], row["seed"]): row for row in tables["sizes"]}
    compared = 0
    for row in published("subnetwork_sizes.csv"):
        kinds = {("structured", "good"): "good", ("structured_super", "good"): "super_good"}
        kind = kinds.get((row["method"], row["subnetwork"]))
        seed = row["seed_or_statistic"]
        if kind is None or row["task"] not in TASKS or not seed.isdigit():
            continue
        ours = found[kind, TASKS[row["task"]], seed if kind == "good" else ""]
        assert ours["heads_kept"] == row["heads_kept"]
        assert ours["mlps_kept"] == row["mlps_kept"]
        digits = len(row["body_fraction_kept"].split(".")[1])
        assert round(float(ours["kept_fraction"]), digits) == float(row["body_fraction_kept"])
        compared += 1
    assert compared == 2 * 4 * 5


def test_task_overlap_equals_the_published_one(tables):
    found = {(r["unit"], frozenset((r["task_a"], r["task_b"]))): r for r in tables["overlap"]}
    compared = 0
    for row in published("task_overlap.csv"):
        if not {row["task_a"], row["task_b"]} <= set(TASKS):
            continue
        ours = found[row["component"], frozenset((TASKS[row["task_a"]], TASKS[row["task_b"]]))]
        for theirs, name, digits in (
            ("shared_mean_over_seeds", "shared_mean", 4),
            ("shared_std", "shared_sd", 4),
            ("expected_if_independent", "expected", 3),
        ):
            assert float(ours[name]) == pytest.approx(float(row[theirs]), abs=0.51 * 10**-digits)
        assert int(ours["super_shared"]) == int(row["shared_super_survivors"])
        compared += 1
    assert compared == 2 * (4 + 6)


def test_the_spread_of_task_pairs_has_the_published_formula(tables):
    """Sample standard deviation over pairs of the published means: 0.0533 of all 28 pairs."""
    shared = {
        frozenset((row["task_a"], row["task_b"])): float(row["shared_mean_over_seeds"]) / 144
        for row in published("task_overlap.csv")
        if row["component"] == "heads" and row["task_a"] != row["task_b"]
    }
    of_eight = [value for pair, value in shared.items() if "WNLI" not in pair]
    assert len(of_eight) == 28 and statistics.stdev(of_eight) == pytest.approx(0.0533, abs=5e-5)
    (row,) = (row for row in tables["task_pairs"] if row["unit"] == "heads")
    of_four = [value for pair, value in shared.items() if pair <= set(TASKS)]
    assert float(row["sd"]) == pytest.approx(statistics.stdev(of_four), abs=1e-6)
    assert (row["n_tasks"], row["n_pairs"], row["n_seeds"]) == ("4", "6", "5")


def test_heads_agree_over_seeds_more_than_chance_gives(tables):
    rows = {(row["unit"], row["statistic"], row["task"]): row for row in tables["agreement"]}
    kappas = [float(rows["heads", "fleiss_kappa", task]["value"]) for task in TASKS.values()]
    average = rows["heads", "fleiss_kappa", "average"]
    assert float(average["value"]) == pytest.approx(statistics.fmean(kappas))
    assert float(average["p"]) == float(average["smallest_p"]) == pytest.approx(1 / 201)
    # The published alphas of MLPs are near 0, but for CoLA's.
    assert float(rows["mlps", "fleiss_kappa", "sst2"]["p"]) > 0.05


def test_more_units_survive_in_all_seeds_than_chance_gives(tables):
    """The number expected from the sizes, rounded, is 14, 13, 10 and 3 heads."""
    rows = {
        row["task"]: row
        for row in tables["survivors"]
        if (row["unit"], row["statistic"]) == ("heads", "super_survivors")
    }
    for task, (count, expected) in {
        "cola": (34, 14),
        "mrpc": (28, 13),
        "qnli": (31, 10),
        "sst2": (19, 3),
    }.items():
        assert float(rows[task]["value"]) == count
        assert round(float(rows[task]["expected"])) == expected
        assert float(rows[task]["p"]) < 0.01


def test_the_numbers_that_ship_are_these(tables):
    found = {
        (row["task"], row["other_task"], row["unit"], row["statistic"]): float(row["value"])
        for row in tables["stability"]
    }
    checked = [
        found[key] == pytest.approx(float(row[task]), rel=1e-6)
        for row in files.read_csv(OWN / "stability.csv")
        for task in TASKS.values()
        if (key := (task, row["other_task"], row["unit"], row["statistic"])) in found
    ]
    assert len(checked) > 30 and all(checked)
