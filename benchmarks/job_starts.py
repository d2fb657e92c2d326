"""Seconds of a GPU job that are not its work: imports, the device, a model read and written.

They pass while the job holds the GPU. What Snakemake or SLURM takes before that is not counted.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch

from lottery.models.checkpoints import save_model
from lottery.models.encoder import Encoder
from startup import JOB, SCRIPTS

RUNS = 2  # the shorter counts: the first fills the disk cache
CODE = f"""
{JOB}
import sys
from pathlib import Path
import torch, lottery.steps.retrain
from lottery import files
from lottery.models.checkpoints import load_model, save_model
from lottery.steps.setup import prepare_torch
device = prepare_torch(1)
if sys.argv[2] == "cpu":
    device = torch.device("cpu")
read = Path(sys.argv[1])
files.sha256(read)
model = load_model(read).to(device)
written = read.with_name("written.safetensors")
save_model(written, model)
files.sha256(written)
"""


def start_seconds(model: Encoder, device: torch.device) -> float:
    """Wall time of a process that does all that a retraining does but train.

    Args:
        model: is written to a file, which the process reads.
        device: where the process puts the model.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_model(path, model)
        command = [sys.executable, "-c", CODE, str(path), device.type]
        times = []
        for _ in range(RUNS):
            started = time.perf_counter()
            subprocess.run(command, cwd=SCRIPTS, check=True, capture_output=True)
            times.append(time.perf_counter() - started)
    return min(times)
