"""Scores, classes and their association with survival against the obvious way to compute them."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from synthetic_patterns import ideal_map, write_patterns
from tiny import tiny_architecture

from lottery import files
from lottery.analysis import patterns
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.patterns import Patterns
from lottery.attention.rules import ATTENTION, CLASSES, SCORES, TESTED, WEIGHTS
from lottery.files.errors import StudyError
from lottery.pruning.masks import MaskInfo
from lottery.results.published import published_shares

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
TASKS, SEEDS = ("cola", "mine"), ("7", "3")
NAMES = ("tiny", "structured")
LAYERS = np.repeat(np.arange(3), 4)
PLACE = ["task", "seed", "quantity", "weights", "attention", "score"]


def masks_of(heads: np.ndarray) -> GoodMasks:
    """Good masks of all cells: bool [cells, heads]."""
    infos = tuple(
        MaskInfo(
            algorithm="structured",
            kept_fraction=0.5,
            model="tiny",
            task=task,
            seed=seed,
            method="structured",
            subnetwork="good",
        )
        for task in TASKS
        for seed in SEEDS
    )
    units = {"heads": heads, "mlps": np.ones((len(heads), 3), bool)}
    return GoodMasks(infos, tiny_architecture(), units)


@pytest.fixture(scope="module")
def cells(tmp_path_factory):
    """(paths, arrays of each, masks) of two tasks and seeds, three layers of four heads."""
    root = tmp_path_factory.mktemp("patterns")
    paths = [root / f"{number}.npz" for number in range(4)]
    for number, path in enumerate(paths):
        write_patterns(path, (3, 4), number)
    masks = masks_of(np.random.default_rng(5).random((4, 12)) < 0.7)
    return paths, [files.read_npz(path) for path in paths], masks


@pytest.fixture(scope="module")
def found(cells):
    paths, _, masks = cells
    return patterns.read_patterns(paths, masks)


@pytest.fixture(scope="module")
def claims(found):
    """The claims' table, by its place."""
    table = patterns.claim_table(found, *NAMES, list(TASKS), 200)
    assert not table.duplicated(PLACE).any()
    return table.set_index(PLACE).sort_index()


def value_of(arrays: dict, weights: int, attention: int, score: str) -> np.ndarray:
    """A cell's value of every head."""
    counts = arrays["counts"][weights, attention].reshape(12, 5)
    if score == "heterogeneous":
        return counts[:, 0] / counts.sum(axis=1)
    return arrays["scores"][weights, attention].reshape(12, -1)[:, SCORES.index(score)]


def test_shares_are_those_of_the_maps(cells, found):
    _, arrays, masks = cells
    published = published_shares(PAPER / "patterns.csv", {"cola": "cola"})
    table = patterns.share_table(found, *NAMES, published)
    assert len(table) == 2 * 2 * 2 * 2 * 5
    kept = masks.units["heads"][:2].all(axis=0)
    assert 0 < kept.sum() < 12
    places = ["task", "heads", "weights", "attention", "pattern"]
    row = table.set_index(places).loc["cola", "super_survivors", "pretrained", "normed", "diagonal"]
    counts = [arrays[seed]["counts"][1, 1].reshape(12, 5)[kept] for seed in (0, 1)]
    of_seeds = [each[:, 2].sum() / each.sum() for each in counts]
    assert row["share"] == pytest.approx(np.mean(of_seeds))
    assert row["sd"] == pytest.approx(np.std(of_seeds, ddof=1))
    assert (row["n_heads"], row["n_maps"]) == (kept.sum(), 2 * 20 * kept.sum())
    assert row["published"] == pytest.approx(0.421647, abs=1e-6)
    assert table.loc[table["task"] == "mine", "published"].isna().all()
    assert np.allclose(table.groupby(places[:-1])["share"].sum(), 1)


def test_every_head_has_its_scores(cells, found):
    _, arrays, masks = cells
    table = patterns.head_table(found, *NAMES)
    assert len(table) == 2 * 2 * 2 * 12 * len(TESTED)
    places = ["task", "weights", "attention", "score", "layer", "head"]
    row = table.set_index(places).loc["mine", "pretrained", "normed", "vertical", 2, 1]
    own = [value_of(arrays[cell], 1, 1, "vertical")[9] for cell in (2, 3)]
    assert row["value"] == pytest.approx(np.mean(own))
    assert row["n_survived"] == masks.units["heads"][2:, 9].sum()


