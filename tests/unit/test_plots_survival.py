"""Heat-maps of survival show the right numbers."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from legible import complaints, saved_figures
from test_plots import BIG

from lottery import files
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.masks import MaskInfo, UnitMask, write_mask
from lottery.report import style
from lottery.steps.plot_survival import (
    TASK,
    draw_survival,
    plot_survival,
    share_bounds,
    with_published,
)

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"


@pytest.fixture
def settings():
    with style.settings():
        yield


def test_heat_maps_hold_the_values_with_the_mlps_apart(settings):
    heads = np.arange(12).reshape(3, 4) / 12
    units = {"head": heads, "mlp": np.array([0.1, 0.5, 1.0])}
    figure = draw_survival({"t": units}, "share", TASK, (0.0, 1.0))
    shown = np.ma.filled(figure.axes[0].images[0].get_array(), np.nan)
    np.testing.assert_array_equal(shown[:, :4], heads)
    assert np.isnan(shown[:, 4]).all()
    np.testing.assert_array_equal(shown[:, 5], units["mlp"])
    assert len(figure.axes) == 2  # and one scale


def test_the_papers_map_is_next_to_ours(settings):
    ours, papers = ({"head": np.full((12, 12), x), "mlp": np.full(12, x)} for x in (0.2, 0.7))
    shown = with_published({"rte": ours, "cola": ours}, {"cola": papers})
    assert list(shown) == ["rte", "cola", "cola: the paper's"]
    figure = draw_survival(shown, "share", TASK, (0.0, 1.0))
    assert figure.axes[2].images[0].get_array()[0, 0] == 0.7
    assert len({axis.images[0].norm for axis in figure.axes[:3]}) == 1


def test_36864_neurons_are_a_column_of_means(tmp_path, settings):
    rng = np.random.default_rng(0)
    architecture = Architecture.from_config(BIG | {"intermediate_size": 3072}, "big")
    files.write_json(tmp_path / "config.json", BIG | {"intermediate_size": 3072})
    full, masks = UnitMask.full(architecture, KINDS), {}
    for task, seed in product(("a", "b"), ("1", "2", "3")):
        units = {kind: rng.random(kept.shape) < 0.6 for kind, kept in full.units.items()}
        path = tmp_path / f"{task}_{seed}.safetensors"
        masks[path] = full.with_units(units)
        info = MaskInfo("structured", "m", task, seed, "s", "good", 0.5)
        write_mask(path, masks[path], info)
    with saved_figures() as figures:
        plot_survival(
            paths_to_masks=list(masks),
            path_to_config=tmp_path / "config.json",
            path_to_published=PAPER / "heatmap.csv",
            path_to_table=tmp_path / "survival.csv",
            paths_to_tasks_figure=[tmp_path / "tasks.png"],
            paths_to_all_figure=[tmp_path / "all.png"],
            model="m",
            method="s",
            granularity="units",
            averaged_tasks=["a", "b"],
            published_method=None,
            published={},
        )
    for name, figure in figures.items():
        assert complaints(figure) == [], name
    table = pd.read_csv(tmp_path / "survival.csv")
    # A row per head, and one per layer for MLPs, neurons and layers; two tasks and all.
    assert len(table) == 3 * (144 + 3 * 12)
    neurons = table[(table["unit"] == "neuron") & (table["task"] == "a")]
    kept = np.stack([mask.units["neuron"].mean(axis=1) for mask in [*masks.values()][:3]])
    np.testing.assert_allclose(neurons["mean"], kept.mean(axis=0))
    np.testing.assert_allclose(neurons["sd"], kept.std(axis=0, ddof=1))
    axis = figures["tasks"].axes[0]
    shown = np.ma.filled(axis.images[0].get_array(), np.nan)
    labels = {
        label.get_text(): place
        for label, place in zip(axis.get_xticklabels(), axis.get_xticks(), strict=True)
    }
    np.testing.assert_allclose(shown[:, int(labels["neuron"])], kept.mean(axis=0))
    layers = np.mean([mask.units["layer"] for mask in [*masks.values()][:3]], axis=0)
    np.testing.assert_allclose(shown[:, int(labels["layer"])], layers)
    assert "of the neurons and" in figures["tasks"].get_label()


@pytest.mark.parametrize(
    ("low", "high", "bounds"),
    [
        (0.5, 0.6, (0.5, 0.6)),  # shares that hardly differ get a scale of their own
        (0.5, 0.5 + 1e-9, (0.0, 1.0)),  # rounding gets none
        (0.1, 0.9, (0.0, 1.0)),
    ],
)
def test_shares_have_one_scale(low, high, bounds):
    narrow = {"head": np.linspace(low, high, 12).reshape(3, 4), "mlp": np.full(3, low)}
    assert share_bounds([narrow, {"mlp": np.full(3, low)}]) == pytest.approx(bounds)
