"""The model card: what it says of hub models, single seeds and measured times."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
import yaml

from lottery.report.card import Made, model_card
from lottery.results import latency, scores
from lottery.statistics import differences

CELL = {"model": "bert", "task": "rte", "seed": 3, "method": "s", "subnetwork": "good"}
CELL |= {"phase": "retrained"}
FULL = {"method": "none", "subnetwork": "full", "phase": "finetuned"}
RECORD = {"step": "retrain", "started": "2026-11-30T10:00:00+00:00", "commit": "c0ffee"}
RECORD |= {"computed_on": "cuda", "versions": {"torch": "2.13.0", "scipy": None}}
DATA = {
    "outputs": {"splits": {"resources/tasks/rte/validation.parquet": "ab12"}},
    "data": {"splits": {"validation": {"examples": 277}}},
}


def score(value: float | None, split: str = "validation", **changes: Any) -> dict[str, Any]:
    """A row of scores.csv."""
    blank = {name: None if kind in (int, float) else "" for name, kind in scores.SCHEMA.items()}
    blank |= {"metric": "accuracy", "split": split, "value": value, "n_examples": 277}
    costs = {"parameters": 60, "nonzero_parameters": 60, "file_bytes": 300, "flops": 12.0}
    return blank | CELL | costs | {"degenerate": False, "counted": value} | changes


def card(rows: list[dict[str, Any]], **changes: Any) -> str:
    majority = {"model": "none", "seed": None, "subnetwork": "majority", "phase": "none"}
    majority |= {"method": "none"}
    base = [score(0.5, **majority), score(0.65, **FULL, parameters=100)]
    model = {"kind": "hub", "source": "org/bert", "revision": "f" * 40, "weights": "pretrained"}
    task = {"source": "nyu-mll/glue: rte", "revision": "e" * 40, "metric": "accuracy"}
    task |= {"labels": ["a|b", "no"], "text": ["{title}. {body}", "claim"], "fold": "2 of 5"}
    task |= {"data_set": "org/texts"}
    method = {"algorithm": "structured", "preset": "strict", "search_on": "", "options": {}}
    made = Made(
        cell=CELL,
        facts={"model": model, "task": task, "method": method},
        training={"epochs": 3},
        pairs=True,
        files=["shrunk.safetensors"],
        metrics={"kept_fraction": 0.25, "units_kept": {"heads": 7, "mlps": 2}},
        scores=pd.DataFrame(base + rows),
        differences=pd.DataFrame(columns=list(differences.SCHEMA)),
        latency=None,
        provenance=[
            RECORD | {"step": "fetch_model"},
            RECORD | {"step": "fetch_task"} | DATA,
            RECORD,
        ],
    )
    return model_card(Made(**vars(made) | changes))


def test_a_hub_model_and_glue_are_named_as_the_hub_reads_them() -> None:
    text = card([score(0.625)])
    found = yaml.safe_load(text.split("---\n")[1])
    assert found["base_model"] == "org/bert" and found["base_model_relation"] == "finetune"
    assert found["datasets"] == ["org/texts"]
    assert "| text, by columns of the data | {title}. {body}; claim |" in text
    assert "| fold for validation | 2 of 5 |" in text
    for words in ("f" * 40, "e" * 40, "277 (sha256 ab12)", "| epochs | 3 |", "7 heads, 2 mlps"):
        assert words in text
    assert "It keeps 25 % of the encoder layers' parameters." in text
    assert "a\\|b, no" in text  # a bar would end the cell
    assert "| retrain | 2026-11-30T10:00:00+00:00 | c0ffee | cuda |" in text
    assert "torch 2.13.0." in text and "scipy" not in text
    assert "note = {commit c0ffee}" in text


def test_intervals_are_over_seeds_and_there_is_none_for_one() -> None:
    line = "| this subnetwork | validation | accuracy | {} |"
    assert line.format("0.6250 |  | 1") in card([score(0.625)])
    # t interval of two seeds: mean 0.6, standard error 0.025, t(1) = 12.706.
    two = card([score(0.625), score(0.575, seed=4)])
    assert line.format("0.6000 | [0.2823, 0.9177] | 2") in two
    assert "| rte | validation | accuracy | 0.6250 | 0.6500 | 0.5000 | 277 |" in two
    undefined = card([score(None)])
    assert "| rte | validation | accuracy | - | 0.6500 | 0.5000 | 277 |" in undefined
    assert "Over the study's seeds" not in undefined


@pytest.mark.parametrize("subnetwork", ["good", "random"])
def test_times_are_those_of_the_subnetwork(subnetwork: str) -> None:
    row = dict.fromkeys(latency.SCHEMA) | CELL | {"subnetwork": subnetwork, "batch_size": 32}
    row |= {"ms": 1.5, "ms_low": 1.25, "ms_high": 1.75, "device": "cpu", "threads": 2}
    row |= {"ratio": 0.5, "ratio_low": 0.4, "ratio_high": 0.6}
    text = card([score(0.625)], latency=pd.DataFrame([row]))
    line = "| 32 | 1.500 [1.250, 1.750] | 0.500 [0.400, 0.600] | cpu, 2 threads of torch |"
    assert (line in text) == (subnetwork == "good")


def test_evaluation_only_tasks_are_among_the_scores_without_their_groups() -> None:
    on = {"eval_task": "hans", "parameters": None}
    text = card([score(0.625), score(0.5, **on), score(0.9, **on, group="lexical_overlap")])
    assert "| hans | validation | accuracy | 0.5000 | - | - | 277 |" in text
    assert "0.9000" not in text
