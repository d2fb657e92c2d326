"""Tasks that models are only evaluated on: their table and figures."""


use rule analysis_step as summarize_on with:
    input:
        metrics=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
    output:
        table=listed("evaluation_only", "evaluation-only tasks"),
        provenance=f"{TABLES}/evaluation_only.provenance.json",
    pathvars:
        job="summarize_on",
    params:
        settings=params.summarize_on_params(STUDY),
        resources=bundled(published="resources/paper/hans.csv"),
        step=stage("summarize_on"),
    message:
        "summarize the scores on tasks that are not trained on"


wants("on_{eval_task}", grid.on_rows(STUDY))


use rule analysis_step as plot_on with:
    input:
        metrics=metrics_on,
        note=OVERLAP_NOTE,
    output:
        **drawn("on_{eval_task}", "Scores", caption="on_task", on="{eval_task}"),
        provenance=f"{FIGURES}/on_{{eval_task}}.provenance.json",
    pathvars:
        job="plot_on/{model}/{method}/{eval_task}",
    localrule: True
    params:
        settings=settings(params.plot_on_params, "eval_task"),
        resources=bundled(published="resources/paper/hans.csv"),
        step=stage("plot_on"),
    message:
        "plot the scores on {wildcards.eval_task} of {wildcards.model}: {wildcards.method}"
