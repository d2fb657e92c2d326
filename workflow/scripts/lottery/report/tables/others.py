"""Tables of the page on differences, the overlap of controls, times and attention patterns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING

from lottery.pruning.subnetworks import GOOD, Subnetwork
from lottery.report.tables.model import Cell, Group, Record, Said, Scope, Table, records
from lottery.report.tables.numbers import (
    MINUS,
    NOTHING,
    counted,
    interval,
    p_value,
    percent,
    rounded,
)
from lottery.results import overlap
from lottery.results.layout import SPLIT_NAMES, Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.claims.verdicts import SUPPORTED

if TYPE_CHECKING:
    import pandas as pd

ASSOCIATIONS = (
    "Whether heads that survive under every seed attend otherwise than others, in the fine-tuned"
    " models; heads are the units; the mean over tasks that enter averages. r: correlation of"
    " surviving with the share of heterogeneous maps, and with each score. Within: less the means"
    " of each layer. Raw: attention probabilities; weighted: by the norm of the vectors they move."
    " p: two-sided, by permutation of the heads of a layer, corrected by Holm over the rows."
)
MEASURES = [*product(("raw", "normed"), ("correlation", "within", "p_holm"))]
ASSOCIATED = ("", "r, raw", "within", "p", "r, weighted", "within", "p")


def differences_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """The averages over tasks of differences.csv, on the split where each method is shown."""
    splits = {method.id: method.display_split for method in layout.methods}
    shown = frame[(frame["task"] == AVERAGE) & (frame["split"] == frame["method"].map(splits))]
    if shown.empty:
        return None
    groups = [
        Group(
            f"{method}, {model}, {SPLIT_NAMES[splits[method]]}",
            list(map(_difference, rows)),
            Scope(model, method),
        )
        for (model, method), rows in _by_method(shown)
    ]
    published = shown["published_difference"].notna().any()
    return Table(
        "differences",
        caption,
        ["", "n", "difference", "95 % interval", "p", "p over examples"],
        groups,
        published="the published difference." if published else "",
        source="differences",
    )


def _by_method(frame: pd.DataFrame) -> Iterator[tuple[tuple[str, str], list[Record]]]:
    """The rows of each model and method, in the order of the table."""
    for key, own in frame.groupby(["model", "method"], sort=False):
        yield key, records(own)


def _difference(row: Record) -> list[Cell]:
    smallest = row["smallest_p_examples"]
    every, count = rounded(row["difference_with_collapsed"]), row["n_collapsed"]
    least = "" if smallest is None else f"[{p_value(smallest)}]"
    return [
        Cell(f"{row['first']} {MINUS} {row['second']}, {row['phase']}"),
        Cell(str(row["n_seeds"])),
        Cell(
            rounded(row["difference"]),
            (f"with {count} collapsed {every}" if count else "",),
            paper=rounded(row["published_difference"], none=""),
        ),
        Cell(interval(row["low"], row["high"]) or NOTHING),
        Cell(p_value(row["p"])),
        Cell(p_value(row["p_examples"]), (least,)),
    ]


def overlap_table(frame: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """Shares of the controls in the good subnetworks, from overlap.csv."""
    shares = overlap.control_shares(frame)
    if shares.empty:
        return None
    tasks = [task.id for task in layout.tasks]
    by_method = dict(_by_method(shares))
    groups = []
    for model, method in product(layout.models, (each.id for each in layout.methods)):
        lines: dict[str, dict[str, float]] = {}
        for row in by_method.get((model, method), []):
            lines.setdefault(row["subnetwork"], {})[row["task"]] = row["parameters_share"]
        cells = [
            [Cell(control), *(Cell(percent(of_task.get(task))) for task in tasks)]
            for control, of_task in lines.items()
        ]
        if cells:
            groups.append(Group(f"{method}, {model}", cells, Scope(model, method)))
    columns = dict(enumerate(tasks, start=1))
    return Table("overlap", caption, ["", *tasks], groups, tasks=columns, source="overlap")


def latency_table(frame: pd.DataFrame, caption: str) -> Table | None:
    """Times relative to the full model's, from latency.csv: a group for each model and method."""
    if frame.empty:
        return None
    sizes = [*dict.fromkeys(frame["batch_size"])]
    groups = []
    for (model, method), rows in frame.groupby(["model", "method"], sort=False):
        lines = []
        for name, own in rows.groupby("subnetwork", sort=False):
            kept, operations = own["kept_fraction"].mean(), own["flops_ratio"].mean()
            line = [Cell(name), Cell(str(own["task"].nunique())), Cell(rounded(kept))]
            line.append(Cell(rounded(operations)))
            lines.append(line + [_time(own[own["batch_size"] == size]) for size in sizes])
        groups.append(Group(f"{method}, {model}, {_machine(rows)}", lines, Scope(model, method)))
    columns = ["", "tasks", "kept", "FLOPs", *(f"time, batch {size}" for size in sizes)]
    note = weights_note(frame)
    return Table("latency", caption, columns, groups, note=note, source="latency")


