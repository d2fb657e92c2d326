"""Rule plot_on."""

from pathlib import Path

from lottery.job import run

run(
    "plot_on",
    snakemake,
    paths_to_metrics=[Path(path) for path in snakemake.input.metrics],
    path_to_published=Path(snakemake.input.published),
    path_to_svg=Path(snakemake.output.svg),
    path_to_png=Path(snakemake.output.png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    eval_task=snakemake.wildcards.eval_task,
    **snakemake.params.settings,
)
