"""Rule compare_controls."""

from pathlib import Path

from lottery.job import run

run(
    "compare_controls",
    snakemake,
    paths_to_controls=[Path(path) for path in snakemake.input.controls],
    paths_to_references=[Path(path) for path in snakemake.input.references],
    paths_to_configs=[Path(path) for path in snakemake.input.configs],
    path_to_overlap=Path(snakemake.output.overlap),
    paths_to_notes=[Path(path) for path in snakemake.output.notes],
    models=snakemake.params.models,
)
