"""Tasks that models are only evaluated on: their table and figures."""


localrules:
    plot_on,


rule summarize_on:
    input:
        metrics=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
    output:
        table=report(
            f"{TABLES}/evaluation_only.csv",
            caption="../report/evaluation_only.rst",
            category="Tables",
            labels={"table": "evaluation-only tasks"},
        ),
        provenance=f"{TABLES}/evaluation_only.provenance.json",
    log:
        f"{LOGS}/summarize_on.log",
    benchmark:
        f"{BENCHMARKS}/summarize_on.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=params.summarize_on_params(STUDY),
        resources=bundled(published="resources/paper/hans.csv"),
        step=stage("summarize_on"),
    message:
        "summarize the scores on tasks that are not trained on"
    script:
        "../scripts/run_step.py"


wants("on_{eval_task}", grid.on_rows(STUDY))


rule plot_on:
    input:
        metrics=metrics_on,
        note=OVERLAP_NOTE,
    output:
        **drawn("on_{eval_task}", "Scores", caption="on_task", on="{eval_task}"),
        provenance=f"{FIGURES}/on_{{eval_task}}.provenance.json",
    log:
        f"{LOGS}/plot_on/{{model}}/{{method}}/{{eval_task}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_on/{{model}}/{{method}}/{{eval_task}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.plot_on_params, "eval_task"),
        resources=bundled(published="resources/paper/hans.csv"),
        step=stage("plot_on"),
    message:
        "plot the scores on {wildcards.eval_task} of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"
