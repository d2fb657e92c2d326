"""Times of subnetworks: how they are measured, and the table, by steps on a tiny model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_masks import full_mask, random_weights, unit_mask
from tiny import tiny_architecture, tiny_model, tiny_tokens

from lottery import files
from lottery.evaluation.timing import Effort, alternate, forward_pass, spread_examples
from lottery.models.checkpoints import save_model
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.results.latency import SCHEMA, numbers
from lottery.steps.gather_tables import gather_tables
from lottery.steps.measure_latency import measure_latency

EFFORT = Effort(warm_up=1, least=3, most=5, seconds=0.0)


class Machine:
    """A clock, and work that takes the longer the later it is done."""

    def __init__(self, slower: float) -> None:
        self.time, self.slower = 100.0, slower
        self.done: list[tuple[str, int]] = []

    def clock(self) -> float:
        return self.time

    def work(self, name: str, seconds: float):
        def run(number: int) -> None:
            self.done.append((name, number))
            self.time += seconds * (1 + self.slower * (self.time - 100.0))

        return run


def test_both_take_turns_and_the_first_of_a_round_changes() -> None:
    machine = Machine(0.0)
    effort = Effort(warm_up=2, least=3, most=9, seconds=0.0)
    taken = alternate(machine.work("a", 2.0), machine.work("b", 1.0), effort, machine.clock)
    warm = [("a", 0), ("b", 0), ("a", 1), ("b", 1)]
    rounds = [("a", 0), ("b", 0), ("b", 1), ("a", 1), ("a", 2), ("b", 2)]
    assert machine.done == warm + rounds
    assert taken.tolist() == [[2.0, 1.0]] * 3


@pytest.mark.parametrize(
    ("effort", "rounds"),
    [
        (Effort(warm_up=0, least=2, most=9, seconds=0.0), 2),
        (Effort(warm_up=0, least=2, most=9, seconds=12.0), 4),  # of 3 seconds each
        (Effort(warm_up=0, least=2, most=9, seconds=1e9), 9),
        (Effort(warm_up=0, least=9, most=9, seconds=0.0), 9),
    ],
)
def test_rounds_end_with_the_time_but_not_before_there_are_enough(
    effort: Effort, rounds: int
) -> None:
    machine = Machine(0.0)
    work = machine.work("a", 2.0), machine.work("b", 1.0)
    assert len(alternate(*work, effort, machine.clock)) == rounds


@given(st.floats(0.2, 5.0), st.floats(0.0, 0.01))
def test_a_machine_that_slows_down_does_not_change_the_ratio(ratio: float, slower: float) -> None:
    machine = Machine(slower)
    effort = Effort(warm_up=1, least=40, most=40)
    taken = alternate(machine.work("a", 0.1), machine.work("b", 0.1 * ratio), effort, machine.clock)
    found = numbers(taken, 1)
    assert found["ratio"] == pytest.approx(ratio, rel=0.01)
    assert found["rounds"] == 40


def test_numbers_are_medians_and_quartiles_per_example() -> None:
    seconds = np.array([[1.0, 0.5], [2.0, 0.5], [4.0, 1.0], [8.0, 4.0], [16.0, 16.0]])
    found = numbers(seconds, 4)
    assert [found[f"full_ms{end}"] for end in ("_low", "", "_high")] == [500.0, 1000.0, 2000.0]
    assert [found[f"ms{end}"] for end in ("_low", "", "_high")] == [125.0, 250.0, 1000.0]
    # The ratio of each round, not that of the medians.
    assert [found[f"ratio{end}"] for end in ("_low", "", "_high")] == [0.25, 0.5, 0.5]
    assert found["batch_size"] == 4


def test_examples_are_spread_like_the_lengths_of_the_split() -> None:
    tokens = tiny_tokens(200)
    rows = spread_examples(tokens, 32)
    assert len({*rows}) == 32
    chosen, every = np.sort(tokens.lengths[rows]), np.sort(tokens.lengths)
    assert np.abs(chosen - np.quantile(every, (np.arange(32) + 0.5) / 32)).max() <= 1
    assert len(spread_examples(tiny_tokens(5), 32)) == 32


@pytest.mark.parametrize("batch_size", [1, 3])
def test_every_round_computes_the_next_batch(batch_size: int) -> None:
    model, tokens, rows = tiny_model(), tiny_tokens(), np.array([5, 2, 9, 2, 7, 1])
    seen = []
    model.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].numpy()))
    run = forward_pass(model, tokens, rows, batch_size)
    for number in range(7):
        run(number)
    size = len(rows) // batch_size
    for number, ids in enumerate(seen):
        part = rows[batch_size * (number % size) :][:batch_size]
        assert ids.shape == (batch_size, tokens.lengths[part].max())
        assert (
            ids[0, : tokens.lengths[part[0]]].tolist() == tokens.select(part[:1]).input_ids.tolist()
        )


MASKS = {
    "good": unit_mask(np.eye(3, 4, dtype=bool), np.array([True, False, False])),
    "random-kept_0.5": random_weights(tiny_architecture(), 0.5, np.random.default_rng(0)),
    "bad": full_mask(3, 4),
}


@pytest.fixture
def table(tmp_path: Path) -> Path:
    save_model(tmp_path / "model.safetensors", tiny_model())
    files.write_arrays(tmp_path / "tokens/validation.safetensors", tiny_tokens().arrays(), {})
    for name, mask in MASKS.items():
        info = MaskInfo("any", "m", "t", "7", "s", name, 0.25)
        write_mask(tmp_path / f"{name}.safetensors", mask, info)
    measure_latency(
        path_to_model=tmp_path / "model.safetensors",
        paths_to_masks=[tmp_path / f"{name}.safetensors" for name in MASKS],
        paths_to_tokens=[tmp_path / "tokens/validation.safetensors"],
        path_to_latency=tmp_path / "latency.csv",
        model="m",
        task="t",
        method="s",
        seed=7,
        subnetworks=list(MASKS),
        torch_threads=1,
        effort=EFFORT,
    )
    return tmp_path / "latency.csv"


def test_the_table_has_every_subnetwork_at_every_size_of_batches(table: Path) -> None:
    frame = files.read_table(table, SCHEMA)
    cells = [*zip(frame["subnetwork"], frame["batch_size"], strict=True)]
    assert cells == [(name, size) for name in ("full", *MASKS) for size in (1, 32)]
    assert frame.notna().all(axis=None)
    assert set(frame["rounds"]) == {EFFORT.least}
    for name in ("ms", "full_ms", "ratio"):
        low, middle, high = frame[f"{name}_low"], frame[name], frame[f"{name}_high"]
        assert (low > 0).all() and (low <= middle).all() and (middle <= high).all()
    facts = frame[["model", "method", "task", "seed", "device", "threads"]].drop_duplicates()
    assert facts.to_numpy().tolist() == [["m", "s", "t", 7, facts["device"].iloc[0], 1]]


def test_the_table_says_what_is_kept_and_what_is_computed(table: Path) -> None:
    frame = files.read_table(table, SCHEMA).drop_duplicates("subnetwork").set_index("subnetwork")
    assert frame["granularity"].to_dict() == {
        "full": "", "good": "units", "random-kept_0.5": "weights", "bad": "units",
    }  # fmt: skip
    assert frame.loc["full", "kept_fraction"] == 1.0
    assert frame.loc["good", "kept_fraction"] == 0.25
    # Zeros are computed; a mask that keeps everything saves nothing.
    assert frame.loc[["full", "random-kept_0.5", "bad"], "flops_ratio"].tolist() == [1.0] * 3
    assert 0 < frame.loc["good", "flops_ratio"] < 0.5


def test_tables_of_tasks_are_gathered(table: Path) -> None:
    path = table.with_name("gathered.csv")
    gather_tables(paths_to_tables=[table, table], path_to_table=path, name="latency")
    assert len(files.read_table(path, SCHEMA)) == 2 * len(files.read_table(table, SCHEMA))
