"""Runs that are killed, doubled, starved or fed damaged files end like one left in peace."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from campaign import campaign

# One for each part of a run that a fault can meet; `make test-long` draws from all kinds.
KINDS = (
    "SIGTERM to a job",
    "kill -9 of Snakemake amid long jobs",
    "Ctrl-C (SIGINT to all)",
    "a second run after --unlock",
    "a finished file cut short",
    "disk full",
    "clock set back",
)
FAULTS = len(KINDS)  # one of each: a campaign draws its kinds like cards


@pytest.mark.slow
@pytest.mark.faults
@pytest.mark.timeout(1800)  # next to other tests; minutes on two idle cores
def test_no_fault_costs_a_result(tmp_path: Path) -> None:
    records = []
    for record in campaign(tmp_path, FAULTS, seed=0, kinds=KINDS):
        records.append(record)
        print(json.dumps(record))  # shown if a later one fails
    assert len(records) == FAULTS
    assert {record["kind"] for record in records} == set(KINDS)
    assert any(record["next"] and record["next"]["ended"] for record in records)
    # Many meet a run at work, and some one that is still planning.
    assert sum(bool(record["running"]) for record in records) > FAULTS / 3
