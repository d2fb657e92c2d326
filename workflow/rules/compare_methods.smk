"""Methods of one algorithm side by side, as pruning modes: under the first one's name."""

COMPARISONS = params.comparison_rows(STUDY)


localrules:
    compare_methods,


wants("methods", COMPARISONS)


rule compare_methods:
    input:
        scores=lambda w: [
            f"{TABLES}/{w.model}/{method}/scores.csv"
            for method in params.methods_beside(STUDY, w.model, w.method)
        ],
        config="resources/models/{model}/config.json",
    output:
        **drawn("methods", "Scores", method="{method} and others"),
        table=f"{ANALYSED}/methods.csv",
        provenance=f"{FIGURES}/methods.provenance.json",
    log:
        f"{LOGS}/compare_methods/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/compare_methods/{{model}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(row["method"] for row in COMPARISONS),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.method_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("compare_methods"),
    message:
        "compare the methods of {wildcards.model}: {wildcards.method} and others"
    script:
        "../scripts/run_step.py"
