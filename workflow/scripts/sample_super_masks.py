"""Rules sample_super_masks and sample_super_good."""

from pathlib import Path

from lottery.job import run

run(
    "sample_super_masks",
    snakemake,
    paths_to_goods=[Path(path) for path in snakemake.input.goods],
    path_to_config=Path(snakemake.input.config),
    paths_to_masks={kind: Path(snakemake.output[kind]) for kind in snakemake.params.kinds},
)
