"""What of an unfinished study is shown, and what is said of the rest."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from small_study import study

from lottery.config import Study
from lottery.planning import grid, params, partial

CONFIG = """
models: {small: {source: embedded}, other: {source: embedded}}
tasks: {rte: {}, mrpc: {}, cola: {}}
seeds: [3, 1, 2]
methods:
  s: {algorithm: structured, subnetworks: [good, bad]}
  m: {algorithm: magnitude, subnetworks: [good, random, random_2]}
"""
CELL = "results/small/rte/seed_1"


def lacking(*paths: str) -> Study:
    """The study without some files."""
    return replace(study(CONFIG), unfinished=frozenset(paths))


def outputs_of(cell: grid.Cell) -> str:
    return f"{grid.Paths('results').evaluated}/metrics.json".format(**cell._asdict())


def test_a_study_of_which_nothing_is_missing_is_the_whole_grid() -> None:
    whole, partly = study(CONFIG), lacking()
    for rows in (grid.evaluate_rows, grid.mask_rows, grid.majority_rows, grid.method_rows):
        assert rows(whole) == rows(partly)
    assert partial.missing(partly)[0].startswith("0 of ")
    assert len(partial.missing(partly)) == 1
    assert partial.missing(whole) == [] and partial.sentence(whole) == ""


def test_the_cells_that_are_there_are_those_with_scores_and_a_full_model() -> None:
    draw = random.Random(3)
    every = grid.cells(study(CONFIG))
    for _ in range(20):
        gone = set(draw.sample(every, 30))
        found = grid.cells(lacking(*map(outputs_of, gone)))
        # A slow reference: a cell is there if it is scored and its full model is.
        full = {cell[:3] for cell in every if cell.subnetwork == "full" and cell not in gone}
        assert found == [cell for cell in every if cell not in gone and cell[:3] in full]


def test_without_majority_no_cell_of_a_task_is_there() -> None:
    found = grid.cells(lacking("results/majority/rte/metrics.json"))
    assert {cell.task for cell in found} == {"mrpc", "cola"}


@pytest.mark.parametrize("seed", range(10))
def test_the_block_is_the_largest_choice_of_tasks_and_seeds(seed: int) -> None:
    draw = random.Random(seed)
    whole = study(CONFIG)
    tasks, seeds = grid.block(whole, "small", "m")
    assert (tasks, seeds) == (["rte", "mrpc", "cola"], [3, 1, 2])
    places = list(itertools.product(tasks, seeds))
    gone = set(draw.sample(places, draw.randint(0, 9)))
    paths = [f"results/small/{t}/seed_{s}/mask/m/provenance.json" for t, s in gone]
    found = grid.block(lacking(*paths), "small", "m")
    assert not {*itertools.product(*found)} & gone
    sizes = [
        len(some) * len(of)
        for n, m in itertools.product(range(4), repeat=2)
        for some in itertools.combinations(tasks, n)
        for of in itertools.combinations(seeds, m)
        if not {*itertools.product(some, of)} & gone
    ]
    assert len(found[0]) * len(found[1]) == max(sizes)
    assert found[0] == [task for task in tasks if task in found[0]]
    assert found[1] == [seed for seed in seeds if seed in found[1]]
    assert grid.block(lacking(*paths), "other", "m") == (tasks, seeds)


def test_a_block_may_need_other_files_too() -> None:
    template = f"{grid.Paths('results').finetuned}/patterns.npz"
    partly = lacking("results/small/rte/seed_3/finetune/patterns.npz")
    assert grid.block(partly, "small", "s") == (["rte", "mrpc", "cola"], [3, 1, 2])
    assert grid.block(partly, "small", "s", template) == (["rte", "mrpc", "cola"], [1, 2])


def test_missing_cells_are_named_by_model_task_and_seed() -> None:
    gone = lacking(
        f"{CELL}/evaluate/s/good/retrained/metrics.json",
        f"{CELL}/evaluate/s/bad/pruned/metrics.json",
        *(f"{CELL}/evaluate/m/{name}/{phase}/metrics.json"
          for name in ("good", "random", "random_2") for phase in grid.PHASES),
        "results/other/cola/seed_2/evaluate/none/full/finetuned/metrics.json",
        "results/other/cola/seed_2/mask/s/provenance.json",
    )  # fmt: skip
    lines = partial.missing(gone)
    assert lines == [
        "19 of 198 evaluated cells are missing",
        "small on rte, seed 1: s (good retrained, bad pruned), m (all)",
        "other on cola, seed 2: all",
        "analyses of masks need every task under every seed: those of other, s are of "
        "rte, mrpc, cola under seeds 3, 1",
    ]
    said = partial.sentence(gone)
    assert said.startswith("Of an unfinished study: 19 of 198 evaluated cells are missing; small")


def test_hundreds_of_missing_cells_are_not_all_listed() -> None:
    many = study("seeds: [" + ", ".join(map(str, range(100))) + "]")
    paths = [outputs_of(cell) for cell in grid.cells(many)]
    lines = partial.missing(replace(many, unfinished=frozenset(paths)))
    assert "and cells of 60 more runs" in lines
    assert sum(line.endswith(": all") for line in lines) == partial.MOST
    assert partial.sentence(replace(many, unfinished=frozenset(paths))).endswith("more.")


def test_params_of_a_whole_study_do_not_speak_of_missing_cells() -> None:
    whole, partly = study(CONFIG), lacking(f"{CELL}/evaluate/m/good/pruned/metrics.json")
    assert "missing" not in params.claim_params(whole)
    assert "asked_tasks" not in params.claim_params(whole)
    assert "small on rte, seed 1" in params.claim_params(partly)["missing"]
    assert params.claim_params(partly)["asked_tasks"] == {"s": 3, "m": 3}
    assert "missing" not in params.report_params(whole, {})
    report = params.report_params(partly, {}, unmade=["results/partial/figures/a.svg"])
    assert report["missing"][-1] == "not made: results/partial/figures/a.svg"
    assert report["counts"]["evaluated"] == 197


def test_only_rules_of_tables_figures_and_report_are_left(tmp_path: Path) -> None:
    outputs = {
        "finetune": ["results/m/rte/seed_1/finetune/model.safetensors"],
        "collect_scores": ["results/partial/tables/scores.csv"],
        "all": [],
    }
    rules = {name: SimpleNamespace(name=name, output=each) for name, each in outputs.items()}
    local = {"finetune", "collect_scores"}
    workflow = SimpleNamespace(_rules=rules, rules=rules.values(), _localrules=local)
    partial.leave_out_cells(workflow, lacking())
    assert local == {"collect_scores"}
    assert [*rules] == ["collect_scores", "all"]


def test_paths_of_this_machine_are_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {
        "models": {"a": {"source": "/home/ada/bert"}, "b": {"source": "google-bert/bert"}},
        "tasks": {"t": {"data": {"train": "~/data/train.csv", "test": "../test.csv"}}},
        "plugins": [f"{tmp_path}/mine/pruner.py", "mine/other.py"],
        "seeds": [1, 2],
        "glue_folder": None,
    }
    assert params.shareable(config) == {
        "models": {"a": {"source": ".../bert"}, "b": {"source": "google-bert/bert"}},
        "tasks": {"t": {"data": {"train": ".../train.csv", "test": ".../test.csv"}}},
        "plugins": ["mine/pruner.py", "mine/other.py"],
        "seeds": [1, 2],
        "glue_folder": None,
    }
