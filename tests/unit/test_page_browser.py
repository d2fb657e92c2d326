"""The page in a real browser: answers on the first screen, nothing in the way, sorting, filters."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

import pytest
import synthetic_page
from browser import ask, browser, print_page
from page_reader import seen

from lottery import files

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(browser() is None, reason="Chromium is not installed"),
]
PAGES = re.compile(rb"/Type\s*/Page\b")  # in a pdf
SCREENS = ((1400, 900), (500, 900), (390, 844))

# What stands where: of elements that hold text or pictures, and of the page itself.
LOOK = """(view, page) => {
  const shown = [...page.querySelectorAll(
    "h1, h2, h3, main p, main li, summary, dt, dd, .scroll, .files, select")]
    .filter(one => one.checkVisibility({visibilityProperty: true}) && one.offsetHeight
      && !one.closest(".scroll p, .scroll li"));
  // Of a text the lines, not the space that it leaves free for what is next to it.
  const place = one => one.getBoundingClientRect();
  const lines = one => {
    const range = page.createRange();
    range.selectNodeContents(one);
    return place(range);
  };
  const boxes = shown.map(one => one.matches(".scroll, summary, select") ? place(one) : lines(one));
  const overlaps = [];
  boxes.forEach((a, i) => boxes.slice(i + 1).forEach((b, j) => {
    const [first, second] = [shown[i], shown[i + 1 + j]];
    if (first.contains(second) || second.contains(first)) return;
    const [x, y] = [Math.min(a.right, b.right) - Math.max(a.left, b.left),
      Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top)];
    if (x > 1 && y > 1) overlaps.push([first.textContent, second.textContent]
      .map(text => text.trim().slice(0, 40)));
  }));
  return {
    overlaps, width: page.documentElement.scrollWidth,
    questions: [...page.querySelectorAll(".answers dt")].map(one => one.textContent),
    answered: place(page.querySelector(".answers")).bottom,
    figure: place(page.querySelector("img")).top,
    contents: page.querySelector("nav ol").checkVisibility(),
    hints: [...page.querySelectorAll(".scroll")].filter(one => one.offsetHeight).map(one =>
      [one.scrollWidth > one.clientWidth + 1, one.classList.contains("scrolls"), one.tabIndex]),
  };
}"""

# The contrast of texts with the page, and of the page itself: the least of each kind.
COLOURS = """(view, page) => {
  const channels = text => text.match(/[\\d.]+/g).slice(0, 3).map(Number);
  const light = text => channels(text).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, place) => sum + c * [0.2126, 0.7152, 0.0722][place], 0);
  const ground = light(view.getComputedStyle(page.body).backgroundColor);
  const found = {ground};
  for (const kind of ["h1", "a", "figcaption", ".paper", "small", ".supported", ".contradicted",
      ".undecided", ".constructed", ".silent", "thead th", "summary"]) {
    const own = light(view.getComputedStyle(page.querySelector("main " + kind)).color);
    const [high, low] = [Math.max(own, ground), Math.min(own, ground)];
    found[kind] = (high + 0.05) / (low + 0.05);
  }
  return found;
}"""

SORT = """(view, page) => {
  const table = page.querySelector('[id^="table-summary"] table');
  const head = [...table.tHead.rows[0].cells];
  const column = head.findIndex(one => one.textContent.startsWith("average"));
  const read = () => [...table.tBodies].map(body =>
    [...body.rows].filter(row => row.cells.length > 1).map(row => row.cells[column].innerText));
  const orders = [read()];
  for (let i = 0; i < 3; i++) {
    head[column].querySelector("button").click();
    orders.push(read());
  }
  const titles = [...table.tBodies].map(body => body.rows[0].classList.contains("title"));
  return {orders, titles};
}"""

FILTER = """(view, page) => {
  const form = page.getElementById("picks");
  const counts = () => Object.fromEntries(["method", "task"].map(kind =>
    [kind, [...new Set([...page.querySelectorAll(`main [data-${kind}]`)]
      .filter(one => !one.closest("details:not([open])") && one.checkVisibility())
      .flatMap(one => one.dataset[kind].split(" ")))].sort()]));
  const before = counts();
  form.elements.method.value = "structured";
  form.elements.task.value = "rte";
  form.dispatchEvent(new view.Event("change"));
  return {before, after: counts(),
    heads: [...page.querySelectorAll('[id^="table-summary"] thead th')]
      .filter(one => one.checkVisibility()).map(one => one.innerText.split("\\n")[0].trim())};
}"""
PICK = """<script>
document.getElementById("picks").elements.method.value = "structured";
document.getElementById("picks").dispatchEvent(new Event("change"));
</script></body>"""


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The page of a made-up run, whose folder is the working directory.

    Its tasks are called artificial and its seeds too few: as much as can stand above the answers.
    """
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setattr(sys.modules["lottery.files.atomic"], "_flush", lambda path: None)
        tree = synthetic_page.write_run(root)
        tasks = [task | {"generated": True} for task in synthetic_page.facts(tree)["tasks"]]
        yield synthetic_page.write_page(tree, tasks=tasks, seeds=[1, 2])


