"""Rule measure_stability."""

from pathlib import Path

from lottery.job import run

run(
    "measure_stability",
    snakemake,
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    paths_to_halves=[Path(path) for path in snakemake.input.get("halves", [])],
    path_to_config=Path(snakemake.input.config),
    path_to_published=Path(snakemake.input.published),
    path_to_stability=Path(snakemake.output.stability),
    path_to_pairs=Path(snakemake.output.pairs),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
