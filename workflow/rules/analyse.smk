"""Tables of scores, made of the metrics files and masks of cells."""


rule collect_scores:
    input:
        metrics=targets(f"{EVALUATED}/metrics.json", grid.evaluate_rows(STUDY)),
        metrics_on=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
        majority=targets(f"{RESULTS}/majority/{{task}}/metrics.json", grid.majority_rows(STUDY)),
    output:
        scores=report(f"{TABLES}/scores.csv", category="Tables", labels={"table": "all scores"}),
        provenance=f"{TABLES}/scores.provenance.json",
    log:
        f"{LOGS}/collect_scores.log",
    benchmark:
        f"{BENCHMARKS}/collect_scores.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=params.score_params(STUDY),
        step=stage("collect_scores"),
    message:
        "collect the scores of all cells"
    script:
        "../scripts/run_step.py"


# The same of one model and method, so that its figures hang on no other method.
rule collect_scores_of_method:
    input:
        metrics=lambda w: targets(
            f"{EVALUATED}/metrics.json", rows_of(w, grid.evaluate_rows(STUDY))
        ),
        majority=lambda w: [
            f"{RESULTS}/majority/{task}/metrics.json" for task in STUDY.methods[w.method].tasks
        ],
    output:
        scores=f"{ANALYSED}/scores.csv",
        provenance=f"{ANALYSED}/scores.provenance.json",
    log:
        f"{LOGS}/collect_scores/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/collect_scores/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.score_params, "method"),
        step=stage("collect_scores"),
    message:
        "collect the scores of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule summarize:
    input:
        scores=f"{TABLES}/scores.csv",
    output:
        summary=report(
            f"{TABLES}/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary"},
        ),
        printed=f"{TABLES}/summary.md",
        latex=f"{TABLES}/summary.tex",
        provenance=f"{TABLES}/summary.provenance.json",
    log:
        f"{LOGS}/summarize.log",
    benchmark:
        f"{BENCHMARKS}/summarize.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings={"layout": params.layout_params(STUDY)},
        resources=bundled(published=PUBLISHED, caption="report/summary.rst"),
        step=stage("summarize"),
    message:
        "summarize the scores"
    script:
        "../scripts/run_step.py"


rule compare_controls:
    input:
        controls=lambda w: [control for control, _ in controls(w)],
        references=lambda w: [reference for _, reference in controls(w)],
        config="resources/models/{model}/config.json",
    output:
        overlap=f"{ANALYSED}/overlap.csv",
        note=OVERLAP_NOTE,
        provenance=f"{ANALYSED}/overlap.provenance.json",
    log:
        f"{LOGS}/compare_controls/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/compare_controls/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        step=stage("compare_controls"),
    message:
        "compare the controls of {wildcards.model} with the good subnetworks: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule gather_overlap:
    input:
        tables=targets(f"{ANALYSED}/overlap.csv", scored_pairs()),
    output:
        table=report(
            f"{TABLES}/overlap.csv",
            caption="../report/overlap.rst",
            category="Tables",
            labels={"table": "overlap of controls with good"},
        ),
        provenance=f"{TABLES}/overlap.provenance.json",
    log:
        f"{LOGS}/gather_overlap.log",
    benchmark:
        f"{BENCHMARKS}/gather_overlap.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings={"name": "overlap"},
        step=stage("gather_tables"),
    message:
        "gather the overlap of all methods"
    script:
        "../scripts/run_step.py"
