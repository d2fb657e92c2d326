"""Rule plot_differences."""

from pathlib import Path

from lottery.job import run

run(
    "plot_differences",
    snakemake,
    path_to_differences=Path(snakemake.input.differences),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
