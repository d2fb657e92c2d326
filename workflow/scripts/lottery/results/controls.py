"""Which subnetwork a control is a control of. No imports: the Snakefile asks, too."""

from __future__ import annotations


def reference_of(subnetwork: str) -> str | None:
    """The subnetwork that a control is compared with: good_half for halves, good for the rest.

    Returns:
        None for what is no control: full, good and good_half themselves.
    """
    if subnetwork in ("full", "good", "good_half"):
        return None
    return "good_half" if "_half" in subnetwork else "good"
