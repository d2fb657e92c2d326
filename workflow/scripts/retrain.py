"""Rule retrain."""

from pathlib import Path

from lottery.job import run

run(
    "retrain",
    snakemake,
    gpu=True,
    resumable=True,
    path_to_pretrained=Path(snakemake.input.pretrained),
    path_to_mask=Path(snakemake.input.mask),
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    path_to_model=Path(snakemake.output.model),
    path_to_history=Path(snakemake.output.history),
    seed=int(snakemake.wildcards.seed),
    torch_threads=snakemake.params.torch_threads,
    # From the config, not from params: it changes how results are computed, not the results.
    cuda_graphs=snakemake.config.get("compute", {}).get("cuda_graphs", False),
    **snakemake.params.settings,
)
