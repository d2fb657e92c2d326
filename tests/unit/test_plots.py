"""Figures show the right numbers, stay legible at full size, and come out the same every time."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from xml.etree import ElementTree

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import synthetic
from legible import complaints, texts_of
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.survivors import survival
from lottery.report import strips, style
from lottery.results.layout import Layout
from lottery.results.published import Published, published_heatmap
from lottery.results.scores import score_table
from lottery.results.trajectory import search_table
from lottery.steps.collect_scores import collect_scores
from lottery.steps.plot_overview import draw_overview, plot_overview
from lottery.steps.plot_scores import draw_scores, plot_scores
from lottery.steps.plot_survival import ALL, TASK, draw_survival, plot_survival, with_published
from lottery.steps.plot_trajectories import draw_trajectories, plot_trajectories

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
FILES = [PAPER / "scores.csv", PAPER / "sizes.csv"]
BIG = synthetic.SMALL | {
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 24,
    "intermediate_size": 16,
}
DEMO_TASKS = {"sentiment": "accuracy", "similarity": "pearson"}


@pytest.fixture(scope="module", params=[pytest.param("paper", marks=pytest.mark.slow), "demo"])
def tree(request, tmp_path_factory):
    """Nine tasks, five seeds and six subnetworks; and two tasks, two seeds and three."""
    root = tmp_path_factory.mktemp(request.param)
    if request.param == "paper":
        made = synthetic.Tree(root, config=BIG)
    else:
        made = synthetic.Tree(
            root,
            tasks=DEMO_TASKS,
            seeds=(1, 2),
            model="embedded",
            config=BIG | {"num_hidden_layers": 6},
            methods={
                name: synthetic.method(name, name, synthetic.MAGNITUDE)
                for name in ("structured", "magnitude")
            },
        )
    synthetic.write_tree(made)
    collect_scores(
        paths_to_metrics=made.metrics(),
        paths_to_majority=made.majority(),
        path_to_scores=root / "scores.csv",
        reported_metrics=made.tasks,
    )
    return made


@pytest.fixture
def settings():
    with style.settings():
        yield


def search_metrics(tree) -> dict[str, str]:
    return {t: "pearson_spearman" if m == "pearson" else m for t, m in tree.tasks.items()}


def bars_of(tree, method: str) -> Figure:
    scores, layout = score_table(tree.root / "scores.csv"), Layout.of(**tree.layout)
    return draw_scores(scores, layout, Published.read(*FILES), tree.model, method)


def overview_of(tree) -> Figure:
    scores, layout = score_table(tree.root / "scores.csv"), Layout.of(**tree.layout)
    return draw_overview(scores, layout, Published.read(*FILES), tree.model)


def searches_of(tree, method: str) -> pd.DataFrame:
    places = [{"task": task, "seed": seed} for task in tree.tasks for seed in tree.seeds]
    paths = zip(places, tree.searches(method), strict=True)
    return pd.concat(search_table(path).assign(**place) for place, path in paths)


def figures(tree, method: str) -> dict[str, Figure]:
    masks = read_good_masks(tree.masks(method), tree.path_to_config, bits=False)
    counted = method == "structured"
    over_all = survival(masks, masks.tasks, counted=counted)
    most = over_all.n_tasks if counted else 1.0
    glue = {task: task for task in masks.tasks if task in synthetic.GLUE}
    paper = published_heatmap(PAPER / "heatmap.csv", method, glue)
    return {
        "scores": bars_of(tree, method),
        "overview": overview_of(tree),
        "tasks": draw_survival(
            with_published({task: survival(masks, [task]).mean for task in masks.tasks}, paper),
            "share of seeds in which the unit survives",
            TASK,
            (0.0, 1.0),
        ),
        "all": draw_survival({"9 tasks": over_all.mean}, "number of tasks", ALL, (0.0, most)),
        "trajectories": draw_trajectories(searches_of(tree, method), search_metrics(tree), method),
    }


@pytest.mark.slow
@pytest.mark.parametrize("method", ["structured", "magnitude"])
def test_no_text_overlaps_another_or_leaves_the_figure_or_is_too_small(tree, method, settings):
    for name, figure in figures(tree, method).items():
        assert len(texts_of(figure)) > 10
        assert complaints(figure) == [], name


def test_the_legend_of_one_searched_task_fits_the_figure(tree, settings):
    task, metric = next(iter(search_metrics(tree).items()))
    searches = searches_of(tree, "magnitude")
    figure = draw_trajectories(searches[searches["task"] == task], {task: metric}, "magnitude")
    assert complaints(figure) == []
    legend, (width, _) = figure.legends[0].get_window_extent(), figure.bbox.size
    assert legend.x0 >= 0 and legend.x1 <= width


def panels_of(figure: Figure) -> list[Axes]:
    """The panels, without the scales at their right."""
    return [axis for axis in figure.axes if axis.get_title()]


def test_every_task_has_a_panel_with_a_dot_per_run_and_the_same_range(tree, settings):
    panels = panels_of(bars_of(tree, "structured"))
    assert [axis.get_title().split(",")[0] for axis in panels] == [*tree.tasks]
    assert len({axis.get_xlim() for axis in panels}) == 1
    runs = 1 + 2 * len(tree.methods["structured"]["subnetworks"])
    for axis in panels:
        # Where the full model does not beat majority, all runs are crossed.
        dots = [line for line in axis.lines if line.get_marker() in ("o", "x")]
        means = [line for line in axis.lines if line.get_marker() == "D"]
        assert len(dots) == runs * len(tree.seeds)
        # Two seeds are shown as they are.
        assert len(means) == (runs if len(tree.seeds) > 2 else 0)


def marks_of(axis: Axes) -> dict[float, float]:
    """Place on the y axis -> the paper's number there."""
    marks = [line for line in axis.lines if line.get_color() == style.PAPER]
    return {round(float(np.mean(m.get_ydata())), 2): float(m.get_xdata()[0]) for m in marks}


