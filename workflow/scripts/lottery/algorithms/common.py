"""What the options of pruning algorithms have in common. Plain facts, no heavy imports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

PRESETS = ("published", "strict")


@dataclass(frozen=True)
class Option:
    """One option of a method and its value in the two presets.

    Attributes:
        published: the value that repeats the procedure as published.
        strict: the value of the mended procedure.
        choices: the allowed values of an option that is a word; empty for numbers and switches,
            whose ranges stand in the schema of the config.
        applies_to: the stages whose result depends on it: "search" (the masks), "model" (what a
            model under the mask computes, in evaluation and retraining), "import".
    """

    published: object
    strict: object
    choices: tuple[str, ...] = ()
    applies_to: str = "search"

    def preset(self, name: str) -> object:
        """The value in preset `name`, one of `PRESETS`."""
        return {"published": self.published, "strict": self.strict}[name]


# Options of every algorithm that searches. What each value means stands in the schema.
SEARCH_OPTIONS: dict[str, Option] = {
    #                           published       strict
    "search_on": Option(
        "validation", "search_half", ("validation", "search_half", "report_half", "train_sample")
    ),
    "threshold": Option("full", "majority", ("full", "majority")),
    "keep_score": Option(0.9, 0.9),
    "search_metric": Option("search", "reported", ("search", "reported")),
    "majority": Option("validation", "train", ("validation", "train")),
    "search_batch_size": Option(64, 64),
    "search_order": Option("file", "length", ("file", "length")),
    "halves": Option(False, True),
}

# Names of subnetworks of which a method may list further draws: random_2, random_half_3, ...
DRAWN = ("random", "random_half")


def base_name(subnetwork: str) -> str:
    """The kind of a subnetwork: `random_half` of `random_half_2`, else the name itself."""
    stem, _, draw = subnetwork.rpartition("_")
    is_draw = draw.isascii() and draw.isdigit() and draw[0] != "0" and int(draw) >= 2
    return stem if stem in DRAWN and is_draw else subnetwork


def draws(subnetwork: str, n: int) -> Iterator[str]:
    """The names of the first `n` draws: random_half, random_half_2, ..."""
    return (subnetwork if draw == 1 else f"{subnetwork}_{draw}" for draw in range(1, n + 1))


def with_draws(subnetworks: Sequence[str]) -> str:
    """The allowed subnetworks as words for a message."""
    return ", ".join(
        f"{name} (also {name}_2, {name}_3, ...)" if name in DRAWN else name for name in subnetworks
    )
