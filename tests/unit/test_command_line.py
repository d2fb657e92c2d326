"""Values of --config, which Snakemake hands over as text inside lists and mappings."""

from __future__ import annotations

import yaml
from hypothesis import given
from hypothesis import strategies as st
from snakemake.cli import parse_config

from lottery.config import typed

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
