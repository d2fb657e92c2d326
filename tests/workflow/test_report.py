"""The report of a finished run, looked at in a browser."""

from __future__ import annotations

import base64
import os
import re
from getpass import getuser
from html.parser import HTMLParser
from pathlib import Path
from socket import gethostname
from urllib.parse import unquote

import matplotlib.image
import numpy as np
import pytest
from browser import browser, look_at, photograph, print_page
from command_line import ROOT, run_snakemake
from runs import Run, copy_run

WIDE, NARROW = 1280, 500
COMMON = ("root", "localhost")  # names that are words of other kinds, too
LEAST_DRAWN = 0.01  # share of a figure's pixels that are not background
PAGES = re.compile(rb"/Type\s*/Page\b")  # in a pdf
BLANK = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/%3E"

in_browser = pytest.mark.skipif(browser() is None, reason="Chromium is not installed")


@pytest.fixture(scope="module")
def page(published: Run) -> Path:
    """The page that the last rule of the run has made."""
    path = published.folder / "results" / "report.html"
    assert path.exists(), published.output[-3000:]
    return path


def figures_of(run: Run) -> list[Path]:
    return sorted((run.folder / "results" / "figures").rglob("*.svg"))


def test_what_is_shared_names_no_folder_of_the_machine(page: Path, published: Run) -> None:
    results = published.folder / "results"
    shared = [
        page,
        *(path for name in ("tables", "figures") for path in (results / name).rglob("*")),
    ]
    shared = [path for path in shared if path.is_file() and "provenance" not in path.name]
    assert {path.suffix for path in shared} >= {".html", ".csv", ".md", ".tex", ".svg", ".png"}
    given = Path(published.config["models"]["tiny"]["source"]).parent
    names = {str(published.folder), str(given), str(Path.home()), str(ROOT), f"/{getuser()}"}
    names |= {name for name in (getuser(), gethostname()) if name not in COMMON and len(name) > 3}
    embedded = re.compile(rb"data:image/[a-z+]+;base64,([A-Za-z0-9+/=]+)")
    for path in shared:
        content = path.read_bytes()
        pictures = [base64.b64decode(data) for data in embedded.findall(content)]
        assert path != page or len(pictures) > 5
        for name in names:
            assert not any(name.encode() in each for each in (content, *pictures)), (path, name)


@in_browser
def test_the_page_loads_without_a_word_on_the_console(page: Path, tmp_path: Path):
    assert look_at(page, tmp_path).console == []


@in_browser
def test_every_figure_of_the_run_is_there_and_not_blank(page: Path, published: Run, tmp_path: Path):
    pictures = look_at(page, tmp_path).pictures
    assert len(pictures) == len(figures_of(published))
    for picture in pictures:
        assert picture["width"] > 200, picture
        assert picture["height"] > 80, picture
        assert picture["shown"] > 200, picture
        assert picture["drawn"] > LEAST_DRAWN, picture
    # One of each kind need not be opened.
    kinds = {path.stem for path in figures_of(published)}
    assert sum(not picture["folded"] for picture in pictures) == len(kinds) < len(pictures)


@in_browser
def test_what_is_folded_is_printed_all_the_same(page: Path, tmp_path: Path):
    text = page.read_text(encoding="utf-8")
    opened, closed = text.replace("<details>", "<details open>"), text.replace("::details-", "::un")
    assert text != opened and text != closed
    lengths = []
    for number, each in enumerate((text, opened, closed)):
        copy = tmp_path / f"{number}.html"
        copy.write_text(each, encoding="utf-8")
        print_page(copy, tmp_path / "page.pdf")
        lengths.append(len(PAGES.findall((tmp_path / "page.pdf").read_bytes())))
    assert lengths[0] == lengths[1] > lengths[2]


@in_browser
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_nothing_is_wider_than_the_window(page: Path, tmp_path: Path, width: int):
    look = look_at(page, tmp_path, width)
    assert look.window == width
    assert look.width <= width


@in_browser
def test_the_looks_find_what_they_are_for(tmp_path: Path):
    """A blank figure, a broken one, a page too wide, an error: so that none is passed over."""
    spoilt = tmp_path / "spoilt.html"
    spoilt.write_text(
        f'<html><body><img src="{BLANK}"><img src="data:image/png;base64,AAAA">'
        '<p style="width: 3000px">wide</p><script>throw new Error("spoilt")</script></body></html>'
    )
    look = look_at(spoilt, tmp_path)
    assert [picture["drawn"] for picture in look.pictures] == [0, 0]
    assert [picture["width"] for picture in look.pictures] == [9, 0]
    assert look.width > look.window
    assert any("spoilt" in line for line in look.console)


