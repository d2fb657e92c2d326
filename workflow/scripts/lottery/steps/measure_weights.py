"""Step measure_weights: mean |w| of every unit of one fine-tuned model."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis.magnitudes import unit_magnitudes
from lottery.models.architecture import read_architecture, read_parameters

VERSION = 2


def measure_weights(*, path_to_model: Path, path_to_magnitudes: Path) -> None:
    """Measures the magnitudes once for all methods: npz with an array per kind of unit."""
    weights = read_parameters(path_to_model)
    files.write_npz(path_to_magnitudes, unit_magnitudes(weights, read_architecture(path_to_model)))
