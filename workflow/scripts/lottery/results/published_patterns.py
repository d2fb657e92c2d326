"""What the paper says of attention patterns."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from lottery import files


def published_shares(
    path: Path, tasks: Mapping[str, str]
) -> dict[tuple[str, str, str, str, str], float]:
    """Reads patterns.csv of workflow/resources/paper.

    Args:
        path: the file.
        tasks: our task -> the GLUE preset that it is; tasks that are none are left out.

    Returns:
        (task, heads, weights, attention, pattern) -> the published share of maps.
    """
    rows = files.read_csv(path)
    return {
        (ours, row["heads"], row["weights"], row["attention"], row["pattern"]): float(row["share"])
        for ours, glue in tasks.items()
        for row in rows
        if row["task"] == glue
    }
