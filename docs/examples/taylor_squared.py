"""Structured pruning by the squares of weight x gradient, summed over the weights of a unit.

The built-in criterion `taylor` sums first, so that weights with opposite signs cancel.
"""

from lottery.pruning.algorithms.structured import with_criterion
from lottery.pruning.criteria import GRADIENTS, Criterion

ALGORITHM = with_criterion(
    "taylor_squared",
    "Removes units by the sum of squared weight x gradient over their weights.",
    Criterion(
        help="the sum of squared weight x gradient over the unit's weights",
        needs=GRADIENTS,
        score=lambda weights, gradients: (weights * gradients).square().sum(1),
    ),
)
