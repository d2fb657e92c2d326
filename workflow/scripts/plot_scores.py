"""Rule plot_scores."""

from pathlib import Path

from lottery.job import run

run(
    "plot_scores",
    snakemake,
    path_to_scores=Path(snakemake.input.scores),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
