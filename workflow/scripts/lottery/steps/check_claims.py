"""Step check_claims: scores, differences and other tables -> claims.csv, .md and .tex."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.tables import claims as printed
from lottery.report.tables.model import read_caption
from lottery.report.tables.render import write_printed
from lottery.results.baselines import read_baselines
from lottery.results.folds import of_data_sets, over_folds
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs
from lottery.statistics import differences
from lottery.statistics.claims.check import SCHEMA, check
from lottery.statistics.claims.evidence import (
    BASELINES,
    TABLES,
    Evidence,
    MethodFacts,
    read_paper,
)

VERSION = 11


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
    n_seeds: int,
    paths_to_stability: list[Path] | None = None,
    paths_to_stability_pairs: list[Path] | None = None,
    paths_to_seed_agreement: list[Path] | None = None,
    paths_to_search_noise: list[Path] | None = None,
    paths_to_importance_test: list[Path] | None = None,
    paths_to_task_pairs: list[Path] | None = None,
    paths_to_survivors: list[Path] | None = None,
    paths_to_patterns: list[Path] | None = None,
    paths_to_barriers: list[Path] | None = None,
    baselines: str | None = None,
    left_out: dict[str, str] | None = None,
    missing: str = "",
    asked_tasks: dict[str, int] | None = None,
) -> None:
    """Writes a row for every claim, model and method: numbers, test and verdict.

    Args:
        paths_to_published: scores.csv and sizes.csv of workflow/resources/paper.
        path_to_caption: the table's text in workflow/report.
        path_to_paper: its claims.csv.
        facts: method -> granularity, units, importance, imported, controls, models, search and
            untrained (`MethodFacts`).
        n_seeds: the number of seeds of the study.
        left_out: claims that the study leaves out by design, with the config that runs them.
        paths_to_stability, paths_to_stability_pairs, paths_to_seed_agreement,
            paths_to_search_noise, paths_to_importance_test, paths_to_task_pairs,
            paths_to_survivors, paths_to_patterns, paths_to_barriers: tables of other analyses,
            where they were made.
        baselines: file of scores of other systems, where the user gives them.
        missing: what a partial study lacks, in words.
        asked_tasks: of a partial study: see `Evidence`.
    """
    # Not at the top: the step imports quickly, and a study may have none of these analyses.
    import pandas as pd

    of_tasks = Layout.of(**layout)
    order = of_tasks.over_folds()
    analyses = {
        "stability": paths_to_stability,
        "stability_pairs": paths_to_stability_pairs,
        "seed_agreement": paths_to_seed_agreement,
        "search_noise": paths_to_search_noise,
        "importance_test": paths_to_importance_test,
        "task_pairs": paths_to_task_pairs,
        "survivors": paths_to_survivors,
        "patterns": paths_to_patterns,
        "barriers": paths_to_barriers,
    }
    tasks = [task.id for task in order.tasks]
    given = read_baselines(files.expanded(baselines), tasks) if baselines else []
    evidence = Evidence(
        scores=over_folds(reported_runs(score_table(path_to_scores), of_tasks), of_tasks),
        layout=order,
        methods={
            method.id: MethodFacts(
                id=method.id,
                subnetworks=method.subnetworks,
                split=method.display_split,
                **facts[method.id],
            )
            for method in order.methods
        },
        published=Published.read(*paths_to_published),
        paper=read_paper(path_to_paper),
        differences=files.read_table(path_to_differences, differences.SCHEMA),
        baselines=files.table(given, BASELINES),
        n_seeds=n_seeds,
        left_out=left_out or {},
        tables={
            name: of_data_sets(
                pd.concat([files.read_table(path, TABLES[name]) for path in paths]), of_tasks
            )
            for name, paths in analyses.items()
            if paths
        },
        asked_tasks=asked_tasks or {},
    )
    claims = files.table(check(evidence), SCHEMA)
    files.write_table(path_to_claims, claims, SCHEMA)
    tables = printed.narrow_tables(claims)
    if missing:
        tables = [replace(each, caption=f"{missing} {each.caption}") for each in tables]
    introduction = f"{missing} {read_caption(path_to_caption)}".lstrip()
    write_printed(path_to_printed, path_to_latex, "Claims", tables, introduction)
