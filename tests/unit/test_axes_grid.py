"""Figures of an axis are asked for where a method has subnetworks along it, and nowhere else."""

from __future__ import annotations

import pytest
from small_study import study

from lottery.planning import grid

AXES = ("kept", "start", "source")
# What a method of the small study adds -> the axes that it has then.
METHODS = {
    "": set(),
    "kept: [0.5]": {"kept"},
    "starts: {shuffled: [good]}": {"start"},
    "masks_from: [rte, sst2]": {"source"},
    "subnetworks: [good, good-kept_0.5-start_shuffled]": {"kept", "start"},
}


@pytest.mark.parametrize("added", METHODS)
def test_an_axis_has_the_methods_with_subnetworks_along_it(added):
    asked = study(
        "tasks: {rte: {}, sst2: {}}\n"
        "methods:\n"
        "  plain: {algorithm: structured}\n"
        f"  s: {{algorithm: structured, {added}}}\n"
    )
    for axis in AXES:
        rows = [{"model": "small", "method": "s"}] if axis in METHODS[added] else []
        assert grid.axis_rows(asked, axis) == rows
