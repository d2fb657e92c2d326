"""Rule plot_survival."""

from pathlib import Path

from lottery.job import run

run(
    "plot_survival",
    snakemake,
    paths_to_masks=[Path(path) for path in snakemake.input.masks],
    path_to_config=Path(snakemake.input.config),
    path_to_table=Path(snakemake.output.table),
    path_to_tasks_svg=Path(snakemake.output.tasks_svg),
    path_to_tasks_png=Path(snakemake.output.tasks_png),
    path_to_all_svg=Path(snakemake.output.all_svg),
    path_to_all_png=Path(snakemake.output.all_png),
    **snakemake.params.settings,
)
