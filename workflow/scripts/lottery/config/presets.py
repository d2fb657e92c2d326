"""What the two presets decide apart from the options of algorithms."""

from __future__ import annotations

# The split on which a preset's results are shown; the strict procedure searches on the other half.
DISPLAY_SPLIT = {"published": "validation", "strict": "report_half"}
