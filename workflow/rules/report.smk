"""The page to read: every table and figure of the run under its caption. Included last."""

from lottery.runtime.bundled import below
from lottery.planning.params_report import report_params


rule write_report:
    input:
        tables=[
            f"{TABLES}/{name}.csv"
            for name in ("summary", "overlap", "differences", "claims", "trainability")
        ]
        + [*evaluation_only_table().values()]
        + analysis_tables("pattern_association", has_patterns),
        figures=[path for paths in WANTED.values() for path in paths if path.endswith(".svg")],
    output:
        report=f"{RESULTS}/report.html",
        provenance=f"{RESULTS}/report.provenance.json",
    log:
        f"{LOGS}/write_report.log",
    benchmark:
        f"{BENCHMARKS}/write_report.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=report_params(STUDY, config),
        resources=bundled(
            templates=below("report/page", "*"),
            captions=below("report", "*.rst"),
            runtimes="resources/paper/runtimes.csv",
        ),
        step=stage("write_report"),
    message:
        "write the report"
    script:
        "../scripts/run_step.py"
