"""Reading a config: files that are none, and the values of --config."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config

from lottery.config import read_config, typed
from lottery.files.errors import StudyError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "seeds: [1]\nseeds: [2]\n",
            ["line 2: the key 'seeds' is", "after line 1"],
        ),
        ("tasks:\n  rte: {}\n  rte: {}\n", ["line 3: the key 'rte'", "after line 2"]),
        ("tasks: {rte: {}\n", ["no valid YAML", "line 2"]),
        ("seeds: [1\ntasks: {}\n", ["line 2", "expected ',' or ']'", "that begins in line 1."]),
        (
            "tasks: {rte: {}\nseeds: [1]\n",
            ["line 2", "expected ',' or '}'", "in line 1."],
        ),
        ("seeds: [1 2]]\n", ["line 1 is no valid YAML"]),
        ("seeds: [7, 1:30]\n", ["line 1: YAML reads 1:30 as the number 90"]),
        (
            "seeds: [010]\n",
            ["line 1: YAML reads 010 as the number 8", '"010" if it is text'],
        ),
        ("tasks:\n\trte: {}\n", ["no valid YAML", "line 2"]),
        ("- a\n", ["must hold a mapping"]),
        ("", ["must hold a mapping"]),
        ('{"seeds": [1], "seeds": [2]}', ["line 1: the key 'seeds'"]),
        ("? [a, b]\n: 3", ["line 1: a list or map is no key"]),
        (
            "a: !!python/object/apply:os.system [echo]",
            ["line 1", "tags such as !!python/o"],
        ),
        ("a:\n  - !mine b", ["line 2", "plain values and no tags such as !mine"]),
        ("a: !!binary YQ==", ["no tags such as !!binary"]),
        ("__use_yte__: true\na: 1", ["line 1: the key '__use_yte__' would run Python", "plugins"]),
        ("__use_yte__: false", ["the key '__use_yte__'"]),
        ("a: 1\n__variables__: {b: 1}", ["line 2: the key '__variables__' would run Python"]),
        ("__definitions__: [import os]", ["the key '__definitions__' would run Python"]),
        ("a:\n  ?if 1 > 0:\n    b: 1", ["line 2: the key '?if 1 > 0' would run Python"]),
        ("a: {'?for x in [1]': {b: 1}}", ["the key '?for x in [1]' would run Python"]),
    ],
)
def test_files_that_are_no_config(text: str, words: list[str], tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(StudyError) as refusal:
        read_config(path)
    for word in [str(path), *words]:
        assert word in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_numbers_that_look_odd_and_are_meant_pass(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('a: [0, 10, 0.5, 1_000, 0x10, "1:30", "010", 0:30, 2.0e-5, -0.1]\n')
    assert read_config(path)["a"] == [0, 10, 0.5, 1000, 16, "1:30", "010", "0:30", 2e-5, -0.1]


def test_json_with_tabs_passes(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{\n\t"seeds": [1]\n}')
    assert read_config(tmp_path / "config.json") == {"seeds": [1]}


def test_unreadable_files(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"none\.yaml cannot be read"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes("a: \xe9".encode("latin-1"))
    with pytest.raises(StudyError, match="UTF-8"):
        read_config(tmp_path / "latin.yaml")


# --- values of --config, which Snakemake hands over as text inside lists and mappings ---

SCALARS = st.one_of(
    st.integers(-(10**9), 10**9), st.booleans(), st.none(), st.floats(1e-12, 1e12), st.just("word")
)
VALUES = st.recursive(
    SCALARS, lambda v: st.lists(v) | st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), v)
)


@given(st.one_of(st.lists(VALUES), st.dictionaries(st.just("key"), VALUES)))
def test_as_in_a_config_file(value: object) -> None:
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6)
    assert typed(parse_config([f"name={text}"])["name"]) == yaml.safe_load(text)


def test_words_stay_words() -> None:
    given = parse_config(["tasks={a: {labels: [no, yes]}, b: {rate: 2e-5, name: 1.2.3}}"])
    assert typed(given) == {
        "tasks": {"a": {"labels": ["no", "yes"]}, "b": {"rate": "2e-5", "name": "1.2.3"}}
    }
