"""What a generated task is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random


@dataclass(frozen=True)
class Sentence:
    """One example as a grammar writes it.

    Attributes:
        text_a: The only text, or the first of a pair.
        text_b: The second of a pair, else None.
        label: Index of the label's name, or a score.
        deciding: The words without which the label could not be told.
        group: The kind of example, for tasks that are scored by kind.
    """

    text_a: str
    text_b: str | None
    label: int | float
    deciding: tuple[str, ...]
    group: str = ""


@dataclass(frozen=True)
class Example(Sentence):
    """A sentence of a split, numbered from 0 within the split."""

    idx: int = field(kw_only=True)


Writer = Callable[[Random], Sentence]


@dataclass(frozen=True)
class Spec:
    """A generated task.

    Attributes:
        labels: Names of the labels in the order of their indices; None for a score.
        text: Names of the text columns, one or two.
        metrics: What is scored; the first is reported.
        open_writer: Takes a split and the generator that shares the words out between the splits;
            gives a function that writes one sentence after another.
    """

    labels: tuple[str, ...] | None
    text: tuple[str, ...]
    metrics: tuple[str, ...]
    open_writer: Callable[[str, Random], Writer]

    @property
    def metric(self) -> str:
        """The reported metric."""
        return self.metrics[0]
