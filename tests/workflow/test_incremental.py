"""An edit of the config runs what it touches and nothing else: dry runs on a finished study.

The study has two tasks, two seeds, structured with good and super_good, magnitude with good.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from command_line import planned
from runs import Config, Run

# What every new or changed score leads to.
SCORED = {
    "collect_scores": 1,
    "collect_scores_of_method": 2,
    "summarize": 1,
    "plot_scores": 2,
    "plot_differences": 2,
}
# The same where the scores of one method are new: figures of the other show nothing of it.
OF_ONE = {
    "collect_scores": 1,
    "collect_scores_of_method": 1,
    "summarize": 1,
    "plot_scores": 1,
    "plot_differences": 1,
}


def edited(config: Config, changes: dict[str, Any]) -> Config:
    """The config with values put at dotted places."""
    config = copy.deepcopy(config)
    for place, value in changes.items():
        *above, last = place.split(".")
        target = config
        for part in above:
            target = target.setdefault(part, {})
        target[last] = value
    return config


EDITS = {
    # The new seed's cells; by definition super_good of both tasks, with what hangs on it.
    "a seed more": (
        {"seeds": [7, 3, 5]},
        {
            "finetune": 2,
            "search_structured": 2,
            "search_magnitude": 2,
            "sample_super_masks": 2,
            "retrain": 2 * 3 + 4,
            "evaluate_pruned": 8,
            "evaluate": 2 * (1 + 6) + 8,
            "compare_controls": 1,
            "plot_survival": 2,
            "plot_trajectories": 2,
        }
        | SCORED,
    ),
    "a task more": (
        {"tasks.third": {"generated": "sentiment"}},
        {
            "fetch_task": 1,
            "tokenize": 1,
            "majority": 1,
            "finetune": 2,
            "search_structured": 2,
            "search_magnitude": 2,
            "sample_super_masks": 1,
            "retrain": 6,
            "evaluate_pruned": 4,
            "evaluate": 14,
            "compare_controls": 1,
            "plot_survival": 2,
            "plot_trajectories": 2,
        }
        | SCORED,
    ),
    "a method more": (
        {
            "methods.heads": {
                "algorithm": "structured",
                "units": "heads",
                "subnetworks": ["good"],
            }
        },
        {
            "search_structured": 4,
            "retrain": 4,
            "evaluate_pruned": 4,
            "evaluate": 8,
            "compare_controls": 1,
            "plot_survival": 1,
            "plot_trajectories": 1,
        }
        | OF_ONE,
    ),
    "a method with halves": (
        {
            "methods.strict": {
                "algorithm": "structured",
                "preset": "strict",
                "subnetworks": ["random_half"],
            }
        },
        {
            "search_structured_halves": 4,
            "sample_masks": 4,
            "retrain": 4,
            "evaluate_pruned": 4,
            "evaluate": 8,
            "compare_controls": 1,
            "plot_survival": 1,
            "plot_trajectories": 1,
        }
        | OF_ONE,
    ),
    "the learning rate of one task": (
        {"tasks.tone.training.learning_rate": 5e-3},
        {
            "finetune": 2,
            "search_structured": 2,
            "search_magnitude": 2,
            "sample_super_masks": 1,
            "retrain": 6,
            "evaluate_pruned": 4,
            "evaluate": 14,
            "compare_controls": 1,
            "plot_survival": 2,
            "plot_trajectories": 2,
        }
        | SCORED,
    ),
    "an option of a method": (
        {"methods.structured.keep_score": 0.8},
        {
            "search_structured": 4,
            "sample_super_masks": 2,
            "retrain": 8,
            "evaluate_pruned": 4,
            "evaluate": 16,
            "compare_controls": 1,
            "plot_survival": 1,
            "plot_trajectories": 1,
        }
        | OF_ONE,
    ),
    "the search's batch size of a method": (
        {"methods.magnitude.search_batch_size": 8},
        {
            "search_magnitude": 4,
            "retrain": 4,
            "evaluate_pruned": 4,
            "evaluate": 8,
            "plot_survival": 1,
            "plot_trajectories": 1,
        }
        | OF_ONE,
    ),
    "halves of a method that lists none": (
        {"methods.magnitude.halves": True},
        {
            "search_magnitude_halves": 4,
            "retrain": 4,
            "evaluate_pruned": 4,
            "evaluate": 8,
            "plot_survival": 1,
            "plot_trajectories": 1,
        }
        | OF_ONE,
    ),
    "the batch size of evaluation": (
        {"evaluation.batch_size": 8},
        {"evaluate_pruned": 8, "evaluate": 28} | SCORED,
    ),
    "the precision of what trains nothing": (
        {"evaluation.precision": "tf32"},
        {
            "search_structured": 4,
            "search_magnitude": 4,
            "sample_super_masks": 2,
            "retrain": 12,
            "evaluate_pruned": 8,
            "evaluate": 28,
            "compare_controls": 1,
            "plot_survival": 2,
            "plot_trajectories": 2,
        }
        | SCORED,
    ),
    "what is averaged": (
        {"tasks.degree.in_average": False},
        {"summarize": 1, "plot_scores": 2, "plot_differences": 2, "plot_survival": 2},
    ),
    "a draw more": (
        {"methods.structured.subnetworks": ["good", "super_good", "random_2"]},
        {
            "sample_masks": 4,
            "retrain": 4,
            "evaluate_pruned": 4,
            "evaluate": 8,
            "compare_controls": 1,
        }
        | OF_ONE,
    ),
    "a subnetwork less": (
        {"methods.structured.subnetworks": ["good"]},
        {"compare_controls": 1} | OF_ONE,
    ),
    "words that say the same": (
        {
            "methods.magnitude.preset": "published",
            "compute.slots_per_gpu": 3,
            "compute.device": "cpu",
        },
        {},
    ),
}

# Analyses that come on top of tables and figures of scores have tests of their own.
RULES = {
    *("fetch_model", "fetch_task", "tokenize", "majority", "finetune", "retrain", "evaluate"),
    *("search_structured", "search_structured_halves", "search_magnitude", "sample_masks"),
    *("search_magnitude_halves", "sample_super_masks", "sample_super_good", "compare_controls"),
    *("collect_scores", "summarize", "plot_scores", "plot_survival", "plot_trajectories"),
    *("evaluate_pruned", "collect_scores_of_method", "plot_differences"),
}


@pytest.mark.parametrize(("changes", "jobs"), EDITS.values(), ids=EDITS)
def test_an_edit_runs_what_it_touches(
    published: Run, changes: dict[str, Any], jobs: dict[str, int], tmp_path: Path
) -> None:
    config = edited(published.config, changes)
    found = planned(published.folder, config, config_folder=tmp_path)
    assert {rule: count for rule, count in found.items() if rule in RULES} == jobs
    # The report prints the config as it is written.
    assert bool(found.keys() - {"write_report"}) == bool(jobs)


def test_an_option_is_seen_that_adds_an_output_which_nothing_asks_for(
    published: Run, tmp_path: Path
) -> None:
    """Snakemake compares nothing of a job where one of its outputs has no record."""
    config = edited(published.config, {"methods.magnitude.halves": True})
    mask = "results/tiny/tone/seed_7/mask/magnitude/good.safetensors"
    found = planned(published.folder, config, mask, config_folder=tmp_path)
    assert found == {"search_magnitude_halves": 1}
