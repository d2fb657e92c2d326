"""Models and tasks of one's own, next to each other in one run, one of which must fail."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml
from command_line import run_snakemake
from runs import Config, Run, Share
from safetensors.numpy import load_file
from tiny_study import AGAINST, FOR, write_model

# Five lines, as a user writes them; the quotes keep YAML from reading booleans.
OWN_TASK = """
mine:
  data: {train: tone.csv, validation: tone_dev.csv}
  text: text
  labels: ["no", "yes"]
"""
TASKS = f"""
{OWN_TASK}
two_sets:
  data: {{train: tone.csv, validation: tone_dev.csv, validation_mismatched: other.csv}}
  text: text
  labels: ["yes", "no"]
rte: {{}}
rte_slow:
  preset: rte
  training: {{learning_rate: 1.0e-3}}
rte_wild:
  preset: rte
  training: {{learning_rate: 1.0e+30, max_grad_norm: 1.0e+30}}
"""


def write_rte(folder: Path) -> None:
    """A GLUE folder with RTE as tsv: labels by name, and in the other order than the hub's."""
    (folder / "rte").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for split, size in (("train", 96), ("validation", 32)):
        with (folder / "rte" / f"{split}.tsv").open("w", newline="") as file:
            writer = csv.writer(file, delimiter="\t")
            writer.writerow(["sentence1", "sentence2", "label"])
            for number in range(size):
                word = str(rng.choice(FOR if number % 2 else AGAINST))
                label = "entailment" if number % 2 else "not_entailment"
                writer.writerow(["the film was good", f"this book was {word}", label])


@pytest.fixture(scope="module")
def mixed(share: Share, study: Config) -> Run:
    """Two models and five tasks with all that is unusual; one cannot be trained."""

    def make(folder: Path) -> Config:
        given = Path(study["models"]["tiny"]["source"]).parent
        for name in ("tone.csv", "tone_dev.csv"):
            (folder / name).write_text((given / name).read_text())
        other = (given / "tone_dev.csv").read_text().replace("the film", "that film")
        (folder / "other.csv").write_text("".join(other.splitlines(keepends=True)[:21]))
        write_rte(folder / "glue")
        config = study | {
            "models": {
                "tiny": {"source": str(given / "model")},
                "untrained": {"source": str(given / "model"), "init": "random", "init_seed": 4},
            },
            "tasks": yaml.safe_load(TASKS),
            "seeds": [7],
            "glue_folder": "glue",
            "methods": {"magnitude": {"algorithm": "magnitude", "subnetworks": []}},
        }
        models = {
            "tiny": ("mine", "two_sets", "rte", "rte_slow", "rte_wild"),
            "untrained": ("mine",),
        }
        targets = [
            f"results/{model}/{task}/seed_7/evaluate/none/full/finetuned/metrics.json"
            for model, tasks in models.items()
            for task in tasks
        ]
        finished = run_snakemake(folder, config, *targets, "--keep-going")
        assert finished.returncode != 0
        (folder / "output.txt").write_text(finished.stdout)
        return config

    return share("mixed", make)


def test_an_own_task_takes_five_lines(mixed: Run) -> None:
    assert len(OWN_TASK.strip().splitlines()) <= 5
    assert score(mixed, "tiny", "mine") > 0.9


def score(run: Run, model: str, task: str) -> float:
    folder = run.folder / f"results/{model}/{task}/seed_7/evaluate/none/full/finetuned"
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    return next(s["value"] for s in scores if (s["split"], s["metric"]) == VALIDATION)


VALIDATION = ("validation", "accuracy")


def test_a_second_validation_set_is_scored_too(mixed: Run) -> None:
    folder = mixed.folder / "results/tiny/two_sets/seed_7/evaluate/none/full/finetuned"
    scores = json.loads((folder / "metrics.json").read_text())["scores"]
    sizes = {entry["split"]: entry["n_examples"] for entry in scores}
    assert sizes == {
        "validation": 64,
        "search_half": 32,
        "report_half": 32,
        "validation_mismatched": 20,
    }
    table = pd.read_parquet(folder / "predictions.parquet")
    assert set(table.loc[table["split"] == "validation_mismatched", "half"]) == {""}
    # Labels have the order of the config: here yes is 0.
    given = pd.read_csv(mixed.folder / "other.csv")["label"]
    other = table[table["split"] == "validation_mismatched"].sort_values("idx")
    assert list(other["label"]) == [["yes", "no"].index(label) for label in given]


