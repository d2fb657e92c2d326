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
    paths_to_tables: list[Path],
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
    **facts: Any,
) -> None:
    """Writes results/report.html.

    Args:
        paths_to_tables: csv files of results/tables: summary, and those there are of overlap,
            differences, claims, trainability and evaluation_only.
        paths_to_associations, paths_to_figures: every pattern_association.csv; the svg files.
        paths_to_captions, path_to_runtimes: rst templates named as the figures; the authors' times.
        paths_to_templates: the page's templates, all in one folder.
        jobs_share_gpus: whether several jobs could hold one GPU.
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

    used = [*paths_to_tables, *paths_to_associations, *paths_to_figures]
    used_records = cost.behind(map(str, used), records)
    # A search goes by the name of the paper's method that it repeats.
    papers = {method.id: method.published for method in order.methods}
    jobs = cost.job_table(used_records, folder, papers)
    authors = files.read_table(path_to_runtimes, cost.AUTHORS_SCHEMA)

    rows = {path.stem: files.read_csv(path) for path in paths_to_tables}
    associations = [row for path in paths_to_associations for row in files.read_csv(path)]
    tables = {name: make(rows[name], order) for name, make in TABLES.items() if name in rows}
    tables["associations"] = association_table(associations)
    tables |= {table.name: table for table in outside_tables(rows.get("evaluation_only", []))}
    tables = {name: table for name, table in tables.items() if table is not None}
    page = render(
        paths_to_templates[0].parent,
        config=config,
        statement=study.statement(facts),
        study=study.study_tables(facts, study.examples_of(used_records)),
        summaries=summary_tables(rows["summary"], order),
        claims=claims_tables(rows.get("claims", [])),
        verdicts=tally(rows.get("claims", [])),
        sections=gather(paths_to_figures, tables, caption_of),
        making=study.making(used_records, facts, paths_to_templates[0].resolve().parents[3]),
        costs=[
            cost.cost_table(jobs, authors, shared=jobs_share_gpus),
            cost.authors_table(jobs, authors, order),
        ],
    )
    with files.atomic(path_to_report) as temporary:
        temporary.write_text(page, encoding="utf-8")
