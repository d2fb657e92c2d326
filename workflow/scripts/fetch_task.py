"""Rule fetch_task."""

from pathlib import Path

from lottery.job import run

run(
    "fetch_task",
    snakemake,
    **{f"path_to_{split}": Path(snakemake.output[split]) for split in snakemake.params.splits},
    **snakemake.params.settings,
)
