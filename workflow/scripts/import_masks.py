"""Rule import_masks."""

from pathlib import Path

from lottery.job import cell_of, run

run(
    "import_masks",
    snakemake,
    path_to_config=Path(snakemake.input.config),
    path_to_mask=Path(snakemake.output.good),
    cell=cell_of(snakemake.wildcards),
    **snakemake.params.settings,
)
