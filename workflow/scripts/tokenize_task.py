"""Rule tokenize; a script named tokenize.py would hide the standard library's module."""

from pathlib import Path

from lottery.job import run

splits = snakemake.params.splits
run(
    "tokenize",
    snakemake,
    path_to_tokenizer=Path(snakemake.input.tokenizer),
    paths_to_splits={split: Path(snakemake.input[split]) for split in splits},
    paths_to_tokens={split: Path(snakemake.output[split]) for split in splits},
    **snakemake.params.settings,
)
