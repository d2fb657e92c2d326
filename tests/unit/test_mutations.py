"""Every changed leaf of a config ends in one sentence, or in a study whose jobs can be listed."""

from __future__ import annotations

import sys
from itertools import islice
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from lottery.config import load_study, read_config
from lottery.files.errors import StudyError
from lottery.planning import grid
from mutations import TEXTS, mutants

SLICE = 29  # of all mutants one in so many is tried in every run of the tests; a prime number
LONGEST = 700  # characters of a sentence


def try_all(cases, folder: Path) -> dict[str, str]:
    """What each mutant ended with: the sentence, or "accepted"."""
    path = folder / "study.yaml"
    ends = {}
    for name, text in cases:
        path.write_text(text, encoding="utf-8")
        try:
            ends[name] = f"accepted: {len(list(grid.cells(load_study(read_config(path), folder))))}"
        except StudyError as error:
            ends[name] = str(error)
            assert "\n" not in ends[name] and len(ends[name]) < LONGEST, (name, ends[name][:1000])
        except Exception as error:
            raise AssertionError(f"{name} ended in {type(error).__name__}: {error}") from error
    return ends


@pytest.mark.slow
@pytest.mark.timeout(120)
def test_a_slice_of_all_mutants(tmp_path: Path):
    ends = try_all(islice(mutants(), 0, None, SLICE), tmp_path)
    assert len(ends) > 100


@pytest.mark.timeout(60)
def test_odd_files(tmp_path: Path):
    assert not [name for name, end in try_all(TEXTS.items(), tmp_path).items() if "accepted" in end]


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_all_mutants(tmp_path: Path):
    ends = try_all(mutants(), tmp_path)
    accepted = [name for name, end in ends.items() if end.startswith("accepted")]
    assert len(ends) > 3000 and 0 < len(accepted) < 150
