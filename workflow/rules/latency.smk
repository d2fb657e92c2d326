"""How long subnetworks take: measured when `analysis.latency` asks for it."""

LATENCY_ROWS = grid.latency_rows(STUDY)
LATENCY_PAIRS = grid.distinct(LATENCY_ROWS, "model", "method")


# Nothing else may run meanwhile: neither on the cores nor on the GPU. On a cluster the job has its
# own allocation.
use rule gpu_step as measure_latency with:
    input:
        model=model_of_first_seed,
        masks=latency_masks,
        tokens=token_files,
    output:
        latency=f"{PATHS.latency}/latency.csv",
        provenance=f"{PATHS.latency}/provenance.json",
    pathvars:
        job="measure_latency/{model}/{task}/{method}",
    threads: all_cores
    params:
        settings=settings(params.latency_params, "model", "task", "method"),
        torch_threads=TORCH_THREADS,
        step=stage("measure_latency"),
    message:
        "measure how long subnetworks of {wildcards.model} take on {wildcards.task}: {wildcards.method}"


use rule analysis_step as gather_latency with:
    input:
        tables=lambda w: targets(f"{PATHS.latency}/latency.csv", rows_of(w, LATENCY_ROWS)),
    output:
        table=report(
            f"{ANALYSED}/latency.csv",
            caption="../report/latency_table.rst",
            category="Scores",
            labels={"model": "{model}", "method": "{method}", "what": "latency"},
        ),
        provenance=f"{ANALYSED}/latency.provenance.json",
    pathvars:
        job="gather_latency/{model}/{method}",
    params:
        settings={"name": "latency"},
        step=stage("gather_tables"),
    message:
        "gather how long subnetworks of {wildcards.model} take: {wildcards.method}"


wants("latency", scored(LATENCY_PAIRS))


use rule analysis_step as plot_latency with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        latency=f"{ANALYSED}/latency.csv",
    output:
        **drawn("latency", "Scores"),
        provenance=f"{FIGURES}/latency.provenance.json",
    pathvars:
        job="plot_latency/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_latency"),
    message:
        "plot the scores of {wildcards.model} over how long subnetworks take: {wildcards.method}"
