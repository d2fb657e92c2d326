"""Rule sample_masks."""

from pathlib import Path

from lottery.job import cell_of, run

run(
    "sample_masks",
    snakemake,
    path_to_source=Path(snakemake.input.source),
    path_to_model=Path(snakemake.input.model),
    path_to_mask=Path(snakemake.output.mask),
    cell=cell_of(snakemake.wildcards),
)
