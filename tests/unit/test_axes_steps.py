"""The steps of the axes write their tables and figures from the files that their rules name."""

from __future__ import annotations

from dataclasses import asdict

import pytest
from synthetic import SMALL
from synthetic_axes import METHOD, layout_of, make_study
from synthetic_runs import MODEL, from_scores

from lottery import files
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.axes import (
    equal_size_table,
    size_table,
    start_table,
    transfer_table,
)
from lottery.results import overlap
from lottery.results.scores import SCHEMA
from lottery.statistics import equal_sizes, sizes, sources, starts
from lottery.steps.plot_equal_sizes import draw_equal_sizes, plot_equal_sizes
from lottery.steps.plot_sizes import draw_sizes, plot_sizes
from lottery.steps.plot_starts import draw_starts, plot_starts
from lottery.steps.plot_transfer import draw_transfer, plot_transfer

NAMES = (
    *("good", "good-kept_0.5", "good-kept_0.3"),
    *("good-start_shuffled", "good-from_elsewhere"),
)
TABLES = {
    "score_over_size": sizes.SCHEMA,
    "size_curves": sizes.CURVES,
    "starts": starts.SCHEMA,
    "transfer": sources.SCHEMA,
    "equal_sizes": equal_sizes.SCHEMA,
}
METHODS = (METHOD, "theirs")


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """The folder of tables and figures, after two runs in folders of their own."""
    root = tmp_path_factory.mktemp("steps")
    paths, scores, layout = make_study(
        root,
        NAMES,
        lambda *_: 0.8,
        tasks={"rte": "accuracy"},
        n=40,
        seeds=(1, 2),
        methods=METHODS,
    )
    files.write_table(root / "scores.csv", scores.drop(columns="counted"), SCHEMA)
    files.write_table(root / "overlap.csv", files.table([], overlap.SCHEMA), overlap.SCHEMA)
    files.write_json(root / "config.json", SMALL)
    facts = asdict(layout)
    facts |= {name: {each.pop("id"): each for each in facts[name]} for name in ("tasks", "methods")}
    for method in facts["methods"].values():
        del method["further"]
    given = {"path_to_scores": root / "scores.csv", "model": MODEL, "method": METHOD}
    for run in ("first", "second"):

        def made(name, folder=root / run):
            return {
                "path_to_table": folder / f"{name}.csv",
                "paths_to_figure": [folder / f"{name}.{kind}" for kind in ("svg", "rst")],
                "layout": facts,
            }

        # The order in which files are named must not matter.
        given["paths_to_predictions"] = paths if run == "first" else paths[::-1]
        plot_sizes(
            **given,
            **made("score_over_size"),
            path_to_overlap=root / "overlap.csv",
            path_to_curves=root / run / "size_curves.csv",
        )
        plot_starts(**given, **made("starts"), path_to_overlap=root / "overlap.csv")
        plot_transfer(
            **given,
            **made("transfer"),
            paths_to_masks=[],
            path_to_config=root / "config.json",
        )
        plot_equal_sizes(
            paths_to_scores=[given["path_to_scores"]],
            paths_to_predictions=given["paths_to_predictions"],
            paths_to_overlap=[root / "overlap.csv"] * 2,
            model=MODEL,
            **made("equal_sizes"),
        )
    return root


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_rows_of_its_schema(written, name):
    assert len(files.read_table(written / f"first/{name}.csv", TABLES[name]))


def test_a_study_without_a_sound_full_model_has_empty_tables_and_figures(tmp_path):
    made = {name: files.table([], schema) for name, schema in TABLES.items()}
    scores, layout = from_scores([]), layout_of(NAMES)
    with style.settings():
        figures = [
            draw_sizes(made["score_over_size"], made["size_curves"], scores, layout, MODEL, METHOD),
            draw_starts(made["starts"], scores, layout, MODEL, METHOD),
            draw_transfer(made["transfer"], layout, MODEL, METHOD),
            draw_equal_sizes(made["equal_sizes"], scores, layout, MODEL),
        ]
        for number, figure in enumerate(figures):
            style.save(figure, [tmp_path / f"{number}.svg", tmp_path / f"{number}.rst"])
    assert size_table(made["score_over_size"], made["size_curves"], "") is None
    assert start_table(made["starts"], layout, "") is None
    assert transfer_table(made["transfer"], layout, "") is None
    assert equal_size_table(made["equal_sizes"], layout, "") is None
    assert axis_answers(made) == []


def test_every_run_writes_the_same_bytes(written):
    made = sorted(path.name for path in (written / "first").iterdir())
    assert len(made) == len(TABLES) + 2 * 4
    for name in made:
        first, second = ((written / run / name).read_bytes() for run in ("first", "second"))
        assert first == second, name
