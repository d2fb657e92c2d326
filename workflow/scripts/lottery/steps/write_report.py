"""Step write_report: tables, figures and records of a run -> one page to read."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.page import facts as told
from lottery.report.page.cost import PAPERS_SEARCH, job_of
from lottery.report.page.figures import Captions, gather
from lottery.report.page.records import Record, behind, makers, read_records
from lottery.report.page.render import Page, render
from lottery.report.page.runtimes import authors_table, cost_table
from lottery.report.page.study import examples_of, study_tables
from lottery.report.tables import claims, others, scores
from lottery.report.tables.model import Table
from lottery.results.layout import Layout

VERSION = 8

TABLES = {
    "overlap": (others.overlap_table, others.OVERLAP_SCHEMA),
    "differences": (others.differences_table, others.DIFFERENCES_SCHEMA),
    "trainability": (scores.trainability_table, scores.TRAINABILITY_SCHEMA),
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
        paths_to_templates, path_to_report: the page's templates, all in one folder, and the page.
        layout: see `Layout.of`.
        jobs_share_gpus: whether several jobs could hold one GPU.
        config: the config of the run.
        results: the config's folder of results.
        **facts: models, tasks, methods, seeds and counts (`lottery.planning.params_report`).
    """
    order = Layout.of(**layout)
    # With the prefix of a module import both folders lie below it.
    folder = path_to_report.parent
    records = read_records(folder, Path(str(folder).removesuffix(results)) / "resources")
    read = [path_to_summary, path_to_overlap, path_to_claims, path_to_differences]
    read += [path_to_trainability, path_to_evaluation_only]
    read += [*paths_to_associations, *paths_to_figures]
    jobs = behind([str(path) for path in read if path], records)
    captions = Captions({path.stem: path for path in paths_to_captions}, makers(records), config)
    judged = (
        files.read_table(path_to_claims, claims.SCHEMA)
        if path_to_claims
        else files.table([], claims.SCHEMA)
    )
    summary = files.read_table(path_to_summary, scores.SUMMARY_SCHEMA)
    own = {"overlap": path_to_overlap, "differences": path_to_differences}
    own["trainability"] = path_to_trainability
    page = Page(
        statement=told.statement(facts),
        study=study_tables(facts, examples_of(jobs)),
        summaries=scores.summary_tables(summary, order),
        claims=claims.claims_tables(judged),
        verdicts=claims.tally(judged),
        sections=gather(paths_to_figures, captions),
        tables=_tables(order, paths_to_associations, path_to_evaluation_only, own),
        making=told.making(jobs, facts, paths_to_templates[0].resolve().parents[3]),
        stages=told.stage_versions(jobs),
        config=config,
        costs=_costs(jobs, folder, files.read_csv(path_to_runtimes), order, jobs_share_gpus),
    )
    with files.atomic(path_to_report) as temporary:
        temporary.write_text(render(page, paths_to_templates[0].parent), encoding="utf-8")


def _tables(
    order: Layout,
    associations: Sequence[Path],
    outside: Path | None,
    paths: dict[str, Path | None],
) -> dict[str, Table]:
    """The tables that sections name, those that there are."""
    import pandas as pd

    found: dict[str, Table | None] = {}
    for name, path in paths.items():
        if path is not None:
            make, schema = TABLES[name]
            found[name] = make(files.read_table(path, schema), order)
    if associations:
        found["associations"] = others.association_table(
            pd.concat([files.read_table(path, others.ASSOCIATIONS_SCHEMA) for path in associations])
        )
    if outside:
        on = files.read_table(outside, scores.EVALUATION_ONLY_SCHEMA)
        found |= {table.name: table for table in scores.evaluation_only_tables(on)}
    return {name: table for name, table in found.items() if table is not None}


def _costs(
    records: Sequence[Record],
    results: Path,
    authors: Sequence[dict[str, str]],
    order: Layout,
    shared: bool,
) -> list[Table]:
    """The cost of the run, and the authors' search times beside its own."""
    # A search goes by the name of the paper's method that it repeats.
    papers = {method.id: method.published for method in order.methods}
    jobs = [job_of(record, results, papers) for record in records]
    searches = defaultdict(list)
    for record, job in zip(records, jobs, strict=True):
        if job.step == PAPERS_SEARCH and job.seconds is not None:
            searches[record["wildcards"]["task"]].append(job.seconds)
    return [cost_table(jobs, authors, shared=shared), authors_table(searches, authors, order)]