@pytest.mark.parametrize(("width", "height"), SCREENS)
def test_the_answers_are_on_the_first_screen_and_nothing_is_in_the_way(
    page: str, tmp_path: Path, width: int, height: int
):
    look = ask(page, tmp_path, LOOK, width, height)
    assert len(look["questions"]) == 5
    assert look["answered"] <= height
    assert look["figure"] >= look["answered"]
    assert look["overlaps"] == []
    assert look["width"] <= width
    assert look["contents"] == (width > 1088)  # else behind a button
    # What scrolls says so and can be reached by keyboard, what does not is no stop on the way.
    for scrolls, says_so, tab in look["hints"]:
        assert says_so == scrolls == (tab == 0)
    scrolling = [scrolls for scrolls, _, _ in look["hints"]]
    assert any(scrolling)
    assert not all(scrolling) or width < 500


def test_without_its_script_the_page_shows_everything(page: str, tmp_path: Path):
    bare = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert bare != page
    look = ask(bare, tmp_path, LOOK, 1400)
    assert look["contents"]
    assert look["answered"] <= 900
    assert look["overlaps"] == []
    assert not seen(bare).text.count("scroll sideways")


@pytest.mark.parametrize("dark", [False, True])
def test_texts_stand_out_from_the_page(page: str, tmp_path: Path, dark: bool):
    found = ask(page, tmp_path, COLOURS, 1400, dark=dark)
    ground = found.pop("ground")
    assert ground < 0.05 if dark else ground > 0.9
    assert {kind: ratio for kind, ratio in found.items() if ratio < 4.5} == {}


def test_a_click_sorts_within_groups_and_the_third_restores(page: str, tmp_path: Path):
    found = ask(page, tmp_path, SORT, 1400)
    before, up, down, after = (
        [[float(cell.split()[0]) for cell in group] for group in order] for order in found["orders"]
    )
    assert up == [sorted(group) for group in before] != before
    assert down == [sorted(group, reverse=True) for group in before]
    assert after == before
    assert found["titles"] == [False, True, True]


def test_a_filter_leaves_the_method_and_the_task_that_were_chosen(page: str, tmp_path: Path):
    found = ask(page, tmp_path, FILTER, 1400)
    assert found["before"]["method"] == ["magnitude", "structured"]
    assert len(found["before"]["task"]) == 9
    # An answer that is the same for both methods names both.
    assert "structured" in found["after"]["method"]
    assert found["after"]["task"] == ["rte"]
    assert found["heads"] == ["", "n", "kept", "average", "without degenerate", "rte (accuracy)"]


def test_all_is_printed_whatever_is_folded_or_filtered(page: str, tmp_path: Path):
    texts = {
        "page": page,
        "filtered": page.replace("</body>", PICK),
        "opened": page.replace("<details>", "<details open>"),
        "closed": page.replace("  details::details-content", "  details::un"),
    }
    lengths = {}
    for name, text in texts.items():
        (tmp_path / "page.html").write_text(text, encoding="utf-8")
        print_page(tmp_path / "page.html", tmp_path / "page.pdf")
        lengths[name] = len(PAGES.findall((tmp_path / "page.pdf").read_bytes()))
    assert lengths["page"] == lengths["filtered"] == lengths["opened"] > lengths["closed"]


def test_every_link_leads_to_a_file_or_a_place(page: str):
    found = seen(page)
    ids = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    addresses = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    outside = [unquote(address) for address in addresses if not address.startswith("#")]
    assert {address[1:] for address in addresses if address.startswith("#")} <= ids
    assert all((Path("results") / address).is_file() for address in outside)
    assert not any(Path(address).is_absolute() or ".." in address for address in outside)
    # Each table in three formats, each figure as drawn, with its numbers where a job recorded them.
    for table in found.tables:
        own = page[page.index(f'id="{table}"') :]
        own = own[: own.index("</figure>")]
        assert re.findall(r'<a href="[^#"]+">(\w+)</a>', own) == ["csv", "Markdown", "LaTeX"]
    assert {"figures/bert_base/structured/scores.svg", "tables/scores.csv"} <= {*outside}


def test_tables_in_other_formats_hold_what_the_page_shows(page: str):
    shown = seen(page).tables["table-methods"]
    (rows,) = [files.read_csv("results/tables/as-shown/methods.csv")]
    assert [row["algorithm"] for row in rows] == [row[1] for row in shown[1:]]
    assert "| magnitude |" in Path("results/tables/as-shown/methods.md").read_text()
    assert "\\begin{tabular}" in Path("results/tables/as-shown/methods.tex").read_text()
