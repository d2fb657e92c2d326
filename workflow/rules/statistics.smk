"""How sure the differences are, and which of the paper's claims hold in this run."""

from lottery.config import statistics


localrules:
    plot_differences,


rule compare_subnetworks:
    input:
        predictions=targets(f"{EVALUATED}/predictions.parquet", grid.evaluate_rows(STUDY)),
        scores=f"{TABLES}/scores.csv",
        published=PUBLISHED,
    output:
        differences=report(
            f"{TABLES}/differences.csv",
            caption="../report/differences_table.rst",
            category="Tables",
            labels={"table": "differences"},
        ),
        provenance=f"{TABLES}/differences.provenance.json",
    log:
        f"{LOGS}/compare_subnetworks.log",
    benchmark:
        f"{BENCHMARKS}/compare_subnetworks.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=statistics.comparison_params(STUDY),
        version=stage_version("compare_subnetworks"),
    message:
        "compare the subnetworks of all methods"
    script:
        "../scripts/compare_subnetworks.py"


rule plot_differences:
    input:
        differences=f"{TABLES}/differences.csv",
        overlap=OVERLAP_NOTE,
    output:
        svg=report(
            f"{FIGURES}/differences.svg",
            caption="../report/differences.rst",
            category="Scores",
            labels={"model": "{model}", "method": "{method}"},
        ),
        png=f"{FIGURES}/differences.png",
        provenance=f"{FIGURES}/differences.provenance.json",
    log:
        f"{LOGS}/plot_differences/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_differences/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=statistics.difference_params(STUDY),
        version=stage_version("plot_differences"),
    message:
        "plot the differences of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/plot_differences.py"


rule check_claims:
    input:
        **claim_evidence(),
    output:
        claims=report(
            f"{TABLES}/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "claims"},
        ),
        printed=f"{TABLES}/claims.md",
        provenance=f"{TABLES}/claims.provenance.json",
    log:
        f"{LOGS}/check_claims.log",
    benchmark:
        f"{BENCHMARKS}/check_claims.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=statistics.claim_params(STUDY),
        version=stage_version("check_claims"),
    message:
        "check the claims of the paper"
    script:
        "../scripts/check_claims.py"
