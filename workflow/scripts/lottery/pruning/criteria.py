"""The criteria by which the importance of units is measured: one entry each.

All take the gradient of the loss with respect to the gate of a unit. The stated quantity is
I = E_x |dL(x)/d gate| (Michel et al. 2019); what is summed differs. No torch at import: every job
reads the options that are made of these entries.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from operator import methodcaller
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

EXAMPLE, BATCH = "example", "batch"


@dataclass(frozen=True)
class Criterion:
    """A criterion.

    Attributes:
        help: what is summed, in a few words.
        of: whose gradient is taken: that of each example's loss (EXAMPLE), or of each batch's mean
            loss (BATCH), which makes the result depend on the order of the examples.
        size: gradients -> what they add to the importance, of the same shape.
        never_reset: whether the gradients of all batches so far are added up before their size is
            taken; only for gradients of batches.
    """

    help: str
    of: str
    size: Callable[[Tensor], Tensor]
    never_reset: bool = False


CRITERIA: dict[str, Criterion] = {
    # What the authors' code computes.
    "running_sum": Criterion(
        "the absolute running sum of the batches' gradients, never reset", BATCH, abs, True
    ),
    # Opposite examples of a batch cancel.
    "per_batch": Criterion("the absolute gradient of each batch", BATCH, abs),
    # The expectation as stated.
    "per_example": Criterion("the absolute gradient of each example", EXAMPLE, abs),
    # The diagonal of the empirical Fisher information of the gates (Kwon et al. 2022).
    "fisher": Criterion("the squared gradient of each example", EXAMPLE, methodcaller("square")),
}

# Those that need the examples in the order of the file.
ORDERED = tuple(name for name, criterion in CRITERIA.items() if criterion.of == BATCH)