def _time(rows: pd.DataFrame) -> Cell:
    low, high = rows["ratio_low"].min(), rows["ratio_high"].max()
    return Cell(rounded(rows["ratio"].mean(), 2), (interval(low, high),))


def _machine(rows: pd.DataFrame) -> str:
    """What times were measured on."""
    found = [
        f"cpu, {threads} {'thread' if threads == 1 else 'threads'}" if device == "cpu" else device
        for device, threads in dict.fromkeys(zip(rows["device"], rows["threads"], strict=True))
    ]
    return " and ".join(dict.fromkeys(found))


def weights_note(frame: pd.DataFrame) -> str:
    """What the times of masks of weights say; empty where there are none."""
    weights = frame[frame["granularity"] == "weights"]
    if weights.empty:
        return ""
    ratios = [rounded(ratio, 2) for ratio in sorted(weights["ratio"])]
    kept = [percent(share) for share in sorted(weights["kept_fraction"])]
    faster = int((weights["ratio_high"] < 1).sum())
    return (
        f"Masks of weights keep {_ends(kept)} of the body and take {_ends(ratios)} times as long as"
        " the full model: zeros are computed like other numbers."
        f" In {faster} of {len(weights)} measurements the upper quartile is below 1."
    )


def latency_answer(frame: pd.DataFrame, sizes: pd.DataFrame | None = None) -> Said | None:
    """The time of the smallest good subnetwork that matches the full model; masks of weights.

    Args:
        frame: latency.csv.
        sizes: score_over_size.csv, where there is one: by its verdicts, or else within one standard
            deviation, subnetworks match. Without it the time is that of `good`.
    """
    units = frame[frame["granularity"] == "units"]
    chosen, what = units[units["subnetwork"] == GOOD], "good, as large as the search leaves it"
    matching = _smallest_matching(units, sizes) if sizes is not None else None
    if matching is not None:
        chosen, what = matching
    texts, word = [], ""
    if len(chosen):
        times = chosen.groupby("batch_size")["ratio"].mean()
        word = " and ".join(f"{rounded(time, 2)} at batch {size}" for size, time in times.items())
        kept = percent(float(chosen["kept_fraction"].mean()))
        texts.append(f"time as a ratio to the full model's of {what} ({kept} kept)")
    elif len(units):
        texts.append("no good subnetwork that was timed matches the full model")
    weights = frame[frame["granularity"] == "weights"]
    if len(weights):
        ratios = [rounded(ratio, 2) for ratio in sorted(weights["ratio"])]
        faster = int((weights["ratio_high"] < 1).sum())
        texts.append(
            f"masks of weights take {_ends(ratios)} times as long; in {faster} of"
            f" {counted(len(weights), 'measurement')} the upper quartile is below 1"
        )
    word = word or ("weights: no faster" if len(weights) else "none matches")
    return Said(word, "; ".join(texts), frame) if texts else None


def _smallest_matching(units: pd.DataFrame, sizes: pd.DataFrame) -> tuple[pd.DataFrame, str] | None:
    """The times of the smallest matching size, with a name; no rows where none matches.

    None where no good subnetwork of a size was timed.
    """
    good = sizes[(sizes["subnetwork"] == GOOD) & (sizes["phase"] == "retrained")]
    names = [str(Subnetwork(GOOD, kept=kept)) for kept in good["kept"]]
    keys = ["model", "method", "task", "subnetwork"]
    timed = set(units[keys].itertuples(index=False, name=None))
    good = good.assign(subnetwork=names)
    good = good[[key in timed for key in good[keys].itertuples(index=False, name=None)]]
    if good.empty:
        return None
    for matches, words in (
        (good["verdict"] == SUPPORTED, "that is non-inferior to nine tenths of its score"),
        (good["within_sd"].fillna(value=False).astype(bool), "within one standard deviation"),
    ):
        if matches.any():
            best = good[matches].sort_values("kept_fraction", kind="stable").iloc[0]
            own = units[(units[keys] == best[keys]).all(axis=1)]
            name = best["subnetwork"].replace("_", " ")
            what = f"the smallest good subnetwork {words}, {name} of {best['method']}"
            return own, f"{what} on {best['task']}"
    return units.iloc[:0], ""


def _ends(texts: Sequence[str]) -> str:
    return " to ".join(dict.fromkeys((texts[0], texts[-1])))


def association_table(frame: pd.DataFrame) -> Table | None:
    """Attention and survival, from pattern_association.csv: a group for each model and method."""
    shown = frame[(frame["task"] == AVERAGE) & (frame["weights"] == "fine_tuned")]
    if shown[["correlation", "within"]].isna().all(axis=None):
        return None
    groups = []
    for (model, method), rows in _by_method(shown):
        values = {(row["score"], row["attention"]): row for row in rows}
        lines = []
        for score in dict.fromkeys(row["score"] for row in rows):
            line = [Cell(score)]
            for attention, measure in MEASURES:
                value = values[score, attention][measure]
                line.append(Cell(p_value(value) if measure == "p_holm" else rounded(value, 2)))
            lines.append(line)
        groups.append(Group(f"{method}, {model}", lines, Scope(model, method)))
    return Table("associations", ASSOCIATIONS, ASSOCIATED, groups, source="pattern_association")
