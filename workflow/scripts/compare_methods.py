"""Rule compare_methods."""

from pathlib import Path

from lottery.job import run

run(
    "compare_methods",
    snakemake,
    path_to_scores=Path(snakemake.input.scores),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_config=Path(snakemake.input.config),
    path_to_table=Path(snakemake.output.table),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    **snakemake.params.settings,
)
