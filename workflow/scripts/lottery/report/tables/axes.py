"""Tables of the axes of a study: size, start and source of subnetworks; a sentence on each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from lottery.config.sentences import listed
from lottery.pruning.subnetworks import Subnetwork
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
from lottery.results.layout import Layout
from lottery.results.summary import AVERAGE
from lottery.statistics.claims.verdicts import SUPPORTED
from lottery.statistics.intervals import LEVEL
from lottery.statistics.sizes import HALF, REST
from lottery.statistics.sources import GOOD, OTHERS, RANDOM, mean_recovered
from lottery.statistics.starts import ORDER, PRETRAINED

if TYPE_CHECKING:
    import pandas as pd

SAME_SIZE = 0.005  # shares that differ by less look the same
COLLAPSED_COUNT = "collapsed runs count with their score"
NAMED = 3  # more tasks than these are given as a range
SIZE_MARKS = (
    "*: matches the full model within one standard deviation; +: by non-inferiority. †k: k of the"
    " seeds have a run that collapsed."
)
SIZE_NOTE = (
    "‡: above half of the body a subnetwork shares parameters with the good one whatever it is;"
    " there bad and inverted are not the rest of the model, and no verdict takes them for it."
)


def size_table(sizes: pd.DataFrame, curves: pd.DataFrame, caption: str) -> Table | None:
    """How small subnetworks may be: a line for each row of size_curves.csv."""
    if curves.empty:
        return None
    asked = sorted(set(sizes["kept"]), reverse=True)
    keys = ["task", "subnetwork", "phase"]
    groups = []
    for (model, method), own in curves.groupby(["model", "method"], sort=False):
        of_method = sizes[(sizes["model"] == model) & (sizes["method"] == method)]
        points = {key: records(rows) for key, rows in of_method.groupby(keys, sort=False)}
        lines = [
            _curve(curve, points[curve["task"], curve["subnetwork"], curve["phase"]], asked)
            for curve in records(own)
        ]
        groups.append(Group(f"{method}, {model}", lines, Scope(model, method)))
    rest = (sizes["kept_fraction"] > HALF) & sizes["subnetwork"].isin(REST)
    return Table(
        "sizes",
        caption,
        ["", "within one sd", "non-inferior", "area", *(f"kept {share:g}" for share in asked)],
        groups,
        note=SIZE_NOTE if rest.any() else "",
        how=SIZE_MARKS,
        source="score_over_size",
    )


def _curve(curve: Record, points: list[Record], asked: list[float]) -> list[Cell]:
    by_share = {point["kept"]: point for point in points}
    name = f"{curve['task']}: {curve['subnetwork'].replace('_', ' ')}, {curve['phase']}"
    smallest = (curve["smallest_within_sd"], curve["smallest_comparable"])
    return [
        Cell(name, scope=Scope(curve["model"], curve["method"], curve["task"])),
        *(Cell("none" if share is None else rounded(share, 2)) for share in smallest),
        Cell(rounded(curve["area"]), (interval(curve["area_low"], curve["area_high"]),)),
        *(_point(by_share.get(share)) for share in asked),
    ]


def _point(point: Record | None) -> Cell:
    if point is None:
        return Cell(NOTHING)
    share = point["kept_fraction"]
    mark = "*" * bool(point["within_sd"]) + "+" * (point["verdict"] == SUPPORTED)
    mark += "‡" * (share > HALF and point["subnetwork"] in REST)
    if point["n_collapsed"]:
        mark += f"†{point['n_collapsed']}"
    kept = "" if is_kept(point) else f"keeps {rounded(share, 2)}"
    return Cell(rounded(point["score"]), (kept, _shared(point)), mark=mark)


def size_sentence(curves: pd.DataFrame) -> str:
    """Down to which size the good subnetworks, retrained, match the full models, task by task."""
    good = _retrained_good(curves)
    parts = [
        f"{words} {_smallest(good, column)}"
        for column, words in (
            ("smallest_within_sd", "within one standard deviation of the full model"),
            ("smallest_comparable", "non-inferior to nine tenths of its score"),
        )
    ]
    return f"Good subnetworks, retrained, are {'; '.join(parts)}." if len(good) else ""


def size_answer(curves: pd.DataFrame) -> Said | None:
    """The same over all models, methods and tasks: a few words, and the numbers."""
    good = _retrained_good(curves)
    if good.empty:
        return None
    smallest = good["smallest_comparable"].dropna()
    close = good["smallest_within_sd"].dropna()
    word = f"down to {_range(smallest)} of the body" if len(smallest) else "at no size tried"
    within = f"in {len(close)}" + (f", down to {_range(close)}" if len(close) else "")
    text = (
        f"good, retrained, is non-inferior to nine tenths of the full model's score in"
        f" {len(smallest)} of {counted(len(good), 'curve')}; within one standard deviation {within}"
    )
    return Said(word, text, curves)


def _retrained_good(curves: pd.DataFrame) -> pd.DataFrame:
    return curves[(curves["subnetwork"] == "good") & (curves["phase"] == "retrained")]


def _range(values: pd.Series) -> str:
    """The smallest and the largest number, once if they look the same."""
    return " to ".join(dict.fromkeys(rounded(end, 2) for end in (values.min(), values.max())))


def _smallest(curves: pd.DataFrame, column: str) -> str:
    """The smallest sizes in words, task by task or as a range."""
    known = curves.dropna(subset=column)
    if known.empty:
        return "at no size"
    words = f"down to {_range(known[column])} on {len(known)} tasks"
    if len(known) <= NAMED:
        pairs = zip(known["task"], known[column], strict=True)
        words = f"down to {listed(f'{rounded(size, 2)} on {task}' for task, size in pairs)}"
    missing = len(curves) - len(known)
    return f"{words}, and at no size on {counted(missing, 'other task')}" if missing else words


def source_lines(rows: pd.DataFrame, tasks: Sequence[str]) -> dict[str, dict[str, Record]]:
    """The lines of a transfer matrix: name -> task -> row of transfer.csv.

    Masks of tasks come first, then those of other places, random ones, and the full model.

    Args:
        rows: of one model, method, phase and size, and of the full models.
        tasks: the columns.
    """
    lines: dict[tuple[int, int, str], dict[str, Record]] = {}
    for row in records(rows):
        kind, source = row["subnetwork"].replace("_", " "), row["source"]
        place = tasks.index(source) if source in tasks else len(tasks)
        key = 0, place, source
        if row["subnetwork"] == "full":
            key = 2, 0, "full model"
        elif row["subnetwork"] != GOOD:
            own = source == row["task"]
            key = (1, -1, kind) if own else (1, place, f"{kind}, size of {source}")
        lines.setdefault(key, {})[row["task"]] = row
    order = sorted(lines, key=lambda key: key[:2])
    return {key[2]: lines[key] for key in order}


def transfer_table(transfer: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """Whose mask, from transfer.csv: a group of rows for each method, phase and size."""
    import pandas as pd

    tasks = [task.id for task in layout.tasks if task.id in set(transfer["task"])]
    full = transfer[transfer["subnetwork"] == "full"]
    masked = transfer[(transfer["subnetwork"] != "full") & transfer["task"].isin(tasks)]
    groups = []
    keys = ["model", "method", "phase", "kept"]
    for (model, method, phase, kept), own in masked.groupby(keys, sort=False, dropna=False):
        of_method = full[(full["model"] == model) & (full["method"] == method)]
        lines = source_lines(pd.concat([own, of_method]), tasks)
        size = "" if pd.isna(kept) else f", kept {kept:g}"
        rows = [
            [Cell(name), *(_transferred(cells.get(task)) for task in tasks)]
            for name, cells in lines.items()
        ]
        groups.append(Group(f"{method}, {model}, {phase}{size}", rows, Scope(model, method)))
    columns = dict(enumerate(tasks, start=1))
    if not groups:
        return None
    return Table("transfer", caption, ["mask of", *tasks], groups, tasks=columns, source="transfer")


def _transferred(row: Record | None) -> Cell:
    if row is None:
        return Cell(NOTHING)
    own = row["subnetwork"] == GOOD and row["source"] == row["task"]
    recovered = "" if row["recovered"] is None else f"recovers {percent(row['recovered'])}"
    shared = "" if row["jaccard"] is None or own else f"shares {percent(row['jaccard'])}"
    mark = f"†{row['n_collapsed']}" if row["n_collapsed"] else ""
    gain = "" if row["difference"] is None else f"{signed(row['difference'])} to random"
    below = recovered, gain, "own mask" if own else shared
    return Cell(rounded(row["score"]), below, mark=mark)


def transfer_sentence(transfer: pd.DataFrame) -> str:
    """What share of the way from majority to the full model masks recover, by whose they are."""
    means = mean_recovered(transfer)
    parts = listed(f"{name} {percent(mean)}" for name, mean in means.items())
    gained = _over_random(transfer)
    against = f" {gained[:1].upper()}{gained[1:]}." if gained else ""
    text = f"Of what the full model gains over majority, retrained: {parts}.{against}"
    return text if means else ""


def transfer_answer(transfer: pd.DataFrame) -> Said | None:
    """The same for the answers: what masks of others recover, and random ones."""
    means = dict(mean_recovered(transfer))
    if not means:
        return None
    others = next((name for name in OTHERS if name in means), next(iter(means)))
    word = f"{others} {percent(means[others])}"
    word += f", random {percent(means[RANDOM])}" if RANDOM in means and others != RANDOM else ""
    shares = listed(f"{name} {percent(mean)}" for name, mean in means.items())
    text = f"share of what the full model gains over majority, retrained: {shares}"
    return Said(word, "; ".join(filter(None, (text, _over_random(transfer)))), transfer)


def _over_random(transfer: pd.DataFrame) -> str:
    """What masks of others recover more than random ones, with the interval of a single mean."""
    rows = transfer[
        (transfer["task"] == AVERAGE)
        & (transfer["phase"] == "retrained")
        & transfer["difference"].notna()
    ]
    texts = []
    for name, relation in OTHERS.items():
        own = rows[rows["relation"] == relation]
        if len(own):
            text = f"{name} {signed(own['difference'].mean())}"
            if len(own) == 1:
                (row,) = records(own)
                text = f"{text} {interval(row['difference_low'], row['difference_high'])}".rstrip()
            texts.append(text)
    what = "difference of this share from that of random masks, seed by seed"
    return f"{what}: {listed(texts)}" if texts else ""


def start_table(starts: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """From which weights, from starts.csv: a line per task and start, a column per mask."""
    masks = list(dict.fromkeys(starts["mask"]))
    tasks = [task.id for task in layout.tasks] + [AVERAGE]
    groups = []
    for (model, method), own in starts.groupby(["model", "method"], sort=False):
        cells = {(row["task"], row["start"], row["mask"]): row for row in records(own)}
        lines = sorted({(tasks.index(task), ORDER.index(start), start) for task, start, _ in cells})
        rows = [
            [
                Cell(f"{tasks[task]}: {start}", scope=Scope(model, method, tasks[task])),
                *(_started(cells.get((tasks[task], start, mask))) for mask in masks),
            ]
            for task, _, start in lines
        ]
        groups.append(Group(f"{method}, {model}", rows, Scope(model, method)))
    columns = ["", *(mask.replace("_", " ") for mask in masks)]
    return Table("starts", caption, columns, groups, source="starts") if groups else None


def _started(row: Record | None) -> Cell:
    if row is None:
        return Cell(NOTHING)
    ends = interval(row["score_low"], row["score_high"])
    against = ""
    if row["difference"] is not None:
        against = f"{signed(row['difference'])} to pretrained, p {p_value(row['p'])}"
    elif row["change"] is not None:
        against = f"{signed(row['change'])} to pretrained, collapsed runs counted"
    mark = f"†{row['n_collapsed']}" if row["n_collapsed"] else ""
    return Cell(rounded(row["score"]), (ends, against, _shared(row)), mark=mark)


def _shared(row: Record) -> str:
    """What a control has in common with the good subnetwork of its size."""
    return "" if row["shared"] is None else f"{percent(row['shared'])} of it in good"


def start_sentence(starts: pd.DataFrame) -> str:
    """How scores change from the pretrained weights to others, by start and mask."""
    found = _start_changes(starts)
    parts = [
        f"{start}: {listed(f'{_mask(mask)} {text}' for (_, mask), (_, text) in cells)}"
        for start, cells in _by_start(found).items()
    ]
    ending = (
        f"; {COLLAPSED_COUNT}" if any("collapsed" in text for _, text in found.values()) else ""
    )
    over = _over_tasks(starts)
    return f"Against the pretrained weights{over}: {'; '.join(parts)}{ending}." if parts else ""


def start_answer(starts: pd.DataFrame) -> Said | None:
    """The same of good masks for the answers: the worst and the best start come first."""
    good = [mask for mask in dict.fromkeys(starts["mask"]) if Subnetwork.parse(mask).kind == GOOD]
    of_good = _start_changes(starts[starts["mask"].isin(good)])
    if not of_good:
        return None
    ordered = sorted(of_good, key=lambda cell: of_good[cell][0])
    several = len({mask for _, mask in of_good}) > 1

    def named(cell: tuple[str, str]) -> str:
        start, mask = cell
        return f"{_mask(mask)} {start}" if several else start

    def extreme(word: str, cell: tuple[str, str]) -> str:
        return f"{word} {named(cell)} ({signed(of_good[cell][0])})"

    ends = {"worst": ordered[0], "best": ordered[-1]} if len(ordered) > 1 else {"": ordered[0]}
    word = ", ".join(extreme(*end).strip() for end in ends.items())
    texts = listed(f"{named(cell)} {of_good[cell][1]}" for cell in of_good)
    what = "good masks" if several else _mask(ordered[0][1])
    text = f"score of {what} against the pretrained weights{_over_tasks(starts)}: {texts}"
    if any("collapsed" in shown for _, shown in of_good.values()):
        text += f"; {COLLAPSED_COUNT}"
    return Said(word, text, starts)


def _start_changes(starts: pd.DataFrame) -> dict[tuple[str, str], tuple[float, str]]:
    """(start, mask) -> the mean change from the pretrained weights, and the same in words.

    The words have the interval where no run of the two collapsed, else how many runs did, with the
    difference without them where there is one.
    """
    found = {}
    changed = starts[starts["change"].notna()]
    for (start, mask), rows in changed.groupby(["start", "mask"], sort=False):
        of_tasks = rows[rows["task"] != AVERAGE]
        averages = rows[rows["task"] == AVERAGE]
        shown = rows if averages.empty else averages
        change = float(shown["change"].mean())
        sound = ""
        if len(shown) == 1:
            (row,) = records(shown)
            sound = interval(row["difference_low"], row["difference_high"])
        before = starts[(starts["mask"] == mask) & (starts["start"] == PRETRAINED)]
        text = signed(change)
        if collapsed := int(of_tasks["n_collapsed"].sum()):
            without = f"; without them {signed(row['difference'])} {sound}" if sound else ""
            runs = counted(int(of_tasks["n_seeds"].sum()), "run")
            text += f" ({collapsed} of {runs} collapsed{without})"
        elif sound and not before["n_collapsed"].any():
            text += f" {sound}"
        found[start, mask] = change, text
    return found


def _by_start(
    found: dict[tuple[str, str], tuple[float, str]],
) -> dict[str, list[tuple[tuple[str, str], tuple[float, str]]]]:
    by_start: dict[str, list[tuple[tuple[str, str], tuple[float, str]]]] = {}
    for cell, change in found.items():
        by_start.setdefault(cell[0], []).append((cell, change))
    return by_start


def _mask(name: str) -> str:
    return name.replace("_", " ")


def _over_tasks(table: pd.DataFrame) -> str:
    """That numbers are means over tasks, where there are several."""
    return ", mean over tasks" if table.loc[table["task"] != AVERAGE, "task"].nunique() > 1 else ""


def equal_size_table(table: pd.DataFrame, layout: Layout, caption: str) -> Table | None:
    """Which method, from equal_sizes.csv: a line per size, method and subnetwork."""
    names = [task.id for task in layout.tasks if task.id in set(table["task"])]
    names += [AVERAGE] * bool((table["n_tasks"] > 1).any())
    groups = []
    keys = ["method", "subnetwork"]
    for (model, kept, phase), own in table.groupby(["model", "kept", "phase"], sort=False):
        cells = {(row["method"], row["subnetwork"], row["task"]): row for row in records(own)}
        rows = [
            [
                Cell(
                    f"{method}: {kind.replace('_', ' ')}",
                    (f"keeps {_range(own.loc[_is(own, method, kind), 'kept_fraction'])}",),
                    scope=Scope(model, method),
                ),
                *(_of_size(cells.get((method, kind, task))) for task in names),
            ]
            for method, kind in dict.fromkeys(own[keys].itertuples(index=False, name=None))
        ]
        groups.append(Group(f"{kept:g} kept, {phase}, {model}", rows, Scope(model)))
    if not groups:
        return None
    return Table("equal_sizes", caption, ["", *names], groups, source="equal_sizes")


def _of_size(row: Record | None) -> Cell:
    if row is None:
        return Cell(NOTHING)
    ends = interval(row["score_low"], row["score_high"])
    against = ""
    if row["difference"] is not None:
        against = f"{signed(row['difference'])} to {row['reference']}, p {p_value(row['p_holm'])}"
    mark = f"†{row['n_collapsed']}" if row["n_collapsed"] else ""
    return Cell(rounded(row["score"]), (ends, against, _shared(row)), mark=mark)


def _is(table: pd.DataFrame, method: str, kind: str) -> pd.Series:
    return (table["method"] == method) & (table["subnetwork"] == kind)


def equal_size_sentence(table: pd.DataFrame) -> str:
    """How good subnetworks of one size score, retrained, by method."""
    parts = []
    for (_, kept), rows in _averages(table).groupby(["model", "kept"], sort=False):
        parts.append(f"{kept:g} kept{_of_several(rows)}: {_by_method(rows)}")
    return f"Good subnetworks, retrained. {'; '.join(parts)}." if parts else ""


def equal_size_answer(table: pd.DataFrame) -> Said | None:
    """The same for the answers, of the size that most methods have."""
    rows = _averages(table)
    if rows.empty:
        return None
    kept = rows["kept"].value_counts(sort=False).idxmax()
    rows = rows[rows["kept"] == kept]
    tested = rows["p_holm"].dropna()
    apart = int((tested < 1 - LEVEL).sum())
    word = f"{apart} of {counted(len(tested), 'method')} differ from {rows['reference'].iloc[0]}"
    if tested.empty:
        word = "no difference can be tested"
    text = f"good, retrained, {kept:g} kept{_of_several(rows)}: {_by_method(rows)}"
    return Said(word, text, rows)


def _of_several(rows: pd.DataFrame) -> str:
    """That numbers are means over tasks, where they are."""
    several = (rows["n_tasks"] > 1).any() or rows["task"].nunique() > 1
    return ", mean over tasks" if several else ""


def _averages(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of good subnetworks, retrained: their averages over tasks, where there are any."""
    rows = table[(table["subnetwork"] == GOOD) & (table["phase"] == "retrained")]
    averages = rows[rows["task"] == AVERAGE]
    return rows if averages.empty else averages


def _by_method(rows: pd.DataFrame) -> str:
    """Scores by method, the reference first, with their differences from it and the shares kept."""
    columns = ["score", "difference", "kept", "kept_fraction"]
    texts = []
    for method, row in rows.groupby("method", sort=False)[columns].mean().iterrows():
        change = "" if row["difference"] != row["difference"] else signed(row["difference"])
        keeps = "" if is_kept(row) else f"keeps {rounded(row['kept_fraction'], 2)}"
        facts = ", ".join(filter(None, (change, keeps)))
        texts.append(f"{method} {rounded(row['score'], 2)}" + (f" ({facts})" if facts else ""))
    return listed(texts)


def is_kept(row: Mapping[str, float] | pd.Series) -> bool:
    """Whether a size is the one asked for, as it is printed; also where it is not known."""
    return not abs(row["kept_fraction"] - row["kept"]) >= SAME_SIZE


def signed(change: float) -> str:
    """A change with its sign."""
    text = rounded(change)
    return text if text.startswith(MINUS) else f"+{text}"
