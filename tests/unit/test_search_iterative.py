"""Iterative magnitude pruning against the same rounds written out with torch's own pruning."""

from __future__ import annotations

import functools
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
import torch
from small_study import study
from tiny import tiny_model, tiny_tokens
from torch import nn
from torch.nn.utils import prune

from lottery import files
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models.checkpoints import save_model
from lottery.planning import folders, grid, params
from lottery.pruning.algorithms import iterative
from lottery.pruning.algorithms.iterative import body_vector, cut, remove_smallest, search
from lottery.pruning.algorithms.magnitude import body_of
from lottery.pruning.algorithms.search import SearchContext, SearchResult, Training
from lottery.pruning.masks import body_shapes
from lottery.runtime.resume import NAME, Checkpoint
from lottery.tasks import metrics
from lottery.training import loop
from lottery.training.loop import Recipe, loss_of, scheduled_rate, train

TOKENS = tiny_tokens(48)
RECIPE = Recipe(learning_rate=2e-3, batch_size=16, epochs=2)  # six steps
SEED, SHARE, ROUNDS = 5, 0.3, 3
SCALE = 3.0  # of the weights, so that training moves them


def start() -> Any:
    return tiny_model(scale=SCALE)


@functools.cache
def finetuned() -> dict[str, np.ndarray]:
    """The fine-tuned weights of the full model."""
    model = start()
    train(model, TOKENS, RECIPE, SEED)
    return {name: p.detach().numpy().copy() for name, p in model.named_parameters()}


def full_model() -> Any:
    model, weights = start(), finetuned()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(torch.from_numpy(weights[name]))
    return model.eval()


def searched(
    checkpoint: Checkpoint | None = None,
    hook: Callable[[], None] = lambda: None,
    first_step: int = 0,
    begin: Callable[[], Any] = start,
    threshold: Callable[[float | None], float | None] = lambda full: 0.5,
    scores: list[float | None] | None = None,
    **options: Any,
) -> SearchResult:
    """Searches on the training examples, or with scores that are given."""
    given = None if scores is None else iter(scores)

    def score(logits: np.ndarray) -> float | None:
        hook()
        if given is not None:
            return next(given)
        return metrics.score("accuracy", TOKENS.labels, decide(logits))

    defaults = {name: option.published for name, option in iterative.OPTIONS.items()}
    changed = {"share": SHARE, "rounds": ROUNDS, "search_batch_size": 16} | options
    training = Training(TOKENS, RECIPE, SEED, begin, first_step, checkpoint or Checkpoint())
    return search(
        SearchContext(full_model(), TOKENS, defaults | changed, score, threshold, training=training)
    )


def masks_of(found: SearchResult) -> list[np.ndarray]:
    """The mask of each step of the trajectory, bool [size], from the ranking and the path."""
    order = np.concatenate([array.ravel() for array in found.ranking.values()])
    return [order >= len(order) - count for count in found.path["counts"]]


