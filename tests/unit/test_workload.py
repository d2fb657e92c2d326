"""How much of a run is done by time, and when it will be done."""

from __future__ import annotations

import random
from pathlib import Path
from statistics import median
from types import SimpleNamespace

import pytest

from lottery.runtime.workload import Kind, Workload, plan_of, spoken

TRAIN, SCORE = Kind("train", "rte"), Kind("score", "rte")


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_rate_is_that_of_this_run_then_of_earlier_ones_then_of_others() -> None:
    clock = Clock()
    work = Workload({TRAIN: 2, SCORE: 2, Kind("plot"): 1}, {TRAIN: [80, 100, 500]}, clock)
    assert work.share() == 0 and work.seconds_left() is None
    work.start(1, SCORE)
    clock.now += 4
    assert work.finish(1) == 4
    # Trainings take 100 s as before, another scoring takes 4 s, and a plot as long as the median.
    assert work.share() == pytest.approx(4 / (4 + 200 + 4 + 52))
    work.start(2, TRAIN)
    clock.now += 10
    assert work.finish(2) == 10
    assert work.share() == pytest.approx(14 / (14 + 10 + 4 + 10))
    assert work.seconds_left() == pytest.approx(14 * 24 / 14)


def test_the_same_rule_on_another_task_is_the_next_best_guess() -> None:
    clock = Clock()
    other = Kind("train", "mnli")
    work = Workload({TRAIN: 1, other: 1, SCORE: 2}, {SCORE: [1]}, clock)
    work.start(1, TRAIN)
    clock.now += 30
    work.finish(1)
    assert work.share() == pytest.approx(30 / (30 + 30 + 2))


def test_a_step_that_runs_counts_up_to_what_it_should_take() -> None:
    clock = Clock()
    work = Workload({TRAIN: 2}, {TRAIN: [100]}, clock)
    work.start(1, TRAIN)
    clock.now += 50
    assert work.share() == pytest.approx(0.25)
    clock.now += 500
    assert work.share() == pytest.approx(0.5)
    work.fail(1)
    assert work.share() == 0


def test_of_nothing_known_nothing_is_said() -> None:
    work = Workload({TRAIN: 1}, clock=Clock())
    assert work.share() is None and work.seconds_left() is None


@pytest.mark.parametrize("workers", [1, 3])
def test_the_time_left_comes_true_in_a_run_of_long_and_short_steps(workers: int) -> None:
    """Against a run that is played to its end, jobs by jobs, on some workers."""
    draw = random.Random(workers)
    means = {Kind("train", "mnli"): 300, Kind("train", "rte"): 20, Kind("score", "rte"): 2}
    steps = [kind for kind in means for _ in range(40)]
    draw.shuffle(steps)
    planned = dict.fromkeys(means, 40)
    clock = Clock()
    work = Workload(planned, clock=clock)
    begun, guesses, waiting, ends = clock.now, [], list(enumerate(steps)), []
    while waiting or ends:
        while waiting and len(ends) < workers:
            job, kind = waiting.pop()
            work.start(job, kind)
            ends.append((clock.now + means[kind] * draw.uniform(0.9, 1.1), job))
        ends.sort()
        clock.now, job = ends.pop(0)
        work.finish(job)
        if len(waiting) < 90:
            guesses.append((clock.now, work.seconds_left()))
    total = clock.now - begun
    errors = [abs(at + left - clock.now) / total for at, left in guesses]
    assert median(errors) < 0.05 and max(errors) < 0.15
    assert work.share() == 1


def test_earlier_runs_are_read_from_benchmark_files(tmp_path: Path) -> None:
    def job(task: str, text: str | None) -> SimpleNamespace:
        path = tmp_path / f"{task}.tsv"
        if text is not None:
            path.write_text(text)
        rule = SimpleNamespace(name="train")
        return SimpleNamespace(
            rule=rule, wildcards_dict={"task": task}, benchmark=path, output=["a"]
        )

    head = "s\th:m:s\tmax_rss\n"
    done = [job("a", f"{head}12.5\t0:00:12\tNA\n"), job("b", "rubbish"), job("c", head)]
    work = plan_of([job("d", None), job("a", None)], done)
    clock = Clock()
    work._clock = clock
    work.start(1, Kind("train", "d"))
    clock.now += 2.5
    assert work.share() == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (89, "89 s"),
        (600, "10 min"),
        (5 * 3600 + 240, "5 h 04 min"),
        (60 * 3600, "2 d 12 h"),
    ],
)
def test_spans_are_spoken_briefly(seconds: float, words: str) -> None:
    assert spoken(seconds) == words
