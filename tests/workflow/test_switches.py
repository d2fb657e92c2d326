"""The switches of the full config on the tiny study, in one run.

Pruning modes, searches on other examples, the untrained control, and other systems' scores.
"""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np
import pytest
from command_line import planned, run_snakemake
from runs import Config, Run, Share, run_to_the_end
from safetensors.numpy import load_file
from tiny_study import HEADS, LAYERS

from lottery.pruning.controls import generator
from lottery.pruning.masks import read_mask

UNTRAINED = "drawn"
SEARCHED = {"half": "search_half", "sample": "train_sample"}
ON_TINY = {"algorithm": "structured", "models": ["tiny"]}
METHODS = {
    "structured": {
        "algorithm": "structured",
        "sizes_from": "tiny",
        "subnetworks": ["good", "random", "bad"],
    },
    "heads": ON_TINY | {"units": "heads", "subnetworks": ["good"]},
    "mlps": ON_TINY | {"units": "mlps", "subnetworks": ["good"]},
} | {
    name: ON_TINY | {"search_on": examples, "subnetworks": []}
    for name, examples in SEARCHED.items()
}
TARGETS = [
    "results/tables/trainability.csv",
    "results/tables/tiny/structured/noise.csv",
    "results/tables/tiny/structured/methods.csv",
]


@pytest.fixture(scope="module")
def switched(share: Share, study: Config) -> Run:
    def run(folder: Path) -> Config:
        baselines = folder / "others.csv"
        baselines.write_text("name,task,score\nBiLSTM,tone,0.61\nCBoW,tone,0.55\n")
        tiny = study["models"]["tiny"]
        config = study | {
            "models": {"tiny": tiny, UNTRAINED: tiny | {"init": "random"}},
            "tasks": {"tone": study["tasks"]["tone"]},
            "methods": METHODS,
            "analysis": {"baselines": str(baselines)},
        }
        return run_to_the_end(folder, config, *TARGETS)

    return share("switched", run)