def test_published_marks_stand_at_the_published_means(tree, settings):
    figure = bars_of(tree, "structured")
    published, layout = Published.read(*FILES), Layout.of(**tree.layout)
    rows = [row for row in layout.rows if row[0] in ("none", "structured")]
    names = list(dict.fromkeys(row[1] for row in rows))
    for axis, (task, metric) in zip(panels_of(figure), tree.tasks.items(), strict=True):
        expected = {
            names.index(row[1]) + strips.SHIFT.get(row[2], 0): published.score(
                *row, task, "validation", metric
            ).mean
            for row in rows
            if task not in DEMO_TASKS
        }
        assert marks_of(axis) == pytest.approx(expected)


def test_the_overview_has_every_method_with_means_over_tasks(tree, settings):
    panels = panels_of(overview_of(tree))
    assert [axis.get_title().split("\n")[0] for axis in panels] == [*tree.methods]
    assert len({axis.get_xlim() for axis in panels}) == 1
    scores = score_table(tree.root / "scores.csv")
    for axis, method in zip(panels, tree.methods, strict=True):
        names = [text.get_text() for text in axis.get_yticklabels()]
        assert names == ["majority", "full", "good", "random", "bad"]
        own = scores[(scores["split"] == "validation") & (scores["task"] != "wnli")]
        own = own[(own["method"] == method) & (own["subnetwork"] == "bad")]
        of_phase = own[own["phase"] == "retrained"]
        expected = of_phase.groupby("seed")["counted"].mean()
        place = names.index("bad") + strips.SHIFT["retrained"]
        dots = [
            float(line.get_xdata()[0])
            for line in axis.lines
            if line.get_marker() == "o" and abs(line.get_ydata()[0] - place) < 0.15
        ]
        assert sorted(dots) == pytest.approx(sorted(expected))


def draw_all(tree, folder: Path) -> list[Path]:
    """Runs the steps for one method."""
    names = ["scores", "overview", "tasks", "all", "trajectories"]
    pictures = {n: [folder / f"{n}.{kind}" for kind in ("svg", "png", "pdf")] for n in names}
    plot_overview(
        paths_to_scores=[tree.root / "scores.csv"],
        paths_to_published=FILES,
        paths_to_figure=pictures["overview"],
        model=tree.model,
        layout=tree.layout,
    )
    plot_scores(
        path_to_scores=tree.root / "scores.csv",
        paths_to_published=FILES,
        paths_to_figure=pictures["scores"],
        model=tree.model,
        method="magnitude",
        layout=tree.layout,
    )
    plot_survival(
        paths_to_masks=tree.masks("magnitude"),
        path_to_config=tree.path_to_config,
        path_to_table=folder / "survival.csv",
        path_to_published=PAPER / "heatmap.csv",
        paths_to_tasks_figure=pictures["tasks"],
        paths_to_all_figure=pictures["all"],
        model=tree.model,
        method="magnitude",
        granularity="weights",
        averaged_tasks=list(tree.tasks)[:1],
        published_method="magnitude",
        published={},
    )
    plot_trajectories(
        paths_to_searches=tree.searches("magnitude"),
        paths_to_figure=pictures["trajectories"],
        model=tree.model,
        method="magnitude",
        seeds=list(tree.seeds),
        search_metrics=search_metrics(tree),
    )
    return [*chain(*pictures.values()), folder / "survival.csv"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A small tree, and what the steps draw of it."""
    root = tmp_path_factory.mktemp("drawn")
    tree = synthetic.Tree(root, tasks=DEMO_TASKS, seeds=(1, 2))
    synthetic.write_tree(tree)
    collect_scores(
        paths_to_metrics=tree.metrics(),
        paths_to_majority=tree.majority(),
        path_to_scores=root / "scores.csv",
        reported_metrics=tree.tasks,
    )
    return tree, draw_all(tree, root / "a")


@pytest.mark.slow
def test_steps_write_the_same_bytes_twice_and_no_blank_picture(drawn, tmp_path):
    tree, first = drawn
    second = draw_all(tree, tmp_path)
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in first:
        if path.suffix == ".png":
            pixels = matplotlib.image.imread(path)[..., :3]
            assert pixels.std() > 0.05, path.name
        if path.suffix == ".svg":
            assert "<dc:date>" not in path.read_text()
            # Text is text.
            assert "magnitude" in "".join(ElementTree.parse(path).getroot().itertext())


def test_the_table_of_survival_holds_what_is_drawn(drawn):
    tree, paths = drawn
    rows = files.read_csv(paths[-1])
    sizes = tree.architecture
    assert len(rows) == (len(tree.tasks) + 1) * sizes.layers * (sizes.heads + 1)
    masks = read_good_masks(tree.masks("magnitude"), tree.path_to_config, bits=False)
    expected = survival(masks, ["sentiment"])
    by_place = {(row["task"], row["layer"], row["head"]): row for row in rows}
    row = by_place["sentiment", "2", "3"]
    assert float(row["mean"]) == expected.mean["head"][2, 3]
    assert float(row["sd"]) == expected.sd["head"][2, 3]
    # Over all tasks that enter averages: here the first one alone.
    assert by_place["all", "2", "3"]["mean"] == row["mean"]
