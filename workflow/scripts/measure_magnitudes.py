"""Rule measure_magnitudes."""

from pathlib import Path

from lottery.job import run

run(
    "measure_magnitudes",
    snakemake,
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    paths_to_magnitudes=[Path(path) for path in snakemake.input.magnitudes],
    path_to_config=Path(snakemake.input.config),
    path_to_table=Path(snakemake.output.table),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
)