@in_browser
def test_it_can_be_photographed_and_printed(page: Path, tmp_path: Path):
    photograph(page, tmp_path / "page.png", WIDE, 4000)
    pixels = matplotlib.image.imread(tmp_path / "page.png")[..., :3]
    # Every stretch as high as a small window shows something.
    for top in range(0, 4000, 500):
        assert np.ptp(pixels[top : top + 500]) > 0.5
    print_page(page, tmp_path / "page.pdf")
    pdf = (tmp_path / "page.pdf").read_bytes()
    assert pdf.startswith(b"%PDF")
    assert len(PAGES.findall(pdf)) >= 3


class Addresses(HTMLParser):
    """Addresses that a browser would fetch, with the elements that name them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list) -> None:
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action", "poster") and value:
                self.found.append((tag, value))
            elif name == "id":
                self.anchors.add(value)


def test_it_fetches_nothing(page: Path):
    text = page.read_text(encoding="utf-8")
    addresses = Addresses()
    addresses.feed(text)
    for tag, address in addresses.found:
        if tag == "a" and address.startswith("#"):
            assert address[1:] in addresses.anchors
        elif tag == "a":  # a file of the study
            assert (page.parent / unquote(address)).is_file(), address
        else:
            assert address.startswith("data:"), (tag, address[:80])
    assert not re.search(r"<(iframe|object|embed)\b|<script [^>]", text)
    assert "@import" not in text and "url(" not in text


def test_the_run_ends_with_the_answers_of_its_page(published: Run):
    text = (published.folder / "results/tables/answers.txt").read_text(encoding="utf-8")
    assert 1 < len(text.splitlines()) <= 12
    assert text in published.output
    assert "2 seeds" in text.partition("\n")[0]  # too few for verdicts
    for name in ("winning tickets", "rest worse", "worst still trains", "stable", "explained"):
        assert name in text


def test_it_counts_the_data_of_every_task(page: Path):
    table = page.read_text(encoding="utf-8").split('id="table-data"')[1].split("</table>")[0]
    cells = re.findall(r">\s*(tone|degree|train|validation|160|64)\s*<", table)
    splits = ["train", "160", "validation", "64"]
    assert cells == ["tone", *splits, "degree", *splits]


def test_it_tells_the_cost_of_every_job(page: Path, published: Run):
    """Every benchmark file of the run is counted, but for that of the page itself."""
    text = page.read_text(encoding="utf-8")
    rows = re.findall(r'<th scope="row">\s*([\w ]+?)\s*</th>\s*<td>([\d,]+)</td>', text)
    counted = {rule: int(number) for rule, number in rows}
    benchmarks = published.folder / "results" / "benchmarks"
    jobs = {
        rule: len(list(path.rglob("*.tsv"))) if path.is_dir() else 1
        for path in benchmarks.iterdir()
        for rule in [path.name.removesuffix(".tsv")]
    }
    assert counted["finetune"] == jobs["finetune"] == 4
    assert counted["evaluate"] == jobs["evaluate"]
    assert counted["search structured"] + counted["search magnitude"] == jobs["search"]
    assert "Without a benchmark file" not in text


def test_the_note_on_overlap_stands_in_the_captions_of_both_reports(published: Run, tmp_path: Path):
    """Controls that overlap with the good subnetwork, as `compare_controls` would note them."""
    folder = tmp_path / "run"
    copy_run(published, folder)
    note = folder / "results/tables/tiny/structured/overlap_note.rst"
    assert note.read_text().strip() == ""  # the tiny run has no such controls
    when = note.stat().st_mtime_ns
    note.write_text("Of the parameters of bad, 40% in tone belong to good as well.\n")
    os.utime(note, ns=(when, when))  # so that no figure is drawn anew
    own = folder / "results/report.html"
    own.unlink()
    arguments = ("results/report.html", "--rerun-triggers", "mtime")
    done = run_snakemake(folder, published.config, *arguments)
    assert done.returncode == 0, done.stdout[-3000:]
    theirs = tmp_path / "snakemake_report.html"
    done = run_snakemake(folder, published.config, "--report", str(theirs))
    assert done.returncode == 0, done.stdout[-3000:]
    # In the captions of scores and differences.
    assert own.read_text().count("40% in tone belong to good as well") == 2
    assert theirs.read_text().count("40% in tone belong to good as well") == 2
