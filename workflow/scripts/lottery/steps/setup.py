"""What every step that runs a model does first."""

from __future__ import annotations

import logging
import os

import torch

from lottery.runtime.allocator import keep_freed_memory
from lottery.runtime.gpu_lease import VISIBLE

logger = logging.getLogger(__name__)


def prepare_torch(torch_threads: int) -> torch.device:
    """Sets threads, memory and determinism; gives the device to run on.

    Results are the same bit for bit for one kind of device and one number of threads, so the
    number of threads (of one operation on the CPU) is part of a rule's params.
    """
    torch.set_num_threads(torch_threads)
    keep_freed_memory()
    if not torch.cuda.is_available():
        if leased := os.environ.get(VISIBLE):
            logger.warning(
                "torch finds no device %s; computing on the CPU (a wrong name in %s, or a torch"
                " without CUDA?)",
                leased,
                VISIBLE,
            )
        return torch.device("cpu")
    # Some kernels have no deterministic form; torch names them in a warning, which the log keeps.
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling every new tensor would find reads of unwritten memory, at a kernel for each.
    torch.utils.deterministic.fill_uninitialized_memory = False
    device = torch.device("cuda")
    logger.info("running on %s", torch.cuda.get_device_name(device))
    return device
