"""The parts of the benchmarks that decide what is measured; nothing is timed here."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import shutil
import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny import gates_of, random_mask, tiny_architecture, tiny_model, tiny_tokens
from torch._dynamo.utils import counters
from torch.utils.flop_counter import FlopCounterMode

import families
import finetuning
import grid_hours
import growth
import interleaved
import measuring
import overhead
import planning
import profiles
import ranking
import searching
import shrinking
from drawn import TRAIN_LENGTHS, drawn_lengths, drawn_tokens
from lottery.config import load_study, read_config
from lottery.data.batches import collate
from lottery.planning import grid
from lottery.pruning.algorithms import structured
from lottery.pruning.algorithms.search import SearchContext
from lottery.training.loop import Recipe, train
from plain_search import PlainPass, PlainSearch
from reference import (
    GatedTwin,
    compile_seconds,
    copy_back,
    inputs_of,
    train_padded,
    train_tuned,
    trainer,
    twin_of,
)

pytestmark = pytest.mark.slow

CPU = torch.device("cpu")
ALL = np.arange(20)


def test_the_median_counts_and_warm_ups_do_not(monkeypatch):
    # Every second round goes backwards.
    seconds = iter([9.0, 9.0, 10.0, 1.0, 5.0, 30.0, 20.0, 2.0])
    monkeypatch.setattr(measuring, "seconds_of", lambda work: next(seconds))
    works = {"a": lambda: None, "b": lambda: None}
    assert measuring.median_seconds(works, 3, warm_ups=1) == {"a": 2.0, "b": 20.0}


@pytest.mark.parametrize("family", families.CONFIGS)
@pytest.mark.parametrize(("per_weight", "backward"), [(2, False), (6, True)])
def test_flops_done_are_those_of_our_encoder(family, per_weight, backward):
    """Those of the classifier and of the embeddings' inputs, which need no gradient, are taken off.

    Of the last layer, keys and values go over all tokens, the rest over one of each example.
    """
    changes = {"embedding_size": 16} if family == "electra" else {}
    model, count, length = tiny_model(family=family, **changes), 5, 7
    tokens = drawn_tokens(np.full(count, length), model.architecture, n_outputs=3)
    with FlopCounterMode(display=False) as counter:
        logits = model(*collate(tokens, np.arange(count), CPU).inputs)
        if backward:
            logits.sum().backward()
    counted = counter.get_flop_counts()["Global"]
    products = sum(n for name, n in counted.items() if str(name) in ("aten.mm", "aten.addmm"))
    classifier = per_weight * count * model.architecture.hidden * 3
    assert measuring.flops_done(model.architecture, tokens.lengths, per_weight) == (
        products - classifier
    )


def test_families_are_held_against_bert_per_flop():
    tokens = drawn_tokens(np.full(4, 8), families.architecture_of("bert"))
    seconds = {
        f"{kind} {family}": 2.0
        * measuring.flops_done(families.architecture_of(family), tokens.lengths, per_weight)
        for kind, per_weight in families.KINDS.items()
        for family in families.CONFIGS
    }
    seconds["train modernbert"] *= 1.2
    rows = {row.name: row for row in families.rows_of(seconds, tokens, tokens)}
    assert len(rows) == 8
    missed = [name for name, row in rows.items() if row.verdict == "missed"]
    assert missed == ["train, modernbert: per FLOP"]
    assert rows["evaluate, electra: per FLOP"].ratio == pytest.approx(1.0)


def test_fine_tuning_is_held_against_the_fastest_opponent():
    targets = finetuning.Targets(faster=1.6, over_floor=1.8)
    seconds = {finetuning.OURS: 10.0, "slow": 30.0, "fast": 17.0}
    floor, strongest, other = finetuning.rows_of("r", seconds, 5.0, targets)
    assert (floor.ratio, floor.verdict) == (2.0, "missed")
    assert (strongest.against, strongest.verdict) == ("strongest: fast", "met")
    assert (other.against, other.ratio, other.target) == ("slow", 3.0, None)


@pytest.mark.long
@pytest.mark.skipif(not shutil.which("g++"), reason="torch.compile needs a C++ compiler")
def test_compiling_ends_when_no_batch_needs_it(tmp_path, monkeypatch):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    twin, tokens = twin_of(tiny_model()), tiny_tokens(count=8)
    twin.bert.encoder.layer = twin.bert.encoder.layer[:1]
    twin.compile(dynamic=True)
    recipe = Recipe(batch_size=8, epochs=1)
    assert compile_seconds(twin, tokens, recipe, seed=0) > 0
    before = dict(counters["stats"])
    train_tuned(twin, tokens, recipe, seed=0)
    assert counters["stats"]["unique_graphs"] == before["unique_graphs"]


def test_drawn_lengths_have_the_stated_deciles():
    deciles = TRAIN_LENGTHS["rte"]
    lengths = drawn_lengths(deciles, 20_000)
    assert np.abs(np.quantile(lengths, np.linspace(0, 1, 11)) - deciles).max() <= 2
    tokens = drawn_tokens(lengths[:50], tiny_architecture())
    assert (tokens.lengths == lengths[:50]).all()
    assert tokens.input_ids.min() > 0 and tokens.input_ids.max() < tiny_architecture().vocabulary


@pytest.mark.parametrize("length", [None, 15])
def test_the_twin_gives_our_logits_with_gates_and_without(length):
    model, tokens, mask = tiny_model(), tiny_tokens(), random_mask(1)
    inputs = inputs_of(tokens, ALL, CPU, length)
    batch = collate(tokens, ALL, CPU)
    with torch.no_grad():
        plain = twin_of(model).eval()(**inputs).logits
        torch.testing.assert_close(plain, model(*batch.inputs), rtol=1e-4, atol=1e-4)
        gates = gates_of(mask, CPU)
        gated = GatedTwin(model).logits(inputs, gates.units["head"], gates.units["mlp"])
        torch.testing.assert_close(gated, model(*batch.inputs, gates), rtol=1e-4, atol=1e-4)
        assert not torch.allclose(gated, plain, atol=1e-2)


def with_trainer(twin, tokens, recipe, seed):
    if importlib.util.find_spec("accelerate") is None:
        pytest.skip("accelerate is not installed")
    with tempfile.TemporaryDirectory() as folder:
        trainer(twin, tokens, recipe, seed, Path(folder) / "trainer")()
    del twin.forward  # on which Trainer leaves its autocast


@pytest.mark.parametrize("loop", [partial(train_padded, length=16), train_tuned, with_trainer])
def test_the_loops_of_others_train(loop):
    model, tokens = tiny_model(scale=1.0), tiny_tokens(count=40)
    twin = twin_of(model)
    inputs = inputs_of(tokens, np.arange(40), CPU)
    with torch.no_grad():
        before = twin.eval()(**inputs).loss
    loop(twin, tokens, Recipe(learning_rate=3e-3, batch_size=8, epochs=12), seed=0)
    with torch.no_grad():
        after = twin.eval()(**inputs).loss
    assert after < 0.8 * before
    back = copy_back(twin, tiny_model(seed=3))
    with torch.no_grad():
        logits = back.eval()(*collate(tokens, np.arange(40), CPU).inputs)
        torch.testing.assert_close(logits, twin(**inputs).logits, rtol=1e-4, atol=1e-4)


def test_a_loop_stops_after_the_steps_that_are_timed():
    tokens, twin = tiny_tokens(count=40), twin_of(tiny_model())
    steps = []
    twin.register_forward_pre_hook(lambda *_: steps.append(1))
    train_padded(twin, tokens, Recipe(batch_size=8), seed=0, length=16, steps=3)
    assert len(steps) == 3


@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("preset", searching.PRESETS)
@pytest.mark.parametrize("seed", [0, 1])
@pytest.mark.parametrize(("keep", "head_step"), [(0.0, 0.1), (0.8, 0.1), (0.0, 0.5)])
def test_the_plain_search_takes_the_same_steps_as_ours(preset, seed, keep, head_step, strong):
    """With head_step 0.5 the heads run out before the MLPs, otherwise after them."""
    model, tokens = tiny_model(seed, scale=8.0), tiny_tokens(40, seed)
    train(model, tokens, Recipe(learning_rate=1e-3, batch_size=8), seed)
    changed = {"search_batch_size": 16, "keep_score": keep, "head_step": head_step}
    options = searching.options_of(preset) | changed
    searched = searching.Searched(tokens, options, "accuracy")
    memory = searching.Recorded()
    context = SearchContext(
        model, tokens, options, searched.score, lambda full: keep * full, memory
    )
    layers, heads = model.architecture.layers, model.architecture.heads
    length = None if strong else 16
    passing = PlainPass(model, tokens, options, length, frozen=strong)
    plain = PlainSearch(
        passing.run, searched.score, lambda full: keep * full, options, remember=strong
    )
    good = plain.run(layers, heads)
    found = structured.search(context)
    ours = [searching.mask_of(key, layers, heads) for key in memory.keys]
    assert len(ours) == len(plain.visited) > 3
    assert searching.agreement(ours, plain.visited) == len(ours)
    assert np.array_equal(good[0], found.masks["good"].units["head"])
    assert np.array_equal(good[1], found.masks["good"].units["mlp"])


def test_agreement_ends_at_the_first_other_mask():
    masks = [(np.eye(3, dtype=bool)[:2], np.ones(2, bool)) for _ in range(4)]
    other = (~masks[0][0], masks[0][1])
    assert searching.agreement(masks, masks) == 4
    assert searching.agreement([*masks[:2], other, masks[3]], masks) == 2
    assert searching.agreement(masks[:3], masks) == 3
    assert searching.distinct([*masks, other]) == 2


@pytest.mark.parametrize("fraction", shrinking.FRACTIONS)
def test_masks_keep_what_they_are_asked_to(fraction):
    sizes = {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12}
    architecture = tiny_architecture(**sizes, intermediate_size=1536)
    mask = shrinking.mask_keeping(architecture, fraction)
    assert mask.kept_fraction(architecture) == pytest.approx(fraction, abs=0.04)


def test_a_mask_of_neurons_keeps_a_share_of_them_and_all_heads():
    mask = shrinking.mask_of_neurons(tiny_architecture(), 0.5)
    assert mask.units["head"].all() and mask.units["mlp"].all()
    assert mask.units["neuron"].mean() == 0.5
    assert len(set(mask.units["neuron"].sum(axis=1))) > 1


def test_the_exponent_is_that_of_a_power():
    points = [(size, 3 * size**1.5) for size in (10, 20, 50, 100)]
    assert growth.exponent(points) == pytest.approx(1.5)


def test_what_is_computed_of_layers_is_linear():
    points = [(layers, 3 * (layers - 10 / 12)) for layers in (2, 4, 8)]
    assert growth.exponent(points) > 1.2
    assert growth.computed_layers("training", points).ratio == pytest.approx(1.0)


def test_a_growth_figure_is_drawn(tmp_path):
    growth.draw("length", {"training": [(16, 0.1), (32, 0.2), (64, 0.45)]}, tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"growth_length.svg", "growth_length.png"}


def test_standard_errors_apart():
    ours, theirs = [0.5, 0.6, 0.7], [0.6, 0.7, 0.8]
    assert finetuning.apart(ours, ours) == 0
    assert finetuning.apart(ours, theirs) == pytest.approx(0.1 / (2 * 0.01 / 3) ** 0.5)


def test_the_hours_of_the_grid_are_its_tokens_over_the_rates():
    """At one rate for all lengths, and at a cost for each example alone."""
    every = {
        kind: {13.0: 1000.0, 66.0: 1000.0}
        for kind in ("fine-tune", "importance pass", "evaluate", "score")
    }
    found = grid_hours.hours(every)
    tokens = sum(task.train * task.tokens for task in grid_hours.TASKS.values())
    assert found["fine-tune"] * 3600 == pytest.approx(tokens * 5 * 3 * (1 + 9) / 1000)
    examples = sum(task.dev for task in grid_hours.TASKS.values())
    by_example = grid_hours.hours({"evaluate": {13.0: 13.0 * 100, 66.0: 66.0 * 100}})
    assert by_example["evaluate"] * 3600 == pytest.approx(examples * 5 * (9 + 16) / 100)


def test_the_hours_count_the_passes_of_the_papers_grid():
    root = measuring.ROOT
    study = load_study(read_config(root / "config.yaml"), root)
    models = len(grid.finetune_rows(study))
    assert models == len(grid_hours.TASKS) * grid_hours.SEEDS
    found = grid_hours.passes("score")
    assert models * found["finetune"] == models
    assert models * found["retrain"] == len(grid.retrain_rows(study))
    found = grid_hours.passes("evaluate")
    pruned = [cell for cell in grid.cells(study) if cell.phase == "pruned"]
    assert models * found["evaluate_pruned"] == len(pruned)


def test_overhead_is_what_the_work_leaves():
    """Two cores for 10 s, of which the jobs worked 3 and 5 s besides importing for 1 s each."""
    records = [
        {"step": "search", "duration_seconds": 4.0},
        {"step": "evaluate", "duration_seconds": 6.0},
    ]
    found = overhead.costs(records, {"search": 1.0, "evaluate": 1.0}, 10.0, 2)
    assert found.overhead == pytest.approx(6.0)
    assert found.share == pytest.approx(0.6)
    each, share, *parts = overhead.rows_of(found, empty=0.5)
    assert (each.theirs, each.ratio) == (pytest.approx(1.5), pytest.approx(4.0))
    assert share.verdict == "missed"
    assert [part.ratio for part in parts] == pytest.approx([2 / 20, 1 / 20, 9 / 20])


def test_planning_is_held_against_the_first_grid_per_job(monkeypatch):
    costs = {
        1: planning.Cost(jobs=2000, seconds=9.0, cpu_seconds=8.0, megabytes=200.0),
        10: planning.Cost(jobs=20_000, seconds=99.0, cpu_seconds=120.0, megabytes=1000.0),
    }
    monkeypatch.setattr(planning, "plan", costs.__getitem__)
    rows = planning.planned_rows((1, 10))
    assert [row.ratio for row in rows] == pytest.approx([1.0, 1.0, 1.5, 0.5])
    assert rows[2].name == "plan, 10 times the grid, 20,000 jobs: processor time per 1,000 jobs"
    assert (rows[2].ours, rows[3].theirs) == pytest.approx((6.0, 100.0))


def test_the_wall_time_of_a_demo_spans_its_jobs():
    records = [
        {"started": "2026-01-01T00:00:10+00:00", "duration_seconds": 5.0},
        {"started": "2026-01-01T00:00:00+00:00", "duration_seconds": 2.0},
    ]
    assert overhead.wall_of(records) == 15.0


@pytest.mark.parametrize("step", interleaved.STEPS)
def test_two_checkouts_are_timed_with_the_keywords_of_our_steps(step, tmp_path):
    """What is offered, and the settings of a rule, are all that a step needs."""
    function = getattr(importlib.import_module(f"lottery.steps.{step}"), step)
    offered = interleaved.offers(step, tmp_path, tmp_path / "results", tmp_path / "out")
    given = interleaved.adapted(function, offered).keys()
    settings = {"training", "n_outputs", "splits", "algorithm", "version", "options", "metric"}
    parameters = inspect.signature(function).parameters
    required = {name for name, each in parameters.items() if each.default is each.empty}
    assert required <= given | settings | {"torch_threads"}
    assert given <= parameters.keys()


def test_a_step_from_before_the_convention_gets_what_it_asks_for(tmp_path):
    def search(*, path_to_tokens, paths_to_masks, path_to_halves, cell): ...

    offered = interleaved.offers("search", tmp_path, tmp_path, tmp_path / "out")
    found = interleaved.adapted(search, offered)
    assert found.keys() == {"path_to_tokens", "paths_to_masks", "path_to_halves", "cell"}
    assert found["paths_to_masks"] == {"good": tmp_path / "out" / "good.safetensors"}
    assert found["cell"]["method"] == "structured" and found["path_to_halves"] is None


def test_ratios_are_those_of_pairs():
    found = interleaved.ratio([1.0, 2.0, 4.0], [2.0, 3.0, 2.0])
    assert (found.least, found.median, found.largest) == (0.5, 1.5, 2.0)


def test_a_search_of_weights_takes_every_step():
    found = ranking.magnitude.search(ranking.context_of(tiny_model(), halves=True))
    assert len(found.trajectory) == 30
    assert all(step.accepted for step in found.trajectory)


def test_a_profile_knows_the_operations_of_a_training():
    """Names change between versions of torch; most of a training must not become "the rest"."""
    model, tokens = tiny_model(), tiny_tokens(40)
    found = profiles.profiled(lambda: lambda: train(model, tokens, Recipe(epochs=1), 0))
    assert all(share > 0 for share in found.values())
    seconds = found.pop(profiles.TOTAL)
    assert sum(found.values()) == pytest.approx(1) and seconds < 60
    summed = profiles.shares([("aten::mm", 6.0), ("aten::addmm", 1.0), ("aten::frobnicate", 3.0)])
    assert summed["matrix products"] == pytest.approx(0.7)
    assert summed[profiles.REST] == pytest.approx(0.3) and summed[profiles.TOTAL] == 10
