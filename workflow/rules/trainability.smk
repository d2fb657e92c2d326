"""What still learns: bad subnetworks, an untrained model and the user's other systems."""


rule tabulate_trainability:
    input:
        scores=f"{TABLES}/scores.csv",
    output:
        table=report(
            f"{TABLES}/trainability.csv",
            caption="../report/trainability.rst",
            category="Tables",
            labels={"table": "what still learns"},
        ),
        printed=f"{TABLES}/trainability.md",
        latex=f"{TABLES}/trainability.tex",
        provenance=f"{TABLES}/trainability.provenance.json",
    log:
        f"{LOGS}/tabulate_trainability.log",
    benchmark:
        f"{BENCHMARKS}/tabulate_trainability.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=params.trainability_params(STUDY),
        sources=content(sources.of_baselines),
        resources=bundled(published=PUBLISHED, caption="report/trainability.rst"),
        step=stage("tabulate_trainability"),
    message:
        "compare what still learns"
    script:
        "../scripts/run_step.py"
