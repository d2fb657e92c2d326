"""A figure that compares with the full model says why it is blank."""

from __future__ import annotations

from dataclasses import asdict

import pandas as pd
import pytest
from legible import complaints, saved_figures
from synthetic import SMALL
from synthetic_axes import METHOD, make_study
from synthetic_runs import MODEL

from lottery import files
from lottery.report import style
from lottery.results import overlap
from lottery.results.scores import SCHEMA
from lottery.steps.plot_sizes import plot_sizes
from lottery.steps.plot_transfer import plot_transfer

NAMES = ("good", "good-kept_0.5", "good-from_elsewhere")
COLLAPSED = "Every full model collapsed, so there is nothing to compare."


@pytest.fixture(scope="module")
def arguments(tmp_path_factory):
    """What both steps take, of a study of one task in which every full model collapsed."""
    root = tmp_path_factory.mktemp("blank")
    tasks = {"rte": "accuracy"}
    paths, scores, layout = make_study(root, NAMES, lambda *_: 0.8, tasks=tasks, n=40)
    scores["degenerate"] |= scores["subnetwork"] == "full"
    files.write_table(root / "scores.csv", scores.drop(columns="counted"), SCHEMA)
    facts = asdict(layout)
    facts |= {name: {each.pop("id"): each for each in facts[name]} for name in ("tasks", "methods")}
    for method in facts["methods"].values():
        del method["further"]
    files.write_table(root / "overlap.csv", files.table([], overlap.SCHEMA), overlap.SCHEMA)
    files.write_json(root / "config.json", SMALL)
    given = {"path_to_scores": root / "scores.csv", "model": MODEL, "method": METHOD}
    given |= {"paths_to_predictions": paths, "path_to_table": root / "table.csv"}
    return root, given | {"layout": facts, "paths_to_figure": [root / "a.svg", root / "a.rst"]}


@pytest.mark.parametrize("step", ["sizes", "transfer"])
def test_where_every_full_model_collapsed_the_figure_and_its_caption_say_so(arguments, step):
    root, given = arguments
    with saved_figures() as drawn:
        if step == "sizes":
            more = {"path_to_overlap": root / "overlap.csv", "path_to_curves": root / "curves.csv"}
            plot_sizes(**given, **more)
        else:
            plot_transfer(**given, paths_to_masks=[], path_to_config=root / "config.json")
    (figure,) = drawn.values()
    assert COLLAPSED in [text.get_text() for text in figure.texts]
    assert "seeds" not in figure.get_suptitle()
    assert complaints(figure) == []
    assert (root / "a.rst").read_text().strip() == COLLAPSED


def test_a_figure_of_nothing_yet_has_another_reason():
    runs = pd.DataFrame({"subnetwork": ["full", "full"], "degenerate": [True, False]})
    assert "is there yet" in style.reason(runs[:0], runs[:0])
    assert style.reason(runs, runs) == ""


@pytest.mark.parametrize("name", ["m" * length for length in range(1, 60)])
def test_a_title_does_not_break_before_seeds(name):
    with style.settings():
        figure, _ = style.panels(1, 1, (style.COLUMN, 1.5), 0.5)
        style.heading(figure, "What", name, "embedded", "3 seeds")
    assert figure.get_suptitle().replace("\n", " ").endswith("3 seeds")
    assert not any(line.startswith("seeds") for line in figure.get_suptitle().splitlines())
