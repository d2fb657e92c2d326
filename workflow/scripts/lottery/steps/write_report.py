"""Step write_report: tables, figures and records of a run -> one page to read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lottery import files
from lottery.analysis import patterns
from lottery.files.text import legible
from lottery.report.page import cost, study
from lottery.report.page.figures import caption, gather
from lottery.report.tables import claims, others, scores
from lottery.report.tables.data import data_table
from lottery.report.tables.model import Table, read_caption
from lottery.results import overlap, summary
from lottery.results.layout import Layout
from lottery.statistics import differences, trainability
from lottery.statistics.claims import check

VERSION = 10

SCHEMAS = {
    "summary": summary.SCHEMA,
    "claims": check.SCHEMA,
    "overlap": overlap.SCHEMA,
    "differences": differences.SCHEMA,
    "trainability": trainability.SCHEMA,
    "evaluation_only": summary.ON_SCHEMA,
    "pattern_association": patterns.ASSOCIATIONS,
}


def write_report(
    *,
    paths_to_tables: list[Path],
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
        paths_to_tables: summary.csv, and those that there are of the other tables in `SCHEMAS`,
            maybe several of one name.
        paths_to_figures: the svg files.
        paths_to_captions, path_to_runtimes: rst templates named as the figures; the authors' times.
        paths_to_templates: the page's templates, all in one folder.
        jobs_share_gpus: whether several jobs could hold one GPU.
        results: the config's folder of results.
        **facts: models, tasks, methods, seeds and counts (`lottery.planning.params`).
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

    used = [*paths_to_tables, *paths_to_figures]
    used_records = cost.behind(map(str, used), records)
    # A search goes by the name of the paper's method that it repeats.
    papers = {method.id: method.published for method in order.methods}
    jobs = cost.job_table(used_records, folder, papers)
    authors = files.read_table(path_to_runtimes, cost.AUTHORS_SCHEMA)

    read: dict[str, list[pd.DataFrame]] = {}
    for path in paths_to_tables:
        read.setdefault(path.stem, []).append(files.read_table(path, SCHEMAS[path.stem]))
    frames = {name: pd.concat(of_name) for name, of_name in read.items()}
    judged = frames.get("claims", files.table([], check.SCHEMA))
    data = data_table([record["data"] for record in used_records if "data" in record])
    captions = {name: read_caption(path) for name, path in templates.items()}
    page = _fill(
        paths_to_templates[0].parent,
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100),
        statement=study.statement(facts),
        study=[
            *study.study_tables(facts, study.examples_of(used_records)),
            *([data] if data else []),
        ],
        summaries=scores.summary_tables(frames["summary"], order, captions.get("summary", "")),
        claims=claims.claims_tables(judged, captions.get("claims", "")),
        verdicts=claims.tally(judged),
        sections=gather(paths_to_figures, _tables(frames, order, captions), caption_of),
        making=study.making(used_records, facts, paths_to_templates[0].resolve().parents[3]),
        costs=[
            cost.cost_table(jobs, authors, shared=jobs_share_gpus),
            cost.authors_table(jobs, authors, order),
        ],
    )
    with files.atomic(path_to_report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _fill(templates: Path, **content: Any) -> str:
    """The page as one HTML document; `content`: what page.html names."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style = Markup((templates / "style.css").read_text(encoding="utf-8"))
    return legible(environment.get_template("page.html").render(style=style, **content))


def _tables(
    frames: dict[str, pd.DataFrame], order: Layout, captions: dict[str, str]
) -> dict[str, Table]:
    """The tables that sections name, those that there are."""
    # The figure of the differences has the name of the csv file.
    captions = captions | {"differences": captions.get("differences_table", "")}
    tables: list[Table | None] = []
    for name, frame in frames.items():
        caption = captions.get(name, "")
        match name:
            case "overlap":
                tables.append(others.overlap_table(frame, order, caption))
            case "differences":
                tables.append(others.differences_table(frame, order, caption))
            case "trainability" if {*frame["system"]} - {"majority", "full"}:
                tables.append(scores.trainability_table(frame, order, caption))
            case "pattern_association":
                tables.append(others.association_table(frame))
            case "evaluation_only":
                tables += scores.evaluation_only_tables(frame, caption)
    return {table.name: table for table in tables if table is not None}
