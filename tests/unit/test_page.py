"""The page of a run: every number and figure is there, as text, and nothing is fetched."""

from __future__ import annotations

import base64
import csv
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import synthetic
import synthetic_page
from page_reader import Seen, seen
from synthetic_latency import latency_rows
from synthetic_page import ODD, TABLES

from lottery import files
from lottery.files.errors import StudyError
from lottery.report.page.figures import caption
from lottery.results.latency import SCHEMA as LATENCY_SCHEMA
from lottery.results.overlap import SCHEMA, overlap_sentence

MINUS = "\u2212"


@pytest.fixture(scope="module")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Iterator[synthetic.Tree]:
    """A run of nine tasks and five seeds; its folder is the working directory."""
    root = tmp_path_factory.mktemp("run")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        # A thousand files that no power cut needs to leave whole.
        patch.setattr(sys.modules["lottery.files.atomic"], "_flush", lambda path: None)
        yield synthetic_page.write_run(root)


@pytest.fixture(scope="module")
def page(tree: synthetic.Tree) -> str:
    return synthetic_page.write_page(tree)


@pytest.fixture(scope="module")
def found(page: str) -> Seen:
    return seen(page)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_page_needs_nothing_but_itself(page, found):
    names = {tag for tag, _ in found.tags}
    assert not names & {"iframe", "object", "embed", "base"}
    assert [attributes for tag, attributes in found.tags if tag == "script"] == [{}]  # inline
    for tag, attributes in found.tags:
        assert not any(name.startswith("on") for name in attributes), tag
        for name in ("src", "href", "srcset", "action"):
            address = attributes.get(name)
            if address and tag != "a":
                assert address.startswith("data:"), (tag, address[:80])
    assert "url(" not in page
    assert "@import" not in page


def test_odd_text_of_the_config_arrives_as_text(page, found):
    assert "<script>alert" not in page
    assert ODD in found.text
    # In the config's YAML as well.
    assert found.text.count("alert(1)") >= len(synthetic.GLUE) + 3


def test_every_number_of_the_summary_stands_in_its_cell(tree, found):
    table = found.tables["table-summary-bert_base-validation"]
    tasks = list(tree.tasks)
    head = table[0]
    names = [cell.split()[0] for cell in head[3:]]
    assert names == ["average", "without", *tasks]
    shown = {}
    method = "none"
    for row in table[1:]:
        if len(row) == 1:
            method = row[0]
        else:
            shown[method, row[0]] = row
    checked = 0
    for row in rows_of(TABLES / "summary.csv"):
        if row["split"] != "validation":
            continue
        name = row["subnetwork"]
        if row["method"] != "none":
            name = f"{name}, {row['phase']}"
        place = 3 + names.index(row["task"])
        cell = shown[row["method"], name][place]
        expected = f"{float(row['mean']):.3f}" if row["mean"] else "–"
        assert cell.split()[0].replace(MINUS, "-") == expected, row
        if row["published_mean"]:
            assert cell.split()[-1].replace(MINUS, "-") == f"{float(row['published_mean']):.3f}"
        if row["sd"]:
            assert f"± {float(row['sd']):.3f}" in cell
        assert ("†" in cell) == (row["n_degenerate"] not in ("", "0"))
        if row["task"] == "average" and row["mean_without_degenerate"]:
            without = shown[row["method"], name][place + 1]
            assert without.split()[0] == f"{float(row['mean_without_degenerate']):.3f}"
        checked += 1
    assert checked == (2 + 2 * 6 + 2 * 3) * (len(tasks) + 1)


