"""A search that is interrupted, however often, takes the decisions of one that is not."""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tiny import tiny_model, tiny_tokens

from lottery import files
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.pruning import algorithms
from lottery.pruning.algorithms import search as search_module
from lottery.pruning.algorithms.search import TRAJECTORY_COLUMNS, MeasurementCache, SearchContext
from lottery.runtime.resume import NAME, Checkpoint
from lottery.tasks import metrics

pytestmark = pytest.mark.slow

TOKENS = tiny_tokens(40)
TRUTH = decide(predict(tiny_model(), TOKENS, 16))
KINDS = [(name, preset) for name in ("structured", "magnitude") for preset in algorithms.PRESETS]
ENDS = (SystemExit, KeyboardInterrupt, RuntimeError)


def options_of(name: str, preset: str) -> dict[str, Any]:
    options = {key: each.preset(preset) for key, each in algorithms.algorithm(name).options.items()}
    # Small enough steps for a search of a dozen on three layers of four heads.
    return options | {"search_batch_size": 16, "head_step": 0.1, "step": 0.1, "max_steps": 12}


def search(
    kind: tuple[str, str], cache: MeasurementCache, hook: Callable[[], None], folder: Path
) -> dict[str, bytes]:
    """Searches with a fresh model; gives the bytes of all that is written."""
    name, preset = kind

    def score(logits: np.ndarray) -> float | None:
        hook()
        return metrics.score("accuracy", TRUTH, decide(logits))

    context = SearchContext(
        tiny_model(), TOKENS, options_of(name, preset), score, lambda full: 0.6 * full, cache
    )
    with cache.saved_when_interrupted():
        found = algorithms.algorithm(name).search(context)
    for table, steps in (("search", found.trajectory), ("halves", found.halves)):
        rows = [step.row(place) for place, step in enumerate(steps)]
        files.write_csv(folder / f"{table}.csv", rows, TRAJECTORY_COLUMNS)
    files.write_npz(
        folder / "importance.npz",
        {key: np.asarray(array, np.float32) for key, array in found.importance.items()},
    )
    for subnetwork, mask in found.masks.items():
        files.write_arrays(folder / f"{subnetwork}.safetensors", mask.arrays(), {})
    files.write_npz(folder / "path.npz", found.path)
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != NAME}


@functools.cache
def undisturbed(kind: tuple[str, str]) -> tuple[dict[str, bytes], int]:
    """What is written, and how many measurements it takes."""
    taken = []
    with tempfile.TemporaryDirectory() as folder:
        return search(kind, MeasurementCache(), lambda: taken.append(1), Path(folder)), len(taken)


def attempt(
    kind: tuple[str, str], folder: Path, minutes: float, at: int, end: type[BaseException]
) -> tuple[int, list[int] | None]:
    """Searches until measurement `at` of this attempt, or to the end.

    Returns:
        How many measurements were begun, and what an ended search had resumed from.
    """
    taken = []

    def hook() -> None:
        taken.append(1)
        if len(taken) == at:
            raise end

    checkpoint = Checkpoint(folder / NAME, {"kind": kind}, minutes)
    # Each measurement is worth keeping, as if it had taken long.
    with mock.patch.object(search_module, "SECONDS", 0.0):
        try:
            written = search(kind, MeasurementCache(checkpoint), hook, folder)
        except end:
            return len(taken), None
    assert written == undisturbed(kind)[0]
    return len(taken), checkpoint.resumed_from


def test_the_searches_are_long_enough() -> None:
    for kind in KINDS:
        written, taken = undisturbed(kind)
        assert taken >= 6, kind
        assert b"false" in written["search.csv"], "the search ends before a step fails"
    assert len(undisturbed(("structured", "strict"))[0]["halves.csv"].splitlines()) > 4


@settings(max_examples=50, deadline=None)
@given(
    st.sampled_from(KINDS),
    st.sampled_from([0, 10]),
    st.lists(st.tuples(st.integers(1, 12), st.sampled_from(ENDS)), max_size=4),
)
def test_interrupted_searches_end_alike(
    kind: tuple[str, str], minutes: float, ends: list[tuple[int, type[BaseException]]]
) -> None:
    total, done = undisturbed(kind)[1], 0
    with tempfile.TemporaryDirectory() as folder:
        for at, end in ends:
            if done + at > total:
                break
            assert attempt(kind, Path(folder), minutes, at, end) == (at, None)
            # RuntimeError stands for kill -9: then only what was kept step by step is left.
            if minutes or end is not RuntimeError:
                done += at - 1
        taken, resumed = attempt(kind, Path(folder), minutes, 10**6, SystemExit)
    assert taken == total - done, "a measurement was made twice, or not at all"
    assert resumed[-1:] == ([done] if done else [])


@pytest.mark.parametrize("value", [0.1, None, 1, 1 / 3])
def test_numbers_come_back_exactly(tmp_path: Path, value: float | None) -> None:
    importance = np.array([[np.nan, 1 / 7], [1e-300, -0.0]])
    first = MeasurementCache(Checkpoint(tmp_path / NAME, {}, 10))
    with mock.patch.object(search_module, "SECONDS", 0.0):
        first.get("a", lambda: {"score": value, "heads": importance})
    again = MeasurementCache(Checkpoint(tmp_path / NAME, {}, 10))
    known = again.get("a", lambda: pytest.fail("it is known"))
    assert known["score"] == value
    assert known["heads"].tobytes() == importance.tobytes()
