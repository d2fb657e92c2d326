"""Maps go out to be annotated and come back; how well the rules agree; bad annotations."""

from __future__ import annotations

import csv
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from sklearn.metrics import f1_score
from synthetic_patterns import ideal_map, write_patterns

from lottery import files
from lottery.attention.annotated import AGREEMENT, agreement, note, read_annotated, read_map
from lottery.attention.rules import CLASSES
from lottery.files.errors import StudyError
from lottery.steps.check_pattern_rules import check_pattern_rules
from lottery.steps.draw_maps import draw_maps


def drawn(folder: Path) -> list[dict[str, str]]:
    """Writes the maps of two cells to annotate; gives the rows of the csv."""
    cells = [folder / f"{number}.npz" for number in range(2)]
    for number, path in enumerate(cells):
        write_patterns(path, (3, 4), number)
    draw_maps(paths_to_patterns=cells, path_to_list=folder / "out/maps.csv", tasks=["cola", "mine"])
    return files.read_csv(folder / "out/maps.csv")


def fill_in(folder: Path, rows: list[dict[str, str]]) -> None:
    """Writes the csv as a spreadsheet does: byte order mark, carriage returns, a column more."""
    with (folder / "maps.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, [*rows[0], "remarks"])
        writer.writeheader()
        writer.writerows(rows)


def check(folder: Path, annotated: Path | None) -> tuple[list[dict[str, str]], str]:
    """Runs the step; gives its table and its note."""
    check_pattern_rules(
        path_to_agreement=folder / "rules.csv",
        path_to_note=folder / "rules.rst",
        annotated_maps=None if annotated is None else str(annotated),
    )
    return files.read_csv(folder / "rules.csv"), (folder / "rules.rst").read_text()


def test_maps_that_are_drawn_filled_in_and_read_back_are_the_same(tmp_path):
    rows = drawn(tmp_path)
    assert len(rows) == 2 * 5 * 2 * 2  # cells, samples, states of the weights, kinds of attention
    assert {row["class"] for row in rows} == {""}
    for row in rows:
        picture = matplotlib.image.imread(tmp_path / "out" / row["picture"])
        assert picture.shape[:2] == (24 * 8, 24 * 8) and picture[..., :3].min() < 0.1
    ideal = {name: ideal_map(name, 24) for name in CLASSES}
    for row in rows[::2]:  # the others are not annotated
        values = np.load(tmp_path / "out" / row["map"])
        row["class"] = next(name for name in CLASSES if np.array_equal(ideal[name], values))
    fill_in(tmp_path / "out", rows)
    found = read_annotated(tmp_path / "out")
    assert sum(len(labels) for _, labels in found.values()) == len(rows) // 2
    for maps, labels in found.values():
        for values, label in zip(maps, labels, strict=True):
            assert np.array_equal(values, ideal[CLASSES[label]])
    table, sentence = check(tmp_path, tmp_path / "out")
    assert {row["f1"] for row in table if row["n_annotated"] != "0"} == {"1.0"}
    assert "annotated raw maps the rules reach these F1: heterogeneous 1.00" in sentence


def test_the_pictures_say_nothing_of_what_they_show(tmp_path):
    """An annotator sees neither task nor head, and the order is drawn."""
    rows = drawn(tmp_path)
    assert [row["map"] for row in rows] == [f"maps/{n:03d}.npy" for n in range(1, len(rows) + 1)]
    maps = [np.load(tmp_path / "out" / row["map"]) for row in rows if row["attention"] == "raw"]
    forms = [int(np.argmax([np.array_equal(m, ideal_map(c, 24)) for c in CLASSES])) for m in maps]
    assert forms != sorted(forms)


def test_without_annotated_maps_the_note_says_so(tmp_path):
    table, sentence = check(tmp_path, None)
    assert table == [] and "No annotated maps were given" in sentence


def test_agreement_is_sklearns_f1():
    rng = np.random.default_rng(1)
    ours, theirs = rng.integers(0, 4, 60), rng.integers(0, 4, 60)  # the last class never occurs
    rows = agreement("raw", theirs, ours)
    expected = f1_score(theirs, ours, labels=range(5), average=None, zero_division=np.nan)
    assert [row["pattern"] for row in rows] == [*CLASSES] and set(rows[0]) == {*AGREEMENT}
    for row, value in zip(rows, expected, strict=True):
        assert row["f1"] is None if np.isnan(value) else row["f1"] == pytest.approx(value)
    assert sum(row["n_annotated"] for row in rows) == sum(row["n_by_rules"] for row in rows) == 60
    assert "vertical_diagonal" not in note(rows)


def annotated(folder: Path) -> list[dict[str, str]]:
    """One annotated map of each class."""
    rows = []
    for name in CLASSES:
        np.save(folder / f"{name}.npy", ideal_map(name, 20).astype(np.float64))
        rows.append({"map": f"{name}.npy", "attention": "raw", "class": name})
    return rows


ARRAYS = {
    "shape": (np.ones((3, 4)), "block.npy has the shape 3 x 4; an attention map is square"),
    "zeros": (np.zeros((3, 3)), "block.npy holds zeros alone"),
    "single": (np.ones((1, 1)), "block.npy is the map of a single token"),
    "nan": (np.full((3, 3), np.nan), "block.npy holds a negative or undefined number"),
    "negative": (-np.ones((3, 3)), "block.npy holds a negative or undefined number"),
    "words": (np.array([["a", "b"], ["c", "d"]]), "block.npy is no array of numbers"),
    "objects": (np.array([[None, 1], [2, 3]], object), "block.npy is an array of Python objects"),
}


@pytest.mark.parametrize(("values", "sentence"), ARRAYS.values(), ids=ARRAYS)
def test_a_bad_map_is_one_sentence(tmp_path, values, sentence):
    fill_in(tmp_path, annotated(tmp_path))
    np.save(tmp_path / "block.npy", values, allow_pickle=True)
    refused(tmp_path, sentence)


ROWS = {
    "class": ({"class": "blocks"}, "'blocks' in the column class; allowed are heterogeneous"),
    "kind": ({"attention": "weighted"}, "'weighted' in the column attention; allowed are raw"),
    "missing": ({"map": "nothing.npy"}, "nothing.npy does not exist"),
    "outside": ({"map": "../x.npy"}, "names the map ../x.npy, which is outside its folder"),
}


@pytest.mark.parametrize(("change", "sentence"), ROWS.values(), ids=ROWS)
def test_a_bad_row_is_one_sentence(tmp_path, change, sentence):
    rows = annotated(tmp_path)
    rows[2] |= change
    fill_in(tmp_path, rows)
    refused(tmp_path, sentence)


def test_a_list_without_classes_or_columns_is_one_sentence(tmp_path):
    rows = annotated(tmp_path)
    fill_in(tmp_path, [row | {"class": ""} for row in rows])
    refused(tmp_path, "has no map with a class; fill in the column class")
    fill_in(tmp_path, [{"map": row["map"], "class": row["class"]} for row in rows])
    refused(tmp_path, "has no column attention; it needs map, attention, class")
    (tmp_path / "maps.csv").unlink()
    refused(tmp_path, "maps.csv")


def refused(folder: Path, sentence: str) -> None:
    with pytest.raises(StudyError) as caught:
        read_annotated(folder)
    assert sentence in str(caught.value)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_an_integer_map_is_a_map(tmp_path):
    np.save(tmp_path / "one.npy", np.eye(4, dtype=np.uint8))
    assert np.array_equal(read_map(tmp_path / "one.npy"), np.eye(4))