def test_a_claim_shows_its_verdict_its_number_and_its_interval(tree, found):
    tables = {
        name: {(row[0].split()[0], row[1].split()[0]): row for row in found.tables[name][1:]}
        for name in ("table-claims-decided", "table-claims-undecided")
    }
    judged = [row for row in synthetic_page.claims(tree) if "estimate" in row]
    assert len(judged) == sum(map(len, tables.values())) > 10
    for row in judged:
        kind = "undecided" if row["verdict"] == "undecided" else "decided"
        shown = tables[f"table-claims-{kind}"][row["claim"], row["method"]]
        claim, method, verdict, measured, paper, test = shown
        assert claim == f"{row['claim']} {row['statement']}"
        assert method == f"{row['method']} good half"  # what is judged is named
        below = ["leans against the claim"] * (kind == "undecided") + [row.get("incomplete", "")]
        assert verdict == " ".join(filter(None, [row["verdict"], *below]))
        assert measured.startswith(row["effect"])
        number = f"{abs(row['estimate']):.3f}"
        assert f": {MINUS}{number} [{MINUS}0.200, 0.200]" in measured
        assert "8 tasks, 5 seeds, 3 of 40 runs collapsed (2 % to 20 %)" in measured
        assert measured.endswith("p 0.031, corrected (Holm) 0.062")
        assert paper == f"paper 0.876 {row['published']} second-hand"
        assert test.startswith(f"95 % interval above {MINUS}0.1")


def test_claims_that_were_not_judged_are_lines(found):
    words = " ".join(found.text.split())
    assert "Not applicable. structured: C2; magnitude: C7." in words
    assert "not run A5 (structured and magnitude): Reason of A5." in words
    assert not any("A5" in cell for rows in found.tables.values() for row in rows for cell in row)


def test_every_verdict_is_counted(tree, found):
    words = " ".join(found.text.split())
    counts = Counter(row["verdict"] for row in synthetic_page.claims(tree))
    assert len(counts) == 6
    for verdict, number in counts.items():
        assert f"{verdict} {number}" in words


def test_differences_are_the_averages_over_tasks(tree, found):
    table = found.tables["table-differences"]
    cells = [row[2].split() for row in table if len(row) > 1 and row[2] != "difference"]
    assert [float(cell[0]) for cell in cells] == pytest.approx([0.10, 0.11, 0.12, 0.13])
    # The mean with the collapsed runs stands below, where there are any.
    assert [cell[1:] for cell in cells] == [["with", "2", "collapsed", "0.078"], []] * 2
    assert all("< 0.0001 [0.0001]" in row[-1] for row in table[1:] if len(row) > 1)


def test_overlaps_are_means_over_seeds(tree, found):
    table = found.tables["table-overlap"]
    controls = [row[0] for row in table if len(row) > 1][1:]
    assert "super_good" not in controls  # a part of good by its definition
    rows = rows_of(TABLES / "overlap.csv")
    shares = [
        float(row["parameters_share"])
        for row in rows
        if (row["method"], row["subnetwork"], row["task"]) == ("magnitude", "bad", "qqp")
    ]
    assert len(shares) == len(tree.seeds)
    place = table[0].index("qqp")
    line = [row for row in table if row[0] == "bad"][-1]
    assert line[place] == f"{sum(shares) / len(shares):.0%}".replace("%", " %")


def test_every_figure_is_inside_once_and_in_order(page, found):
    paths = sorted(Path("results/figures").rglob("*.svg"))
    inside = [base64.b64decode(address.partition("base64,")[2]) for address, _ in found.figures]
    # The same figure of two methods stands there once, under both names.
    assert sorted(inside) == sorted({path.read_bytes() for path in paths})
    assert "The same: magnitude and structured, bert_base" in page
    numbers = [int(n) for n in re.findall(r'<p class="number">Figure (\d+)', page)]
    assert numbers == list(range(1, len(paths)))
    # The methods follow each other in the order in which the rule names the figures.
    assert [re.split("[:,]", caption)[1].strip() for _, caption in found.figures][:2] == [
        "magnitude",
        "structured",
    ]


def test_of_each_kind_the_first_figure_is_shown_and_the_others_can_be_opened(page, found):
    assert len(found.figures) == len(found.folded) == 5
    titles = [caption.strip().partition("\n")[0].rstrip("#") for _, caption in found.figures]
    # Kinds: scores of two methods, never_heard_of of two, and the_same, which both share.
    assert [title.split(", ")[0] for title in titles[:2]] == [
        "Figure 1. Scores: magnitude",
        "Figure 2. Scores: structured",
    ]
    hidden = [line for line in found.folded if line]
    assert hidden == [title for title, line in zip(titles, found.folded, strict=True) if line]
    assert [number for number, line in enumerate(found.folded, start=1) if not line] == [1, 3, 5]
    assert "<details open" not in page


