"""Rule measure_overlap."""

from pathlib import Path

from lottery.job import run

run(
    "measure_overlap",
    snakemake,
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    path_to_config=Path(snakemake.input.config),
    path_to_published=Path(snakemake.input.published),
    path_to_sizes=Path(snakemake.output.sizes),
    path_to_survivors=Path(snakemake.output.survivors),
    path_to_layers=Path(snakemake.output.layers),
    path_to_overlap=Path(snakemake.output.overlap),
    path_to_survivors_svg=Path(snakemake.output.survivors_svg),
    path_to_survivors_png=Path(snakemake.output.survivors_png),
    path_to_overlap_svg=Path(snakemake.output.overlap_svg),
    path_to_overlap_png=Path(snakemake.output.overlap_png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
