"""Rule measure_patterns."""

from pathlib import Path

from lottery.job import run

run(
    "measure_patterns",
    snakemake,
    paths_to_patterns=[Path(path) for path in snakemake.input.patterns],
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    path_to_config=Path(snakemake.input.config),
    path_to_facts=Path(snakemake.input.facts),
    path_to_published=Path(snakemake.input.published),
    path_to_table=Path(snakemake.output.patterns),
    path_to_shares=Path(snakemake.output.shares),
    path_to_associations=Path(snakemake.output.associations),
    path_to_shares_svg=Path(snakemake.output.shares_svg),
    path_to_shares_png=Path(snakemake.output.shares_png),
    path_to_examples_svg=Path(snakemake.output.examples_svg),
    path_to_examples_png=Path(snakemake.output.examples_png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
