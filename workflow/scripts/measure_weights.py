"""Rule measure_weights."""

from pathlib import Path

from lottery.job import run

run(
    "measure_weights",
    snakemake,
    path_to_model=Path(snakemake.input.model),
    path_to_magnitudes=Path(snakemake.output.magnitudes),
)
