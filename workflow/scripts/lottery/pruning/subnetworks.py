"""The names of subnetworks: what they are, how large, trained from what, found where.

    {kind}[_{draw}][-kept_{share}][-start_{start}][-from_{place}]

`good`, `random_half_2`, `bad-kept_0.3`, `good-start_shuffled`, `good-kept_0.5-from_mnli`.
A part that is left out has its default: the first draw, the size that the search or the source
gives, the pretrained weights, the cell's own mask.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

# Kinds of which there may be further draws: random_2, random_half_3, ...
DRAWN = ("random", "random_half", "random_uniform", "random_layerwise")
# Controls that every algorithm has, by what they have in common with the mask that they are
# compared with: the number of units or weights, this number in every layer, nothing.
UNIFORM, LAYERWISE, INVERTED = CONTROLS = ("random_uniform", "random_layerwise", "inverted")
GOOD = "good"
# The kinds that can be made at a size that the config gives.
SIZED = (GOOD, "bad", *CONTROLS)
# The weights that a subnetwork is trained from, if not the pretrained ones: what they are.
STARTS = {
    "finetuned": "the fine-tuned weights of the full model, its classifier included",
    "reinitialised": "weights drawn as the model was before pretraining",
    "shuffled": "the pretrained weights, the entries of each matrix permuted",
    "rewound": "the weights of the full model after rewind_step steps of its fine-tuning",
}
PATTERN = (
    r"(?P<name>[a-z][a-z0-9_]*)"
    r"(?:-kept_(?P<kept>0\.\d*[1-9]))?"
    r"(?:-start_(?P<start>[a-z]+))?"
    r"(?:-from_(?P<source>[a-z0-9_]+))?"
)
# The same for Snakemake, which names wildcards itself.
CONSTRAINT = re.sub(r"\?P<\w+>", "?:", PATTERN)
_PATTERN = re.compile(PATTERN)


@dataclass(frozen=True)
class Subnetwork:
    """A subnetwork by the parts of its name; draws count from 1, None is the part's default."""

    kind: str
    draw: int = 1
    kept: float | None = None
    start: str | None = None
    source: str | None = None

    @classmethod
    def parse(cls, name: str) -> Subnetwork:
        """Takes a name apart."""
        found = _PATTERN.fullmatch(name)
        if found is None:
            raise ValueError(f"{name!r} is no name of a subnetwork")
        kind, draw = _split_draw(found["name"])
        kept = None if found["kept"] is None else float(found["kept"])
        return cls(kind, draw, kept, found["start"], found["source"])

    def __str__(self) -> str:
        parts = [self.kind if self.draw == 1 else f"{self.kind}_{self.draw}"]
        parts += [] if self.kept is None else [f"kept_{self.kept:.10f}".rstrip("0")]
        parts += [] if self.start is None else [f"start_{self.start}"]
        parts += [] if self.source is None else [f"from_{self.source}"]
        return "-".join(parts)

    @property
    def is_plain(self) -> bool:
        """Whether it is what the search or a draw of its mask gives, on the pretrained weights."""
        return (self.kept, self.start, self.source) == (None, None, None)

    @property
    def mask(self) -> Subnetwork:
        """The subnetwork whose mask it has: the start does not matter."""
        return replace(self, start=None)


def _split_draw(name: str) -> tuple[str, int]:
    stem, _, draw = name.rpartition("_")
    if stem in DRAWN and re.fullmatch(r"[1-9][0-9]*", draw) and int(draw) >= 2:
        return stem, int(draw)
    return name, 1


def base_name(subnetwork: str) -> str:
    """A name without its draw: `random_half` of `random_half_2`."""
    kind, dash, rest = subnetwork.partition("-")
    return _split_draw(kind)[0] + dash + rest


def is_plain(subnetwork: str) -> bool:
    """Whether a name has neither size, start nor source."""
    return Subnetwork.parse(subnetwork).is_plain


def reference_of(subnetwork: str) -> str | None:
    """The subnetwork that a control is compared with: good_half for halves, good for the rest.

    Those of a size, a start or a source have a reference with the same. None for what is no
    control: full, good and good_half themselves.
    """
    named = Subnetwork.parse(subnetwork)
    if named.kind in ("full", "good", "good_half"):
        return None
    return str(replace(named, kind="good_half" if "_half" in named.kind else "good", draw=1))


def draws(kind: str, n: int) -> Iterator[str]:
    """The names of the first `n` draws: random_half, random_half_2, ..."""
    return (str(Subnetwork(kind, draw)) for draw in range(1, n + 1))


def with_draws(kinds: Sequence[str]) -> str:
    """The allowed subnetworks as words for a message."""
    return ", ".join(
        f"{name} (also {name}_2, {name}_3, ...)" if name in DRAWN else name for name in kinds
    )


def curves_of(names: Iterable[str]) -> dict[str, dict[float, tuple[str, ...]]]:
    """The subnetworks with a size and nothing else: kind -> share asked for -> draws."""
    found: dict[str, dict[float, tuple[str, ...]]] = {}
    for name in dict.fromkeys(names):
        named = Subnetwork.parse(name)
        if named.kept is not None and (named.start, named.source) == (None, None):
            sizes = found.setdefault(named.kind, {})
            sizes[named.kept] = (*sizes.get(named.kept, ()), name)
    return {kind: dict(sorted(sizes.items())) for kind, sizes in found.items()}


def common_sizes(names: Mapping[str, Iterable[str]]) -> dict[float, list[str]]:
    """The sizes at which several methods have a good subnetwork, and these methods in order.

    Args:
        names: method -> its subnetworks.
    """
    found: dict[float, list[str]] = {}
    for method, subnetworks in names.items():
        for kept in curves_of(subnetworks).get(GOOD, {}):
            found.setdefault(kept, []).append(method)
    return {kept: found[kept] for kept in sorted(found, reverse=True) if len(found[kept]) > 1}
