"""Tables as Markdown and as LaTeX; the page has its own template, `workflow/report/page`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lottery import files
from lottery.report.tables.model import Cell, Group, Table
from lottery.report.tables.numbers import MINUS, NOTHING

PAPER = "paper"
# Plain signs, so that numbers can be copied and searched for; a bar would end a cell.
MARKDOWN = str.maketrans({MINUS: "-", NOTHING: "-", "|": "\\|", "\n": " "})
LATEX = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        **{sign: f"\\{sign}" for sign in "&%$#_{}"},
        **{sign: f"${sign}$" for sign in "<>|"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        MINUS: "$-$",
        NOTHING: "--",
        "±": r"$\pm$",
        "×": r"$\times$",
        "†": r"$\dagger$",
        "“": "``",
        "”": "''",
        "\n": " ",
    }
)


def write_printed(
    path_to_markdown: Path,
    path_to_latex: Path,
    title: str,
    tables: Sequence[Table],
    introduction: str = "",
) -> None:
    """Writes tables as a Markdown text with a heading, and as LaTeX to be included in a paper.

    Args:
        path_to_markdown, path_to_latex: the files.
        title: the heading of the Markdown text.
        tables: what is printed, in order.
        introduction: a text below the heading.
    """
    parts = [f"# {title}", introduction, *map(markdown, tables)]
    printed = "\n\n".join(part for part in parts if part)
    with files.atomic(path_to_markdown) as temporary:
        temporary.write_text(f"{printed}\n", encoding="utf-8")
    needed = "% Needs \\usepackage{booktabs}."
    with files.atomic(path_to_latex) as temporary:
        text = "\n\n".join([needed, *map(latex, tables)])
        temporary.write_text(f"{text}\n", encoding="utf-8")


def markdown(table: Table) -> str:
    """A table with its title, caption and note."""
    caption = table.caption.removeprefix(f"{table.title}. ")
    if table.published:
        caption += f" Rows *{PAPER}*: {table.published}"
    dashes = ["---" if n in table.words or not n else "---:" for n, _ in enumerate(table.columns)]
    lines = [[_markdown(column) for column in table.columns], dashes]
    for group in table.groups:
        if group.title:
            lines.append([f"**{_markdown(group.title)}**", *[""] * (len(table.columns) - 1)])
        for row in group.rows:
            lines.append([_markdown(_text(cell)) for cell in row])
            if table.published and any(cell.paper for cell in row):
                published = [_markdown(text) for text in _published(row)]
                lines.append([text and f"*{text}*" for text in published])
    notes = table.note.split("\n")
    parts = [
        f"## {table.title}" if table.title else "",
        caption,
        "\n".join(f"| {' | '.join(line)} |" for line in lines) if table.groups else "",
        "\n".join(f"- {note}" for note in notes) if len(notes) > 1 else table.note,
    ]
    return "\n\n".join(part for part in parts if part)


def latex(table: Table) -> str:
    """A table with its caption and note, for the package booktabs."""
    caption = table.caption
    if table.title and not caption.startswith(table.title):
        caption = f"{table.title}. {caption}"
    if table.published:
        caption += f" Rows {PAPER}: {table.published}"
    n = len(table.columns)
    kinds = "l" + "r" * (n - 1)
    if table.words:
        kinds = f"p{{{0.9 / n:.2f}\\linewidth}}" * n
    lines = [
        "\\begin{table}",
        "\\centering\\small",
        f"\\caption{{{_latex(caption)}}}",
        f"\\label{{tab:{re.sub('[^a-zA-Z0-9-]+', '-', table.name)}}}",
    ]
    if table.groups:
        lines += [f"\\begin{{tabular}}{{{kinds}}}", "\\toprule", _line(table.columns), "\\midrule"]
        for group in table.groups:
            lines += _latex_group(group, table)
        lines += ["\\bottomrule", "\\end{tabular}"]
    if table.note:
        lines += ["", *(f"{_latex(note)}\\par" for note in table.note.split("\n"))]
    return "\n".join([*lines, "\\end{table}"])


def _latex_group(group: Group, table: Table) -> Iterator[str]:
    if group is not table.groups[0]:
        yield "\\midrule"
    if group.title:
        title = f"\\textbf{{{_latex(group.title)}}}"
        yield f"\\multicolumn{{{len(table.columns)}}}{{l}}{{{title}}} \\\\"
    for row in group.rows:
        yield _line([_text(cell) for cell in row])
        if table.published and any(cell.paper for cell in row):
            texts = [_latex(text) for text in _published(row)]
            yield " & ".join(text and f"\\textit{{{text}}}" for text in texts) + " \\\\"


def _line(texts: Sequence[str]) -> str:
    return " & ".join(map(_latex, texts)) + " \\\\"


def _text(cell: Cell) -> str:
    """A cell in one line."""
    parts = [cell.text, cell.sd, cell.mark, *(f"({line})" for line in cell.below)]
    return " ".join(part for part in parts if part)


def _published(row: Sequence[Cell]) -> list[str]:
    """The row of published numbers that belongs to a row."""
    return [PAPER, *(f"{cell.paper} {cell.paper_sd}".rstrip() for cell in row[1:])]


def _markdown(text: str) -> str:
    return text.translate(MARKDOWN)


def _latex(text: str) -> str:
    return text.translate(LATEX)