def rows(run: Run, name: str) -> list[dict[str, str]]:
    with (run.folder / "results/tables" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def mask_of(run: Run, method: str, seed: int, subnetwork: str = "good", model: str = "tiny"):
    folder = run.folder / "results" / model / "tone" / f"seed_{seed}" / "mask" / method
    return read_mask(folder / f"{subnetwork}.safetensors")


@pytest.mark.parametrize("seed", [7, 3])
def test_a_pruning_mode_leaves_the_other_kind_whole(switched: Run, seed: int):
    heads, _ = mask_of(switched, "heads", seed)
    mlps, _ = mask_of(switched, "mlps", seed)
    assert heads.units["mlp"].all() and not heads.units["head"].all()
    assert mlps.units["head"].all() and not mlps.units["mlp"].all()
    for name, column, total in (("heads", "mlps_kept", LAYERS), ("mlps", "heads_kept", None)):
        path = switched.cell("tone", seed) / "mask" / name / "search.csv"
        with path.open(newline="") as file:
            steps = list(csv.DictReader(file))
        # One stage, in which the other kind is never touched.
        assert {step["stage"] for step in steps} == {name}
        assert {int(step[column]) for step in steps} == {total or LAYERS * HEADS}


def test_modes_stand_side_by_side_with_their_sizes_and_scores(switched: Run):
    table = rows(switched, "tiny/structured/methods.csv")
    assert [(row["method"], row["phase"]) for row in table] == [
        (method, phase)
        for method in ("structured", "heads", "mlps")
        for phase in ("pruned", "retrained")
    ]
    scores = rows(switched, "scores.csv")
    for row in table:
        masks = [mask_of(switched, row["method"], seed)[0] for seed in (7, 3)]
        assert float(row["heads_kept"]) == np.mean([mask.counts()["heads"] for mask in masks])
        assert float(row["mlps_kept"]) == np.mean([mask.counts()["mlps"] for mask in masks])
        values = [
            float(score["value"])
            for score in scores
            if (score["method"], score["subnetwork"], score["phase"])
            == (row["method"], "good", row["phase"])
            and (score["split"], score["metric"]) == ("validation", "accuracy")
        ]
        assert len(values) == 2
        assert float(row["mean"]) == pytest.approx(np.mean(values))
    for kind in ("svg", "png", "pdf"):
        figure = switched.folder / f"results/figures/tiny/structured/methods.{kind}"
        assert figure.stat().st_size > 5000


@pytest.mark.parametrize("seed", [7, 3])
def test_the_untrained_control_takes_its_sizes_from_the_pretrained_model(switched: Run, seed: int):
    good, _ = mask_of(switched, "structured", seed)
    drawn, info = mask_of(switched, "structured", seed, "random", UNTRAINED)
    # Each unit with the kept share of its kind, drawn anew by the same seeds.
    rng = generator(UNTRAINED, "tone", seed, "structured", "random")
    for kind, kept in good.units.items():
        assert np.array_equal(drawn.units[kind], rng.random(kept.shape) < kept.mean())
    assert (info.model, info.subnetwork) == (UNTRAINED, "random")
    folder = switched.folder / "results" / UNTRAINED / "tone" / f"seed_{seed}" / "mask"
    # Nothing is searched on it, and no other subnetwork is drawn.
    assert [path.name for path in folder.rglob("*.safetensors")] == ["random.safetensors"]


def test_the_untrained_control_starts_from_drawn_weights(switched: Run):
    resources = switched.folder / "resources/models"
    drawn, given = (
        load_file(resources / name / "model.safetensors") for name in (UNTRAINED, "tiny")
    )
    assert drawn.keys() == given.keys()
    matrices = [name for name in given if name.endswith("query.weight")]
    for name in matrices:
        assert not np.allclose(drawn[name], given[name])
        # As transformers draws them: normal, standard deviation 0.02.
        assert drawn[name].std() == pytest.approx(0.02, rel=0.2)
    assert len(matrices) == LAYERS
    cell = switched.folder / "results" / UNTRAINED / "tone/seed_7"
    record = json.loads((cell / "retrain/structured/random/provenance.json").read_text())
    inputs = json.dumps(record["inputs"])
    assert f"models/{UNTRAINED}/model.safetensors" in inputs
    assert "models/tiny/" not in inputs


def test_what_still_learns_is_one_table(switched: Run):
    table = rows(switched, "trainability.csv")
    shown = [(row["system"], row["model"], row["name"] or row["method"]) for row in table]
    assert list(dict.fromkeys(shown)) == [
        ("majority", "none", "none"),
        ("given", "none", "BiLSTM"),
        ("given", "none", "CBoW"),
        ("bad", "tiny", "structured"),
        ("untrained", UNTRAINED, "structured"),
        ("full", "tiny", "none"),
        ("full", UNTRAINED, "none"),
    ]
    (given,) = (row for row in table if (row["name"], row["task"]) == ("BiLSTM", "tone"))
    assert float(given["mean"]) == 0.61
    printed = (switched.folder / "results/tables/trainability.md").read_text()
    (supplied,) = (
        line for line in printed.splitlines() if line.startswith("| BiLSTM (supplied) |")
    )
    assert supplied.startswith("| BiLSTM (supplied) | - | - |") and "| 0.610 |" in supplied
    name = f"structured: random ({UNTRAINED}, untrained, trained likewise)"
    assert f"| {name} | 2 |" in printed


def test_agreement_of_other_examples_stands_beside_that_of_seeds(switched: Run):
    table = rows(switched, "tiny/structured/noise.csv")
    heads = [row for row in table if (row["unit"], row["statistic"]) == ("heads", "jaccard")]
    assert [(r["source"], r["search_on"], r["other_search_on"], r["n"]) for r in heads] == [
        ("seeds", "validation", "validation", "1"),
        ("seeds", "search_half", "search_half", "1"),
        ("seeds", "train_sample", "train_sample", "1"),
        ("data", "validation", "search_half", "2"),
        ("data", "validation", "train_sample", "2"),
        ("data", "search_half", "train_sample", "2"),
    ]
    # The same fine-tuned model, searched on different examples: mean over both seeds.
    expected = []
    for seed in (7, 3):
        one, other = (
            mask_of(switched, name, seed)[0].units["head"] for name in ("structured", "half")
        )
        expected.append((one & other).sum() / (one | other).sum())
    (row,) = (r for r in heads if r["other_method"] == "half" and r["method"] == "structured")
    assert float(row["mean"]) == pytest.approx(np.mean(expected))
    # These methods search and do no more.
    for name in SEARCHED:
        assert not (switched.cell("tone", 7) / "retrain" / name).exists()


def test_other_scores_of_other_systems_are_read_again(switched: Run):
    path = Path(switched.config["analysis"]["baselines"])
    text, date = path.read_text(), path.stat().st_mtime_ns
    path.write_text(text.replace("0.61", "0.62"))
    os.utime(path, ns=(0, 10**18))
    try:
        assert planned(switched.folder, switched.config, *TARGETS) == {"tabulate_trainability": 1}
    finally:
        path.write_text(text)
        os.utime(path, ns=(0, date))
    assert planned(switched.folder, switched.config, *TARGETS) == {}


def test_other_systems_on_an_unknown_task_are_one_sentence(switched: Run, tmp_path: Path):
    path = tmp_path / "others.csv"
    path.write_text("name,task,score\nBiLSTM,tune,0.61\n")
    config = switched.config | {"analysis": {"baselines": str(path)}}
    table = tmp_path / "run"
    (table / "results/tables").mkdir(parents=True)
    os.link(switched.folder / "results/tables/scores.csv", table / "results/tables/scores.csv")
    arguments = (TARGETS[0], "--allowed-rules", "tabulate_trainability")
    done = run_snakemake(table, config, *arguments)
    assert done.returncode != 0
    assert str(path) in done.stdout and "'tune'" in done.stdout
