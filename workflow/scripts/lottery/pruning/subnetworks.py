"""The names of subnetworks: what they are, how large, trained from what, found where.

    {kind}[_{draw}][-kept_{share}][-start_{start}][-from_{place}]

`good`, `random_half_2`, `bad-kept_0.3`, `good-start_shuffled`, `good-kept_0.5-from_mnli`.
A part that is left out has its default: the first draw, the size that the search or the source
gives, the pretrained weights, the cell's own mask. So far the algorithms make kinds and draws; the
other parts are reserved (docs/files.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

# Kinds of which there may be further draws: random_2, random_half_3, ...
DRAWN = ("random", "random_half")
PATTERN = (
    r"(?P<name>[a-z][a-z0-9_]*)"
    r"(?:-kept_(?P<kept>0\.\d*[1-9]|1))?"
    r"(?:-start_(?P<start>[a-z]+))?"
    r"(?:-from_(?P<source>[a-z0-9_]+))?"
)
# The same for Snakemake, which names wildcards itself.
CONSTRAINT = re.sub(r"\?P<\w+>", "?:", PATTERN)
_PATTERN = re.compile(PATTERN)


@dataclass(frozen=True)
class Subnetwork:
    """A subnetwork by the parts of its name.

    Attributes:
        kind: good, random, bad, good_half, ..., or full.
        draw: which draw of a random one, from 1.
        kept: the share of parameters that was asked for; None for the size of the search.
        start: the weights that it is trained from; None for the pretrained ones.
        source: where its mask was found; None for the cell itself.
    """

    kind: str
    draw: int = 1
    kept: float | None = None
    start: str | None = None
    source: str | None = None

    @classmethod
    def parse(cls, name: str) -> Subnetwork:
        """Takes a name apart.

        Raises:
            ValueError: it is no name of a subnetwork.
        """
        found = _PATTERN.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is no name of a subnetwork")
        kind, draw = _split_draw(found["name"])
        kept = None if found["kept"] is None else float(found["kept"])
        return cls(kind, draw, kept, found["start"], found["source"])

    def __str__(self) -> str:
        parts = [self.kind if self.draw == 1 else f"{self.kind}_{self.draw}"]
        parts += [] if self.kept is None else [f"kept_{self.kept:g}"]
        parts += [] if self.start is None else [f"start_{self.start}"]
        parts += [] if self.source is None else [f"from_{self.source}"]
        return "-".join(parts)


def _split_draw(name: str) -> tuple[str, int]:
    stem, _, draw = name.rpartition("_")
    if stem in DRAWN and re.fullmatch(r"[1-9][0-9]*", draw) and int(draw) >= 2:
        return stem, int(draw)
    return name, 1


def base_name(subnetwork: str) -> str:
    """The kind of a subnetwork: `random_half` of `random_half_2`, else the name itself."""
    return _split_draw(subnetwork)[0]


def reference_of(subnetwork: str) -> str | None:
    """The subnetwork that a control is compared with: good_half for halves, good for the rest.

    None for what is no control: full, good and good_half themselves.
    """
    if subnetwork in ("full", "good", "good_half"):
        return None
    return "good_half" if "_half" in subnetwork else "good"


def draws(kind: str, n: int) -> Iterator[str]:
    """The names of the first `n` draws: random_half, random_half_2, ..."""
    return (str(Subnetwork(kind, draw)) for draw in range(1, n + 1))


def with_draws(kinds: Sequence[str]) -> str:
    """The allowed subnetworks as words for a message."""
    return ", ".join(
        f"{name} (also {name}_2, {name}_3, ...)" if name in DRAWN else name for name in kinds
    )
