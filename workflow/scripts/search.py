"""Rules search_{algorithm} and search_{algorithm}_halves."""

from pathlib import Path

from lottery.job import cell_of, run

output = {name: Path(path) for name, path in snakemake.output.items() if name != "provenance"}
run(
    "search",
    snakemake,
    gpu=True,
    resumable=True,
    path_to_model=Path(snakemake.input.model),
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    path_to_majority=Path(snakemake.input.majority),
    path_to_trajectory=output.pop("trajectory"),
    path_to_importance=output.pop("importance", None),
    path_to_halves=output.pop("halves", None),
    paths_to_masks=output,
    cell=cell_of(snakemake.wildcards),
    torch_threads=snakemake.params.torch_threads,
    **snakemake.params.settings,
)
