"""The words of a verdict."""

from __future__ import annotations

SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"
TOO_FEW = "undecided (too few seeds)"
BY_CONSTRUCTION = "true by construction"
NOT_APPLICABLE, NOT_COMPARABLE, NOT_RUN = "not applicable", "not comparable", "not run"
DECIDED = (SUPPORTED, CONTRADICTED)
VERDICTS = (
    SUPPORTED,
    CONTRADICTED,
    UNDECIDED,
    TOO_FEW,
    BY_CONSTRUCTION,
    NOT_APPLICABLE,
    NOT_COMPARABLE,
    NOT_RUN,
)
