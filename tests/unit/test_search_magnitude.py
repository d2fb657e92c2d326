"""The magnitude search against torch's own iterated global pruning."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_shrink import random_weights
from tiny import reference_model, tiny_architecture, tiny_model, tiny_tokens
from torch.nn.utils import prune

from drawn import bert_base
from lottery.data.batches import collate
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models.checkpoints import save_model
from lottery.pruning.algorithms import magnitude
from lottery.pruning.algorithms.magnitude import (
    MagnitudeRanking,
    Ranking,
    body_of,
    kept_counts,
    mask_of_step,
    within,
)
from lottery.pruning.algorithms.search import SearchContext
from lottery.pruning.criteria import WEIGHT_CRITERIA
from lottery.pruning.masks import body_shapes
from lottery.tasks import metrics
from lottery.training.loop import loss_of

OPTIONS = {name: option.published for name, option in magnitude.OPTIONS.items()}
SIZES_OF_TINY = tiny_architecture()
SMALL = tiny_architecture(
    num_hidden_layers=2, hidden_size=6, num_attention_heads=2, intermediate_size=10
)
STRICT = {name: option.strict for name, option in magnitude.OPTIONS.items()}


def pruned_by_torch(model, step, steps):
    """Masks after each of several calls of global_unstructured over the same tensors."""
    modules = dict(model.named_modules())
    names = {model.architecture.family.checkpoint_name(n): n for n, _ in model.named_parameters()}
    places = [names[name].rsplit(".", 1) for name in body_shapes(model.architecture)]
    parameters = [(modules[module], kind) for module, kind in places]
    for _ in range(steps):
        prune.global_unstructured(parameters, prune.L1Unstructured, amount=step)
        yield [getattr(module, f"{kind}_mask").bool().numpy() for module, kind in parameters]


def test_every_step_equals_torchs_iterated_pruning():
    counts = list(kept_counts(body_size(tiny_model()), 0.05, 12))
    ranking = MagnitudeRanking(body_weights(tiny_model()), counts)
    for count, theirs in zip(counts, pruned_by_torch(tiny_model(), 0.05, 12), strict=True):
        ours = ranking.keep_largest(count)
        assert ours.kept == count
        for mine, other in zip(ours.parameters.values(), theirs, strict=True):
            assert np.array_equal(mine, other)


def body_size(model):
    return sum(weights.numel() for weights in body_of(model).values())


def body_weights(model):
    return {name: weights.detach().numpy() for name, weights in body_of(model).items()}


@given(st.lists(st.integers(0, 5), min_size=1, max_size=9), st.integers(0, 10**6))
def test_equal_magnitudes_are_pruned_by_position(levels, seed):
    model = tiny_model()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for weights in body_of(model).values():
            drawn = rng.choice(levels, weights.shape) * rng.choice([-1, 1], weights.shape)
            weights.copy_(torch.from_numpy(drawn))
    magnitudes = torch.cat([weights.abs().ravel() for weights in body_of(model).values()])
    ranking = torch.argsort(magnitudes, stable=True)
    counts = sorted({0, 1, len(ranking), *rng.integers(0, len(ranking), 5).tolist()})
    cuts = MagnitudeRanking(body_weights(model), counts)
    for count in counts:
        expected = np.ones(len(ranking), bool)
        expected[ranking[: len(ranking) - count]] = False
        assert np.array_equal(cuts.keep_largest(count).vector, expected)
    path, weights = cuts.path(counts), weights_of(model)
    for step, count in enumerate(counts):
        derived = mask_of_step(weights, model.architecture, path, step)
        assert np.array_equal(derived.vector, cuts.keep_largest(count).vector)


def weights_of(model):
    """The weights as a model's file holds them."""
    return {name: p.detach().numpy() for name, p in model.checkpoint_parameters().items()}


@given(st.integers(0, 10**6), st.floats(0.01, 0.5))
def test_the_path_gives_the_mask_of_every_step(seed, step):
    model = tiny_model(seed)
    size = body_size(model)
    counts = [size, *kept_counts(size, step, 8)]
    ranking = MagnitudeRanking(body_weights(model), counts)
    path = ranking.path(counts)
    kinds = {name: array.dtype for name, array in path.items()}
    assert kinds == {"counts": np.int64, "threshold": np.float32, "ties": np.int64}
    for row, count in enumerate(counts):
        derived = mask_of_step(weights_of(model), model.architecture, path, row)
        expected = ranking.keep_largest(count)
        assert derived.shapes == expected.shapes
        assert np.array_equal(derived.vector, expected.vector)


