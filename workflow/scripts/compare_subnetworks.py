"""Rule compare_subnetworks."""

from pathlib import Path

from lottery.job import run

run(
    "compare_subnetworks",
    snakemake,
    paths_to_predictions=[Path(path) for path in snakemake.input.predictions],
    path_to_scores=Path(snakemake.input.scores),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_differences=Path(snakemake.output.differences),
    **snakemake.params.settings,
)