def test_the_contents_lead_to_every_section_and_kind_of_figure(found):
    ids = {attributes["id"] for _, attributes in found.tags if "id" in attributes}
    addresses = [attributes["href"] for tag, attributes in found.tags if tag == "a"]
    linked = [address[1:] for address in addresses if address.startswith("#")]
    assert set(linked) <= ids
    assert {"answers", "further-never_heard_of", "further-the_same"} <= set(linked)


def test_a_figure_that_no_section_names_comes_last_under_its_name(page, found):
    last = [base64.b64decode(address.partition(",")[2]) for address, _ in found.figures[-3:]]
    assert all(b"teal" in file for file in last)
    assert "Further figures" in found.text
    assert "Never heard of" in found.text
    assert page.index('id="further"') > page.index('id="others"')


def test_sections_without_content_are_left_out(page):
    shown = set(re.findall(r'<section id="([a-z]+)"', page))
    assert {"answers", "run", "summary", "claims", "others", "making", "cost"} <= shown
    assert not {"stable", "tasks", "outside"} & shown
    linked = re.findall(r'<li><a href="#([a-z]+)"', page)
    assert set(linked) <= shown
    assert len(linked) == len(set(linked))


@pytest.mark.parametrize("method", ["structured", "magnitude"])
def test_captions_of_good_versus_bad_figures_tell_of_overlap(tree, found, method):
    overlap = files.read_table(TABLES / "overlap.csv", SCHEMA)
    sentence = overlap_sentence(overlap[overlap["method"] == method])
    assert "random" in sentence  # more than a tenth of a random subnetwork lies in the good one
    caption = next(text for _, text in found.figures if f": {method}," in text)
    assert sentence in " ".join(caption.split())
    assert f"Scores of bert_base under the method {method}" in " ".join(caption.split())


def test_without_notable_overlap_the_caption_says_nothing_of_it(tree):
    path = synthetic_page.note(tree, "structured")
    before = path.read_text()
    path.write_text("\n")
    try:
        captions = [text for _, text in seen(synthetic_page.write_page(tree)).figures]
    finally:
        path.write_text(before)
    assert sum("Of the parameters of" in text for text in captions) == 1


def test_what_was_run_and_with_what_is_told(found):
    words = " ".join(found.text.split())
    assert "1 encoder (bert_base) and 9 tasks (cola, " in words
    assert "5 seeds (1337, 42, 86, 71 and 166)" in words
    assert "scores 855 cells" in words
    assert "abc123" in words
    assert "3.12.1" in words
    assert "plot_scores 1" in words
    assert "Not in the average: wnli." in words


def test_options_unlike_the_presets_are_named(found):
    rows = {row[0]: row for row in found.tables["table-methods"]}
    assert [rows[name][4] for name in ("structured", "magnitude")] == ["units: heads", "–"]


def test_the_data_of_the_tasks_are_counted(tree, found):
    assert "table-data" not in found.tables  # no record has a summary
    counts = {"examples": 1234, "classes": {"no": 1, ODD: 1233}, "duplicates": 5, "invisible": 0}
    data = {"task": "rte", "splits": {"train": counts}, "warnings": ["Odd."]}
    outputs = {"train": [TABLES / "scores.csv"]}
    synthetic_page.write_record(TABLES / "rte", "fetch_task", {}, outputs, data=data)
    try:
        table = seen(synthetic_page.write_page(tree)).tables["table-data"]
    finally:
        (TABLES / "rte.provenance.json").unlink()
    assert table[1] == ["rte"]
    row = ["train", "1,234", "–", "5", "0", "–", "–", f"{' '.join(ODD.split())} 1,233, no 1"]
    assert table[2] == row


