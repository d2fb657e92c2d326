"""The figure of a task that is only evaluated on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from legible import complaints, texts_of
from matplotlib.figure import Figure
from synthetic_runs import MODEL, SEEDS, from_scores, one_score, runs_of

from lottery.report import style
from lottery.results.published import PublishedOn
from lottery.steps.plot_on import draw_on

HANS = Path(__file__).resolve().parents[2] / "workflow/resources/paper/hans.csv"
GROUPS = ("", "lexical_overlap", "subsequence", "constituent")
LABELS = ("entailment", "non-entailment")
SUBNETWORKS = ("good", "random", "bad", "super_good", "super_random", "super_bad")


def made_scores(subnetworks: tuple[str, ...] = SUBNETWORKS) -> pd.DataFrame:
    """Scores of five seeds; bad subnetworks are degenerate on constituents."""
    rng, scores, labels = np.random.default_rng(0), [], []
    for run in runs_of({"structured": subnetworks}):
        for seed in SEEDS:
            for group in GROUPS:
                values = np.clip(np.array([0.9, 0.2]) + rng.normal(size=2) / 20, 0, 1)
                for label, value in zip(("", *LABELS), (values.mean(), *values), strict=True):
                    score = one_score("mnli", seed, run, "validation", float(value))
                    flag = (run[1], group) == ("bad", "constituent")
                    scores.append(replace(score, eval_task="hans", group=group, degenerate=flag))
                    labels.append(label)
    return from_scores(scores).assign(label=labels)


def drawn(scores: pd.DataFrame, metric: str = "accuracy", labels=LABELS) -> Figure:
    published = PublishedOn(HANS, [MODEL], {"hans": ["mnli", "hans"]})
    with style.settings():
        return draw_on(scores, published, metric=metric, labels=labels)


def test_every_seed_is_a_dot_and_every_mean_a_diamond():
    scores = made_scores()
    figure = drawn(scores)
    assert [axis.get_title().split("\n")[0] for axis in figure.axes] == [
        "all",
        "lexical_overlap",
        "subsequence",
        "constituent",
    ]
    for axis, group in zip(figure.axes, GROUPS, strict=True):
        dots = [line for line in axis.lines if line.get_marker() in ("o", "x")]
        values = scores.loc[scores["group"] == group, "value"]
        assert sorted(float(dot.get_xdata()[0]) for dot in dots) == pytest.approx(sorted(values))
        crossed = sum(dot.get_marker() == "x" for dot in dots)
        assert crossed == (2 * 3 * len(SEEDS) if group == "constituent" else 0)
        ticks = [float(line.get_xdata()[0]) for line in axis.lines if line.get_marker() == "D"]
        assert len(ticks) == 3 * (1 + 2 * len(SUBNETWORKS))
        full = scores.query("label == '' and group == @group and subnetwork == 'full'")["value"]
        assert ticks[0] == pytest.approx(np.mean(full))


def test_published_numbers_are_marks_on_the_full_models_line():
    figure = drawn(made_scores())
    marks = [
        [line.get_xydata()[0] for line in axis.lines if line.get_color() == style.PAPER]
        for axis in figure.axes
    ]
    assert [[round(float(x), 3) for x, _ in of_axis] for of_axis in marks] == [
        [],
        [0.195],
        [0.116],
        [0.081],
    ]
    assert all(-0.5 < y < 0.5 for of_axis in marks for _, y in of_axis)


@pytest.mark.slow
@pytest.mark.parametrize("subnetworks", [SUBNETWORKS, ("good",)])
def test_no_text_overlaps_another_or_leaves_the_figure(subnetworks):
    figure = drawn(made_scores(subnetworks))
    assert len(texts_of(figure)) > 10
    assert complaints(figure) == []


def test_a_metric_other_than_accuracy_is_not_mixed_with_accuracies():
    scores = made_scores(("good",))
    scores.loc[scores["label"] == "", "metric"] = "matthews"
    scores.loc[0, ["counted", "degenerate"]] = [0.0, True]  # undefined
    figure = drawn(scores, "matthews")
    dots = [line for line in figure.axes[0].lines if line.get_marker() in ("o", "x")]
    assert len(dots) == 3 * len(SEEDS)
    assert 0.0 in [float(dot.get_xdata()[0]) for dot in dots]  # undefined counts as chance
    assert len(figure.axes) == 4


def test_a_task_without_groups_and_labels_has_one_panel():
    scores = made_scores(("good",)).query("label == '' and group == ''").assign(metric="pearson")
    figure = drawn(scores, "pearson", None)
    assert len(figure.axes) == 1
