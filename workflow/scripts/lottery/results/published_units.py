"""What the paper says of units: stability of its masks over seeds, and super-survivor counts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lottery import files

KEPT = {"heads": "heads_kept", "mlps": "mlps_kept"}


def published_stability(path: Path, tasks: Mapping[str, str]) -> dict[tuple[str, str, str], float]:
    """Reads stability.csv of workflow/resources/paper.

    Args:
        path: the file.
        tasks: our task -> the GLUE preset that it is; tasks that are none are left out.

    Returns:
        (task, unit, statistic) -> the published value; pairs of tasks are left out.
    """
    known = {
        (row["task"], row["unit"], row["statistic"]): float(row["value"])
        for row in files.read_csv(path)
        if not row["other_task"]
    }
    return {
        (ours, unit, statistic): value
        for ours, glue in tasks.items()
        for (task, unit, statistic), value in known.items()
        if task == glue
    }


def published_survivors(path: Path, tasks: Mapping[str, str]) -> dict[tuple[str, str], float]:
    """Reads the sizes of the super-survivor masks from sizes.csv: (task, unit) -> count.

    Args:
        path: the file.
        tasks: our task -> the GLUE preset that it is.
    """
    known = {
        row["task"]: row
        for row in files.read_csv(path)
        if row["method"] == "structured" and row["subnetwork"] == "super_good"
    }
    return {
        (ours, unit): float(known[glue][column])
        for ours, glue in tasks.items()
        if glue in known
        for unit, column in KEPT.items()
    }
