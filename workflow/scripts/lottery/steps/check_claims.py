"""Step check_claims: scores, differences and other tables -> claims.csv, .md and .tex."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.tables import claims as printed
from lottery.report.tables.model import read_caption
from lottery.report.tables.render import write_printed
from lottery.results.baselines import read_baselines
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import read_scores
from lottery.statistics.claims.check import COLUMNS, check
from lottery.statistics.claims.evidence import Evidence, MethodFacts, read_side_tables
from lottery.statistics.claims.paper import read_paper
from lottery.statistics.runs import Runs

VERSION = 7


def check_claims(
    *,
    path_to_scores: Path,
    path_to_differences: Path,
    paths_to_published: list[Path],
    path_to_paper: Path,
    path_to_claims: Path,
    path_to_printed: Path,
    path_to_latex: Path,
    path_to_caption: Path,
    layout: dict[str, Any],
    facts: dict[str, dict[str, Any]],
    paths_to_stability: list[Path] | None = None,
    paths_to_importance: list[Path] | None = None,
    paths_to_patterns: list[Path] | None = None,
    paths_to_task_overlap: list[Path] | None = None,
    path_to_baselines: Path | None = None,
) -> None:
    """Writes a row for every claim, model and method: numbers, test and verdict.

    Args:
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
        path_to_caption: the table's text in workflow/report.
        path_to_paper: its claims.csv.
        facts: method -> granularity, units, importance, imported, controls, models and search
            (`MethodFacts`).
        paths_to_stability, paths_to_importance, paths_to_patterns, paths_to_task_overlap: tables of
            other analyses, where they were made (`statistics.claims.evidence.SIDE_COLUMNS`).
        path_to_baselines: scores of other systems, where the user gives them.
    """
    order = Layout.of(**layout)
    if path_to_baselines:
        read_baselines(path_to_baselines, list(layout["tasks"]))
    side_paths = {
        "stability": paths_to_stability or [],
        "importance": paths_to_importance or [],
        "patterns": paths_to_patterns or [],
        "task_overlap": paths_to_task_overlap or [],
        "baselines": [path_to_baselines] if path_to_baselines else [],
    }
    evidence = Evidence(
        runs=Runs(read_scores(path_to_scores), order.metrics),
        layout=order,
        methods=_method_facts(order, facts),
        published=Published.read(*paths_to_published),
        paper=read_paper(path_to_paper),
        differences=files.read_csv(path_to_differences),
        tables=read_side_tables(side_paths),
    )
    rows = list(check(evidence))
    files.write_csv(path_to_claims, rows, COLUMNS)
    tables = printed.narrow_tables(files.read_table(path_to_claims, printed.SCHEMA))
    introduction = read_caption(path_to_caption)
    write_printed(path_to_printed, path_to_latex, "Claims", tables, introduction)


def _method_facts(layout: Layout, facts: dict[str, dict[str, Any]]) -> dict[str, MethodFacts]:
    return {
        method.id: MethodFacts(
            id=method.id,
            granularity=facts[method.id]["granularity"],
            units=tuple(facts[method.id]["units"]),
            importance=facts[method.id]["importance"],
            imported=facts[method.id]["imported"],
            controls=facts[method.id]["controls"],
            models=tuple(facts[method.id]["models"]),
            search=facts[method.id]["search"],
            subnetworks=method.subnetworks,
            split=method.display_split,
        )
        for method in layout.methods
    }
