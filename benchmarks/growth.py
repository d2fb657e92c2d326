"""Measures how time grows with examples, length, layers and cells, and draws it.

Training (bf16, batches of 32) and one importance pass on drawn examples, with random weights in the
embedded model's sizes; the time of planning for the cells of a grid (planning.py). Each plot is
log-log, with the exponent that fits best; 1 is linear. The figures go to build/bench/figures/. From
the root:

    PYTHONPATH=workflow/scripts python benchmarks/growth.py --json build/bench/growth.json
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import planning
from drawn import BERT_BASE, drawn_model, drawn_tokens
from lottery.models.architecture import Architecture
from lottery.pruning.algorithms import structured
from lottery.pruning.criteria import CRITERIA
from lottery.pruning.importance import measure
from lottery.pruning.masks import UnitMask
from lottery.report import style
from lottery.training.loop import Recipe, train
from measuring import ROOT, arguments, machine, median_seconds, parsed
from rows import Row, finish

# Sizes of the embedded model.
SIZES = {
    "hidden_size": 384,
    "num_hidden_layers": 6,
    "num_attention_heads": 12,
    "intermediate_size": 1536,
}
PLAIN = {"examples": 256, "length": 32, "layers": 6}  # what is not varied
VARIED = {"examples": (128, 384, 1024), "length": (16, 48, 128), "layers": (2, 5, 12)}
QUICK_PLAIN = {"examples": 32, "length": 8, "layers": 1}
QUICK = {"examples": (32, 64), "length": (8, 16), "layers": (1, 2)}
CELL_FACTORS = (1, 2, 4)  # times the paper's seeds
TARGET = 1.1
# Of the last layer all tokens need keys and values alone; the other 10 of its 12 square products of
# the hidden size are computed for one token of each example.
NOT_COMPUTED = 10 / 12  # of a layer
RECIPE = Recipe(epochs=1, precision="bf16")
COLOURS = dict(zip(("training", "importance pass", "planning"), style.SERIES, strict=False))

Points = dict[str, list[tuple[float, float]]]  # what -> (size, seconds)


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the straight line that fits log(seconds) over log(size) best."""
    sizes, seconds = np.log(np.array(points)).T
    return float(np.polyfit(sizes, seconds, 1)[0])


def works(examples: int, length: int, layers: int) -> dict[str, Callable[[], Callable[[], Any]]]:
    """A training and an importance pass of these sizes."""
    sizes = BERT_BASE | SIZES | {"num_hidden_layers": layers}
    architecture = Architecture.from_config(sizes, "growth")
    tokens = drawn_tokens(np.full(examples, length), architecture)
    mask = UnitMask.full(architecture)
    options = {name: option.strict for name, option in structured.OPTIONS.items()}
    mode, size, order = (options[k] for k in ("importance", "search_batch_size", "search_order"))
    return {
        "training": lambda: partial(train, drawn_model(architecture), tokens, RECIPE, 0),
        "importance pass": lambda: partial(
            measure, drawn_model(architecture), tokens, mask, CRITERIA[mode], size, order
        ),
    }


def measured(what: str, values: Sequence[int], plain: dict[str, int], repeats: int) -> Points:
    """Times of training and importance pass over one size, the others as in `plain`."""
    points: Points = {"training": [], "importance pass": []}
    for value in values:
        seconds = median_seconds(works(**plain | {what: value}), repeats)
        for name, found in seconds.items():
            points[name].append((value, found))
    return points


def planned(factors: Sequence[int]) -> Points:
    """Processor time of planning over the number of jobs."""
    rows = [planning.plan(factor) for factor in factors]
    return {"planning": [(row.jobs, row.cpu_seconds) for row in rows]}


def computed_layers(name: str, points: Sequence[tuple[float, float]]) -> Row:
    """A row on the growth over what is computed of the layers, which explains that over layers."""
    fitted = exponent([(layers - NOT_COMPUTED, seconds) for layers, seconds in points])
    row = f"{name} over layers less {NOT_COMPUTED:.2f}: exponent"
    return Row(row, fitted, "", "linear", 1.0, fitted)


def draw(what: str, points: Points, folder: Path) -> None:
    """Draws times over one size, measured points and fitted lines."""
    with style.settings():
        figure, (axis,) = style.panels(1, columns=1, panel=(style.COLUMN, 2.3), margin=0.0)
        for name, found in points.items():
            sizes, seconds = np.array(found).T
            slope = exponent(found)
            offset = np.mean(np.log(seconds) - slope * np.log(sizes))
            colour = COLOURS[name]
            axis.plot(sizes, np.exp(offset) * sizes**slope, color=colour, linewidth=0.9)
            label = f"{name}, exponent {slope:.2f}"
            axis.plot(sizes, seconds, "o", color=colour, markersize=4, label=label)
        axis.set_xscale("log", base=2)
        axis.set_yscale("log", base=2)
        axis.set_xticks(sizes, [f"{size:,.0f}" for size in sizes])
        axis.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axis.minorticks_off()
        axis.set_xlabel(
            {"length": "tokens per example", "cells": "jobs of the grid"}.get(what, what)
        )
        axis.set_ylabel("processor time (s)" if what == "cells" else "time (s)")
        axis.legend(frameon=False, loc="upper left")
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"growth_{what}"
        style.save(figure, [path.with_suffix(".svg"), path.with_suffix(".png")])


def main() -> None:
    """Measures, draws, prints the rows and writes them as json."""
    parser = arguments(__doc__, repeats=2)
    usual = ROOT / "build" / "bench" / "figures"
    parser.add_argument("--figures", type=Path, default=usual, help="folder of the figures")
    options = parsed(parser)
    facts, rows, details = machine(), [], {}
    plots, plain = (QUICK, QUICK_PLAIN) if options.quick else (VARIED, PLAIN)
    for what in [*plots, *([] if options.quick else ["cells"])]:
        if what == "cells":
            points = planned(CELL_FACTORS)
        else:
            points = measured(what, plots[what], plain, options.repeats)
        draw(what, points, options.figures)
        details[what] = points
        for name, found in points.items():
            largest = found[-1][1]
            fitted = exponent(found)
            row = f"{name} over {what}: exponent"
            note = f"{largest:.2f} s at {found[-1][0]:,}"
            rows.append(Row(row, fitted, "", "linear", 1.0, fitted, TARGET, note=note))
            if what == "layers":
                rows.append(computed_layers(name, found))
    finish(options, facts, rows, **details)


if __name__ == "__main__":
    main()
