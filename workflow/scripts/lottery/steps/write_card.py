"""Step write_card: the model card of an exported subnetwork."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lottery import files
from lottery.report.card import Made, model_card
from lottery.results import latency, scores
from lottery.statistics import differences

VERSION = 1


def write_card(
    *,
    path_to_metrics: Path,
    path_to_scores: Path,
    path_to_differences: Path,
    paths_to_latency: Sequence[Path],
    paths_to_records: Sequence[Path],
    path_to_card: Path,
    model: str,
    task: str,
    seed: int,
    method: str,
    subnetwork: str,
    phase: str,
    facts: dict[str, Any],
    training: dict[str, Any],
    pairs: bool,
    weights: list[str],
) -> None:
    """Writes README.md from the study's tables and records.

    Args:
        paths_to_latency: the method's table of measured times; none if nothing was measured.
        paths_to_records: provenance of the model, the task and the trainings.
        facts, training, pairs, weights: see `lottery.report.card.Made`.
    """
    cell = {"model": model, "task": task, "seed": seed}
    cell |= {"method": method, "subnetwork": subnetwork, "phase": phase}
    times = [files.read_table(path, latency.SCHEMA) for path in paths_to_latency]
    card = model_card(
        Made(
            cell=cell,
            facts=facts,
            training=training,
            pairs=pairs,
            files=weights,
            metrics=files.read_json(path_to_metrics),
            scores=scores.score_table(path_to_scores),
            differences=files.read_table(path_to_differences, differences.SCHEMA),
            latency=times[0] if times else None,
            provenance=[files.read_json(path) for path in paths_to_records],
        )
    )
    with files.atomic(path_to_card) as temporary:
        temporary.write_text(card, encoding="utf-8")
