"""Rule fetch_model."""

from pathlib import Path

from lottery.job import run

run(
    "fetch_model",
    snakemake,
    path_to_tokenizer=Path(snakemake.output.tokenizer),
    path_to_model=Path(snakemake.output.model),
    **snakemake.params.settings,
)
