"""Masks made elsewhere: nothing is searched, so no half can be followed from the start."""

from __future__ import annotations

from lottery.algorithms.common import Option

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
