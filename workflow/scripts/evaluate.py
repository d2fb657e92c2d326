"""Rule evaluate."""

from pathlib import Path

from lottery.job import cell_of, run

mask = snakemake.input.get("mask")
run(
    "evaluate",
    snakemake,
    gpu=True,
    path_to_model=Path(snakemake.input.model),
    path_to_mask=Path(mask) if mask else None,
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    path_to_metrics=Path(snakemake.output.metrics),
    path_to_predictions=Path(snakemake.output.predictions),
    cell=cell_of(snakemake.wildcards),
    torch_threads=snakemake.params.torch_threads,
    **snakemake.params.settings,
)
