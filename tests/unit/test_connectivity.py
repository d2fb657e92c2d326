"""Linear mode connectivity: second trainings, errors on the line, barriers, table and figure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from legible import complaints, saved_figures
from scipy import stats
from small_study import study
from synthetic_masks import unit_mask
from tiny import random_mask, tiny_model, tiny_tokens

from lottery import files
from lottery.analysis.connectivity import (
    LINE,
    POSITIONS,
    SCHEMA,
    Cell,
    barrier,
    connectivity_table,
)
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models.checkpoints import load_model, save_model
from lottery.planning import folders, grid, params
from lottery.pruning.masks import MaskInfo, WeightMask, body_shapes, write_mask
from lottery.pruning.shrink import shrink
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.connectivity import connectivity_table as printed
from lottery.results.connectivity import BARRIERS
from lottery.steps.evaluate_line import evaluate_line, interpolate
from lottery.steps.finetune import finetune
from lottery.steps.measure_connectivity import draw_connectivity, measure_connectivity
from lottery.steps.retrain import retrain
from lottery.steps.train_again import train_again
from lottery.tasks import metrics

RECIPE = {"learning_rate": 1e-3, "batch_size": 8, "epochs": 1}
SEED = 3


@pytest.fixture
def cell(tmp_path: Path) -> Path:
    """Tokens, a pretrained model, and the mask of weights of a cell."""
    for name, seed in (("train", 0), ("validation", 1)):
        tokens = tiny_tokens(32, seed)
        arrays = {key: value for key, value in vars(tokens).items() if value is not None}
        files.write_arrays(tmp_path / f"{name}.safetensors", arrays, {})
    save_model(tmp_path / "whole.safetensors", tiny_model())
    arrays, metadata = files.read_arrays(tmp_path / "whole.safetensors")
    without = {name: array for name, array in arrays.items() if not name.startswith("classifier")}
    files.write_arrays(tmp_path / "pretrained.safetensors", without, metadata)
    rng = np.random.default_rng(0)
    shapes = body_shapes(tiny_model().architecture)
    mask = WeightMask({name: rng.random(shape) < 0.6 for name, shape in shapes.items()})
    info = MaskInfo("magnitude", "m", "t", str(SEED), "x", "good", mask.kept_fraction())
    write_mask(tmp_path / "mask.safetensors", mask, info)
    return tmp_path


def again(cell: Path, name: str, *, order_seed: int, masked: bool) -> Path:
    path = cell / f"{name}.safetensors"
    train_again(
        path_to_pretrained=cell / "pretrained.safetensors",
        paths_to_tokens=[cell / "train.safetensors"],
        path_to_model=path,
        n_outputs=3,
        training=RECIPE,
        seed=SEED,
        order_seed=order_seed,
        torch_threads=1,
        path_to_mask=cell / "mask.safetensors" if masked else None,
    )
    return path


@pytest.mark.parametrize("masked", [True, False])
def test_a_second_training_differs_in_the_order_alone(cell: Path, masked: bool) -> None:
    given = {
        "path_to_pretrained": cell / "pretrained.safetensors",
        "paths_to_tokens": [cell / "train.safetensors"],
        "path_to_model": cell / "first.safetensors",
        "path_to_logits": cell / "logits.safetensors",
        "path_to_history": cell / "history.csv",
        "splits": ["validation"],
        "n_outputs": 3,
        "training": RECIPE,
        "seed": SEED,
        "torch_threads": 1,
    }
    if masked:
        retrain(**given, path_to_mask=cell / "mask.safetensors")
    else:
        finetune(**given, path_to_metrics=cell / "metrics.json", model="m", task="t")
    # In the order of the first training it is the first training, bit for bit.
    same = again(cell, "same", order_seed=SEED, masked=masked)
    assert same.read_bytes() == (cell / "first.safetensors").read_bytes()
    other = load_model(again(cell, "other", order_seed=SEED + 1, masked=masked))
    first = load_model(same)
    apart = {
        name: float((first.checkpoint_parameters()[name] - weights).detach().abs().max())
        for name, weights in other.checkpoint_parameters().items()
    }
    # The classifier is drawn from the cell's seed in both: eight steps of 1e-3 move it little.
    assert 0 < apart["classifier.weight"] < 0.01
    assert any(gap > 0 for name, gap in apart.items() if "query" in name)


def test_models_on_the_line_mix_the_parameters_by_name() -> None:
    first, second, between = tiny_model(0), tiny_model(1), tiny_model(2)
    for position in (0.0, 0.3, 0.5, 1.0):
        interpolate(between, first, second, position)
        ends = dict(first.named_parameters()), dict(second.named_parameters())
        for name, weights in between.named_parameters():
            one, other = (end[name].detach().numpy().astype(np.float64) for end in ends)
            expected = (1 - position) * one + position * other
            np.testing.assert_allclose(weights.detach().numpy(), expected, atol=1e-6)
            if position in (0.0, 1.0):
                assert torch.equal(weights, ends[int(position)][name])


def test_shrunk_models_of_one_mask_have_a_line_and_those_of_two_have_none() -> None:
    mask = random_mask(1)
    first, second = (shrink(tiny_model(seed), mask) for seed in (0, 1))
    interpolate(shrink(tiny_model(2), mask), first, second, 0.5)
    heads = np.zeros((3, 4), bool)
    heads[:, 0] = True
    other = shrink(tiny_model(1), unit_mask(heads, np.ones(3, bool)))
    with pytest.raises(ValueError, match="same units"):
        interpolate(first, first, other, 0.5)


@pytest.mark.parametrize("metric", ["accuracy", "matthews"])
def test_the_errors_are_those_of_the_models_between(cell: Path, metric: str) -> None:
    ends = tiny_model(0), tiny_model(1)
    for name, model in zip(("one", "two"), ends, strict=True):
        save_model(cell / f"{name}.safetensors", model)
    evaluate_line(
        path_to_first=cell / "one.safetensors",
        path_to_second=cell / "two.safetensors",
        paths_to_tokens=[cell / "validation.safetensors"],
        path_to_line=cell / "line.csv",
        splits=["validation"],
        batch_size=16,
        metric=metric,
        torch_threads=1,
    )
    line = files.read_table(cell / "line.csv", LINE)
    tokens = tiny_tokens(32, 1)
    assert line["position"].tolist() == [p for p in POSITIONS for _ in range(3)]
    assert {*line["metric"]} == {metric}
    between = tiny_model(2)
    for position in (0.0, 0.4, 1.0):
        states = [dict(model.named_parameters()) for model in ends]
        with torch.no_grad():
            for name, weights in between.named_parameters():
                weights.copy_((1 - position) * states[0][name] + position * states[1][name])
        predicted = decide(predict(between, tokens, 16))
        rows = line[line["position"] == position].set_index("split")["error"]
        for split, part in (("validation", tokens.half >= 0), ("report_half", tokens.half == 1)):
            score = metrics.score(metric, tokens.labels[part], predicted[part])
            expected = np.nan if score is None else 1 - score
            assert rows[split] == pytest.approx(expected, nan_ok=True)


def test_the_barrier_is_the_highest_point_above_the_mean_of_the_ends() -> None:
    assert barrier(np.array([0.1, 0.5, 0.3, 0.2])) == pytest.approx(0.35)
    # An end may be the highest point: a barrier is never below 0.
    assert barrier(np.array([0.3, 0.2, 0.1])) == pytest.approx(0.1)
    assert np.isnan(barrier(np.array([0.1, np.nan, 0.3])))


def write_line(root: Path, cell: str, errors: list[float], metric: str = "accuracy") -> Path:
    path = root / cell / "line.csv"
    rows = [
        {"position": p, "split": split, "metric": metric, "error": error + (split != "validation")}
        for p, error in zip(POSITIONS, errors, strict=True)
        for split in ("validation", "report_half")
    ]
    files.write_table(path, files.table(rows, LINE), LINE)
    return path


def hill(ends: float, top: float) -> list[float]:
    return [ends, *[top] * 9, ends]


def test_the_table_and_the_figure_hold_the_barriers(tmp_path: Path) -> None:
    flat, high = [hill(0.1, 0.105), hill(0.2, 0.215)], [hill(0.1, 0.3), hill(0.2, 0.5)]
    undefined = [hill(0.1, float("nan")), hill(0.1, 0.2)]
    paths = []
    for task, metric, lines in (
        ("a", "accuracy", {"full": flat, "good-kept_0.5": high}),
        ("b", "matthews", {"full": undefined, "good-kept_0.5": [hill(0.1, 0.105)] * 2}),
    ):
        for name, of_seeds in lines.items():
            method = "none" if name == "full" else "x"
            for seed, errors in enumerate(of_seeds):
                place = f"m/{task}/seed_{seed}/connect/{method}/{name}"
                paths.append(write_line(tmp_path, place, errors, metric))
    with saved_figures() as drawn:
        measure_connectivity(
            paths_to_lines=paths,
            path_to_table=tmp_path / "table.csv",
            path_to_barriers=tmp_path / "barriers.csv",
            paths_to_figure=[tmp_path / "figure.svg"],
            model="m",
            method="x",
            split="validation",
        )
    rows = files.read_table(tmp_path / "table.csv", SCHEMA).set_index(["task", "subnetwork"])
    assert [*rows.index] == [(t, s) for t in "ab" for s in ("full", "good-kept_0.5")]
    assert {*rows["split"]} == {"validation"}
    values = [0.2, 0.3]
    row = rows.loc["a", "good-kept_0.5"]
    assert (row["ends"], row["highest"], row["barrier"]) == pytest.approx((0.15, 0.4, 0.25))
    reference = stats.t.interval(0.95, 1, np.mean(values), stats.sem(values))
    assert row["low"] == pytest.approx(max(0.0, reference[0]))
    assert row["high"] == pytest.approx(reference[1])
    # Of two seeds the intervals are wide.
    assert rows.loc["a", "verdict"].tolist() == ["undecided", "undecided"]
    # A bound for error rates says nothing of other metrics.
    assert not rows.loc["b", "verdict"].any()
    only = rows.loc["b", "full"]
    assert only["n_seeds"] == 1
    assert only["barrier"] == pytest.approx(0.1)
    assert np.isnan(only["low"])
    barriers = files.read_table(tmp_path / "barriers.csv", BARRIERS)
    assert set(barriers["model"]) == {"m"} and set(barriers["method"]) == {"x"}
    cells = barriers.set_index(["task", "subnetwork", "seed"])["barrier"]
    assert cells["a", "good-kept_0.5"].tolist() == pytest.approx(values)
    # Of two seeds one has an undefined error.
    assert cells["b", "full"].isna().sum() == 1 and len(cells) == len(paths)
    (figure,) = drawn.values()
    with style.settings():
        assert complaints(figure) == []
    thick = [[line for line in axis.lines if line.get_marker() != "None"] for axis in figure.axes]
    assert [len(lines) for lines in thick] == [2, 2]
    assert thick[0][1].get_ydata().tolist() == pytest.approx(hill(0.15, 0.4))
    said = (
        "0 of 2 stable, 2 undecided; the interval of the barrier stays below 0.02 in 0 of 2 pairs"
    )
    assert said in figure.get_label()


SETS = {
    "stable": [0.004, 0.006, 0.005],
    # The mean is below the bound, the interval reaches beyond it.
    "undecided": [0.0, 0.03, 0.01],
    "unstable": [0.3, 0.31, 0.32],
}


def test_only_intervals_on_one_side_of_the_bound_have_a_verdict() -> None:
    lines = {
        Cell(word, "good", seed): ("accuracy", np.array(hill(0.1, 0.1 + barrier_of_seed)))
        for word, barriers in SETS.items()
        for seed, barrier_of_seed in enumerate(barriers)
    }
    table = connectivity_table(lines, "m", "x", "validation")
    assert dict(zip(table["task"], table["verdict"], strict=True)) == {word: word for word in SETS}
    shown = printed(table, "A caption.")
    assert [line[-1].text for line in shown.groups[0].rows] == [*SETS]
    assert all(line[4].below[0].startswith("[") for line in shown.groups[0].rows)
    (answer,) = axis_answers({"connectivity": table})
    assert answer.parts[0].word == "1 of 3 stable, 1 undecided, 1 unstable"
    assert answer.parts[0].text.endswith("its mean over seeds in 2")
    # One seed has a barrier and no interval.
    one = {cell: line for cell, line in lines.items() if cell.seed == 0}
    assert {*connectivity_table(one, "m", "x", "validation")["verdict"]} == {"undecided"}


@pytest.mark.parametrize("tasks", [1, 9])
def test_the_figure_is_legible(tasks: int) -> None:
    names = ("full", "good", "random", "bad", "good-kept_0.5", "good-kept_0.3-start_rewound")
    lines = {
        Cell(f"task_{task}", name, seed): ("accuracy", np.array(hill(0.1, 0.1 + 0.02 * place)))
        for task in range(tasks)
        for place, name in enumerate(names)
        for seed in range(3)
    }
    with style.settings():
        table = connectivity_table(lines, "bert", "method", "validation")
        figure = draw_connectivity(lines, table, "method", "bert")
        assert complaints(figure) == []
    assert [len(axis.lines) for axis in figure.axes] == [len(names) * 4] * tasks


def test_one_seed_has_a_barrier_and_no_interval(tmp_path: Path) -> None:
    path = write_line(tmp_path, "m/a/seed_1/connect/none/full", hill(0.1, 0.2))
    measure_connectivity(
        paths_to_lines=[path],
        path_to_table=tmp_path / "table.csv",
        path_to_barriers=tmp_path / "barriers.csv",
        paths_to_figure=[tmp_path / "figure.svg"],
        model="m",
        method="x",
        split="report_half",
    )
    table = files.read_table(tmp_path / "table.csv", SCHEMA)
    assert table["barrier"].tolist() == pytest.approx([0.1])
    assert table["ends"].tolist() == pytest.approx([1.1])
    assert pd.isna(table.loc[0, "low"]) and table.loc[0, "verdict"] == "undecided"


METHODS = """methods:
  m: {algorithm: magnitude, subnetworks: [good, random], starts: {shuffled: [good]}%s}
  s: {algorithm: structured, subnetworks: [good]}"""
ASKED = ", connectivity: [full, good, good-start_shuffled]"


def test_what_the_config_names_is_trained_twice_and_nothing_else() -> None:
    plain, asked = study(METHODS % ""), study(METHODS % ASKED)
    assert grid.connect_rows(plain) == []
    rows = grid.connect_rows(asked)
    expected = [("none", "full")] * 2 + [("m", "good"), ("m", "good-start_shuffled")] * 2
    assert [(row["method"], row["subnetwork"]) for row in rows] == expected
    assert grid.connect_rows_of(asked, "small", "m") == rows
    assert grid.connect_rows_of(asked, "small", "s") == []
    for name in ("retrain_rows", "evaluate_rows", "finetune_rows"):
        assert getattr(grid, name)(plain) == getattr(grid, name)(asked)
    row = {"method": "m", "task": "rte", "subnetwork": "good-start_shuffled"}
    first = params.retrain_params(plain, **row)
    assert params.retrain_params(asked, **row) == first
    second = params.again_params(asked, **row, seed="3")
    assert second.pop("order_seed") != 3
    assert second == {name: value for name, value in first.items() if name != "splits"}
    largest = params.again_params(asked, "none", "rte", "full", str(2**32 - 1))
    assert 0 <= largest["order_seed"] < 2**32


def test_a_name_that_is_not_retrained_is_refused() -> None:
    with pytest.raises(
        StudyError, match=r"methods.m.connectivity names bad, which is neither full nor"
    ):
        study("methods: {m: {algorithm: magnitude, subnetworks: [good], connectivity: [bad]}}")


def test_second_trainings_that_no_config_names_are_listed(tmp_path: Path) -> None:
    asked = study(METHODS % ASKED)
    for name in ("good", "random"):
        folder = tmp_path / asked.results / f"small/rte/seed_3/connect/m/{name}"
        folder.mkdir(parents=True)
        (folder / "line.csv").touch()
    found = [path.as_posix() for path in folders.unnamed(asked, tmp_path)]
    assert found == [f"{asked.results}/small/rte/seed_3/connect/m/random"]


def test_the_weights_of_both_trainings_wait_for_the_line() -> None:
    cells = params.clean_retrained_params(study(METHODS % ASKED))["cells"]
    of_folder = {Path(each["weights"]).parent.as_posix(): each for each in cells}
    line = "results/small/rte/seed_3/connect/m/good/line.provenance.json"
    for folder in ("connect/m/good", "retrain/m/good"):
        used = [path for path, _ in of_folder[f"results/small/rte/seed_3/{folder}"]["uses"]]
        assert line in used
    full = of_folder["results/small/rte/seed_3/connect/none/full"]
    assert [path for path, _ in full["uses"]] == [
        "results/small/rte/seed_3/connect/none/full/line.provenance.json"
    ]
    assert "results/small/rte/seed_3/finetune" not in of_folder