def test_glue_is_read_from_a_folder_and_its_labels_by_name(mixed: Run) -> None:
    table = pd.read_parquet(mixed.folder / "resources/tasks/rte/validation.parquet")
    given = pd.read_csv(mixed.folder / "glue/rte/validation.tsv", sep="\t")
    assert list(table["text_b"]) == list(given["sentence2"])
    # The hub's order: entailment is 0.
    assert list(table["label"]) == list((given["label"] == "not_entailment").astype(int))
    assert score(mixed, "tiny", "rte") > 0.8


def test_an_alias_is_the_same_task_with_another_recipe(mixed: Run) -> None:
    for split in ("train", "validation"):
        one, other = (
            pd.read_parquet(mixed.folder / f"resources/tasks/{task}/{split}.parquet")
            for task in ("rte", "rte_slow")
        )
        assert one.equals(other)
    cell = mixed.folder / "results/tiny"
    rates = {
        task: json.loads((cell / task / "seed_7/finetune/provenance.json").read_text())["params"]
        for task in ("rte", "rte_slow")
    }
    assert rates["rte"]["settings"]["training"]["learning_rate"] == 6e-3
    assert rates["rte_slow"]["settings"]["training"]["learning_rate"] == 1e-3
    weights = [load_file(cell / task / "seed_7/finetune/model.safetensors") for task in rates]
    assert any(not np.array_equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_untrained_control_has_weights_of_its_own(mixed: Run) -> None:
    tiny, drawn = (
        load_file(mixed.folder / f"resources/models/{model}/model.safetensors")
        for model in ("tiny", "untrained")
    )
    assert {name: array.shape for name, array in tiny.items()} == {
        name: array.shape for name, array in drawn.items()
    }
    name = "bert.encoder.layer.0.attention.self.query"
    assert not np.array_equal(tiny[f"{name}.weight"], drawn[f"{name}.weight"])
    assert drawn[f"{name}.weight"].std() == pytest.approx(0.02, rel=0.1)
    assert not drawn[f"{name}.bias"].any()
    assert 0 <= score(mixed, "untrained", "mine") <= 1


def test_a_failing_cell_stops_no_other(mixed: Run) -> None:
    # Said on the terminal and in the log: one sentence, not a stack of calls.
    sentence = "lower training.learning_rate"
    assert sentence in mixed.output
    assert "Traceback" not in mixed.output
    log = (mixed.folder / "results/logs/finetune/tiny/rte_wild/seed_7.log").read_text()
    assert "The training loss is" in log and sentence in log
    assert not (mixed.folder / "results/tiny/rte_wild/seed_7/finetune").exists() or not list(
        (mixed.folder / "results/tiny/rte_wild/seed_7/finetune").iterdir()
    )
    assert len(list(written(mixed))) == 5


def written(run: Run) -> Iterator[Path]:
    return (run.folder / "results").rglob("finetuned/metrics.json")


def test_pickled_weights_are_refused(study: Config, tmp_path: Path) -> None:
    write_model(tmp_path / "model")
    torch.save({}, tmp_path / "model/pytorch_model.bin")
    (tmp_path / "model/model.safetensors").unlink()
    config = study | {"models": {"pickled": {"source": "model"}}}
    target = "resources/models/pickled/model.safetensors"
    finished = run_snakemake(tmp_path, config, target)
    assert finished.returncode != 0
    assert "pickled weights are not loaded" in finished.stdout
    assert "(but pytorch_model.bin); pickled weights are not loaded." in " ".join(
        finished.stdout.split()
    )
    assert "Traceback" not in finished.stdout
    assert not list((tmp_path / "resources").rglob("*.safetensors"))
