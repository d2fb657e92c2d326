"""Shares and associations of patterns against the obvious way to compute them; the claims' rows."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from synthetic_patterns import FACTS, write_patterns
from tiny import tiny_architecture

from lottery.analysis import patterns
from lottery.analysis.good_masks import GoodMasks
from lottery.analysis.patterns import PatternCounts, surest_examples
from lottery.attention.classes import ATTENTION, CLASSES, long_note, short_sentence
from lottery.files.errors import StudyError
from lottery.pruning.masks import MaskInfo
from lottery.results.published import published_shares

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
TASKS, SEEDS = ("cola", "mine"), ("7", "3")
NAMES = ("tiny", "structured")


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
    """(paths, counts [cells, weights, attention, heads, classes], masks) of two tasks and seeds."""
    root = tmp_path_factory.mktemp("patterns")
    paths = [root / f"{number}.npz" for number in range(4)]
    counts = [write_patterns(path, (3, 4), number) for number, path in enumerate(paths)]
    masks = masks_of(np.random.default_rng(5).random((4, 12)) < 0.7)
    return paths, np.stack(counts).reshape(4, 2, 2, 12, 5), masks


@pytest.fixture(scope="module")
def found(cells):
    paths, _, masks = cells
    return patterns.read_pattern_counts(paths, masks)


def test_shares_are_those_of_the_maps(cells, found):
    _, counts, masks = cells
    published = published_shares(PAPER / "patterns.csv", {"cola": "cola"})
    table = patterns.share_table(found, *NAMES, published)
    assert len(table) == 2 * 2 * 2 * 2 * 5
    kept = masks.units["heads"][:2].all(axis=0)
    assert 0 < kept.sum() < 12
    places = ["task", "heads", "weights", "attention", "pattern"]
    row = table.set_index(places).loc["cola", "super_survivors", "pretrained", "normed", "diagonal"]
    of_seeds = [
        counts[seed, 1, 1, kept, 2].sum() / counts[seed, 1, 1, kept].sum() for seed in (0, 1)
    ]
    assert row["share"] == pytest.approx(np.mean(of_seeds))
    assert row["sd"] == pytest.approx(np.std(of_seeds, ddof=1))
    assert (row["n_heads"], row["n_maps"]) == (kept.sum(), 2 * 20 * kept.sum())
    assert row["published"] == pytest.approx(0.421647, abs=1e-6)
    assert table.loc[table["task"] == "mine", "published"].isna().all()
    assert np.allclose(table.groupby(places[:-1])["share"].sum(), 1)


def test_no_survivor_is_no_share(cells):
    paths, _, _ = cells
    nothing = masks_of(np.zeros((4, 12), bool))
    empty = patterns.read_pattern_counts(paths, nothing)
    table = patterns.share_table(empty, *NAMES, {})
    table = table[table["heads"] == "super_survivors"]
    assert table["share"].isna().all() and not table[["n_heads", "n_maps"]].any(axis=None)
    associations = patterns.association_table(empty, *NAMES, list(TASKS), 20)
    assert associations[["phi", "phi_p"]].isna().all(axis=None)


def test_associations_are_correlations_over_heads(cells, found):
    _, counts, masks = cells
    table = patterns.association_table(found, *NAMES, list(TASKS), 50)
    kept = [masks.units["heads"][cells].all(axis=0) for cells in (slice(0, 2), slice(2, 4))]
    maps = [counts[:2].sum(axis=0), counts[2:].sum(axis=0)]
    by_key = table.set_index(["task", "weights", "attention", "pattern"]).to_dict("index")
    assert len(by_key) == 3 * 2 * 2 * 5
    values = []
    for number, task in enumerate(TASKS):
        own = maps[number][0, 1]  # fine-tuned, normed: [heads, classes]
        row = by_key[task, "fine_tuned", "normed", "heterogeneous"]
        main = own.argmax(axis=1) == 0
        assert row["phi"] == pytest.approx(np.corrcoef(kept[number], main)[0, 1])
        share = own[:, 0] / own.sum(axis=1)
        assert row["correlation"] == pytest.approx(np.corrcoef(kept[number], share)[0, 1])
        assert (row["n_survivors"], row["n_pattern"]) == (kept[number].sum(), main.sum())
        values.append(row["correlation"])
    pooled = by_key["average", "fine_tuned", "normed", "heterogeneous"]
    assert pooled["correlation"] == pytest.approx(np.mean(values))
    assert pooled["n_heads"] == 24


def repeated(first: np.ndarray, tasks: tuple[str, ...]) -> PatternCounts:
    """Some heads survive and are always heterogeneous, the others are diagonal, in all tasks."""
    counts = np.zeros((len(tasks), 2, 2, 2, len(first), 5), np.int64)
    counts[..., 0] = np.where(first, 10, 0)
    counts[..., 2] = np.where(first, 0, 10)
    survivors = np.tile(first, (len(tasks), 1))
    return PatternCounts(tasks, SEEDS, counts, np.ones(counts.shape[:-1]), survivors)


def test_heads_are_the_units_of_the_p_value():
    """Survivors that are exactly the heterogeneous heads: p counts the ways to choose heads."""
    first = np.arange(8) < 2
    table = patterns.association_table(repeated(first, ("a",)), *NAMES, ["a"], 4000)
    places = ["task", "weights", "attention", "pattern"]
    row = table.set_index(places).loc["a", "fine_tuned", "raw", "heterogeneous"]
    assert row["phi"] == pytest.approx(1)
    # One in 28 choices of two heads of eight, however many maps there are.
    assert row["phi_p"] == pytest.approx(1 / 28, abs=0.01)


def test_tasks_that_repeat_each_other_do_not_make_p_smaller():
    """The same heads in every task are one observation, not many."""
    tasks = tuple("abcdef")
    table = patterns.association_table(repeated(np.arange(8) < 2, tasks), *NAMES, tasks, 4000)
    pooled = table[(table["task"] == "average") & (table["pattern"] == "diagonal")]
    assert np.allclose(pooled["phi"], -1)
    assert np.allclose(pooled["phi_p"], 1 / 28, atol=0.01)


@pytest.mark.parametrize("annotated", [("normed",), ()])
def test_the_claims_get_their_columns_and_the_truth_about_annotations(cells, found, annotated):
    _, counts, _ = cells
    associations = patterns.association_table(found, *NAMES, ["cola"], 20)
    known = {kind: kind in annotated for kind in ATTENTION}
    table = patterns.claim_table(found, associations, known)
    assert (table["annotated"] == table["attention"].map(known)).all()
    assert {*table["task"]} == set(TASKS)  # no row of the average
    quantities = table["quantity"].value_counts()
    assert quantities["association"] == 2 * 2  # task, attention
    assert quantities["change"] == 2 * 2 * 2  # and seed
    places = ["quantity", "task", "seed", "attention"]
    row = table.set_index(places).loc["change", "mine", "3", "raw"]
    share = counts[3, :, 0, :, 0].sum(axis=1) / counts[3, :, 0].sum(axis=(1, 2))
    assert row["value"] == pytest.approx(share[0] - share[1])


def test_patterns_of_another_model_are_refused(cells):
    paths, _, masks = cells
    other = replace(masks, architecture=tiny_architecture(num_hidden_layers=2))
    with pytest.raises(StudyError, match=r"0\.npz holds no patterns of this model"):
        patterns.read_pattern_counts(paths, other)


def test_the_surest_map_of_all_cells_is_the_example(cells):
    paths, _, _ = cells
    examples = surest_examples(paths, ["cola", "cola", "mine", "mine"])
    assert set(examples) == {(kind, name) for kind in ATTENTION for name in CLASSES}
    one = examples["raw", "block"]
    every = [np.load(path)["example_probabilities"][1] for path in paths]
    assert one["probability"] == max(every)
    assert one["task"] == ("cola" if np.argmax(every) < 2 else "mine")
    assert one["map"].shape[0] == one["map"].shape[1]


def test_words_on_the_classifier():
    generated = dict.fromkeys(ATTENTION, FACTS)
    assert short_sentence(generated) == (
        "classifier: 97% of 500 generated maps of held-out settings classified correctly"
    )
    mixed = generated | {"raw": FACTS | {"annotated": True, "n_test": 80, "accuracy": 0.81}}
    assert short_sentence(mixed).startswith("classifiers: raw, 81% of 80 annotated maps")
    assert "raw and normed" in long_note(generated)
    assert long_note(mixed).count("The classifier of") == 2
    assert "vertical + diagonal" in long_note(mixed)


def test_the_published_shares_are_complete():
    known = published_shares(PAPER / "patterns.csv", {"a": "cola", "b": "rte"})
    assert len(known) == 2 * 2 * 2 * 2 * 5
    assert known["a", "all", "fine_tuned", "normed", "vertical"] > 0
    groups: dict = {}
    for (task, heads, weights, attention, _), share in known.items():
        key = (task, heads, weights, attention)
        groups[key] = groups.get(key, 0.0) + share
    assert all(total == pytest.approx(1, abs=1e-5) for total in groups.values())
