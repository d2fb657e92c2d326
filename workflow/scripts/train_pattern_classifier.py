"""Rule train_pattern_classifier."""

from pathlib import Path

from lottery.job import run

run(
    "train_pattern_classifier",
    snakemake,
    gpu=True,
    path_to_weights=Path(snakemake.output.weights),
    path_to_facts=Path(snakemake.output.facts),
    path_to_note=Path(snakemake.output.note),
    torch_threads=snakemake.params.torch_threads,
    **snakemake.params.settings,
)
