"""Other tables of the page, each by the name that a section gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby

from lottery.pruning.subnetworks import base_name
from lottery.report.page.numbers import MINUS, NOTHING, interval, p_value, parsed, percent, rounded
from lottery.report.page.table import Cell, Group, Table
from lottery.results.layout import Layout
from lottery.results.overlap_caption import PARTS
from lottery.results.printed import SPLIT_NAMES
from lottery.results.summary import AVERAGE

Row = Mapping[str, str]

DIFFERENCES = (
    "Differences in score, averaged over the tasks that take part in averages. t: 95 % interval"
    " over seeds, the tasks fixed. Bootstrap: 95 % interval of a crossed bootstrap that draws seeds"
    " and, shared by all seeds, examples; with few seeds it is too narrow (where seeds alone vary,"
    " five cover about 83 %). p: permutation test over examples, pooled over tasks, in brackets"
    " the smallest value that it could have given. Below a difference: without the seeds that have"
    " a degenerate run. Tasks one by one are in differences.csv."
)
OVERLAP = (
    "How much of a control belongs to the good subnetwork of the same seed (to good_half for the"
    " halves): share of the control's parameters, mean over seeds and draws."
)


def differences_table(rows: Sequence[Row], layout: Layout) -> Table | None:
    """The averages over tasks of differences.csv, on the split where each method is shown."""
    splits = {method.id: method.display_split for method in layout.methods}
    shown = [
        row for row in rows if row["task"] == AVERAGE and row["split"] == splits.get(row["method"])
    ]
    if not shown:
        return None
    groups = []
    for (model, method), own in groupby(shown, key=lambda row: (row["model"], row["method"])):
        title = f"{method}, {model}, {SPLIT_NAMES[splits[method]]}"
        groups.append(Group(title, [_difference(row) for row in own]))
    with_paper = any(row["published_difference"] for row in shown)
    columns = ["", "n", "difference", "t", "bootstrap", "p"]
    caption = DIFFERENCES
    if with_paper:
        caption += " In colour: the published difference."
    return Table("differences", caption + " n: seeds.", columns, groups)


def _difference(row: Row) -> list[Cell]:
    ends = {name: parsed(row[name]) for name in ("t_low", "t_high")}
    smallest = parsed(row["smallest_p_examples"])
    paper = parsed(row["published_difference"])
    return [
        Cell(f"{row['first']} {MINUS} {row['second']}, {row['phase']}"),
        Cell(row["n_seeds"]),
        Cell(
            rounded(parsed(row["difference"])),
            _sound(row),
            paper="" if paper is None else rounded(paper),
        ),
        Cell(interval(ends["t_low"], ends["t_high"]) or NOTHING),
        Cell(interval(parsed(row["bootstrap_low"]), parsed(row["bootstrap_high"])) or NOTHING),
        Cell(
            p_value(parsed(row["p_examples"])),
            () if smallest is None else (f"[{p_value(smallest)}]",),
        ),
    ]


def _sound(row: Row) -> tuple[str, ...]:
    """The difference without degenerate runs, where there are any."""
    if row["n_degenerate"] in ("", "0"):
        return ()
    value = rounded(parsed(row["difference_without_degenerate"]))
    return (f"without {row['n_degenerate']} degenerate {value}",)


def overlap_table(rows: Sequence[Row], layout: Layout) -> Table | None:
    """Shares of the controls in the good subnetworks, from overlap.csv."""
    shares: dict[tuple[str, str], dict[str, dict[str, list[float]]]] = {}
    for row in rows:
        control = base_name(row["subnetwork"])
        if control not in PARTS and row["parameters_share"]:
            by_control = shares.setdefault((row["method"], row["model"]), {})
            by_task = by_control.setdefault(control, {})
            by_task.setdefault(row["task"], []).append(float(row["parameters_share"]))
    if not shares:
        return None
    tasks = [task.id for task in layout.tasks]
    groups = [
        Group(
            f"{method}, {model}",
            [
                [Cell(control), *(Cell(percent(_mean(by_task.get(t)))) for t in tasks)]
                for control, by_task in shares[method, model].items()
            ],
        )
        for model in layout.models
        for method in (each.id for each in layout.methods)
        if (method, model) in shares
    ]
    return Table("overlap", OVERLAP, ["", *tasks], groups)


def _mean(values: Sequence[float] | None) -> float | None:
    return sum(values) / len(values) if values else None
