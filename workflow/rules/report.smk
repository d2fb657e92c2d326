"""The page to read: every table and figure of the run under its caption. Included last."""

from lottery.runtime.bundled import below

REPORTED_TABLES = (
    [
        f"{TABLES}/{name}.csv"
        for name in ("summary", "overlap", "differences", "claims", "trainability")
    ]
    + targets(f"{TABLES}/evaluation_only.csv", grid.evaluate_on_rows(STUDY))
    + analysis_tables("pattern_association", params.has_patterns)
    + targets(f"{ANALYSED}/latency.csv", LATENCY_PAIRS)
    + targets(f"{ANALYSED}/connectivity.csv", CONNECTED_PAIRS)
    + AXIS_TABLES
)
REPORTED_FIGURES = [path for paths in WANTED.values() for path in paths if path.endswith(".svg")]


use rule analysis_step as write_report with:
    input:
        tables=made(REPORTED_TABLES),
        figures=made(REPORTED_FIGURES),
    output:
        report=f"{SHOWN}/report.html",
        # No model can have this name.
        printed=directory(f"{TABLES}/as-shown"),
        answers=f"{TABLES}/answers.txt",
        provenance=f"{SHOWN}/report.provenance.json",
    pathvars:
        job="write_report",
    params:
        settings=params.report_params(
            STUDY,
            config,
            unmade=[path for path in REPORTED_TABLES + REPORTED_FIGURES if not made([path])],
        ),
        resources=bundled(
            templates=below("report/page", "*"),
            captions=below("report", "*.rst"),
            runtimes="resources/paper/runtimes.csv",
        ),
        step=stage("write_report"),
    message:
        "write the report"