def test_the_path_of_another_model_is_one_sentence():
    model, other = tiny_model(), tiny_model(3)
    ranking = MagnitudeRanking(body_weights(model), [5000])
    with pytest.raises(StudyError, match="Step 0 of the search kept 5000 weights"):
        mask_of_step(weights_of(other), other.architecture, ranking.path([5000]), 0)


def search(keep_score, options, score=None):
    model, tokens = tiny_model(), tiny_tokens(60)
    truth = decide(predict(model, tokens, 16))

    def accuracy(logits):
        return metrics.score("accuracy", truth, decide(logits))

    context = SearchContext(
        model, tokens, options, score or accuracy, lambda s: None if s is None else keep_score * s
    )
    return magnitude.search(context)


def test_the_search_keeps_the_last_mask_that_passed():
    found = search(0.9, OPTIONS)
    *accepted, failed = found.trajectory
    assert all(step.accepted and step.score >= step.threshold for step in accepted)
    assert not failed.accepted and failed.score < failed.threshold
    assert found.masks["good"].kept_fraction() == accepted[-1].kept_fraction
    assert accepted[-1].kept_fraction == pytest.approx(0.95 ** (len(accepted) - 1), abs=1e-3)
    assert set(found.masks) == {"good"}
    path = found.path
    assert all(len(array) == len(found.trajectory) for array in path.values())
    model = tiny_model()
    derived = mask_of_step(weights_of(model), model.architecture, path, len(accepted) - 1)
    assert np.array_equal(derived.vector, found.masks["good"].vector)
    size = body_size(model)
    assert (path["counts"] / size).tolist() == [step.kept_fraction for step in found.trajectory]


def test_with_all_steps_used_up_one_removal_less_is_kept():
    found = search(0.0, OPTIONS | {"max_steps": 4})
    assert len(found.trajectory) == 4
    assert found.masks["good"].kept_fraction() == pytest.approx(0.95**3, abs=1e-3)


def test_an_undefined_score_prunes_nothing():
    found = search(0.9, OPTIONS, score=lambda logits: None)
    assert found.masks["good"].is_full and len(found.trajectory) == 1


def test_halves_are_the_larger_and_the_smaller_half():
    found = search(0.9, STRICT)
    good, bad = found.masks["good_half"], found.masks["bad_half"]
    assert good.kept == good.size // 2 and bad.kept == good.size - good.kept
    weights = tiny_model().checkpoint_parameters()
    kept = np.concatenate(
        [np.abs(weights[n].detach().numpy()[m]) for n, m in good.parameters.items()]
    )
    pruned = np.concatenate(
        [np.abs(weights[n].detach().numpy()[m]) for n, m in bad.parameters.items()]
    )
    assert kept.min() >= pruned.max()


@given(st.integers(1, 10**8), st.floats(0.01, 0.5))
def test_counts_are_torchs_rounding(size, step):
    left = size
    for count in kept_counts(size, step, 5):
        left -= prune._compute_nparams_toprune(step, left)
        assert count == left


def test_bad_keeps_the_smallest_weights_and_random_the_same_number(tmp_path):
    model = tiny_model()
    save_model(tmp_path / "model.safetensors", model)
    size = body_size(model)
    ranking = MagnitudeRanking(body_weights(model), [2000, size - 2000])
    good = ranking.keep_largest(2000)
    bad = magnitude.sample("bad", good, tmp_path / "model.safetensors", np.random.default_rng(0))
    assert bad.kept == 2000
    mirrored = ranking.keep_largest(size - 2000).complement()
    assert all(np.array_equal(bad.parameters[n], m) for n, m in mirrored.parameters.items())
    draw = magnitude.sample("random", good, tmp_path, np.random.default_rng(0))
    assert draw.kept == 2000
    expected = 2000 / size
    assert abs((draw.vector & good.vector).sum() / 2000 - expected) < 0.03


def test_the_body_of_bert_base_is_the_papers():
    from lottery.models.encoder import Encoder

    with torch.device("meta"):
        model = Encoder(bert_base(), 2)
    parameters = model.checkpoint_parameters()
    names = body_shapes(model.architecture)
    assert sum(parameters[name].numel() for name in names) == 85_008_384
    assert "bert.encoder.layer.0.output.dense.bias" not in names


