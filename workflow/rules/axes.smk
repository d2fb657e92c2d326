"""What subnetworks are worth along the axes of a method: at other sizes."""

WITH_SIZES = grid.axis_rows(STUDY, "kept")
AXIS_TABLES = targets(f"{ANALYSED}/sizes.csv", WITH_SIZES)
AXIS_TABLES += targets(f"{ANALYSED}/size_curves.csv", WITH_SIZES)


wants("sizes", WITH_SIZES)


use rule analysis_step as plot_sizes with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        predictions=predictions_of_method,
        overlap=f"{ANALYSED}/overlap.csv",
    output:
        **drawn("sizes", "Size"),
        table=report(
            f"{ANALYSED}/sizes.csv",
            caption="../report/size_table.rst",
            category="Size",
            labels={"model": "{model}", "method": "{method}", "table": "sizes"},
        ),
        curves=f"{ANALYSED}/size_curves.csv",
        provenance=f"{FIGURES}/sizes.provenance.json",
    pathvars:
        job="plot_sizes/{model}/{method}",
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_sizes"),
    message:
        "plot the scores of {wildcards.model} over the size: {wildcards.method}"
