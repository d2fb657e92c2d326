"""Step write_report: tables, figures and records of a run -> one page to read."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import yaml
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from lottery import files
from lottery.analysis import connectivity, patterns
from lottery.files.text import legible
from lottery.report import answers
from lottery.report.page import claims, cost, study
from lottery.report.page.figures import Place, caption, data_files, gather
from lottery.report.tables import axes, others, render, scores
from lottery.report.tables import connectivity as barriers
from lottery.report.tables.data import data_table
from lottery.report.tables.model import Table, read_caption, records
from lottery.results import latency, overlap, summary
from lottery.results.layout import Layout
from lottery.statistics import differences, equal_sizes, sizes, sources, starts, trainability
from lottery.statistics.claims import check

VERSION = 13

SCHEMAS = {
    "summary": summary.SCHEMA,
    "claims": check.SCHEMA,
    "overlap": overlap.SCHEMA,
    "differences": differences.SCHEMA,
    "trainability": trainability.SCHEMA,
    "evaluation_only": summary.ON_SCHEMA,
    "pattern_association": patterns.ASSOCIATIONS,
    "latency": latency.SCHEMA,
    "connectivity": connectivity.SCHEMA,
    "score_over_size": sizes.SCHEMA,
    "size_curves": sizes.CURVES,
    "equal_sizes": equal_sizes.SCHEMA,
    "starts": starts.SCHEMA,
    "transfer": sources.SCHEMA,
}
LEGEND = "legend"  # the text that says what all figures have in common


def write_report(
    *,
    paths_to_tables: list[Path],
    paths_to_figures: list[Path],
    paths_to_captions: list[Path],
    path_to_runtimes: Path,
    paths_to_templates: list[Path],
    path_to_report: Path,
    path_to_answers: Path,
    path_to_printed: Path,
    layout: dict[str, Any],
    jobs_share_gpus: bool,
    config: dict[str, Any],
    results: str = "results",
    missing: Sequence[str] = (),
    **facts: Any,
) -> None:
    """Writes results/report.html, its tables in other formats, and the answers in plain text.

    Args:
        paths_to_tables: those that there are of the tables in `SCHEMAS`, maybe several of one name.
        paths_to_figures: the svg files.
        paths_to_captions, path_to_runtimes: rst templates named as the figures; the authors' times.
        paths_to_templates: the page's templates, all in one folder.
        path_to_answers: the text that ends a run on the terminal.
        path_to_printed: the folder of the tables' other formats.
        jobs_share_gpus: whether several jobs could hold one GPU.
        results: the config's folder of results.
        missing: what a partial study lacks, line by line; its report is in a folder within results.
        **facts: models, tasks, methods, seeds and counts (`lottery.planning.params`).
    """
    order = Layout.of(**layout)
    # With the prefix of a module import both folders are below it.
    folder = path_to_report.parents[1 if missing else 0]
    records_made = cost.read_records(folder, Path(str(folder).removesuffix(results)) / "resources")

    used = [*paths_to_tables, *paths_to_figures]
    used_records = cost.behind(map(str, used), records_made)
    # A search goes by the name of the paper's method that it repeats.
    papers = {method.id: method.published for method in order.methods}
    jobs = cost.job_table(used_records, folder, papers)
    authors = files.read_table(path_to_runtimes, cost.AUTHORS_SCHEMA)

    frames, sources = _read(paths_to_tables)
    judged = frames.get("claims", files.table([], check.SCHEMA))
    means = frames.get("summary", files.table([], summary.SCHEMA))
    places = {task["id"]: place for place, task in enumerate(facts["tasks"])}
    summaries = [record["data"] for record in used_records if "data" in record]
    data = data_table(sorted(summaries, key=lambda each: places.get(each["task"], len(places))))
    templates = {path.stem: path for path in paths_to_captions}
    captions = {name: read_caption(path) for name, path in templates.items()}

    makers = cost.makers(records_made)
    place = Place(
        path_to_report.parent / "figures",
        path_to_report.parent,
        [method.id for method in order.methods],
        caption_of=partial(_caption, templates=templates, makers=makers, config=config),
        finding_of=partial(_finding, rows=_by_subject(judged)),
        data_of=lambda path: data_files(path, makers.get(str(path), {})),
    )
    lead, sections = gather(paths_to_figures, _tables(frames, order, captions), place)
    # In the order of the page.
    content = {
        "claims": claims.judged_tables(judged),
        "summaries": scores.summary_tables(means, order, captions.get("summary", "")),
        "others": [table for one in sections for table in one["tables"]],
        "study": [
            *study.study_tables(facts, study.examples_of(used_records)),
            *([data] if data else []),
        ],
        "costs": [
            cost.cost_table(jobs, authors, shared=jobs_share_gpus),
            cost.authors_table(jobs, authors, order),
        ],
    }
    shown = [table for group in content.values() for table in group]
    pretrained = [model["id"] for model in facts["models"] if model["weights"] == "pretrained"]
    found = answers.answers(judged, means, order, pretrained or order.models)
    found += answers.axis_answers(frames)
    said = answers.notes(facts, missing)
    page = _fill(
        paths_to_templates[0].parent,
        config=yaml.safe_dump(config, sort_keys=False, allow_unicode=True, width=100),
        missing=missing,
        title=study.title(facts),
        statement=study.statement(facts),
        answers=[(answer, answers.grouped(answer)) for answer in found if len(judged)],
        notes=said,
        class_of=claims.verdict_class,
        verdicts=claims.tally(judged),
        how_judged=captions.get("claims", ""),
        not_applicable=claims.not_applicable(judged),
        not_run=claims.not_run(judged),
        lead=lead,
        sections=sections,
        legend=caption(templates[LEGEND], {}, config) if LEGEND in templates else "",
        links={table.name: _links(table, sources, path_to_printed, place) for table in shown},
        legends=_legends(shown),
        picks=_picks(order),
        making=study.making(used_records, facts, paths_to_templates[0].resolve().parents[3]),
        **content,
    )
    for table in shown:
        _print(table, path_to_printed, in_full=table.source in sources)
    with files.atomic(path_to_answers) as temporary:
        lines = answers.terminal_lines(found, said) if len(judged) else []
        temporary.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    with files.atomic(path_to_report) as temporary:
        temporary.write_text(page, encoding="utf-8")


def _read(paths: list[Path]) -> tuple[dict[str, pd.DataFrame], dict[str, Path]]:
    """The tables of each name together, and the path of each that is one file."""
    read: dict[str, list[pd.DataFrame]] = {}
    for path in paths:
        read.setdefault(path.stem, []).append(files.read_table(path, SCHEMAS[path.stem]))
    frames = {name: pd.concat(of_name) for name, of_name in read.items()}
    return frames, {path.stem: path for path in paths if len(read[path.stem]) == 1}


def _caption(
    figure: Path,
    name: str,
    *,
    templates: dict[str, Path],
    makers: dict[str, cost.Record],
    config: dict[str, Any],
) -> str:
    if name not in templates or str(figure) not in makers:
        return ""
    return caption(templates[name], makers[str(figure)], config)


def _by_subject(judged: pd.DataFrame) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(row["claim"], row["model"], row["method"]): row for row in records(judged)}


def _finding(shown: Sequence[str], model: str, method: str, *, rows: dict[Any, Any]) -> str:
    return claims.finding(shown, rows, model, method)


def _picks(order: Layout) -> dict[str, list[str]]:
    """What a reader may choose from: the ids of each dimension that has several."""
    every = {
        "model": [*order.models],
        "method": [method.id for method in order.methods],
        "task": [task.id for task in order.tasks],
    }
    return {name: ids for name, ids in every.items() if len(ids) > 1}


def _legends(tables: Sequence[Table]) -> dict[str, list[str]]:
    """How to read each table: a text that several share is said under the first of them."""
    said: set[str] = set()
    legends = {}
    for table in tables:
        texts = [table.how, f"Marked “paper”: {table.published}" if table.published else ""]
        legends[table.name] = [text for text in texts if text and text not in said]
        said.update(texts)
    return legends


def _links(
    table: Table, sources: dict[str, Path], printed: Path, place: Place
) -> list[tuple[str, str]]:
    """The files of a table: (format, address)."""
    in_full = sources.get(table.source, printed / f"{table.name}.csv")
    kinds = {"csv": in_full, "Markdown": printed / f"{table.name}.md"}
    kinds["LaTeX"] = printed / f"{table.name}.tex"
    return [(kind, place.link(path)) for kind, path in kinds.items()]


def _print(table: Table, folder: Path, *, in_full: bool) -> None:
    """Writes a table as Markdown, LaTeX and, where no file has its numbers in full, as csv."""
    texts = {"md": render.markdown(table), "tex": f"{render.NEEDS}\n\n{render.latex(table)}"}
    if not in_full:
        texts["csv"] = render.as_csv(table)
    for kind, text in texts.items():
        with files.atomic(folder / f"{table.name}.{kind}") as temporary:
            temporary.write_text(legible(text).rstrip("\n") + "\n", encoding="utf-8")


def _fill(templates: Path, **content: Any) -> str:
    """The page as one HTML document; `content`: what page.html names."""
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    parts = {
        name: Markup((templates / file).read_text(encoding="utf-8"))
        for name, file in (("style", "style.css"), ("script", "script.js"))
    }
    return legible(environment.get_template("page.html").render(**parts, **content))


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
            case "latency":
                tables.append(others.latency_table(frame, captions.get("latency_table", "")))
            case "connectivity":
                caption = captions.get("connectivity_table", "")
                tables.append(barriers.connectivity_table(frame, caption))
            case "score_over_size":
                caption = captions.get("size_table", "")
                tables.append(axes.size_table(frame, frames["size_curves"], caption))
            case "equal_sizes":
                caption = captions.get("equal_size_table", "")
                tables.append(axes.equal_size_table(frame, order, caption))
            case "starts":
                tables.append(axes.start_table(frame, order, captions.get("start_table", "")))
            case "transfer":
                caption = captions.get("transfer_table", "")
                tables.append(axes.transfer_table(frame, order, caption))
            case "evaluation_only":
                tables += scores.evaluation_only_tables(frame, caption)
    return {table.name: table for table in tables if table is not None}
