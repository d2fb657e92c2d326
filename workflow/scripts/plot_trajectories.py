"""Rule plot_trajectories."""

from pathlib import Path

from lottery.job import run

run(
    "plot_trajectories",
    snakemake,
    paths_to_searches=[Path(path) for path in snakemake.input.searches],
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    **snakemake.params.settings,
)
