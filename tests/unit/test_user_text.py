"""What users name things reaches figures, tables and the page as text, whatever it is."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from markdown_reader import tables_of
from matplotlib.patches import Patch
from matplotlib.text import Text
from PIL import Image
from test_plots_evaluation_only import drawn, made_scores

from lottery.config import load_study
from lottery.files.errors import StudyError
from lottery.files.text import legible
from lottery.report import style
from lottery.report.tables.model import Table, plain
from lottery.report.tables.render import latex, markdown

pytestmark = pytest.mark.filterwarnings("ignore:Glyph")
NAMES = {
    "math": "$x_$",
    "command": r"$\input{x}$",
    "one dollar": "5 $",
    "signs": r"\ { } _ ^ % & # ~",
    "underscore": "_hidden",
    "markup": "<script>alert(1)</script> & <b>",
    "end of a comment": "--> <x/> ]]> --",
    "control": "a\x00b\x01c\x0bd\x1be\x7ff\x85g",
    "no characters": "a\ufffeb\uffffc",
    "line ends": "one\ntwo\r\nthree\rfour\tfive",
    "right to left": "\u202eשלום عربي",
    "emoji": "😀 \U0001f468\u200d\U0001f469\u200d\U0001f467",
    "combining": "e\u0301\u0301\u0301\u0301",
    "long": 300 * "x",
    "long words": 30 * "ten chars ",
}


@pytest.mark.parametrize("title", ["$x_$", NAMES["control"], NAMES["line ends"]])
def test_figures_show_them_as_text_and_are_well_formed(tmp_path: Path, title: str) -> None:
    svg, png = tmp_path / "a.svg", tmp_path / "a.png"
    looks = {name: {"marker": "o"} for name in NAMES.values()}
    with style.settings():
        figure, (axis,) = style.panels(1, columns=1, panel=(8, 4), margin=4)
        axis.set_title(title)
        axis.set_xlabel(title)
        axis.set_yticks(range(len(NAMES)), map(style.short, NAMES.values()))
        for name in NAMES.values():
            axis.text(0.5, 0.5, name, in_layout=False)
        style.legend(figure, {"patch $": Patch(color="red")} | looks)
        figure.suptitle(title)
        style.save(figure, [svg, png])
    assert not any(text.get_parse_math() or text.get_usetex() for text in figure.findobj(Text))
    entries = [text.get_text() for text in figure.legends[0].get_texts()]
    assert entries == ["patch $", *map(style.short, NAMES.values())]
    root = ElementTree.fromstring(svg.read_bytes())
    assert not any(element.tag.endswith("script") for element in root.iter())
    with Image.open(png) as image:
        image.verify()


def test_the_figure_by_group_and_label_takes_them(tmp_path: Path) -> None:
    scores = made_scores(("good",))
    scores["group"] = scores["group"].replace("subsequence", NAMES["long"])
    scores["group"] = scores["group"].replace("constituent", NAMES["control"])
    scores["label"] = scores["label"].replace("entailment", "$x_$")
    figure = drawn(scores, labels=("$x_$", "non-entailment"))
    style.save(figure, [tmp_path / "a.svg"])
    ElementTree.fromstring((tmp_path / "a.svg").read_bytes())
    assert len(figure.axes) == 4
    assert "gold label $x_$" in [text.get_text() for text in figure.legends[0].get_texts()]


@pytest.mark.parametrize(("length", "shown"), [(60, 60 * "x"), (61, 59 * "x" + "…")])
def test_a_long_name_is_cut(length: int, shown: str) -> None:
    assert style.short(length * "x") == shown


@pytest.mark.parametrize(
    ("name", "tex", "text"),
    [
        ("$x_$", r"\$x\_\$", r"\$x\_\$"),
        (r"\input{x}", r"\textbackslash{}input\{x\}", r"\\input{x}"),
        ("a_b^c ~", r"a\_b\textasciicircum{}c \textasciitilde{}", "a_b^c ~"),
        ("50 % & #1", r"50 \% \& \#1", "50 % & #1"),
        ("`id`", r"\textasciigrave{}id\textasciigrave{}", r"\`id\`"),
        ("_a_ *b*", r"\_a\_ *b*", r"\_a\_ \*b\*"),
        ("<b>", r"$<$b$>$", r"\<b>"),
        ("p < 0.05", r"p $<$ 0.05", "p < 0.05"),
        ("[x](y) [0.1, 0.2]", r"{}[x](y) [0.1, 0.2]", r"[x\](y) [0.1, 0.2]"),
        ("*a", r"{}*a", r"\*a"),
        ("a|b", r"a$|$b", r"a\|b"),
        ("a\x00\x1b\nb\r", "a   b ", "a   b "),
    ],
)
def test_tables_show_it_as_text(name: str, tex: str, text: str) -> None:
    table = Table("t", "Caption.", ["", "n"], plain([[name, "1"]]))
    assert f"{tex} & 1 \\\\\n" in latex(table)
    assert f"| {text} | 1 |" in markdown(table)


@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_printed_tables_keep_their_lines(name: str) -> None:
    table = Table("t", "Caption.", ["", name], plain([[name, "1"], ["x", name]]))
    ((rows),) = tables_of(markdown(table)).values()
    assert len(rows) == 3  # each has as many cells as the header
    body = latex(table)
    assert len(re.findall(r"\\\\$", body, re.MULTILINE)) == 3
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", body)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\nc", "a\tb\nc"),
        ("a\x00b\x1bc\x85", "a\ufffdb\ufffdc\ufffd"),
        ("\ud800", "\ufffd"),
        ("\ufffe😀é", "\ufffd😀é"),
        ("a\u202eb\u2066c\u2069", "a\ufffdb\ufffdc\ufffd"),
        ("\u200e\u2029שלום", "\u200e\u2029שלום"),
    ],
)
def test_what_no_document_may_hold_is_replaced(text: str, shown: str) -> None:
    assert legible(text) == shown


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"tasks": {"rte": {}, "own": {"labels": ["a", "b\ud800"]}}}, "tasks.own.labels"),
        ({"models": {"b\udfff": {}}}, "models"),
        ({"glue_folder": "/caf\udce9"}, "glue_folder"),
        ({"\ud800": 1}, "The config"),
    ],
)
def test_half_a_surrogate_pair_is_refused(tmp_path: Path, change: dict, key: str) -> None:
    with pytest.raises(StudyError, match=f"^{key} holds .*half a surrogate pair") as caught:
        load_study(change, tmp_path)
    assert str(caught.value).isascii()
