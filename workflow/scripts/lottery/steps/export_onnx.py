"""Step export_onnx: an exported model as an ONNX graph, shrunk where units are pruned."""

from __future__ import annotations

from pathlib import Path

from lottery.models.checkpoints import load_model
from lottery.models.exported import write_onnx
from lottery.steps.setup import prepare_torch

VERSION = 1


def export_onnx(*, path_to_model: Path, path_to_onnx: Path, torch_threads: int) -> None:
    """Writes model.onnx, and compares its logits with the model's on batches of other sizes."""
    prepare_torch(torch_threads)
    write_onnx(path_to_onnx, load_model(path_to_model))
