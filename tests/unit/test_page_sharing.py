"""A page can be given to others: it names no folder of the machine that made it."""

from __future__ import annotations

from pathlib import Path

import pytest

from lottery.report.page.sharing import shared, short_paths

STUDY = Path("/home/ada/studies/first")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("/home/ada/studies/first/data/train.csv", "data/train.csv"),
        ("/data/ada/secret/train.csv", "…/train.csv"),
        ("~/models/bert", "…/bert"),
        ("data/train.csv", "data/train.csv"),
        ("google/bert", "google/bert"),
        ("a/b", "a/b"),
        ("/", "/"),
        ("/positive", "/positive"),  # a label
    ],
)
def test_a_path_is_shown_without_the_folders_above(text, shown, monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    short = short_paths({"file": text}, STUDY)
    assert shared({"file": [text]}, short) == {"file": [shown]}


def test_paths_inside_sentences_and_expanded_ones_are_shortened(monkeypatch):
    monkeypatch.setenv("HOME", "/home/ada")
    short = short_paths([{"x": "~/sets/own"}, {"y": "/data/ada/train.csv"}], STUDY)
    text = "from /home/ada/sets/own/a.csv, /data/ada/train.csv; /home/ada/else; " + str(STUDY)
    assert shared(text, short) == "from …/own/a.csv, …/train.csv; ~/else; ."
    assert shared(7, short) == 7
