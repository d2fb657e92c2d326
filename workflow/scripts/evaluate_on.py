"""Rule evaluate_on."""

from pathlib import Path

from lottery.job import cell_of, run

mask = snakemake.input.get("mask")
run(
    "evaluate_on",
    snakemake,
    gpu=True,
    path_to_model=Path(snakemake.input.model),
    path_to_mask=Path(mask) if mask else None,
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    paths_to_examples={Path(path).stem: Path(path) for path in snakemake.input.examples},
    path_to_metrics=Path(snakemake.output.metrics),
    path_to_predictions=Path(snakemake.output.predictions),
    cell=cell_of(snakemake.wildcards),
    torch_threads=snakemake.params.torch_threads,
    **snakemake.params.settings,
)
