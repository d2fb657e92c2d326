"""Rule summarize."""

from pathlib import Path

from lottery.job import run

run(
    "summarize",
    snakemake,
    path_to_scores=Path(snakemake.input.scores),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_summary=Path(snakemake.output.summary),
    path_to_printed=Path(snakemake.output.printed),
    **snakemake.params.settings,
)
