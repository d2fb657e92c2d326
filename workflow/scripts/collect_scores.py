"""Rule collect_scores."""

from pathlib import Path

from lottery.job import run

run(
    "collect_scores",
    snakemake,
    paths_to_metrics=[Path(path) for path in snakemake.input.metrics],
    paths_to_majority=[Path(path) for path in snakemake.input.majority],
    paths_to_metrics_on=[Path(path) for path in snakemake.input.metrics_on],
    path_to_scores=Path(snakemake.output.scores),
    **snakemake.params.settings,
)
