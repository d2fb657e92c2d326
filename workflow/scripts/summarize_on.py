"""Rule summarize_on."""

from pathlib import Path

from lottery.job import run

run(
    "summarize_on",
    snakemake,
    paths_to_metrics=[Path(path) for path in snakemake.input.metrics],
    path_to_published=Path(snakemake.input.published),
    path_to_table=Path(snakemake.output.table),
    **snakemake.params.settings,
)
