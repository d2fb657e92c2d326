"""Masks made elsewhere: nothing is searched, so no half can be followed from the start.

They are masks of whole units, so their controls are drawn as those of a structured search.
"""

from __future__ import annotations

from lottery.algorithms.common import Option
from lottery.algorithms.structured import SOURCES as STRUCTURED_SOURCES
from lottery.algorithms.structured import sample

__all__ = ["DEFAULT_SUBNETWORKS", "HAS_IMPORTANCE", "OPTIONS", "SOURCES", "SUBNETWORKS", "sample"]

OPTIONS: dict[str, Option] = {
    "masks": Option(None, None, applies_to="import"),
    #                            published    strict
    "emptied_attention": Option(
        "drop_bias", "keep_bias", ("drop_bias", "keep_bias"), applies_to="model"
    ),
}

SUBNETWORKS = {
    "published": ("good", "random", "bad", "super_good", "super_random", "super_bad"),
    "strict": ("good", "super_good"),
}
DEFAULT_SUBNETWORKS: dict[str, tuple[str, ...]] = {"published": (), "strict": ()}

HAS_IMPORTANCE = False  # only the masks are imported, not the scores they came from

# Which masks a control is drawn from.
SOURCES = {kind: source for kind, source in STRUCTURED_SOURCES.items() if source == "good"}
