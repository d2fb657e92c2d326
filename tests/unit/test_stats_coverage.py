"""Intervals over seeds and examples hold the true difference as often as they say, in simulations.

The long test is the table of docs/simulations.md; the others are a part of it in little time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from coverage_simulation import METHODS, Scenario, coverage, draw, ends, markdown, row, scenarios

from lottery.statistics.intervals import examples_se, se_of_mean, t_estimate

PAGE = Path(__file__).resolve().parents[2] / "docs" / "simulations.md"
WITHOUT_COLLAPSES = [each for each in scenarios() if not each.arms and not each.metric]


def test_the_simulation_computes_the_intervals_of_the_library():
    """Of influences whose covariance is the drawn one, the library makes the same interval."""
    studies = draw(Scenario("two", (40, 90), 3, 0.1, 0.1, 0.02, arms=2), 30)
    low, high = ends(studies, "ours")
    rng = np.random.default_rng(0)
    for study in range(30):
        values, errors = [], []
        for task, n in enumerate(studies.examples):
            sound = studies.sound[study, task]
            if sound.sum() < 2:
                continue
            white = rng.normal(size=(3, n))
            white -= white.mean(1, keepdims=True)
            white = np.linalg.solve(np.linalg.cholesky(np.cov(white)), white)
            added = np.linalg.cholesky(studies.covariance[study, task]) @ white
            values.append(studies.means[study, task, sound])
            errors.append(examples_se(added[sound]))
        estimate = t_estimate(values, se_of_mean(errors))
        assert (low[study], high[study]) == pytest.approx((estimate.low, estimate.high))


def test_intervals_over_seeds_and_examples_cover_and_those_over_seeds_alone_do_not():
    for scenario in WITHOUT_COLLAPSES:
        studies = draw(scenario, 4000)
        # 98 and two standard errors of 4,000 studies.
        assert 93 <= coverage(studies, "ours") <= 98.4, scenario
    shared = [each for each in WITHOUT_COLLAPSES if each.shared == 0.2]
    assert all(coverage(draw(each, 1000), "t over seeds") < 85 for each in shared)


@pytest.mark.parametrize("metric", ["f1", "matthews", "pearson"])
def test_influences_of_predictions_give_intervals_that_cover(metric):
    studies = draw(Scenario("quick", (150,), 3, metric=metric), 150)
    # Of 150 studies; the long test has 2,000.
    assert coverage(studies, "ours") > 91


def documented() -> dict[str, list[float]]:
    """The numbers of the table on the page, by what stands before them."""
    lines = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")
    ]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    start = next(place for place, line in enumerate(cells) if line[-1] == METHODS[-1])
    rows = {}
    for line in cells[start + 1 :]:
        if len(line) != len(cells[start]):
            break
        rows[" | ".join(line[: -len(METHODS)])] = [float(x) for x in line[-len(METHODS) :]]
    return rows


def test_the_page_has_every_scenario_and_a_coverage_as_claimed():
    rows = documented()
    lines = markdown([(scenario, [0.0] * len(METHODS)) for scenario in scenarios()])[2:]
    keys = [" | ".join(c.strip() for c in line.strip("|").split("|")[:-4]) for line in lines]
    assert list(rows) == keys
    for scenario, numbers in zip(scenarios(), rows.values(), strict=True):
        if not scenario.arms:
            assert 93 <= numbers[-1] <= 98, scenario


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("place", range(len(list(scenarios()))))
def test_the_numbers_on_the_page_are_those_of_the_simulation(place):
    scenario = list(scenarios())[place]
    numbers = row(scenario, 2000)
    assert numbers == pytest.approx([*documented().values()][place], abs=0.3)
    if not scenario.arms:
        assert 93 <= numbers[-1] <= 98
