"""The version of each stage: raised when its code changes what it writes.

The version is part of a rule's params, so raising it runs the stage again, and only that stage
and what hangs on it. Snakemake itself sees changes of the scripts, not of this library.
"""

from __future__ import annotations

STAGES: dict[str, int] = {
    "fetch_config": 1,
    "fetch_model": 1,
    "fetch_task": 1,
    "tokenize": 1,
    "majority": 1,
    "finetune": 3,
    "search_structured": 3,
    "search_magnitude": 3,
    "sample_masks": 1,
    "sample_super_masks": 1,
    "retrain": 3,
    "evaluate": 3,
    "evaluate_on": 3,
    "summarize_on": 1,
    "plot_on": 2,
    "collect_scores": 1,
    "summarize": 1,
    "compare_controls": 2,
    "plot_scores": 4,
    "plot_survival": 4,
    "plot_trajectories": 3,
    "import_masks": 1,
    "measure_stability": 7,
    "measure_noise": 4,
    "measure_overlap": 5,
    "measure_importance": 3,
    "measure_weights": 1,
    "measure_magnitudes": 3,
    "train_pattern_classifier": 1,
    "classify_patterns": 3,
    "measure_patterns": 3,
    "compare_subnetworks": 3,
    "plot_differences": 3,
    "check_claims": 6,
    "tabulate_trainability": 2,
    "compare_methods": 3,
    "write_report": 7,
}


def stage_version(stage: str) -> str:
    """A stage and its version, as `finetune 2`.

    Text, because Snakemake compares the values of params without their names: a version that is a
    number could trade places with the number of threads, and nobody would see it.

    Raises:
        KeyError: no such stage (a mistake in a rule, not of a user).
    """
    return f"{stage} {STAGES[stage]}"
