"""What every step that runs a model does first."""

from __future__ import annotations

import logging
import os

import torch

from lottery.files.errors import StudyError
from lottery.models import precision as arithmetic
from lottery.runtime.allocator import keep_freed_memory
from lottery.runtime.gpu_lease import NO_DEVICE, VISIBLE

logger = logging.getLogger(__name__)


def prepare_torch(torch_threads: int, precision: str = arithmetic.FP32) -> torch.device:
    """Sets threads, memory, determinism and precision; gives the device to run on.

    Results are the same bit for bit for one kind of device and one number of threads, so the
    number of threads (of one operation on the CPU) is part of a rule's params.

    Args:
        precision: "fp32" or "tf32", of all that is computed outside of a training.

    Raises:
        StudyError: A GPU has been leased, and torch cannot compute on it.
    """
    torch.set_num_threads(torch_threads)
    keep_freed_memory()
    leased = os.environ.get(VISIBLE, "").strip()
    if torch.cuda.is_available():
        device = torch.device("cuda")
        compute_deterministically()
        try:
            torch.ones(1, device=device).sum().item()
        except RuntimeError as error:
            problem = str(error).strip().partition("\n")[0].rstrip(".")
            raise StudyError(
                f"torch finds the GPU {leased} but cannot compute on it: {problem}."
            ) from error
        logger.info("running on %s", torch.cuda.get_device_name(device))
        arithmetic.set_products(precision, device)
        if arithmetic.used["passes"] != precision:
            logger.warning("this GPU has no %s: computing in fp32", precision)
        return device
    if leased not in NO_DEVICE:
        # No quiet computation on the CPU: it would take days, and other cells have run on a GPU.
        without = "is built without CUDA" if torch.version.cuda is None else "does not find it"
        raise StudyError(
            f"The GPU {leased} is leased, but torch {torch.__version__} {without}: repair the "
            f"driver, torch or {VISIBLE}, or set compute.device to cpu."
        )
    device = torch.device("cpu")
    arithmetic.set_products(precision, device)
    return device


def compute_deterministically() -> None:
    """Lets CUDA compute the same bits in every run.

    An operation without a deterministic form raises an error. With a warning alone (`warn_only`),
    attention would keep forms whose gradients differ from run to run.
    """
    torch.use_deterministic_algorithms(True)
    # Filling every new tensor would find reads of unwritten memory, at a kernel for each.
    torch.utils.deterministic.fill_uninitialized_memory = False
    # cuBLAS reads it when the first product is computed.
    os.environ["CUBLAS_WORKSPACE_CONFIG"] = ":4096:8"
    torch.backends.cudnn.benchmark = False
    # cuDNN's attention builds a plan for every new shape of batch, which takes about a second.
    torch.backends.cuda.enable_cudnn_sdp(False)
