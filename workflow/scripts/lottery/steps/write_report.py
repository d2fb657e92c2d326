"""Step write_report: tables, figures and records of a run -> one page to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.page import cost, study
from lottery.report.page.associations import association_table
from lottery.report.page.claims import claims_tables, tally
from lottery.report.page.figures import caption, gather
from lottery.report.page.outside import outside_tables
from lottery.report.page.render import render
from lottery.report.page.summary import summary_tables
from lottery.report.page.table import Table
from lottery.report.page.tables import differences_table, overlap_table
from lottery.report.page.trainability import trainability_table
from lottery.results.layout import Layout

VERSION = 7

TABLES = {
    "overlap": overlap_table,
    "differences": differences_table,
    "trainability": trainability_table,
}


def write_report(
    *,
    path_to_summary: Path,
    path_to_overlap: Path,
    paths_to_associations: list[Path],
    paths_to_figures: list[Path],
    paths_to_captions: list[Path],
    path_to_runtimes: Path,
    paths_to_templates: list[Path],
    path_to_report: Path,
    layout: dict[str, Any],
    jobs_share_gpus: bool,
    config: dict[str, Any],
    results: str = "results",
    path_to_claims: Path | None = None,
    path_to_differences: Path | None = None,
    path_to_trainability: Path | None = None,
    path_to_evaluation_only: Path | None = None,
    **facts: Any,
) -> None:
    """Writes results/report.html.

    Args:
        path_to_summary, path_to_overlap, path_to_claims, path_to_differences,
            path_to_trainability, path_to_evaluation_only: the csv files of these names in
            results/tables, the last four where they were made.
        paths_to_associations, paths_to_figures: every pattern_association.csv; the svg files.
        paths_to_captions, path_to_runtimes: rst templates named as the figures; the authors' times.
        paths_to_templates: the page's templates, all in one folder.
        layout: see `Layout.of`.
        jobs_share_gpus: whether several jobs could hold one GPU.
        config: the config of the run.
        results: the config's folder of results.
        **facts: models, tasks, methods, seeds and counts (`lottery.planning.params_report`).
    """
    order = Layout.of(**layout)
    # With the prefix of a module import both folders are below it.
    folder = path_to_report.parent
    records = cost.read_records(folder, Path(str(folder).removesuffix(results)) / "resources")
    makers, templates = cost.makers(records), {path.stem: path for path in paths_to_captions}

    def caption_of(figure: Path, name: str) -> str:
        if name not in templates or str(figure) not in makers:
            return ""
        return caption(templates[name], makers[str(figure)], config)

    csvs = {
        "summary": path_to_summary,
        "overlap": path_to_overlap,
        "claims": path_to_claims,
        "differences": path_to_differences,
        "trainability": path_to_trainability,
        "evaluation_only": path_to_evaluation_only,
    }
    csvs = {name: path for name, path in csvs.items() if path is not None}
    used = [*csvs.values(), *paths_to_associations, *paths_to_figures]
    used_records = cost.behind(map(str, used), records)
    rows = {name: files.read_csv(path) for name, path in csvs.items()}
    associations = [row for path in paths_to_associations for row in files.read_csv(path)]
    claims = rows.get("claims", [])
    # A search goes by the name of the paper's method that it repeats.
    papers = {method.id: method.published for method in order.methods}
    jobs = cost.job_table(used_records, folder, papers)
    authors = files.read_table(path_to_runtimes, cost.AUTHORS_SCHEMA)
    page = render(
        paths_to_templates[0].parent,
        config=config,
        statement=study.statement(facts),
        study=study.study_tables(facts, study.examples_of(used_records)),
        summaries=summary_tables(rows["summary"], order),
        claims=claims_tables(claims),
        verdicts=tally(claims),
        sections=gather(paths_to_figures, _tables(rows, associations, order), caption_of),
        making=study.making(used_records, facts, paths_to_templates[0].resolve().parents[3]),
        costs=[
            cost.cost_table(jobs, authors, shared=jobs_share_gpus),
            cost.authors_table(jobs, authors, order),
        ],
    )
    with files.atomic(path_to_report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _tables(rows: dict[str, list], associations: list, order: Layout) -> dict[str, Table]:
    """The tables that sections name, those that there are."""
    found = {name: make(rows[name], order) for name, make in TABLES.items() if name in rows}
    found["associations"] = association_table(associations)
    found |= {table.name: table for table in outside_tables(rows.get("evaluation_only", []))}
    return {name: table for name, table in found.items() if table is not None}