def test_weights_are_zero_beyond_the_mask_of_each_step():
    model = tiny_model()
    mask = random_weights(model)
    assert mask.complement().complement().kept == mask.kept
    assert mask.complement().kept + mask.kept == mask.size


# Other criteria, against slow references.


CPU = torch.device("cpu")


def context_with(model, tokens, **changes):
    options = OPTIONS | {"search_batch_size": 7} | changes
    return SearchContext(
        model,
        tokens,
        options,
        lambda logits: float(logits.std()),
        lambda score: 0.5 * score,
        pretrained=lambda: tiny_model(5, n_outputs=model.n_outputs),
    )


def products(model, tokens):
    """|w x gradient of the mean loss|, the gradient from one example after the other."""
    model.requires_grad_(True)
    for row in range(len(tokens)):
        batch = collate(tokens, np.array([row]), CPU)
        (loss_of(model(*batch.inputs), batch.labels).sum() / len(tokens)).backward()
    found = {name: (p * p.grad).abs().detach().numpy() for name, p in body_of(model).items()}
    model.zero_grad(set_to_none=True)
    return found


@pytest.mark.parametrize("n_outputs", [1, 3])
@pytest.mark.parametrize(("importance", "seed"), [("taylor", 0), ("snip", 5)])
def test_products_of_weights_and_gradients(importance, seed, n_outputs):
    tokens = tiny_tokens(n_outputs=n_outputs)
    # snip: of the pretrained weights, not of the searched ones.
    expected = products(tiny_model(seed, n_outputs=n_outputs), tokens)
    context = context_with(tiny_model(0, n_outputs=n_outputs), tokens, importance=importance)
    found = magnitude.scores_of(context)
    assert list(found) == list(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, rtol=2e-3, atol=1e-6)
    assert not any(p.grad is not None for p in context.model.parameters())


def test_wanda_takes_the_norm_of_the_inputs_over_all_tokens_but_padding():
    """The reference looks into transformers' own layers, an example at a time."""
    model, tokens = tiny_model(), tiny_tokens()
    reference, squares = reference_model(model), {}

    def look(name):
        def hook(module, inputs):
            (values,) = inputs  # [1, T, inputs]
            assert values.shape[:2] == (1, lengths[-1])
            squares[name] = squares.get(name, 0) + values[0].double().square().sum(0)

        return hook

    for name, module in reference.named_modules():
        if isinstance(module, torch.nn.Linear) and "encoder" in name:
            module.register_forward_pre_hook(look(name))
    lengths = []
    with torch.no_grad():
        for row in range(len(tokens)):
            batch = collate(tokens, np.array([row]), CPU)
            lengths.append(batch.input_ids.shape[1])
            ids, types, mask = batch.inputs
            reference(input_ids=ids, token_type_ids=types, attention_mask=mask.long())
    weights = body_weights(model)
    found = magnitude.scores_of(context_with(model, tokens, importance="wanda"))
    assert list(found) == list(weights)
    for name, array in weights.items():
        module, kind = name.rsplit(".", 1)
        norm = squares[module].sqrt().numpy() if kind == "weight" else np.sqrt(sum(lengths))
        np.testing.assert_allclose(found[name], np.abs(array) * norm, rtol=1e-4)


def test_random_scores_of_weights_are_a_seeded_draw():
    one, same = (
        magnitude.scores_of(context_with(tiny_model(), tiny_tokens(), importance="random"))
        for _ in range(2)
    )
    assert {name: array.shape for name, array in one.items()} == body_shapes(tiny_architecture())
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert len(np.unique(np.concatenate([array.ravel() for array in one.values()]))) > 20_000


def groups_of(shapes, scope):
    """Positions in the vector of the body -> name of their group, walked one by one."""
    names = []
    for name, shape in shapes.items():
        layer, module = name.split(".")[3], name.rsplit(".", 1)[0]
        names += [
            {"global": "", "layer": layer, "output": f"{module} {place[0]}"}[scope]
            for place in np.ndindex(*shape)
        ]
    return np.array(names)