def written_out() -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The same rounds with torch.nn.utils.prune, on one model that is set back after each.

    Returns:
        The mask of each round, and the logits of the model that was trained under it.
    """
    model = full_model()
    modules = dict(model.named_modules())
    family = model.architecture.family
    names = {family.checkpoint_name(name): name for name, _ in model.named_parameters()}
    places = [names[name].rsplit(".", 1) for name in body_shapes(model.architecture)]
    pruned = [(modules[module], kind) for module, kind in places]
    before = {name: p.detach().clone() for name, p in start().named_parameters()}
    masks, logits = [], []
    for _ in range(ROUNDS):
        prune.global_unstructured(pruned, prune.L1Unstructured, amount=SHARE)
        masks.append(
            np.concatenate([getattr(m, f"{kind}_mask").numpy().ravel() for m, kind in pruned]) > 0
        )
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                parameter.copy_(before[name.removesuffix("_orig")])
        torch.manual_seed(SEED)
        train_plainly(model)
        multiply(model)
        logits.append(predict(model, TOKENS, 16))
    return masks, logits


def multiply(model: nn.Module) -> None:
    """Multiplies the weights by their masks: the encoder does not call all of its linear layers."""
    for module in model.modules():
        for hook in module._forward_pre_hooks.values():
            hook(module, None)


def train_plainly(model: nn.Module) -> None:
    """Fine-tunes with torch's AdamW and the masks that torch's pruning multiplies weights by."""
    optimizer = torch.optim.AdamW(model.parameters(), eps=RECIPE.adam_epsilon, weight_decay=0.0)
    model.train()
    for step, _, rows in loop._batches(TOKENS.lengths, RECIPE, SEED, 0):
        batch = loop.pack(TOKENS, rows, torch.device("cpu"))
        for group in optimizer.param_groups:
            group["lr"] = scheduled_rate(RECIPE, step - 1, 6)
        optimizer.zero_grad()
        multiply(model)
        loss_of(model(*batch.inputs, packing=batch.packing), batch.labels).mean().backward()
        nn.utils.clip_grad_norm_(model.parameters(), RECIPE.max_grad_norm)
        optimizer.step()


def test_the_rounds_are_those_of_torchs_pruning() -> None:
    found = searched()
    full, *masks = masks_of(found)
    theirs, logits = written_out()
    assert full.all()
    assert len(masks) == len(theirs) == ROUNDS
    for ours, other in zip(masks, theirs, strict=True):
        assert np.array_equal(ours, other)
    # Not magnitude pruning: the rounds go by weights that were trained under a mask.
    at_once = np.full(len(full), len(full), np.uint32)
    remove_smallest(at_once, body_vector(full_model()), int((~masks[-1]).sum()))
    assert not np.array_equal(at_once == len(full), masks[-1])
    scored = [metrics.score("accuracy", TOKENS.labels, decide(each)) for each in logits]
    assert [step.score for step in found.trajectory[1:]] == pytest.approx(scored)
    full_score = metrics.score("accuracy", TOKENS.labels, decide(predict(full_model(), TOKENS, 16)))
    assert found.trajectory[0].score == full_score


def test_masks_of_any_size_nest_and_meet_the_rounds(tmp_path: Path) -> None:
    found = searched(halves=True)
    save_model(tmp_path / "model.safetensors", full_model())
    files.write_arrays(tmp_path / "ranking.safetensors", dict(found.ranking), {})
    ranking, _ = files.read_arrays(tmp_path / "ranking.safetensors")
    rounds = masks_of(found)
    size = len(rounds[0])
    counts = found.path["counts"].tolist()
    assert counts == [int(mask.sum()) for mask in rounds]
    before = None
    for share in sorted({*np.linspace(0.05, 0.95, 19), *(count / size for count in counts)}):
        mask = cut(ranking, tmp_path / "model.safetensors", float(share), {})
        assert mask.shapes == body_shapes(full_model().architecture)
        assert mask.kept == round(share * size)
        if mask.kept in counts:
            assert np.array_equal(mask.vector, rounds[counts.index(mask.kept)])
        assert before is None or not (before & ~mask.vector).any()
        before = mask.vector
    half = found.masks["good_half"]
    assert half.kept == size // 2
    assert np.array_equal(found.masks["bad_half"].vector, ~half.vector)


def test_between_two_rounds_the_larger_of_the_weights_that_a_round_removes_stay() -> None:
    found = searched(rounds=2)
    model = start()
    _, mask, _ = masks_of(found)
    order = np.concatenate([array.ravel() for array in found.ranking.values()])
    kept, offset = {}, 0
    for name, weights in body_of(model).items():
        part = mask[offset : offset + weights.numel()]
        kept[name] = torch.from_numpy(part.reshape(weights.shape))
        with torch.no_grad():
            weights.mul_(kept[name])
        offset += weights.numel()
    train(model, TOKENS, RECIPE, SEED, kept)
    magnitudes = np.abs(body_vector(model))
    left = np.flatnonzero(mask)
    second = left[np.argsort(order[left])][: found.path["counts"][1] - found.path["counts"][2]]
    assert (np.diff(magnitudes[second]) >= 0).all()
    assert magnitudes[second].max() <= magnitudes[np.setdiff1d(left, second)].min()


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.9, 0.8, 0.4, 0.3], 0.7),
        # A later round may pass again: good is the smallest that does.
        ([0.9, 0.4, 0.3, 0.6], 0.7**3),
        ([0.9, 0.4, None, 0.3], 1.0),
    ],
)
def test_good_is_the_smallest_round_that_passes(scores: list[float | None], kept: float) -> None:
    found = searched(scores=scores)
    assert found.masks["good"].kept_fraction() == pytest.approx(kept, abs=1e-3)
    assert [step.accepted for step in found.trajectory] == [(s or 0) >= 0.5 for s in scores]


def test_nothing_is_pruned_without_a_threshold() -> None:
    assert searched(threshold=lambda full: None).masks["good"].is_full


def test_rounds_begin_from_the_rewound_weights_and_their_step() -> None:
    rewound = start()
    train(rewound, TOKENS, RECIPE, SEED, last_step=2)
    begun: list[Any] = []

    def begin() -> Any:
        begun.append(start())
        begun[-1].load_state_dict(rewound.state_dict())
        return begun[-1]

    found = searched(first_step=2, begin=begin, rounds=1)
    again = start()
    again.load_state_dict(rewound.state_dict())
    (_, mask) = masks_of(found)
    ends = np.cumsum([weights.numel() for weights in body_of(again).values()])[:-1]
    kept = {
        name: torch.from_numpy(part.reshape(weights.shape))
        for (name, weights), part in zip(body_of(again).items(), np.split(mask, ends), strict=True)
    }
    with torch.no_grad():
        for name, weights in body_of(again).items():
            weights.mul_(kept[name])
    train(again, TOKENS, RECIPE, SEED, kept, first_step=2)
    assert len(begun) == 1
    for ours, other in zip(begun[0].parameters(), again.parameters(), strict=True):
        assert torch.equal(ours, other)


class KilledError(RuntimeError):
    """The job ends at once, as by kill -9: only what was kept before is left."""


@pytest.mark.parametrize("step", [None, 3])
def test_an_interrupted_search_ends_alike(tmp_path: Path, step: int | None) -> None:
    """KilledError while the second round is evaluated, or in its training after a checkpoint."""
    undisturbed = searched()
    trainings: list[int] = []
    add = loop.History.add

    def counted(history: Any, *arguments: Any) -> None:
        trainings.append(1)
        if step is not None and len(trainings) == 6 + step + 1:
            raise KilledError
        add(history, *arguments)

    scored: list[int] = []

    def hook() -> None:
        scored.append(1)
        if step is None and len(scored) == 3:  # the full model, the first round, the second
            raise KilledError

    path = tmp_path / NAME
    with (
        mock.patch.object(loop.History, "add", counted),
        mock.patch.object(iterative, "SECONDS", 0.0),
        pytest.raises(KilledError),
    ):
        searched(Checkpoint(path, {}, 1e-9 if step is not None else 10), hook)
    steps: list[int] = []

    def recorded(history: Any, *arguments: Any) -> None:
        steps.append(1)
        add(history, *arguments)

    with mock.patch.object(loop.History, "add", recorded):
        again = Checkpoint(path, {}, 10)
        found = searched(again)
    assert again.resumed_from == [1 if step is None else step]
    # What the first round and the steps before the kill have done is not done again.
    assert len(steps) == 12 - (step or 0)
    assert found.trajectory == undisturbed.trajectory
    for arrays, others in (
        (found.ranking, undisturbed.ranking),
        (found.path, undisturbed.path),
        ({"good": found.masks["good"].vector}, {"good": undisturbed.masks["good"].vector}),
    ):
        assert {n: a.tobytes() for n, a in arrays.items()} == {
            n: a.tobytes() for n, a in others.items()
        }


def test_a_signal_waits_until_the_round_is_kept(tmp_path: Path) -> None:
    scored: list[int] = []

    def hook() -> None:
        scored.append(1)
        if len(scored) == 3:  # the second round, which is trained by now
            signal.raise_signal(signal.SIGUSR1)

    def end(number: int, frame: object) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGUSR1, end)
    try:
        # With 0 minutes a state is kept when a signal ends the job, and at no other time.
        with pytest.raises(SystemExit):
            searched(Checkpoint(tmp_path / NAME, {}, 0), hook)
    finally:
        signal.signal(signal.SIGUSR1, before)
    again = Checkpoint(tmp_path / NAME, {}, 0)
    found = searched(again)
    assert again.resumed_from == [2]
    assert found.trajectory == searched().trajectory


METHOD = "{algorithm: iterative, rounds: 2, kept: [0.5], kept_subnetworks: [good]%s}"


def test_a_study_plans_the_jobs_that_the_rounds_need() -> None:
    plain = study(f"methods: {{i: {METHOD % ''}, m: {{algorithm: magnitude}}}}")
    rewinding = study(f"methods: {{i: {METHOD % ', rewind_step: 4'}, m: {{algorithm: magnitude}}}}")
    assert grid.rewind_rows(plain) == []
    assert {row["step"] for row in grid.rewind_rows(rewinding)} == {4}
    assert len(grid.rewind_rows(rewinding)) == len(grid.finetune_rows(rewinding))
    for made in (plain, rewinding):
        # The search gives the ranking, so no job of its own does.
        assert grid.ranking_rows(made) == []
        cuts = [row for row in grid.made_mask_rows(made) if grid.is_cut(row["subnetwork"])]
        assert {row["method"] for row in cuts} == {"i"}
    task = plain.trained_tasks[0]
    trained = params.search_params(plain, "i", task)
    assert trained["training"] == params.training_params(plain, task)["training"]
    assert "rewind_step" not in trained
    assert params.search_params(rewinding, "i", task) == trained | {"rewind_step": 4}
    assert not {"training", "rewind_step"} & params.search_params(plain, "m", task).keys()
    # What the rounds scored was trained, so nothing is said of scores without training.
    facts = params.claim_params(plain)["facts"]
    assert facts["m"]["search"] and not facts["i"]["search"]
    assert facts["i"]["trains"] and not facts["m"]["trains"]


def test_the_ranking_of_a_search_is_no_leftover(tmp_path: Path) -> None:
    made = study(f"methods: {{i: {METHOD % ''}}}")
    (row,) = grid.distinct(grid.mask_rows(made)[:1], "model", "task", "seed", "method")
    folder = tmp_path / grid.Paths(made.results).masks.format(**row)
    folder.mkdir(parents=True)
    (folder / "ranking.safetensors").touch()
    (folder / "good-kept_0.3.safetensors").touch()
    assert [path.name for path in folders.unnamed(made, tmp_path)] == ["good-kept_0.3.safetensors"]


def test_rewind_step_needs_a_search_that_trains_or_a_rewound_start() -> None:
    with pytest.raises(StudyError, match="rewind_step is set, but no subnetwork starts from"):
        study("methods: {m: {algorithm: magnitude, rewind_step: 4}}")


def test_zeros_that_are_left_go_before_larger_weights() -> None:
    order = np.full(6, 6, np.uint32)
    remove_smallest(order, np.array([3.0, 0.0, -1.0, 0.0, 2.0, -5.0]), 3)
    assert order.tolist() == [6, 0, 2, 1, 6, 6]
    remove_smallest(order, np.array([0.1, 0.0, 0.0, 0.0, 9.0, -5.0]), 3)
    assert order.tolist() == [3, 0, 2, 1, 5, 4]
