"""Rule classify_patterns."""

from pathlib import Path

from lottery.job import run

run(
    "classify_patterns",
    snakemake,
    gpu=True,
    path_to_model=Path(snakemake.input.model),
    path_to_pretrained=Path(snakemake.input.pretrained),
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    path_to_classifier=Path(snakemake.input.classifier),
    path_to_patterns=Path(snakemake.output.patterns),
    task=snakemake.wildcards.task,
    seed=int(snakemake.wildcards.seed),
    torch_threads=snakemake.params.torch_threads,
    **snakemake.params.settings,
)
