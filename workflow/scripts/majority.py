"""Rule majority."""

from pathlib import Path

from lottery.job import run

run(
    "majority",
    snakemake,
    **{f"path_to_{split}": Path(path) for split, path in snakemake.input.items()},
    path_to_metrics=Path(snakemake.output.metrics),
    **snakemake.params.settings,
)