@pytest.mark.parametrize("score", TESTED)
def test_associations_are_correlations_over_heads(cells, claims, score):
    _, arrays, masks = cells
    for (w, weights), (a, attention) in product(enumerate(WEIGHTS), enumerate(ATTENTION)):
        overall = []
        for number, task in enumerate(TASKS):
            own = slice(2 * number, 2 * number + 2)
            kept = masks.units["heads"][own].all(axis=0)
            value = np.mean([value_of(each, w, a, score) for each in arrays[own]], axis=0)
            row = claims.loc[task, "", "association", weights, attention, score]
            assert row["value"] == pytest.approx(np.corrcoef(kept, value)[0, 1])
            assert (row["n_survivors"], row["n_maps"]) == (kept.sum(), 12 * 20 * 2)
            overall.append(row["value"])
            layer_means = [
                np.array([each[layer == LAYERS].mean() for layer in LAYERS])
                for each in (kept, value)
            ]
            within = np.corrcoef(kept - layer_means[0], value - layer_means[1])[0, 1]
            row = claims.loc[task, "", "association_within", weights, attention, score]
            assert row["value"] == pytest.approx(within)
            for s, seed in enumerate(SEEDS):
                cell = 2 * number + s
                expected = np.corrcoef(
                    masks.units["heads"][cell], value_of(arrays[cell], w, a, score)
                )[0, 1]
                row = claims.loc[task, seed, "survival_association", weights, attention, score]
                assert row["value"] == pytest.approx(expected)
                assert row["n_maps"] == 12 * 20
        pooled = claims.loc["average", "", "association", weights, attention, score]
        assert pooled["value"] == pytest.approx(np.mean(overall))
        assert (pooled["n_tasks"], pooled["n_heads"]) == (2, 12)


def patterns_of(kept: np.ndarray, values: np.ndarray, layers: np.ndarray) -> Patterns:
    """Tasks with one seed: kept bool [tasks, heads]; values (all scores) [tasks, heads]."""
    tasks, heads = kept.shape
    counts = np.ones((tasks, 1, 2, 2, heads, 5), np.int64)
    counts[..., 0] = np.round(20 * values)[:, None, None, None]
    scores = np.broadcast_to(values[:, None, None, None, :, None], (*counts.shape[:-1], 7))
    names = tuple("abcdefgh"[:tasks])
    enough = dict.fromkeys(names, (20, 20))
    return Patterns(names, ("1",), counts, scores, kept[:, None], layers, enough)


def test_heads_are_the_units_of_the_p_value():
    """Survivors that are exactly the heads with the form: p counts the ways to choose heads."""
    first = np.arange(8) < 2
    one = patterns_of(first[None], first[None].astype(float), np.zeros(8, int))
    table = patterns.claim_table(one, *NAMES, ["a"], 4000).set_index(PLACE)
    row = table.loc["a", "", "association", "fine_tuned", "raw", "vertical"]
    assert row["value"] == pytest.approx(1)
    # One in 28 choices of two heads of eight, however many maps there are.
    assert row["p"] == pytest.approx(1 / 28, abs=0.01)
    assert row["chance"] == pytest.approx(0, abs=0.02)
    assert row["se"] == pytest.approx(1 / np.sqrt(7), abs=0.02)


def test_tasks_that_repeat_each_other_do_not_make_p_smaller():
    """The same heads in every task are one observation, not many."""
    first = np.tile(np.arange(8) < 2, (6, 1))
    six = patterns_of(first, 1.0 - first, np.zeros(8, int))
    table = patterns.claim_table(six, *NAMES, list("abcdef"), 4000).set_index(PLACE)
    pooled = table.loc["average", "", "association", "fine_tuned", "raw", "diagonal"]
    assert pooled["value"] == pytest.approx(-1)
    assert pooled["p"] == pytest.approx(1 / 28, abs=0.01)
    assert pooled["se"] == pytest.approx(1 / np.sqrt(7), abs=0.02)


