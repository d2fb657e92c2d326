"""The figures of a study with every method, at nine tasks and five seeds, can be read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import synthetic
from legible import complaints, texts_of
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from test_plots import BIG, FILES

from lottery.analysis.stability import NOISE as NOISE_COLUMNS
from lottery.report import style
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.statistics.runs import contrasts
from lottery.steps.collect_scores import collect_scores
from lottery.steps.compare_methods import draw_methods
from lottery.steps.measure_noise import draw_noise
from lottery.steps.plot_differences import draw_differences
from lottery.steps.plot_overview import draw_overview
from lottery.steps.plot_scores import draw_scores

pytestmark = pytest.mark.long

STRICT = ("good", "good_half", "random_half", "random_half_2", "random_half_3", "bad_half")
METHODS = {
    "structured": synthetic.method("structured", "structured", synthetic.STRUCTURED),
    "magnitude": synthetic.method("magnitude", "magnitude", synthetic.MAGNITUDE),
    "structured_strict": synthetic.method("structured", None, (*STRICT, "super_good"), "strict"),
    "magnitude_strict": synthetic.method("magnitude", None, STRICT, "strict"),
    "structured_heads": synthetic.method("structured", None, ("good",)),
    "structured_mlps": synthetic.method("structured", None, ("good",)),
}
MODEL = "bert_base"


@pytest.fixture(scope="module")
def tree(tmp_path_factory):
    root = tmp_path_factory.mktemp("full")
    made = synthetic.Tree(root, config=BIG, methods=METHODS)
    synthetic.write_tree(made)
    collect_scores(
        paths_to_metrics=made.metrics(),
        paths_to_majority=made.majority(),
        path_to_scores=root / "scores.csv",
        reported_metrics=made.tasks,
    )
    return made


def differences(tree, method: str, split: str) -> pd.DataFrame:
    """Made-up rows of differences.csv, with intervals of the usual widths."""
    rng, facts = np.random.default_rng(0), METHODS[method]
    rows = []
    for contrast in contrasts(facts["subnetworks"], facts["preset"]):
        for phase in ("pruned", "retrained"):
            for task in (*tree.tasks, "average"):
                middle, width = 0.3 * rng.random(), 0.02 + 0.05 * rng.random()
                head = {"model": MODEL, "method": method, "split": split, "phase": phase}
                head |= {"first": contrast.first, "second": contrast.second, "task": task}
                numbers = {"difference": middle, "n_seeds": 5, "published_difference": middle}
                numbers |= {end: middle + 2 * side * width for end, side in ENDS}
                rows.append(head | numbers)
    return pd.DataFrame(rows)


ENDS = (("low", -1), ("high", 1))


def noise(tree) -> list[dict[str, object]]:
    """Rows of noise.csv: seeds of four methods, and pairs of methods."""
    rng, rows = np.random.default_rng(1), []
    searched = ("validation", "search_half", "report_half", "train_sample")
    pairs = [(a, a) for a in searched] + [
        (a, b) for i, a in enumerate(searched) for b in searched[i + 1 :]
    ]
    for task in tree.tasks:
        for unit in ("heads", "mlps"):
            for first, second in pairs:
                values = dict.fromkeys(NOISE_COLUMNS)
                source = "seeds" if first == second else "data"
                disjoint = "validation" not in (first, second)
                rows.append(
                    values
                    | {"task": task, "unit": unit, "statistic": "phi", "source": source}
                    | {"disjoint": disjoint, "mean": 0.2 + 0.3 * rng.random()}
                    | {"n": 10 if source == "seeds" else 5}
                )
    return rows


def figures(tree) -> dict[str, Figure]:
    scores, layout = score_table(tree.root / "scores.csv"), Layout.of(**tree.layout)
    published, tasks = Published.read(*FILES), list(tree.tasks)
    units = [name for name, facts in METHODS.items() if facts["algorithm"] == "structured"]
    weights = [name for name in METHODS if name not in units]
    drawn = {
        f"methods_{names[0]}": draw_methods(
            scores, layout, published, tree.architecture, MODEL, names
        )
        for names in (units, weights)
    }
    # Those of config.yaml stand in test_plots.py.
    for method in ("structured_strict", "magnitude_strict"):
        drawn[f"scores_{method}"] = draw_scores(scores, layout, published, MODEL, method)
    for method in ("structured", "magnitude", "structured_strict"):
        split = layout.display_split(method)
        rows = differences(tree, method, split)
        drawn[f"differences_{method}"] = draw_differences(rows, tasks, MODEL, method, split)
    ranges = {("heads", "data"): (0.18, 0.39), ("heads", "seeds"): (0.21, 0.35)}
    drawn["noise"] = draw_noise(noise(tree), ranges, "structured", MODEL)
    drawn["overview"] = draw_overview(scores, layout, published, MODEL)
    return drawn


def test_they_are_legible(tree):
    with style.settings():
        drawn = figures(tree)
    folder = os.environ.get("LOTTERY_FIGURES")  # to look at them
    for name, figure in drawn.items():
        if folder:
            style.save(figure, [Path(folder) / f"{name}.svg", Path(folder) / f"{name}.png"])
        assert len(texts_of(figure)) > 10
        assert complaints(figure) == [], name


def test_figures_name_things_as_the_config_does(tree):
    with style.settings():
        drawn = figures(tree)
    lines = [text.get_text() for text in drawn["methods_structured"].axes[0].get_yticklabels()]
    units = [name for name, facts in METHODS.items() if facts["algorithm"] == "structured"]
    assert [line.replace("\n", "") for line in lines] == units
    for kind in ("scores", "differences"):
        texts = [text.get_text() for text in texts_of(drawn[f"{kind}_structured_strict"])]
        assert any("structured_strict · bert_base" in text for text in texts), kind
        assert any("random_half" in text for text in texts), kind
        assert any("5 seeds" in text for text in texts), kind
        # Of the split's name alone no id is made.
        assert any("report half of validation" in text for text in texts), kind


@pytest.mark.parametrize("n_tasks", [1, 2])
def test_few_tasks_leave_room_for_title_and_legend(tree, n_tasks):
    scores, layout = score_table(tree.root / "scores.csv"), Layout.of(**tree.layout)
    few = replace(layout, tasks=layout.tasks[-n_tasks:])
    names = [name for name, facts in METHODS.items() if facts["algorithm"] == "structured"]
    published = Published.read(*FILES)
    with style.settings():
        figure = draw_methods(scores, few, published, tree.architecture, MODEL, names)
    assert complaints(figure) == []


def test_complaints_are_made():
    """The check itself: too small, out of the page, and one text upon another."""
    with style.settings():
        figure = Figure(figsize=(8, 2))
        FigureCanvasAgg(figure)
        figure.text(0.5, 0.5, "small", fontsize=6)
        figure.text(0.98, 0.1, "beyond the edge")
        figure.text(0.2, 0.5, "one text")
        figure.text(0.21, 0.5, "and another")
    found = complaints(figure)
    assert [complaint.split("'")[1] for complaint in found[:3]] == [
        "small",
        "beyond the edge",
        "one text",
    ]
    assert "more than a page" in found[3]
