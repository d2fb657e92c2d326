"""Tables as Markdown and as LaTeX; the page has its own template, `workflow/report/page`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lottery import files
from lottery.report.tables.model import Cell, Table
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
    """Writes tables as a Markdown text with a heading, and as LaTeX to be included in a paper."""
    printed = {
        path_to_markdown: [f"# {title}", introduction, *map(markdown, tables)],
        path_to_latex: ["% Needs \\usepackage{booktabs}.", *map(latex, tables)],
    }
    for path, parts in printed.items():
        with files.atomic(path) as temporary:
            text = "\n\n".join(filter(None, parts))
            temporary.write_text(f"{text}\n", encoding="utf-8")


def markdown(table: Table) -> str:
    """A table with its title, caption and note."""
    caption = table.caption.removeprefix(f"{table.title}. ")
    if table.published:
        caption += f" Rows *{PAPER}*: {table.published}"
    dashes = ["---" if n in table.words or not n else "---:" for n, _ in enumerate(table.columns)]
    lines = [[text.translate(MARKDOWN) for text in table.columns], dashes]
    for kind, texts in _lines(table):
        marks = {"title": "**", "paper": "*"}.get(kind, "")
        lines.append([text and f"{marks}{text.translate(MARKDOWN)}{marks}" for text in texts])
    notes = table.note.split("\n")
    parts = [
        f"## {table.title}" if table.title else "",
        caption,
        "\n".join(f"| {' | '.join(line)} |" for line in lines) if table.groups else "",
        "\n".join(f"- {note}" for note in notes) if len(notes) > 1 else table.note,
    ]
    return "\n\n".join(filter(None, parts))


def latex(table: Table) -> str:
    """A table with its caption and note, for the package booktabs."""
    caption = table.caption
    if table.title and not caption.startswith(table.title):
        caption = f"{table.title}. {caption}"
    if table.published:
        caption += f" Rows {PAPER}: {table.published}"
    n = len(table.columns)
    kinds = f"p{{{0.9 / n:.2f}\\linewidth}}" * n if table.words else "l" + "r" * (n - 1)
    lines = [
        "\\begin{table}",
        "\\centering\\small",
        f"\\caption{{{caption.translate(LATEX)}}}",
        f"\\label{{tab:{re.sub('[^a-zA-Z0-9-]+', '-', table.name)}}}",
    ]
    if table.groups:
        head = " & ".join(text.translate(LATEX) for text in table.columns)
        lines += [f"\\begin{{tabular}}{{{kinds}}}", "\\toprule", f"{head} \\\\", "\\midrule"]
        for kind, texts in _lines(table):
            escaped = [text.translate(LATEX) for text in texts]
            if kind == "title":
                rule = [] if lines[-1] == "\\midrule" else ["\\midrule"]
                lines += [*rule, f"\\multicolumn{{{n}}}{{l}}{{\\textbf{{{escaped[0]}}}}} \\\\"]
                continue
            if kind == "paper":
                escaped = [text and f"\\textit{{{text}}}" for text in escaped]
            lines.append(" & ".join(escaped) + " \\\\")
        lines += ["\\bottomrule", "\\end{tabular}"]
    if table.note:
        lines += ["", *(f"{note.translate(LATEX)}\\par" for note in table.note.split("\n"))]
    return "\n".join([*lines, "\\end{table}"])


def _lines(table: Table) -> Iterator[tuple[str, list[str]]]:
    """The lines below the head: their kind, title, row or paper, and a text for each column."""
    for group in table.groups:
        if group.title:
            yield "title", [group.title, *[""] * (len(table.columns) - 1)]
        for row in group.rows:
            yield "row", [_text(cell) for cell in row]
            if table.published and any(cell.paper for cell in row):
                papers = [f"{cell.paper} {cell.paper_sd}".rstrip() for cell in row[1:]]
                yield "paper", [PAPER, *papers]


def _text(cell: Cell) -> str:
    """A cell in one line."""
    below = (f"({line})" for line in cell.below if line)
    return " ".join(filter(None, [cell.text, cell.sd, cell.mark, *below]))
