"""The criteria by which the importance of units is measured: one entry each.

All take the gradient of the loss with respect to the gate of a unit. The stated quantity is
I = E_x |dL(x)/d gate| (Michel et al. 2019); what is summed differs. No torch at import: every job
reads the options that are made of these entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLE, BATCH = "example", "batch"


@dataclass(frozen=True, kw_only=True)
class Criterion:
    """A criterion.

    Attributes:
        help: what is summed, in a few words.
        of: whose gradient is taken: that of each example's loss ("example") or of each batch's mean
            loss ("batch").
        size: gradients -> what they add to the importance, of the same shape.
        ordered: whether the result depends on the order of the examples.
        never_reset: whether the gradients of all batches so far are added up before their size is
            taken; only for gradients of batches.
    """

    help: str
    of: str
    size: Callable[[Tensor], Tensor]
    ordered: bool
    never_reset: bool = False


def _absolute(gradients: Tensor) -> Tensor:
    return gradients.abs()


CRITERIA: dict[str, Criterion] = {
    # What the authors' code computes.
    "running_sum": Criterion(
        help="the absolute running sum of the batches' gradients, never reset",
        of=BATCH,
        size=_absolute,
        ordered=True,
        never_reset=True,
    ),
    # Opposite examples of a batch cancel.
    "per_batch": Criterion(
        help="the absolute gradient of each batch", of=BATCH, size=_absolute, ordered=True
    ),
    # The expectation as stated.
    "per_example": Criterion(
        help="the absolute gradient of each example", of=EXAMPLE, size=_absolute, ordered=False
    ),
    # The diagonal of the empirical Fisher information of the gates (Kwon et al. 2022).
    "fisher": Criterion(
        help="the squared gradient of each example",
        of=EXAMPLE,
        size=lambda gradients: gradients.square(),
        ordered=False,
    ),
}

# Those that need the examples in the order of the file.
ORDERED = tuple(name for name, criterion in CRITERIA.items() if criterion.ordered)
