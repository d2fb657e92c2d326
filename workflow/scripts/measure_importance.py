"""Rule measure_importance."""

from pathlib import Path

from lottery.job import run

run(
    "measure_importance",
    snakemake,
    paths_to_searches=[Path(path) for path in snakemake.input.searches],
    paths_to_importances=[Path(path) for path in snakemake.input.importances],
    path_to_histograms=Path(snakemake.output.histograms),
    path_to_correlations=Path(snakemake.output.correlations),
    path_to_histograms_svg=Path(snakemake.output.histograms_svg),
    path_to_histograms_png=Path(snakemake.output.histograms_png),
    path_to_correlations_svg=Path(snakemake.output.correlations_svg),
    path_to_correlations_png=Path(snakemake.output.correlations_png),
    model=snakemake.wildcards.model,
    method=snakemake.wildcards.method,
    **snakemake.params.settings,
)
