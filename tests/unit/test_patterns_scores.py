"""Scores of maps equal slow sums over their entries, and ideal maps get their class."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from synthetic_patterns import ideal_map

from lottery.attention.rules import CLASSES, SCORES, SEEN, class_of
from lottery.attention.scores import score_maps


def scored(values: np.ndarray, special: np.ndarray | None = None) -> dict[str, float]:
    tokens = len(values)
    special = np.zeros(tokens, bool) if special is None else special
    found = score_maps(torch.from_numpy(values)[None], torch.from_numpy(special)[None])
    return dict(zip(SCORES, found[0].tolist(), strict=True))


def class_name(values: np.ndarray) -> str:
    return CLASSES[class_of(np.array([*scored(values).values()]))]


def slow_scores(values: np.ndarray, special: np.ndarray) -> dict[str, float]:
    """Entry by entry, as the definitions read."""
    tokens = len(values)
    shares = [[float(entry) / float(sum(row)) for entry in row] for row in values.astype(float)]

    def above(share: float, chance: float) -> float:
        return (share - chance) / (1 - chance)

    band = sum(shares[i][j] for i in range(tokens) for j in range(tokens) if abs(i - j) <= 1)
    in_band = sum(1 for i in range(tokens) for j in range(tokens) if abs(i - j) <= 1)
    before = [shares[i][i - 1] for i in range(1, tokens)]
    after = [shares[i][i + 1] for i in range(tokens - 1)]
    to_special = sum(shares[i][j] for i in range(tokens) for j in range(tokens) if special[j])
    column = 0.0
    for j in range(tokens):
        from_large = sorted((shares[i][j] for i in range(tokens)), reverse=True)
        most = next(n for n in range(tokens) if n > 0.75 * tokens) if tokens > 3 else tokens
        reached = from_large[most - 1]  # what more than three quarters of the rows have
        column += max(0.0, reached - 1 / tokens)
    blocks = []
    for cut in range(tokens // 8, tokens - tokens // 8 + 1):
        common = even = 0.0
        for i in range(tokens):
            for j in range(tokens):
                same = (i < cut) == (j < cut)
                size = cut if i < cut else tokens - cut
                common += min(shares[i][j], 1 / size if same else 0.0) / tokens
                even += same / tokens**2
        blocks.append(above(common, even))
    entropy = -sum(p * math.log(p) for row in shares for p in row if p) / tokens
    return {
        "diagonal": above(band / tokens, in_band / tokens**2),
        "previous": above(sum(before) / len(before), 1 / tokens),
        "next": above(sum(after) / len(after), 1 / tokens),
        "special": above(to_special / tokens, sum(special) / tokens),
        "vertical": column / (1 - 1 / tokens),
        "block": max(blocks),
        "entropy": entropy / math.log(tokens),
    }


@given(st.integers(8, 40), st.floats(0.05, 3), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_scores_are_those_of_the_definitions(tokens, concentration, seed):
    rng = np.random.default_rng(seed)
    # Of any scale, as weighted maps are; drawn above zero, so that no row is empty.
    values = (7 * rng.gamma(concentration, size=(tokens, tokens)) + 1e-6).astype(np.float32)
    special = np.isin(np.arange(tokens), [0, tokens - 1])
    assert scored(values, special) == pytest.approx(slow_scores(values, special), abs=1e-4)


@pytest.mark.parametrize("tokens", [16, 17, 24, 40, 128])
@pytest.mark.parametrize("name", CLASSES)
def test_an_ideal_map_gets_its_class(name, tokens):
    assert class_name(ideal_map(name, tokens)) == name


@pytest.mark.parametrize("tokens", [16, 33, 128])
def test_special_tokens_alone_are_a_vertical_map(tokens):
    values = ideal_map("vertical", tokens)  # of the first and the last token
    found = scored(values, np.isin(np.arange(tokens), [0, tokens - 1]))
    assert found["special"] == pytest.approx(1)
    assert class_name(values) == "vertical"


@pytest.mark.parametrize("tokens", [16, 33, 128])
def test_even_attention_shows_nothing(tokens):
    values = ideal_map("even", tokens)
    found = scored(values, np.arange(tokens) < 2)
    assert found.pop("entropy") == pytest.approx(1, abs=1e-5)
    assert [*found.values()] == pytest.approx([0] * len(found), abs=1e-4)
    assert class_name(values) == "heterogeneous"


@pytest.mark.parametrize("name", ["previous", "next", "diagonal", "block"])
def test_a_form_that_is_all_there_is_scores_one(name):
    assert scored(ideal_map(name, 32))[name] == pytest.approx(1, abs=1e-5)


@given(st.integers(16, 64), st.floats(0.15, 0.85), st.floats(0.5, 1))
@settings(max_examples=60, deadline=None)
def test_blocks_of_any_sizes_are_no_lines(tokens, where, contrast):
    cut = round(where * tokens)
    values = np.full((tokens, tokens), (1 - contrast) / tokens)
    values[:cut, :cut] += contrast / cut
    values[cut:, cut:] += contrast / (tokens - cut)
    assert class_name(values.astype(np.float32)) == "block"


@given(st.sampled_from(["diagonal", "block", "vertical"]), st.floats(0, 1), st.integers(16, 64))
@settings(max_examples=40, deadline=None)
def test_a_form_counts_as_much_as_its_share_of_the_map(name, share, tokens):
    mixed = share * ideal_map(name, tokens) + (1 - share) * ideal_map("even", tokens)
    whole = scored(ideal_map(name, tokens))[name]
    assert scored(mixed.astype(np.float32))[name] == pytest.approx(share * whole, abs=0.02)


@pytest.mark.parametrize("tokens", [16, 17, 24, 64])
def test_both_lines_are_seen_with_a_third_of_the_attention_each(tokens):
    """The reason for the threshold."""
    mixed = ideal_map("vertical_diagonal", tokens) * 2 / 3 + ideal_map("even", tokens) / 3
    assert class_name(mixed.astype(np.float32)) == "vertical_diagonal"
    column = np.zeros((tokens, tokens))
    column[:, tokens - 1] = 1 / 3
    mixed = column + ideal_map("next", tokens) / 3 + ideal_map("even", tokens) / 3
    assert class_name(mixed.astype(np.float32)) == "vertical_diagonal"


@pytest.mark.parametrize("concentration", [0.05, 0.5, 5.0])
def test_random_maps_are_heterogeneous(concentration):
    rng = np.random.default_rng(0)
    maps = rng.dirichlet(np.full(16, concentration), size=(1000, 16)).astype(np.float32)
    maps = torch.from_numpy(np.nan_to_num(maps, nan=1 / 16))
    scores = score_maps(maps, torch.zeros(1000, 16, dtype=torch.bool)).numpy()
    assert (class_of(scores) == CLASSES.index("heterogeneous")).mean() >= 0.985


def test_a_row_without_attention_is_even():
    values = ideal_map("block", 16)
    values[3] = 0
    assert all(map(math.isfinite, scored(values).values()))
    values[:] = 0
    assert scored(values)["entropy"] == pytest.approx(1, abs=1e-5)


def test_the_rules():
    scores = np.zeros((5, len(SCORES)))
    diagonal, vertical, block = (SCORES.index(s) for s in ("diagonal", "vertical", "block"))
    scores[0, [diagonal, vertical, block]] = SEEN
    scores[1, [diagonal, block]] = SEEN
    scores[2, [vertical, block]] = SEEN
    scores[3, [diagonal, vertical, block]] = SEEN - 1e-6
    scores[4, [diagonal, vertical, block]] = SEEN, SEEN, SEEN + 1e-6
    names = [CLASSES[place] for place in class_of(scores)]
    assert names == ["vertical_diagonal", "diagonal", "vertical", "heterogeneous", "block"]
