"""Tables with a declared schema: what is written is read back, and nothing is guessed."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lottery import files
from lottery.files.errors import StudyError

SCHEMA = {"name": str, "count": int, "value": float, "flag": bool}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "name": st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=5),
            "count": st.none() | st.integers(-(2**62), 2**62),
            "value": st.none() | st.floats(allow_nan=False, allow_infinity=False),
            "flag": st.none() | st.booleans(),
        }
    ),
    min_size=1,
    max_size=6,
)


@given(rows=ROWS)
def test_a_table_is_read_as_it_was_written(rows, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / "table.csv"
    frame = files.table(rows, SCHEMA)
    files.write_table(path, frame, SCHEMA)
    pd.testing.assert_frame_equal(files.read_table(path, SCHEMA), frame)
    files.write_csv(path.with_suffix(".plain"), rows, list(SCHEMA))
    assert path.read_bytes() == path.with_suffix(".plain").read_bytes()


@pytest.mark.parametrize("word", ["NA", "nan", "null", "None", "1e5", "007", "true"])
def test_no_text_is_taken_for_something_else(word: str, tmp_path: Path):
    path = tmp_path / "table.csv"
    files.write_csv(path, [{"name": word}], list(SCHEMA))
    assert list(files.read_table(path, SCHEMA)["name"]) == [word]


@pytest.mark.parametrize(
    ("column", "text"), [("count", "1.5"), ("value", "one"), ("flag", "True"), ("count", "x")]
)
def test_a_field_of_another_type_is_named(column: str, text: str, tmp_path: Path):
    path = tmp_path / "table.csv"
    files.write_csv(path, [{column: text}], list(SCHEMA))
    with pytest.raises(StudyError, match=f"holds '{text}' in the column {column}"):
        files.read_table(path, SCHEMA)


def test_a_missing_column_is_named(tmp_path: Path):
    path = tmp_path / "table.csv"
    files.write_csv(path, [{"name": "a"}], ["name", "count", "value"])
    with pytest.raises(StudyError, match="lacks the column flag"):
        files.read_table(path, SCHEMA)
    with pytest.raises(ValueError, match="no column for"):
        files.table([{"other": 1}], SCHEMA)
