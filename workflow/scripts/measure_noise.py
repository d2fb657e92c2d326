"""Rule measure_noise."""

from pathlib import Path

from lottery.job import run

run(
    "measure_noise",
    snakemake,
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    path_to_config=Path(snakemake.input.config),
    path_to_noise=Path(snakemake.output.noise),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
