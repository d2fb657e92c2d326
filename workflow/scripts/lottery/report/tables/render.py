"""Tables as Markdown, LaTeX and csv; the page has its own template, `workflow/report/page`."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from lottery import files
from lottery.report.tables.model import Cell, Table
from lottery.report.tables.numbers import MINUS, NOTHING

PAPER = "paper"
NEEDS = "% Needs \\usepackage{booktabs}."
CONTROL = dict.fromkeys(map(chr, (*range(32), *range(127, 160))), " ")  # line ends included
# Plain signs, so that numbers can be copied and searched for; a bar would end a cell.
MARKDOWN = str.maketrans(CONTROL | {MINUS: "-", NOTHING: "-", "|": "\\|"})
# What Markdown, or HTML and TeX inside it, would take for more than text.
MARKUP = re.compile(r"[\\`*$]|<(?=[A-Za-z/!?])|\](?=\()|(?<![^\W_])_|_(?![^\W_])")
LATEX = str.maketrans(
    CONTROL
    | {
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
        "‡": r"$\ddagger$",
        "“": "``",
        "”": "''",
        "`": r"\textasciigrave{}",
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
        path_to_latex: [NEEDS, *map(latex, tables)],
    }
    for path, parts in printed.items():
        with files.atomic(path) as temporary:
            text = "\n\n".join(filter(None, parts))
            temporary.write_text(f"{text}\n", encoding="utf-8")


def markdown(table: Table) -> str:
    """A table with its title, caption and note."""
    caption = table.full_caption.removeprefix(f"{table.title}. ")
    if table.published:
        caption += f" Rows *{PAPER}*: {table.published}"
    dashes = ["---" if n in table.words or not n else "---:" for n, _ in enumerate(table.columns)]
    lines = [[_plain(text) for text in table.columns], dashes]
    for kind, texts in _lines(table):
        marks = {"title": "**", "paper": "*"}.get(kind, "")
        lines.append([text and f"{marks}{_plain(text)}{marks}" for text in texts])
    notes = table.note.split("\n")
    parts = [
        f"## {table.title}" if table.title else "",
        caption,
        "\n".join(f"| {' | '.join(line)} |" for line in lines) if table.groups else "",
        "\n".join(f"- {note}" for note in notes) if len(notes) > 1 else table.note,
    ]
    return "\n\n".join(filter(None, parts))


def _plain(text: str) -> str:
    """A text as Markdown that shows it as it is."""
    return MARKUP.sub(r"\\\g<0>", text).translate(MARKDOWN)


def latex(table: Table) -> str:
    """A table with its caption and note, for the package booktabs."""
    caption = table.full_caption
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
            # A bracket or a star would belong to the end of the line before.
            begin = "{}" if escaped[0][:1] in ("[", "*") else ""
            lines.append(f"{begin}{' & '.join(escaped)} \\\\")
        lines += ["\\bottomrule", "\\end{tabular}"]
    if table.note:
        lines += ["", *(f"{note.translate(LATEX)}\\par" for note in table.note.split("\n"))]
    return "\n".join([*lines, "\\end{table}"])


def as_csv(table: Table) -> str:
    """A table's cells as they are shown, the group's title in front of each row."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["", *table.columns] if _titled(table) else table.columns)
    title = ""
    for kind, texts in _lines(table):
        if kind == "title":
            title = texts[0]
            continue
        plain = [text.replace(MINUS, "-") if text != NOTHING else "" for text in texts]
        writer.writerow([title, *plain] if _titled(table) else plain)
    return text.getvalue()


def _titled(table: Table) -> bool:
    return any(group.title for group in table.groups)


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
