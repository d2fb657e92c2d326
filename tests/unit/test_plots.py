"""Figures show the right numbers, stay legible at full size, and come out the same every time."""

from __future__ import annotations

from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import synthetic
from legible import complaints, texts_of
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure

from lottery import files
from lottery.analysis.good_masks import read_good_masks
from lottery.analysis.survivors import survival
from lottery.report import style
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.trajectory import search_table
from lottery.steps.collect_scores import collect_scores
from lottery.steps.plot_scores import draw_scores, plot_scores
from lottery.steps.plot_survival import ALL, TASK, draw_survival, plot_survival
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


@pytest.fixture(scope="module", params=["paper", "demo"])
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


def searches_of(tree, method: str) -> pd.DataFrame:
    places = [{"task": task, "seed": seed} for task in tree.tasks for seed in tree.seeds]
    paths = zip(places, tree.searches(method), strict=True)
    return pd.concat(search_table(path).assign(**place) for place, path in paths)


def figures(tree, method: str) -> dict[str, Figure]:
    masks = read_good_masks(tree.masks(method), tree.path_to_config, bits=False)
    counted = method == "structured"
    over_all = survival(masks, masks.tasks, counted=counted)
    most = over_all.n_tasks if counted else None
    return {
        "scores": bars_of(tree, method),
        "tasks": draw_survival(
            {task: survival(masks, [task]) for task in masks.tasks},
            title="title",
            measure="share of seeds in which it survives",
            panel=TASK,
        ),
        "all": draw_survival(
            {"tasks": over_all}, title="title", measure="number", panel=ALL, most=most
        ),
        "trajectories": draw_trajectories(searches_of(tree, method), search_metrics(tree), "title"),
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
    figure = draw_trajectories(searches[searches["task"] == task], {task: metric}, "title")
    assert complaints(figure) == []
    legend, (width, _) = figure.legends[0].get_window_extent(), figure.bbox.size
    assert legend.x0 >= 0 and legend.x1 <= width


def test_every_task_has_a_panel_with_all_bars_and_dots(tree, settings):
    figure = bars_of(tree, "structured")
    assert len(figure.axes) == len(tree.tasks)
    bars = 2 + 2 * len(tree.methods["structured"]["subnetworks"])
    for axis, task in zip(figure.axes, tree.tasks, strict=True):
        assert axis.get_title().startswith(task)
        assert "good keeps 0." in axis.get_title()
        assert len(axis.patches) == bars
        dots = [line for line in axis.lines if line.get_marker() == "o"]
        assert len(dots) == (bars - 1) * len(tree.seeds)


def test_published_marks_stand_at_the_published_means(tree, settings):
    figure = bars_of(tree, "structured")
    published = Published.read(*FILES)
    for axis, (task, metric) in zip(figure.axes, tree.tasks.items(), strict=True):
        marks = [
            collection.get_segments()[0][0][1]
            for collection in axis.collections
            if np.allclose(to_rgb(style.VERMILION), collection.get_color()[0][:3])
        ]
        if task in DEMO_TASKS:
            assert marks == []
            continue
        rows = Layout.of(**tree.layout).rows
        expected = [
            published.score(*row, task, "validation", metric).mean
            for row in rows
            if row[0] in ("none", "structured")
        ]
        assert marks == pytest.approx(expected)


def draw_all(tree, folder: Path) -> list[Path]:
    """Runs the three steps for one method."""
    names = ["scores", "tasks", "all", "trajectories"]
    svg, png = ({n: folder / f"{n}.{kind}" for n in names} for kind in ("svg", "png"))
    plot_scores(
        path_to_scores=tree.root / "scores.csv",
        paths_to_published=FILES,
        path_to_svg=svg["scores"],
        path_to_png=png["scores"],
        model=tree.model,
        method="magnitude",
        layout=tree.layout,
    )
    plot_survival(
        paths_to_masks=tree.masks("magnitude"),
        path_to_config=tree.path_to_config,
        path_to_table=folder / "survival.csv",
        path_to_tasks_svg=svg["tasks"],
        path_to_tasks_png=png["tasks"],
        path_to_all_svg=svg["all"],
        path_to_all_png=png["all"],
        model=tree.model,
        method="magnitude",
        granularity="weights",
        averaged_tasks=list(tree.tasks)[:1],
    )
    plot_trajectories(
        paths_to_searches=tree.searches("magnitude"),
        path_to_svg=svg["trajectories"],
        path_to_png=png["trajectories"],
        model=tree.model,
        method="magnitude",
        seeds=list(tree.seeds),
        search_metrics=search_metrics(tree),
    )
    return [*svg.values(), *png.values(), folder / "survival.csv"]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A small tree, and what the steps draw of it in two runs."""
    root = tmp_path_factory.mktemp("drawn")
    tree = synthetic.Tree(root, tasks=DEMO_TASKS, seeds=(1, 2))
    synthetic.write_tree(tree)
    collect_scores(
        paths_to_metrics=tree.metrics(),
        paths_to_majority=tree.majority(),
        path_to_scores=root / "scores.csv",
        reported_metrics=tree.tasks,
    )
    return tree, draw_all(tree, root / "a"), draw_all(tree, root / "b")


@pytest.mark.slow
def test_steps_write_the_same_bytes_twice_and_no_blank_picture(drawn):
    _, first, second = drawn
    for one, other in zip(first, second, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name
    for path in first:
        if path.suffix == ".png":
            pixels = matplotlib.image.imread(path)[..., :3]
            assert pixels.std() > 0.05, path.name
        if path.suffix == ".svg":
            assert "<dc:date>" not in path.read_text()


def test_the_table_of_survival_holds_what_is_drawn(drawn):
    tree, paths, _ = drawn
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