def test_the_paper_is_not_repeated_where_nothing_is_comparable(tree):
    layout = tree.layout | {"published_models": []}
    summary = Path("own/summary.csv")
    summary.parent.mkdir()
    rows = rows_of(TABLES / "summary.csv")
    with summary.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {n: "" for n in row if n.startswith("published")} for row in rows)
    page = synthetic_page.write_page(tree, layout=layout, paths_to_tables=[summary])
    table = page[page.index('id="table-summary') : page.index('id="run"')]
    assert 'class="paper"' not in table
    assert "Prasanna" not in table


def test_claims_and_differences_may_be_missing(tree):
    page = synthetic_page.write_page(
        tree, paths_to_tables=[TABLES / "summary.csv", TABLES / "overlap.csv"]
    )
    assert 'id="claims"' not in page and 'id="answers"' not in page
    assert 'href="#claims"' not in page and 'href="#answers"' not in page
    assert Path("results/tables/answers.txt").read_text() == ""
    assert "table-differences" not in page


def test_the_summary_may_be_missing_where_its_step_failed(tree):
    page = synthetic_page.write_page(tree, paths_to_tables=[TABLES / "claims.csv"])
    assert 'id="answers"' in page and 'id="claims"' in page and 'id="summary"' not in page


def test_a_caption_that_names_what_is_not_there_is_refused(tree, tmp_path):
    (tmp_path / "scores.rst").write_text("Of {{ snakemake.wildcards.task }}.")
    with pytest.raises(StudyError, match=r"The caption scores\.rst cannot be rendered"):
        synthetic_page.write_page(tree, paths_to_captions=[tmp_path / "scores.rst"])


@pytest.mark.parametrize(
    "text", [".. raw:: html\n\n   <script></script>", "*open", ".. nonsense::"]
)
def test_a_caption_is_plain_restructured_text(tree, tmp_path, text):
    (tmp_path / "scores.rst").write_text(text)
    with pytest.raises(StudyError, match="cannot be rendered"):
        synthetic_page.write_page(tree, paths_to_captions=[tmp_path / "scores.rst"])


def test_what_still_learns_stands_beside_what_a_user_supplied(tree, found):
    table = found.tables["table-trainability"]
    by_name = {row[0]: row for row in table if len(row) > 1}
    place = {cell.split()[0]: number for number, cell in enumerate(table[0]) if cell}
    assert by_name[f"{ODD} supplied"][place["rte"]] == "0.123"
    row = by_name["magnitude: bad bert_base, retrained"]
    (expected,) = (
        line["mean"]
        for line in rows_of(TABLES / "summary.csv")
        if (line["method"], line["subnetwork"], line["phase"]) == ("magnitude", "bad", "retrained")
        and (line["split"], line["task"]) == ("validation", "rte")
    )
    assert row[place["rte"]].split()[0] == f"{float(expected):.3f}"


def test_associations_are_those_of_the_fine_tuned_models_over_tasks(found):
    rows = found.tables["table-associations"]
    assert [row[0] for row in rows[2:]] == ["heterogeneous", "vertical"]
    assert rows[2][1:5] == ["0.25", f"{MINUS}0.25", "0.02", "0.25"]
    assert not any("0.99" in cell for row in rows for cell in row)


def test_measured_times_are_a_table_of_their_own_section(tree, found):
    assert "table-latency" not in found.tables and "What is a subnetwork worth?" not in found.text
    paths = [TABLES / "summary.csv"]
    for method, granularity in (("structured", "units"), ("magnitude", "weights")):
        frame = latency_rows(
            {"good": (0.75, 0.5)}, tuple(tree.tasks),
            model=tree.model, method=method, granularity=granularity,
        )  # fmt: skip
        paths.append(synthetic_page.of_method(tree, method) / "latency.csv")
        files.write_table(paths[-1], frame, LATENCY_SCHEMA)
    page = seen(synthetic_page.write_page(tree, paths_to_tables=paths))
    rows = [row for row in page.tables["table-latency"] if row[0] == "good"]
    assert [row[1:4] for row in rows] == [["9", "0.500", "0.750"]] * 2
    assert all(row[4].startswith("0.75") and row[5].startswith("0.50") for row in rows)
    words = " ".join(page.text.split())
    assert "Masks of weights keep 50 % of the body and take 0.50 to 0.75 times as long" in words
    assert "What is a subnetwork worth?" in page.text


