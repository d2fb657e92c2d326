"""Rule tabulate_trainability."""

from pathlib import Path

from lottery.job import run

baselines = snakemake.input.get("baselines")
run(
    "tabulate_trainability",
    snakemake,
    path_to_scores=Path(snakemake.input.scores),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_table=Path(snakemake.output.table),
    path_to_printed=Path(snakemake.output.printed),
    path_to_baselines=Path(baselines) if baselines else None,
    **snakemake.params.settings,
)
