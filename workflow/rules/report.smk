"""The page to read: every table and figure of the run under its caption. Included last."""

from lottery.runtime.bundled import below


use rule analysis_step as write_report with:
    input:
        tables=[
            f"{TABLES}/{name}.csv"
            for name in ("summary", "overlap", "differences", "claims", "trainability")
        ]
        + targets(f"{TABLES}/evaluation_only.csv", grid.evaluate_on_rows(STUDY))
        + analysis_tables("pattern_association", params.has_patterns),
        figures=[path for paths in WANTED.values() for path in paths if path.endswith(".svg")],
    output:
        report=f"{RESULTS}/report.html",
        # No model can have this name.
        printed=directory(f"{TABLES}/as-shown"),
        answers=f"{TABLES}/answers.txt",
        provenance=f"{RESULTS}/report.provenance.json",
    pathvars:
        job="write_report",
    params:
        settings=params.report_params(STUDY, config),
        resources=bundled(
            templates=below("report/page", "*"),
            captions=below("report", "*.rst"),
            runtimes="resources/paper/runtimes.csv",
        ),
        step=stage("write_report"),
    message:
        "write the report"