def test_a_caption_finds_the_files_of_its_figure_in_the_order_of_the_rule(tmp_path):
    digests = {f"a/scores.{kind}": "0" for kind in ("pdf", "png", "rst", "svg")}  # as records sort
    template = tmp_path / "own.rst"
    template.write_text("{{ snakemake.output.figure | join(' ') }}")
    text = caption(template, {"outputs": {"figure": digests}}, {})
    assert "a/scores.svg a/scores.png a/scores.pdf a/scores.rst" in text


def test_what_is_embedded_and_printed_names_no_folder_of_the_machine(page, found):
    inside = [base64.b64decode(address.partition(",")[2]).decode() for address, _ in found.figures]
    printed = [path.read_text() for path in (TABLES / "as-shown").iterdir()]
    assert len(printed) > 20
    for text in (page, *inside, *printed, (TABLES / "answers.txt").read_text()):
        assert str(Path.cwd()) not in text


def test_an_unfinished_study_says_so_before_its_answers(tree):
    missing = ["Missing: 2 of 9 fine-tuned models", "cola, seed 7", "not made: <scores>"]
    folder = Path("results/partial")
    folder.mkdir()
    files_of = {"path_to_report": folder / "report.html", "paths_to_figures": []}
    files_of |= {"path_to_answers": folder / "answers.txt", "path_to_printed": folder / "as-shown"}
    synthetic_page.write_page(tree, missing=missing, **files_of)
    page = (folder / "report.html").read_text()
    assert page.index(missing[0]) < page.index('id="answers"')
    assert "<li>not made: &lt;scores&gt;</li>" in page[page.index('id="run"') :]
    assert "not finished" in (folder / "answers.txt").read_text().partition("\n")[0]
    links = [a["href"] for tag, a in seen(page).tags if tag == "a" and a["href"][0] != "#"]
    assert {link for link in links if not (folder / link).exists()} == set()


def test_alternative_texts_say_what_a_figure_shows_and_what_was_found(found):
    pictures = [attributes["alt"] for tag, attributes in found.tags if tag == "img"]
    scores = next(text for text in pictures if text.startswith("Scores: structured, bert_base."))
    assert "structured: good is 0.012 below A1 (A1: supported)." in scores
    assert "Scores, mean over tasks" in scores


def test_published_numbers_are_not_told_apart_by_colour_alone(page):
    papers = re.findall(r'<small class="paper">(\w+)', page)
    assert len(papers) > 100
    assert set(papers) == {"paper"}


def test_the_answers_come_first_then_a_figure_then_claims_and_what_was_run_last(page):
    order = ["answers", "lead", "claims", "summary", "others", "run", "making", "cost"]
    places = [page.index(f'<section id="{name}"') for name in order]
    assert places == sorted(places)
    assert page.index("<img") > page.index('<section id="lead"')


def test_the_figure_of_all_methods_leads_where_there_is_one(tree):
    folder = Path("results/figures") / tree.model
    (folder / "overview.svg").write_text(synthetic_page.SQUARE.format(method="all"))
    try:
        own = seen(synthetic_page.write_page(tree)).figures
    finally:
        (folder / "overview.svg").unlink()
    assert own[0][1].strip().startswith("Figure 1. All methods side by side: structured and magnit")
    assert "structured: good is 0.012 below A1" in own[0][1]
    assert "magnitude: good is 0.022 below A1" in own[0][1]


def test_what_all_figures_share_is_said_once(tree, tmp_path):
    captions = sorted((synthetic_page.WORKFLOW / "report").glob("*.rst"))
    (tmp_path / "legend.rst").write_text("Grey is *chance*.")
    given = [path for path in captions if path.stem != "legend"] + [tmp_path / "legend.rst"]
    page = synthetic_page.write_page(tree, paths_to_captions=given)
    assert page.count("Grey is <em>chance</em>.") == 1
