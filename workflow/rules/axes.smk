"""What subnetworks are worth along the axes of a method: at other sizes, from other weights, with other masks."""

WITH_SIZES = grid.axis_rows(STUDY, "kept")
WITH_STARTS = grid.axis_rows(STUDY, "start")
WITH_SOURCES = grid.axis_rows(STUDY, "source")
AXIS_TABLES = targets(f"{ANALYSED}/score_over_size.csv", WITH_SIZES)
AXIS_TABLES += targets(f"{ANALYSED}/size_curves.csv", WITH_SIZES)
AXIS_TABLES += targets(f"{ANALYSED}/starts.csv", WITH_STARTS)
AXIS_TABLES += targets(f"{ANALYSED}/transfer.csv", WITH_SOURCES)
OF_ONE_SIZE = [row for row in MODEL_ROWS if grid.methods_of_one_size(STUDY, row["model"])]
AXIS_TABLES += targets(f"{TABLES}/{{model}}/equal_sizes.csv", OF_ONE_SIZE)


wants("score_over_size", WITH_SIZES)


use rule analysis_step as plot_sizes with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        predictions=predictions_of_method,
        overlap=f"{ANALYSED}/overlap.csv",
    output:
        **drawn("score_over_size", "Size"),
        table=report(
            f"{ANALYSED}/score_over_size.csv",
            caption="../report/size_table.rst",
            category="Size",
            labels={"model": "{model}", "method": "{method}", "table": "scores over size"},
        ),
        curves=f"{ANALYSED}/size_curves.csv",
        provenance=f"{FIGURES}/score_over_size.provenance.json",
    pathvars:
        job="plot_sizes/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_sizes"),
    message:
        "plot the scores of {wildcards.model} over the size: {wildcards.method}"


wants("transfer", WITH_SOURCES)


use rule analysis_step as plot_transfer with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        predictions=predictions_of_method,
        masks=transferred_masks,
        config="resources/models/{model}/config.json",
    output:
        **drawn("transfer", "Source"),
        table=report(
            f"{ANALYSED}/transfer.csv",
            caption="../report/transfer_table.rst",
            category="Source",
            labels={"model": "{model}", "method": "{method}", "table": "transfer"},
        ),
        provenance=f"{FIGURES}/transfer.provenance.json",
    pathvars:
        job="plot_transfer/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_transfer"),
    message:
        "plot the transfer of masks in {wildcards.model}: {wildcards.method}"


wants("starts", WITH_STARTS)


use rule analysis_step as plot_starts with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        predictions=predictions_of_method,
        overlap=f"{ANALYSED}/overlap.csv",
    output:
        **drawn("starts", "Start"),
        table=report(
            f"{ANALYSED}/starts.csv",
            caption="../report/start_table.rst",
            category="Start",
            labels={"model": "{model}", "method": "{method}", "table": "starts"},
        ),
        provenance=f"{FIGURES}/starts.provenance.json",
    pathvars:
        job="plot_starts/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_starts"),
    message:
        "plot {wildcards.method} in {wildcards.model} from other weights"


wants("equal_sizes", OF_ONE_SIZE, folder=OVERVIEW)


use rule analysis_step as plot_equal_sizes with:
    input:
        scores=lambda w: [
            f"{TABLES}/{w.model}/{method}/scores.csv"
            for method in grid.methods_of_one_size(STUDY, w.model)
        ],
        predictions=predictions_of_one_size,
        overlap=lambda w: [
            f"{TABLES}/{w.model}/{method}/overlap.csv"
            for method in grid.methods_of_one_size(STUDY, w.model)
        ],
    output:
        **drawn("equal_sizes", "Size", folder=OVERVIEW, methods="all"),
        table=report(
            f"{TABLES}/{{model}}/equal_sizes.csv",
            caption="../report/equal_size_table.rst",
            category="Size",
            labels={"model": "{model}", "table": "methods at one size"},
        ),
        provenance=f"{OVERVIEW}/equal_sizes.provenance.json",
    pathvars:
        job="plot_equal_sizes/{model}",
    localrule: True
    params:
        settings=settings(params.equal_size_params, "model"),
        step=stage("plot_equal_sizes"),
    message:
        "compare the methods of {wildcards.model} at one size"
