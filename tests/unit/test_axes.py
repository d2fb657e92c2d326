"""Sizes, starts and sources: what a config asks for, which cells it gives, and their masks."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from small_study import study
from synthetic_masks import full_mask, unit_mask
from test_search_structured import STRICT, Landscape
from tiny import random_mask, tiny_architecture, tiny_model, tiny_tokens

from lottery.files.errors import StudyError
from lottery.files.workflow import WORKFLOW
from lottery.models.checkpoints import load_model, save_model
from lottery.models.units import KINDS
from lottery.planning import grid
from lottery.planning.params import retrain_params, search_params, training_params
from lottery.pruning.algorithms import magnitude, structured
from lottery.pruning.controls import control, generator
from lottery.pruning.masks import MaskInfo, UnitMask, WeightMask, read_mask, write_mask
from lottery.pruning.starts import load_start, shuffle_weights
from lottery.pruning.subnetworks import Subnetwork, reference_of
from lottery.steps.copy_masks import copy_masks
from lottery.training.loop import Recipe, train

RECIPE = Recipe(learning_rate=3e-3, batch_size=8, epochs=2)


def method(options: str, **changes: str):
    made = study(f"methods: {{s: {{algorithm: structured, subnetworks: [good], {options}}}}}")
    return made.methods["s"]


# --- what a config asks for ---


def test_each_axis_adds_its_subnetworks_after_the_plain_ones():
    asked = method(
        "kept: [0.5, 0.25], kept_subnetworks: [good, random_uniform_2], "
        "starts: {shuffled: [good, good-kept_0.5]}, masks_from: [rte]"
    )
    assert asked.subnetworks == (
        "good",
        "good-kept_0.5",
        "random_uniform_2-kept_0.5",
        "good-kept_0.25",
        "random_uniform_2-kept_0.25",
        "good-start_shuffled",
        "good-kept_0.5-start_shuffled",
        "good-from_rte",
    )
    assert asked.plain_subnetworks == ("good",)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("kept: [0.5], kept_subnetworks: [random]", "a size is only possible for good, bad"),
        ("kept_subnetworks: [good]", "kept is not"),
        ("starts: {shufled: [good]}", "did you mean shuffled"),
        ("starts: {rewound: [good]}", "needs rewind_step"),
        ("rewind_step: 3", "no subnetwork starts from rewound weights"),
        ("masks_from: [sst2]", "'sst2' is no place"),
        ("masks_from: {a: {seed: 5}}", "masks_from.a.seed is 5"),
        ("masks_from: {a: {task: rtee}}", "did you mean rte"),
        ("masks_from: {a: {subnetwork: nice}}", "masks_from.a.subnetwork is nice"),
        ("subnetworks: [bad-from_rte]", "a mask from elsewhere is good there"),
        ("subnetworks: [good-kept_x]", "no name of a subnetwork"),
        ("units: mlps, subnetworks: [random_layerwise]", "random_uniform is possible"),
        ("starts: {shuffled: [good-start_shuffled]}", "has a start already"),
        ("kept: [0.5], kept_subnetworks: [good-kept_0.3]", "kept gives the sizes"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(options: str, sentence: str):
    text = f"methods: {{s: {{algorithm: structured, {options}}}}}"
    with pytest.raises(StudyError, match=sentence) as error:
        study(text)
    assert str(error.value).startswith("methods.s")


def test_imported_masks_have_no_sizes(tmp_path: Path):
    (tmp_path / "masks").mkdir()
    text = "methods: {i: {algorithm: imported, masks: masks, subnetworks: [good], kept: [0.5]}}"
    with pytest.raises(StudyError, match="imported makes no masks of a given size"):
        study(text, tmp_path)


def test_a_sweep_makes_one_method_per_value_with_a_readable_id():
    made = study(
        "methods: {m: {algorithm: magnitude, sweep: {keep_score: [0.8, 0.95], halves: [true]}}, "
        "s: {algorithm: structured}}"
    )
    assert list(made.methods) == [
        "m_keep_score_0_8_halves_true",
        "m_keep_score_0_95_halves_true",
        "s",
    ]
    first = made.methods["m_keep_score_0_8_halves_true"]
    assert (first.options["keep_score"], first.halves) == (0.8, True)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("sweep: [0.8]", "must be a mapping from options to lists of values"),
        ("sweep: {keep_score: 0.8}", "must be a mapping from options to lists of values"),
        ("sweep: {keep_score: [0.8]}, keep_score: 0.9", "varies keep_score, which methods.s sets"),
        ("sweep: {keep_score: [1.5]}", "methods.s_keep_score_1_5.keep_score is 1.5"),
        ("sweep: {keep_score: [0.8, 0.80]}", "the id of another method"),
        ("sweep: {keep_scor: [0.8]}", "did you mean keep_score"),
    ],
)
def test_a_sweep_that_makes_no_sense_is_refused(options: str, sentence: str):
    with pytest.raises(StudyError, match=sentence):
        study(f"methods: {{s: {{algorithm: structured, {options}}}}}")


def test_by_default_sizes_have_no_control_that_is_the_good_mask():
    """With one unit per layer the same number in every layer is the good mask."""
    controls = {"good-kept_0.5", "random_uniform-kept_0.5", "bad-kept_0.5"}
    assert {*method("units: [layer], kept: [0.5]").subnetworks} == {"good", *controls}
    more = method("units: [head, layer], kept: [0.5]").subnetworks
    assert {*more} >= {*controls, "random_layerwise-kept_0.5"}


@pytest.mark.parametrize("step", [15, 16])
def test_training_goes_further_than_the_step_that_is_rewound_to(step: int):
    """60 examples in batches of 8, twice: 16 steps. Of rte the config does not say how many."""
    text = (
        "tasks: {rte: {}, g: {generated: sentiment, train_examples: 60}}\n"
        "training: {batch_size: 8, epochs: 2}\n"
        "methods: {s: {algorithm: structured, subnetworks: [good], starts: {rewound: [good]}, "
        f"rewind_step: {step}, only_tasks: [TASK]}}}}"
    )
    assert study(text.replace("TASK", "rte")).methods["s"].rewind_step == step
    if step < 16:
        assert study(text.replace("TASK", "g")).methods["s"].rewind_step == step
    else:
        with pytest.raises(StudyError, match=r"methods\.s\.rewind_step is 16.*below 16"):
            study(text.replace("TASK", "g"))


def test_rewinding_comes_before_fine_tuning_where_steps_are_counted_in_a_job():
    rules = (WORKFLOW / "rules/train.smk").read_text(encoding="utf-8").split("use rule ")
    (rewinding,) = (rule for rule in rules if " as rewind with" in rule)
    assert "    priority: 1\n" in rewinding
    assert sum("priority:" in rule for rule in rules) == 1


# --- which cells it gives ---


def test_a_start_has_no_score_before_retraining():
    made = study(
        "methods: {s: {algorithm: structured, subnetworks: [good], starts: {shuffled: [good]}}}"
    )
    phases = {(cell.subnetwork, cell.phase) for cell in grid.cells(made)}
    assert ("good-start_shuffled", "retrained") in phases
    assert ("good-start_shuffled", "pruned") not in phases


def test_no_mask_is_taken_from_its_own_cell():
    made = study(
        "tasks: {rte: {}, mrpc: {}}\n"
        "methods: {s: {algorithm: structured, subnetworks: [good], masks_from: [rte, mrpc]}}"
    )
    cells = {(cell.task, cell.subnetwork) for cell in grid.cells(made)}
    assert cells >= {("rte", "good-from_mrpc"), ("mrpc", "good-from_rte")}
    assert not cells & {("rte", "good-from_rte"), ("mrpc", "good-from_mrpc")}


def test_masks_are_made_of_what_their_names_say():
    made = study(
        "tasks: {rte: {}, mrpc: {}}\n"
        "methods: {s: {algorithm: structured, subnetworks: [good], kept: [0.3], "
        "kept_subnetworks: [good, inverted, random_uniform_2, bad], "
        "masks_from: {there: {task: mrpc, seed: 1}}}}"
    )
    row = {"model": "small", "task": "rte", "seed": 3, "method": "s"}
    sources = {
        "inverted-kept_0.3": row | {"subnetwork": "good-kept_0.7"},
        "random_uniform_2-kept_0.3": row | {"subnetwork": "good-kept_0.3"},
        "bad-kept_0.3": row | {"subnetwork": "good-kept_0.3"},
        "good-from_there": row | {"task": "mrpc", "seed": 1, "subnetwork": "good"},
        "good-kept_0.3": None,
    }
    for name, source in sources.items():
        assert grid.source_row(made, row | {"subnetwork": name}) == source
    of_cell = {row["subnetwork"] for row in grid.made_mask_rows(made) if row["task"] == "rte"}
    # What another mask is made of is made too, and kept when unnamed files are removed.
    assert "good-kept_0.7" in of_cell
    assert {tuple(row.values()) for row in grid.ranking_rows(made)} == {
        ("small", task, seed, "s") for task in ("rte", "mrpc") for seed in (3, 1)
    }


def test_an_axis_changes_the_params_of_no_cell_that_has_it_not():
    plain = study("methods: {s: {algorithm: structured, subnetworks: [good]}}")
    more = study(
        "methods: {s: {algorithm: structured, subnetworks: [good], kept: [0.5], "
        "starts: {rewound: [good]}, rewind_step: 4}}"
    )
    assert retrain_params(more, "s", "rte", "good") == training_params(plain, "rte")
    rewound = retrain_params(more, "s", "rte", "good-start_rewound")
    assert rewound == training_params(plain, "rte") | {"start": "rewound", "rewind_step": 4}


@pytest.mark.parametrize(
    ("name", "reference"),
    [
        ("random_uniform_3-kept_0.5", "good-kept_0.5"),
        ("bad-start_shuffled", "good-start_shuffled"),
        ("random_half_2", "good_half"),
        ("good-kept_0.5", None),
    ],
)
def test_a_control_is_compared_at_its_own_size_and_start(name: str, reference: str | None):
    assert reference_of(name) == reference


# --- masks of a size ---


def paths(seed: int, kinds: str) -> dict[str, np.ndarray]:
    options = STRICT | {"units": kinds}
    full = full_mask(3, 4)
    return structured.removal_order(Landscape(seed, (3, 4), 0.2), full, options)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.sampled_from(["both", "heads", "mlps"]))
def test_every_unit_that_is_pruned_has_its_place_in_the_order(seed: int, kinds: str):
    order = paths(seed, kinds)
    pruned = {"both": ("heads", "mlps")}.get(kinds, (kinds,))
    places = np.concatenate([order[name].ravel() for name in pruned])
    assert sorted(places) == list(range(len(places)))
    assert all((order[name] == -1).all() for name in order if name not in pruned)


def test_the_order_follows_the_masks_of_the_halves():
    """What is gone at half of the units by `prune_to_half` goes first here as well."""
    landscape = Landscape(5, (3, 4), 0.2)
    options = STRICT | {"units": "heads"}
    order = structured.removal_order(landscape, full_mask(3, 4), options)["heads"]
    half, _ = structured.prune_to_half(landscape, full_mask(3, 4), options)
    assert ((order >= 6) == half.units["head"]).all()


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("tiny") / "model.safetensors"
    save_model(path, tiny_model())
    return path


@pytest.fixture
def model_file(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", tiny_model())
    return tmp_path / "model.safetensors"


KINDS_TOGETHER = (["head", "mlp"], ["neuron", "layer"], ["head"], ["head", "neuron"], [*KINDS])


class Steps:
    """Random importances; keeps the masks that it measures: the path, step by step."""

    def __init__(self, seed: int) -> None:
        self.rng, self.masks = np.random.default_rng(seed), []

    def __call__(self, mask: UnitMask) -> structured.Measurement:
        self.masks.append(mask)
        drawn = {kind: self.rng.random(kept.shape) for kind, kept in mask.units.items()}
        return structured.Measurement(drawn, None, 1.0)


def path_of(seed: int, kinds: list[str], ranking: str):
    """The options, the order of a path, its steps, and the size of a mask.

    With `ranking: global` steps are stretches of the order with at most a step's parameters.
    """
    architecture = tiny_architecture()
    options = STRICT | {"units": kinds, "ranking": ranking}
    full, steps = UnitMask.full(architecture, kinds), Steps(seed)
    sizes = {kind: KINDS[kind].parameters(architecture) for kind in full.units}
    sizes = sizes if ranking == "global" else None
    order = structured.removal_order(steps, full, options, sizes)
    nothing = full.with_units({kind: np.zeros_like(full.units[kind]) for kind in kinds})
    masks = [*steps.masks, nothing]
    if sizes:
        strides = structured.strides_of(full, options)
        ranks = {int(rank): kind for kind in kinds for rank in order[KINDS[kind].array].flat}
        spent, ends = 0, []
        for rank in sorted(ranks):
            spent += sizes[ranks[rank]]
            if not ends or spent > sum(n * sizes[kind] for kind, n in strides.items()):
                ends.append(rank)
                spent = sizes[ranks[rank]]
        units = [{kind: order[KINDS[kind].array] >= end for kind in kinds} for end in ends]
        masks = [*map(full.with_units, units), nothing]
    return options, order, masks, lambda mask: mask.kept_fraction(architecture)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 999),
    st.sampled_from(KINDS_TOGETHER),
    st.sampled_from(["per_kind", "global"]),
    st.floats(0.02, 0.98),
)
def test_no_unit_of_the_step_brings_the_size_nearer(
    tiny_file: Path, seed: int, kinds: list[str], ranking: str, share: float
):
    options, order, steps, size = path_of(seed, kinds, ranking)
    steps = [replace(mask, emptied_attention=options["emptied_attention"]) for mask in steps]
    mask = structured.cut(order, tiny_file, share, options)
    if size(steps[-1]) > share:  # what no unit owns is more than that
        assert size(mask) == pytest.approx(size(steps[-1]))
        return
    (number,) = (
        number
        for number, (before, after) in enumerate(pairwise(steps))
        if size(before) >= share > size(after)
    )
    before, after = steps[number : number + 2]
    missed = size(mask) - share
    for kind, kept in mask.units.items():
        # Only units of this step are removed or put back.
        assert (after.units[kind] <= kept).all() and (kept <= before.units[kind]).all()
        for place in np.flatnonzero(before.units[kind] & ~after.units[kind]):
            if kept.flat[place] == (missed > 0):
                other = kept.copy()
                other.flat[place] = missed < 0
                there = size(mask.with_units({kind: other})) - share
                assert there * missed < 0 or abs(there) >= abs(missed)
                assert abs(missed) <= abs(there - missed) + 1e-12
        # Of a kind and layer the lowest go first.
        for layer, ranks in zip(kept, order[KINDS[kind].array], strict=True):
            if ranks.ndim and (~layer).any() and layer.any():
                assert ranks[~layer].max() < ranks[layer].min()
    # Nothing on the path itself is nearer.
    ranks = {kind: order[KINDS[kind].array] for kind in mask.units}
    last = max(int(array.max()) for array in ranks.values())
    path = [
        size(mask.with_units({kind: (a < 0) | (a >= n) for kind, a in ranks.items()}))
        for n in range(0, last + 2, max(1, last // 40))
    ]
    assert abs(missed) <= np.abs(np.array(path) - share).min() + 1e-12


def test_a_large_unit_is_left_out_where_smaller_ones_fit(tiny_file: Path):
    """The MLP comes first in the step; without it all heads of the step go."""
    order = {"heads": np.arange(1, 13, dtype=np.int32).reshape(3, 4)}
    order["mlps"] = np.array([0, 13, 14], np.int32)
    options = STRICT | {"units": ["head", "mlp"], "head_step": 1.0, "mlp_step": 3}
    full = UnitMask.full(tiny_architecture())
    head = 1 - full.with_units({"head": np.arange(12).reshape(3, 4) > 0}).kept_fraction(
        tiny_architecture()
    )
    mask = structured.cut(order, tiny_file, 1 - 2.2 * head, options)
    assert mask.units["mlp"].all()
    assert np.array_equal(~mask.units["head"].ravel(), np.arange(12) < 2)


def test_sizes_in_different_steps_nest(tiny_file: Path):
    options, order, *_ = path_of(3, ["head", "mlp"], "per_kind")
    before = None
    for share in (0.95, 0.8, 0.5, 0.3, 0.1, 0.02):
        mask = structured.cut(order, tiny_file, share, options)
        if before is not None:
            assert all((before.units[kind] | ~mask.units[kind]).all() for kind in mask.units)
        before = mask


@pytest.mark.parametrize("share", [0.9, 0.5, 0.123])
def test_weights_are_exact_to_one_entry_and_the_largest(model_file: Path, share: float):
    mask = magnitude.cut({}, model_file, share, {"scope": "global"})
    parameters = load_model(model_file).checkpoint_parameters()
    sizes = np.concatenate(
        [parameters[name].detach().abs().numpy().ravel() for name in mask.parameters]
    )
    assert mask.kept == round(share * mask.size)
    assert sizes[mask.vector].min() >= sizes[~mask.vector].max()


# --- controls that every algorithm has ---


@given(st.integers(0, 9999))
def test_controls_of_units_have_the_counts_they_promise(seed: int):
    rng = np.random.default_rng(seed)
    source = unit_mask(rng.random((6, 4)) < 0.4, rng.random(6) < 0.5)
    both = ("head", "mlp")
    uniform = control("random_uniform", source, both, generator(seed))
    assert uniform.counts() == source.counts()
    layerwise = control("random_layerwise", source, both, generator(seed))
    heads = layerwise.units["head"].sum(axis=1)
    assert (heads == source.units["head"].sum(axis=1)).all()
    inverted = control("inverted", source, ("head",), generator(seed))
    assert (inverted.units["head"] == ~source.units["head"]).all()
    assert (inverted.units["mlp"] == source.units["mlp"]).all()


def test_controls_of_weights_have_the_counts_they_promise():
    rng = np.random.default_rng(0)
    source = WeightMask({"a": rng.random((8, 5)) < 0.2, "b": rng.random(30) < 0.7})
    uniform = control("random_uniform", source, (), generator(1))
    assert uniform.kept == source.kept
    layerwise = control("random_layerwise", source, (), generator(1))
    for name, kept in layerwise.parameters.items():
        assert kept.sum() == source.parameters[name].sum()
        assert (kept != source.parameters[name]).any()
    inverted = control("inverted", source, (), generator(1))
    assert inverted.kept == source.size - source.kept


# --- starts ---


@pytest.fixture
def pretrained(tmp_path: Path, model_file: Path) -> Path:
    from lottery import files

    arrays, metadata = files.read_arrays(model_file)
    body = {name: array for name, array in arrays.items() if not name.startswith("classifier")}
    files.write_arrays(tmp_path / "pretrained.safetensors", body, metadata)
    return tmp_path / "pretrained.safetensors"


def arrays_of(model) -> dict[str, np.ndarray]:
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def test_shuffled_weights_are_the_same_numbers_elsewhere(pretrained: Path):
    plain = arrays_of(load_start(None, pretrained, 3, 11))
    moved = arrays_of(load_start("shuffled", pretrained, 3, 11))
    for name, array in plain.items():
        assert (np.sort(array, axis=None) == np.sort(moved[name], axis=None)).all()
        stays = array.ndim == 1 or name.startswith("classifier")
        assert np.array_equal(array, moved[name]) == stays, name
    other = arrays_of(load_start("shuffled", pretrained, 3, 12))
    assert not np.array_equal(other["layers.0.query.weight"], moved["layers.0.query.weight"])


def test_reinitialised_weights_are_drawn_and_keep_the_classifier_of_the_seed(pretrained: Path):
    plain = arrays_of(load_start(None, pretrained, 3, 11))
    drawn = arrays_of(load_start("reinitialised", pretrained, 3, 11))
    assert np.array_equal(plain["classifier.weight"], drawn["classifier.weight"])
    for name in ("layers.1.output.weight", "embeddings.word.weight"):
        correlation = np.corrcoef(plain[name].ravel(), drawn[name].ravel())[0, 1]
        assert abs(correlation) < 0.1
        assert drawn[name].std() == pytest.approx(0.02, rel=0.1)


def test_finetuned_and_rewound_weights_are_those_of_the_file(model_file: Path):
    for start in ("finetuned", "rewound"):
        read = arrays_of(load_start(start, model_file, 3, 11))
        assert all(np.array_equal(a, read[n]) for n, a in arrays_of(tiny_model()).items())


def test_rewinding_repeats_the_first_steps_bit_for_bit():
    """The state after `last_step`, trained on from there with its optimizer, is that of one run."""
    seen = {}

    class Spy:
        """A checkpoint that keeps the weights after every step."""

        def load(self):
            return None

        def delay_signals(self):
            import contextlib

            return contextlib.nullcontext()

        def save_if_due(self, state):
            made = state()
            seen[made.step] = {k: v.copy() for k, v in made.arrays.items() if ":weight" in k}

    whole = tiny_model()
    train(whole, tiny_tokens(), RECIPE, 4, checkpoint=Spy())
    early = tiny_model()
    train(early, tiny_tokens(), RECIPE, 4, last_step=3)
    # The table of words is cut to those that occur while a model is trained.
    for name, array in arrays_of(early).items():
        if "embeddings.word" not in name:
            assert np.array_equal(array, seen[3][f"{name}:weight"]), name


def test_a_rewound_training_leaves_out_the_steps_behind_it():
    every_step = replace(RECIPE, log_every=1)
    history = train(tiny_model(), tiny_tokens(), every_step, 4, first_step=3)
    whole = train(tiny_model(), tiny_tokens(), every_step, 4)
    assert [row["step"] for row in history] == [row["step"] for row in whole][3:]
    rates = [[row["learning_rate"] for row in rows] for rows in (history, whole[3:])]
    assert rates[0] == rates[1]
    assert history[-1]["step"] == whole[-1]["step"]
    trained, everything = tiny_model(), tiny_model()
    train(trained, tiny_tokens(), RECIPE, 4, first_step=3)
    train(everything, tiny_tokens(), RECIPE, 4)
    assert any(
        not torch.equal(a, b)
        for a, b in zip(trained.parameters(), everything.parameters(), strict=True)
    )
    with pytest.raises(StudyError, match="rewind_step is 99, but training on this task has"):
        train(tiny_model(), tiny_tokens(), RECIPE, 4, first_step=99)


def test_shuffling_does_not_depend_on_the_order_of_calls():
    first, second = tiny_model(), tiny_model()
    np.random.default_rng().random()
    shuffle_weights(first, 5)
    shuffle_weights(second, 5)
    pairs = zip(first.parameters(), second.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in pairs)


# --- masks from elsewhere ---


def copied(folder: Path, mask: UnitMask, model_file: Path) -> Path:
    write_mask(
        folder / "good.safetensors", mask, MaskInfo("structured", "m", "a", "1", "s", "good", 0.5)
    )
    copy_masks(
        path_to_source=folder / "good.safetensors",
        path_to_model=model_file,
        path_to_mask=folder / "good-from_a.safetensors",
        model="m",
        task="b",
        seed=2,
        method="s",
        subnetwork="good-from_a",
    )
    return folder / "good-from_a.safetensors"


def test_a_copied_mask_keeps_its_units_and_gets_its_new_cell(tmp_path: Path, model_file: Path):
    mask = random_mask(3)
    found, info = read_mask(copied(tmp_path, mask, model_file))
    assert all((found.units[kind] == mask.units[kind]).all() for kind in mask.units)
    assert (info.task, info.seed, info.subnetwork) == ("b", "2", "good-from_a")
    assert info.kept_fraction == pytest.approx(mask.kept_fraction(tiny_architecture()))


def test_a_mask_of_another_shape_is_refused(tmp_path: Path, model_file: Path):
    with pytest.raises(StudyError, match="does not fit m"):
        copied(tmp_path, full_mask(5, 4), model_file)


def test_a_name_without_a_start_is_the_mask():
    assert str(Subnetwork.parse("good-kept_0.5-start_shuffled-from_a").mask) == (
        "good-kept_0.5-from_a"
    )


# --- kinds of units compared by importance per parameter ---


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 9999), st.integers(1, 4), st.integers(1, 2))
def test_a_global_step_removes_the_least_important_parameters(seed: int, heads: int, mlps: int):
    rng = np.random.default_rng(seed)
    mask = unit_mask(rng.random((3, 4)) < 0.7, rng.random(3) < 0.7)
    importance = {"head": rng.random((3, 4)), "mlp": rng.random(3)}
    measured = structured.Measurement(importance, None, 1.0)
    sizes, strides = {"head": 10, "mlp": 25}, {"head": heads, "mlp": mlps}
    after = structured.remove(mask, measured, strides, sizes)
    kept = [
        (importance[kind][place], sizes[kind], bool(after.units[kind][place]))
        for kind in ("head", "mlp")
        for place in zip(*np.nonzero(mask.units[kind]), strict=True)
    ]
    removed = [each for each in kept if not each[2]]
    left = [each for each in kept if each[2]]
    if not kept:
        return
    assert removed
    # Nothing that stays is less important than what goes.
    assert not left or max(r[0] for r in removed) <= min(each[0] for each in left)
    budget, gone = 10 * heads + 25 * mlps, sum(size for _, size, _ in removed)
    assert gone <= budget or len(removed) == 1
    if left:
        assert gone + min(left)[1] > budget


def test_a_global_search_goes_on_when_one_kind_has_run_out():
    def measure(mask: UnitMask) -> structured.Measurement:
        importance = {"head": np.full((3, 4), 0.1), "mlp": np.full(3, 0.9)}
        return structured.Measurement(importance, 1.0, 1.0)

    options = STRICT | {"units": "both"}
    sizes = {"head": 10, "mlp": 25}
    search = structured.StructuredSearch(measure, lambda _: 0.5, full_mask(3, 4), options, sizes)
    good = search.run()
    assert not good.units["head"].any()
    assert not good.units["mlp"].any()
    order = structured.removal_order(measure, full_mask(3, 4), options, sizes)
    assert order["heads"].max() < order["mlps"].min()
    assert {step.stage for step in search.steps} == {"both"}


def test_a_global_ranking_has_no_halves_of_each_kind():
    with pytest.raises(StudyError, match="ranking is global, and the halves"):
        study("methods: {s: {algorithm: structured, preset: strict, ranking: global}}")


# --- options that later versions added ---


def test_an_added_option_runs_no_finished_search_again_until_it_is_used():
    plain = study("methods: {m: {algorithm: magnitude}}")
    options = search_params(plain, "m", "rte")["options"]
    assert not {"importance", "scope"} & set(options)
    assert magnitude.ALGORITHM.complete(options) == plain.methods["m"].options
    layer = study("methods: {m: {algorithm: magnitude, scope: layer}}")
    options = search_params(layer, "m", "rte")["options"]
    assert options["scope"] == "layer"
    assert magnitude.ALGORITHM.complete(options) == layer.methods["m"].options
