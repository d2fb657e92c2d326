"""Tables, made of the metrics files and masks of all cells."""


rule collect_scores:
    input:
        metrics=targets(f"{EVALUATED}/metrics.json", grid.evaluate_rows(STUDY)),
        metrics_on=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
        majority=targets("results/majority/{task}/metrics.json", grid.majority_rows(STUDY)),
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
        version=stage_version("collect_scores"),
    message:
        "collect the scores of all cells"
    script:
        "../scripts/collect_scores.py"


rule summarize:
    input:
        scores=f"{TABLES}/scores.csv",
        published=PUBLISHED,
    output:
        summary=report(
            f"{TABLES}/summary.csv",
            caption="../report/summary.rst",
            category="Tables",
            labels={"table": "summary"},
        ),
        printed=f"{TABLES}/summary.md",
        provenance=f"{TABLES}/summary.provenance.json",
    log:
        f"{LOGS}/summarize.log",
    benchmark:
        f"{BENCHMARKS}/summarize.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings={"layout": params.layout_params(STUDY)},
        version=stage_version("summarize"),
    message:
        "summarize the scores"
    script:
        "../scripts/summarize.py"


rule compare_controls:
    input:
        controls=[control for control, _ in controls(STUDY)],
        references=[reference for _, reference in controls(STUDY)],
        configs=targets("resources/models/{model}/config.json", MODEL_ROWS),
    output:
        overlap=report(
            f"{TABLES}/overlap.csv",
            caption="../report/overlap.rst",
            category="Tables",
            labels={"table": "overlap of controls with good"},
        ),
        notes=targets(OVERLAP_NOTE, [*figure_rows(), *grid.retrain_rows(STUDY)]),
        provenance=f"{TABLES}/overlap.provenance.json",
    log:
        f"{LOGS}/compare_controls.log",
    benchmark:
        f"{BENCHMARKS}/compare_controls.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        models=list(STUDY.models),
        version=stage_version("compare_controls"),
    message:
        "compare the controls with the good subnetworks"
    script:
        "../scripts/compare_controls.py"
