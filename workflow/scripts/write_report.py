"""Rule write_report."""

from pathlib import Path

from lottery.job import run


def optional(name: str) -> Path | None:
    """A table that not every study makes."""
    path = snakemake.input.get(name)
    return Path(path) if path else None


run(
    "write_report",
    snakemake,
    path_to_summary=Path(snakemake.input.summary),
    path_to_overlap=Path(snakemake.input.overlap),
    path_to_claims=optional("claims"),
    path_to_differences=optional("differences"),
    path_to_trainability=optional("trainability"),
    path_to_evaluation_only=optional("evaluation_only"),
    paths_to_associations=[Path(path) for path in snakemake.input.associations],
    paths_to_figures=[Path(path) for path in snakemake.input.figures],
    paths_to_captions=[Path(path) for path in snakemake.input.captions],
    path_to_runtimes=Path(snakemake.input.runtimes),
    path_to_templates=Path(snakemake.input.templates[0]).parent,
    path_to_report=Path(snakemake.output.report),
    paths_to_inputs=[str(path) for path in snakemake.input],
    **snakemake.params.settings,
)