def test_what_layers_explain_is_chance():
    """Survival and a score that both depend on the layer alone."""
    layers = np.repeat(np.arange(4), 6)
    rng = np.random.default_rng(1)
    kept = np.array([rng.permutation(6) < count for count in (1, 5, 5, 1)]).reshape(1, 24)
    values = np.repeat([0.1, 0.8, 0.8, 0.1], 6) + rng.normal(0, 0.02, (1, 24))
    table = patterns.claim_table(patterns_of(kept, values, layers), *NAMES, ["a"], 2000)
    rows = table.set_index(PLACE)
    overall = rows.loc["a", "", "association", "fine_tuned", "raw", "block"]
    within = rows.loc["a", "", "association_within", "fine_tuned", "raw", "block"]
    assert overall["value"] > 0.6 and overall["chance"] == pytest.approx(overall["value"], abs=0.1)
    assert overall["p"] > 0.05 and within["p"] > 0.05
    assert abs(within["chance"]) < 0.03


@pytest.mark.parametrize("quantity", ["association", "association_within"])
def test_the_test_has_its_size(quantity):
    """Survival at random: a share alpha of the p-values is at most alpha."""
    layers, p_values = np.repeat(np.arange(3), 6), []
    rng = np.random.default_rng(3)
    for _ in range(30):
        kept = rng.random((2, 18)) < 0.5
        made = patterns_of(kept, rng.random((2, 18)), layers)
        table = patterns.claim_table(made, *NAMES, list("ab"), 99)
        rows = table[(table["quantity"] == quantity) & (table["weights"] == "fine_tuned")]
        rows = rows[(rows["score"] == "block") & (rows["attention"] == "raw")]
        p_values += rows.loc[rows["task"] != "average", "p"].dropna().tolist()
    for alpha in (0.1, 0.25, 0.5):
        rejected = int((np.array(p_values) <= alpha).sum())
        assert stats.binomtest(rejected, len(p_values), alpha, "greater").pvalue > 0.001


def test_no_survivor_is_no_association(cells):
    paths, _, _ = cells
    empty = patterns.read_patterns(paths, masks_of(np.zeros((4, 12), bool)))
    shares = patterns.share_table(empty, *NAMES, {})
    shares = shares[shares["heads"] == "super_survivors"]
    assert shares["share"].isna().all() and not shares[["n_heads", "n_maps"]].any(axis=None)
    table = patterns.claim_table(empty, *NAMES, list(TASKS), 20)
    associated = table[table["quantity"].str.contains("association")]
    assert associated[["value", "p"]].isna().all(axis=None)
    readers = patterns.association_table(table, empty, list(TASKS))
    assert readers["survivors"].isna().all() and readers["others"].notna().all()


def test_the_mix_changes_by_the_total_variation_distance(cells, claims):
    _, arrays, _ = cells
    for a, attention in enumerate(ATTENTION):
        for number, task in enumerate(TASKS):
            distances = []
            for s, seed in enumerate(SEEDS):
                shares = arrays[2 * number + s]["counts"][:, a].reshape(2, 12, 5) / 20
                change = shares[0].mean(axis=0) - shares[1].mean(axis=0)
                row = claims.loc[task, seed, "mix_distance", "", attention, ""]
                assert row["value"] == pytest.approx(np.abs(change).sum() / 2)
                distances.append(row["value"])
                for c, pattern in enumerate(CLASSES):
                    row = claims.loc[task, seed, "mix_change", "", attention, pattern]
                    assert row["value"] == pytest.approx(change[c])
            row = claims.loc[task, "", "mix_distance", "", attention, ""]
            assert row["value"] == pytest.approx(np.mean(distances))
            assert row["se"] == pytest.approx(np.std(distances, ddof=1) / np.sqrt(2))


def mixes(change: np.ndarray) -> Patterns:
    """A task with one seed; the share of heads' maps that are blocks differs by `change`."""
    counts = np.zeros((1, 1, 2, 2, len(change), 5), np.int64)
    counts[..., 1] = 50
    counts[0, 0, 0, :, :, 1] += change
    counts[..., 0] = 100 - counts[..., 1]
    kept = np.arange(len(change)) % 2 == 0
    layers = np.zeros(len(change), int)
    scores = np.zeros((*counts.shape[:-1], 7))
    return Patterns(("a",), ("1",), counts, scores, kept[None, None], layers, {"a": (100, 100)})


def test_a_mix_that_changes_in_all_heads_is_no_chance():
    row = patterns.claim_table(mixes(np.full(12, 20)), *NAMES, ["a"], 999).set_index(PLACE)
    row = row.loc["a", "1", "mix_distance", "", "raw", ""]
    assert row["value"] == pytest.approx(0.2) and row["p"] == pytest.approx(0.001, abs=0.002)


