"""Rule check_claims."""

from pathlib import Path

from lottery.job import run

OTHERS = ("stability", "importance", "patterns", "task_overlap")

baselines = snakemake.input.get("baselines")
run(
    "check_claims",
    snakemake,
    path_to_scores=Path(snakemake.input.scores),
    path_to_differences=Path(snakemake.input.differences),
    paths_to_published=[Path(path) for path in snakemake.input.published],
    path_to_paper=Path(snakemake.input.paper),
    path_to_claims=Path(snakemake.output.claims),
    path_to_printed=Path(snakemake.output.printed),
    path_to_baselines=Path(baselines) if baselines else None,
    **{f"paths_to_{name}": [Path(p) for p in snakemake.input.get(name, [])] for name in OTHERS},
    **snakemake.params.settings,
)