@given(st.integers(0, 10**6), st.sampled_from(["global", "layer", "output"]))
@settings(max_examples=15, deadline=None)
def test_groups_keep_equal_shares_and_cuts_nest(seed, scope):
    rng, sizes = np.random.default_rng(seed), SMALL
    shapes = body_shapes(sizes)
    # Levels: many scores are equal.
    scores = {n: rng.integers(0, 40, shape).astype(np.float32) for n, shape in shapes.items()}
    vector = np.concatenate([array.ravel() for array in scores.values()])
    group_of = groups_of(shapes, scope)
    counts = sorted({0, len(vector), *rng.integers(0, len(vector), 12).tolist()})
    ranking = Ranking(within(scores, scope, sizes), counts)
    before = np.zeros(len(vector), bool)
    for count in counts:
        kept = ranking.keep_largest(count).vector
        assert kept.sum() == count
        assert (kept | ~before).all()
        before = kept
        names, places = np.unique(group_of, return_inverse=True)
        n = np.bincount(places)
        held = np.bincount(places, weights=kept)
        share = n * count / len(vector)
        # Less than one entry off among groups of one size; otherwise a little more.
        assert (np.abs(held - share) < 1 + n / (2 * n.min()) * (n.max() != n.min())).all()
        if n.max() == n.min():
            assert np.array_equal(np.sort(held), np.sort(largest_remainders(share, count)))
        for group in range(len(names)):
            inside = np.flatnonzero(places == group)
            order = inside[np.argsort(vector[inside], kind="stable")]
            assert kept[order[n[group] - int(held[group]) :]].all()


def largest_remainders(shares, total):
    counts = np.floor(shares)
    rest = np.argsort(counts - shares, kind="stable")[: round(total - counts.sum())]
    counts[rest] += 1
    return counts


def test_a_row_holds_the_weights_of_an_output_and_its_bias():
    shapes = body_shapes(SMALL)
    scores = {name: np.zeros(shape, np.float32) for name, shape in shapes.items()}
    name = "bert.encoder.layer.1.attention.self.query"
    scores[f"{name}.bias"][2] = 1.0
    scores[f"{name}.weight"][3, 4] = 1.0
    found = within(scores, "output", SMALL)
    size = SMALL.hidden + 1
    assert found[f"{name}.bias"][2] == found[f"{name}.weight"][3, 4] == (size - 0.5) / size
    # The bias of the MLP's output is not in the body: its rows have weights alone.
    output = found["bert.encoder.layer.0.output.dense.weight"]
    assert output.max() == (SMALL.intermediate - 0.5) / SMALL.intermediate


@pytest.mark.parametrize("scope", ["global", "layer", "output"])
@pytest.mark.parametrize("importance", WEIGHT_CRITERIA)
def test_a_search_by_every_criterion_removes_the_lowest_scores(importance, scope, tmp_path):
    options = {"importance": importance, "scope": scope, "halves": True}
    model, tokens = tiny_model(), tiny_tokens(40)
    refused = magnitude.check(OPTIONS | options, tmp_path)
    assert (refused is None) == (importance != "wanda" or scope == "output")
    if refused:
        assert refused == f"importance is wanda, and scope is {scope}; with wanda it must be output"
        return
    scores = within(
        magnitude.scores_of(context_with(tiny_model(), tokens, **options)), scope, SIZES_OF_TINY
    )
    vector = np.concatenate([array.ravel() for array in scores.values()])
    found = magnitude.search(context_with(model, tokens, **options))
    assert len(found.trajectory) > 2
    masks = [*found.masks.values()][:2]
    for mask in masks:
        expected = np.ones(len(vector), bool)
        expected[np.argsort(vector, kind="stable")[: mask.size - mask.kept]] = False
        assert np.array_equal(mask.vector, expected)
    assert masks[1].kept == masks[1].size // 2
    # A mask of a given size is cut from the same scores.
    save_model(tmp_path / "model.safetensors", tiny_model())
    ranking = magnitude.rank(context_with(tiny_model(), tokens, **options))
    assert (ranking == {}) == (importance == "magnitude")
    cut = magnitude.cut(ranking, tmp_path / "model.safetensors", 0.5, OPTIONS | options)
    assert np.array_equal(cut.vector, masks[1].vector)


def test_snip_alone_reads_the_pretrained_model():
    read = {name: magnitude.reads_pretrained({"importance": name}) for name in WEIGHT_CRITERIA}
    assert [name for name, reads in read.items() if reads] == ["snip"]
