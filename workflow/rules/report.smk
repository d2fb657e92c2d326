"""The page to read: every table and figure of the run under its caption. Included last."""

from lottery.config.report import report_params

CAPTIONS = sorted(Path(workflow.basedir, "workflow/report").glob("*.rst"))
PAGE = Path(workflow.basedir, "workflow/report/page")


rule write_report:
    input:
        **evaluation_only_table(),
        templates=[str(PAGE / name) for name in ("page.html", "parts.html", "style.css")],
        captions=[str(path) for path in CAPTIONS],
        runtimes=f"{PAPER}/runtimes.csv",
        summary=f"{TABLES}/summary.csv",
        overlap=f"{TABLES}/overlap.csv",
        differences=f"{TABLES}/differences.csv",
        claims=f"{TABLES}/claims.csv",
        trainability=f"{TABLES}/trainability.csv",
        associations=analysis_tables("pattern_association", has_patterns),
        figures=report_figures,
    output:
        report="results/report.html",
        provenance="results/report.provenance.json",
    log:
        f"{LOGS}/write_report.log",
    benchmark:
        f"{BENCHMARKS}/write_report.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=report_params(STUDY, config),
        version=stage_version("write_report"),
    message:
        "write the report"
    script:
        "../scripts/write_report.py"
