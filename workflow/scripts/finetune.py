"""Rule finetune."""

from pathlib import Path

from lottery.job import cell_of, run

run(
    "finetune",
    snakemake,
    gpu=True,
    resumable=True,
    path_to_pretrained=Path(snakemake.input.pretrained),
    path_to_tokens=Path(snakemake.input.tokens[0]).parent,
    path_to_model=Path(snakemake.output.model),
    path_to_metrics=Path(snakemake.output.metrics),
    path_to_history=Path(snakemake.output.history),
    cell=cell_of(snakemake.wildcards, method="none", subnetwork="full", phase="finetuned"),
    torch_threads=snakemake.params.torch_threads,
    # From the config, not from params: it changes how results are computed, not the results.
    cuda_graphs=snakemake.config.get("compute", {}).get("cuda_graphs", False),
    **snakemake.params.settings,
)
