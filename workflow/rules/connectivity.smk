"""The errors on the line from a first training to a second one."""


use rule gpu_step as evaluate_line with:
    input:
        first=first_training,
        second=f"{CONNECTED}/model.safetensors",
        tokens=token_files,
    output:
        line=f"{CONNECTED}/line.csv",
        provenance=f"{CONNECTED}/line.provenance.json",
    pathvars:
        job="evaluate_line/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    params:
        settings=settings(params.line_params, "task"),
        step=stage("evaluate_line"),
    message:
        "evaluate between two trainings of {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


# The pairs that have lines.
CONNECTED_PAIRS = [
    {"model": model, "method": method.id}
    for method in STUDY.methods.values()
    for model in method.models
    if grid.connect_rows_of(STUDY, model, method.id)
]


wants("connectivity", CONNECTED_PAIRS)


use rule analysis_step as measure_connectivity with:
    input:
        lines=lines_of_method,
    output:
        **drawn("connectivity", "Training"),
        table=report(
            f"{ANALYSED}/connectivity.csv",
            caption="../report/connectivity_table.rst",
            category="Training",
            labels={"model": "{model}", "method": "{method}", "table": "barriers"},
        ),
        barriers=f"{ANALYSED}/barriers.csv",
        provenance=f"{FIGURES}/connectivity.provenance.json",
    pathvars:
        job="measure_connectivity/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.connectivity_params, "method"),
        step=stage("measure_connectivity"),
    message:
        "measure how trainings of {wildcards.model} are connected: {wildcards.method}"
