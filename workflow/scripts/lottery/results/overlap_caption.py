"""What the caption of a good-versus-bad figure says of controls that overlap with the good one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from lottery.pruning.subnetworks import base_name

NOTABLE = 0.10
NAMED = 3  # more tasks than these are given as a range
# It is a part of the good one by its definition.
PARTS = ("super_good",)


def overlap_sentence(rows: Sequence[Mapping[str, str]], model: str, method: str) -> str:
    """Names the controls of which more than a tenth belongs to the good subnetwork.

    Args:
        rows: of results/tables/overlap.csv, as `lottery.files.read_csv` gives them.
        model, method: what the figure shows.

    Returns:
        A sentence on each such control, with the tasks where it is so and the share of the
        control's parameters, mean over seeds (and draws); empty if there is none.
    """
    shares: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    references = {}
    for row in rows:
        if (row["model"], row["method"]) != (model, method) or not row["parameters_share"]:
            continue
        control = base_name(row["subnetwork"])
        if control not in PARTS:
            shares[control][row["task"]].append(float(row["parameters_share"]))
            references[control] = row["reference"]
    sentences = []
    for control, by_task in shares.items():
        means = {task: sum(values) / len(values) for task, values in by_task.items()}
        notable = {task: mean for task, mean in means.items() if mean > NOTABLE}
        if notable:
            where = _where(notable, len(means))
            sentences.append(
                f"Of the parameters of {control}, {where} belong to {references[control]} as well."
            )
    return " ".join(sentences)


def _where(notable: Mapping[str, float], n_tasks: int) -> str:
    if len(notable) <= NAMED:
        return ", ".join(f"{mean:.0%} in {task}" for task, mean in notable.items())
    low, high = min(notable.values()), max(notable.values())
    tasks = f"all {n_tasks}" if len(notable) == n_tasks else f"{len(notable)} of {n_tasks}"
    return f"{low:.0%} to {high:.0%} in {tasks} tasks"
