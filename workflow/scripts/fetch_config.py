"""Rule fetch_config."""

from pathlib import Path

from lottery.job import run

run(
    "fetch_config",
    snakemake,
    path_to_config=Path(snakemake.output.config),
    **snakemake.params.settings,
)
