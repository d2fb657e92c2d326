"""How sure the differences are, and which of the paper's claims hold in this run."""


localrules:
    plot_differences,


# A table of each split, so that the split that shows a method depends on no other one.
rule compare_subnetworks:
    input:
        predictions=lambda w: targets(
            f"{EVALUATED}/predictions.parquet", rows_of(w, grid.evaluate_rows(STUDY))
        ),
        scores=f"{ANALYSED}/scores.csv",
    output:
        differences=f"{ANALYSED}/differences/{{split}}.csv",
        provenance=f"{ANALYSED}/differences/{{split}}.provenance.json",
    log:
        f"{LOGS}/compare_subnetworks/{{model}}/{{method}}/{{split}}.log",
    benchmark:
        f"{BENCHMARKS}/compare_subnetworks/{{model}}/{{method}}/{{split}}.tsv"
    wildcard_constraints:
        split="validation|report_half",
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.comparison_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("compare_subnetworks"),
    message:
        "compare the subnetworks of {wildcards.model}: {wildcards.method} on {wildcards.split}"
    script:
        "../scripts/run_step.py"


rule gather_differences:
    input:
        tables=targets(f"{ANALYSED}/differences/{{split}}.csv", params.difference_rows(STUDY)),
    output:
        table=report(
            f"{TABLES}/differences.csv",
            caption="../report/differences_table.rst",
            category="Tables",
            labels={"table": "differences"},
        ),
        provenance=f"{TABLES}/differences.provenance.json",
    log:
        f"{LOGS}/gather_differences.log",
    benchmark:
        f"{BENCHMARKS}/gather_differences.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings={"name": "differences"},
        step=stage("gather_tables"),
    message:
        "gather the differences of all methods"
    script:
        "../scripts/run_step.py"


wants("differences", figure_rows(lambda method: method.subnetworks))


rule plot_differences:
    input:
        differences=lambda w: f"{TABLES}/{w.model}/{w.method}/differences/"
        + f"{params.display_split(STUDY, w.method)}.csv",
        note=OVERLAP_NOTE,
    output:
        **drawn("differences", "Scores"),
        provenance=f"{FIGURES}/differences.provenance.json",
    log:
        f"{LOGS}/plot_differences/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_differences/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_differences"),
    message:
        "plot the differences of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule check_claims:
    input:
        scores=f"{TABLES}/scores.csv",
        differences=f"{TABLES}/differences.csv",
        stability=analysis_tables("stability", has_several_seeds),
        importance=analysis_tables("importance_histograms", leaves_importances),
        task_overlap=analysis_tables("task_overlap", prunes_units),
        patterns=analysis_tables("patterns", params.has_patterns),
    output:
        claims=report(
            f"{TABLES}/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "claims"},
        ),
        printed=f"{TABLES}/claims.md",
        latex=f"{TABLES}/claims.tex",
        provenance=f"{TABLES}/claims.provenance.json",
    log:
        f"{LOGS}/check_claims.log",
    benchmark:
        f"{BENCHMARKS}/check_claims.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=params.claim_params(STUDY),
        sources=content(sources.of_baselines),
        resources=bundled(
            published=PUBLISHED,
            paper="resources/paper/claims.csv",
            caption="report/claims.rst",
        ),
        step=stage("check_claims"),
    message:
        "check the claims of the paper"
    script:
        "../scripts/run_step.py"