def test_heads_that_change_to_and_fro_are_chance():
    rng = np.random.default_rng(2)
    p_values = []
    for _ in range(50):
        made = mixes(rng.choice([-20, -5, 5, 20], size=12))
        table = patterns.claim_table(made, *NAMES, ["a"], 99).set_index(PLACE)
        p_values.append(table.loc["a", "1", "mix_distance", "", "raw", ""]["p"])
    rejected = int((np.array(p_values) <= 0.1).sum())
    assert stats.binomtest(rejected, 50, 0.1, "greater").pvalue > 0.001


def test_readers_get_the_same_numbers_corrected(found, claims):
    table = patterns.association_table(claims.reset_index(), found, ["cola"])
    places = ["task", "weights", "attention"]
    assert len(table) == 3 * 2 * 2 * len(TESTED)
    for _, own in table.groupby(places):
        assert (own["p_holm"] >= own["within_p"] - 1e-12).all()
        smallest = own["within_p"].min()
        assert own["p_holm"].min() == pytest.approx(min(1, smallest * len(TESTED)))
    row = table.set_index([*places, "score"]).loc["cola", "pretrained", "raw", "special"]
    same = claims.loc["cola", "", "association", "pretrained", "raw", "special"]
    assert (row["correlation"], row["correlation_p"]) == (same["value"], same["p"])
    values = found.values[0, :, 1, 0, :, TESTED.index("special")].mean(axis=0)
    assert row["survivors"] == pytest.approx(values[found.survivors[0]].mean())
    assert row["others"] == pytest.approx(values[~found.survivors[0]].mean())


def test_a_task_without_long_examples_is_left_out(tmp_path, cells):
    paths, _, masks = cells
    for number in (2, 3):
        write_patterns(tmp_path / f"{number}.npz", (3, 4), number, n_maps=0)
    some = [*paths[:2], *(tmp_path / f"{number}.npz" for number in (2, 3))]
    found = patterns.read_patterns(some, masks)
    assert found.tasks == ("cola",)
    table = patterns.claim_table(found, *NAMES, list(TASKS), 20)
    assert {*table["task"]} == {"cola", "average"}
    assert patterns.qualifying_sentence(found, 16) == (
        "Examples with 16 tokens or more: cola 20 of 30, mine 0 of 30."
    )


def test_a_study_without_long_examples_has_empty_tables(tmp_path, cells):
    _, _, masks = cells
    paths = [tmp_path / f"{number}.npz" for number in range(4)]
    for number, path in enumerate(paths):
        write_patterns(path, (3, 4), number, n_maps=0)
    found = patterns.read_patterns(paths, masks)
    claims = patterns.claim_table(found, *NAMES, list(TASKS), 20)
    tables = [claims, patterns.association_table(claims, found, list(TASKS))]
    tables += [patterns.head_table(found, *NAMES), patterns.share_table(found, *NAMES, {})]
    assert [len(table) for table in tables] == [0] * 4
    assert patterns.qualifying_sentence(found, 16) == (
        "No attention map is looked at: not one example of any task has 16 tokens."
    )
    assert list(patterns.sampled_maps(paths, "abcd")) == []


def test_patterns_of_another_model_are_refused(cells):
    paths, _, masks = cells
    other = replace(masks, architecture=tiny_architecture(num_hidden_layers=2))
    with pytest.raises(StudyError, match=r"0\.npz holds no patterns of this model"):
        patterns.read_patterns(paths, other)


def test_sampled_maps_come_back_with_their_places(cells):
    paths, _, _ = cells
    sampled = list(patterns.sampled_maps(paths, ["cola", "cola", "mine", "mine"]))
    assert len(sampled) == 4 * 5 * 2 * 2
    for each in sampled:
        assert np.array_equal(each["map"], ideal_map(each["pattern"], 24))
    assert [each["task"] for each in sampled] == ["cola"] * 40 + ["mine"] * 40


def test_the_published_shares_are_complete():
    known = published_shares(PAPER / "patterns.csv", {"a": "cola", "b": "rte"})
    assert len(known) == 2 * 2 * 2 * 2 * 5
    assert known["a", "all", "fine_tuned", "normed", "vertical"] > 0
    groups: dict = {}
    for (task, heads, weights, attention, _), share in known.items():
        key = (task, heads, weights, attention)
        groups[key] = groups.get(key, 0.0) + share
    assert all(total == pytest.approx(1, abs=1e-5) for total in groups.values())
