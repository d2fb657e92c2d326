"""The arithmetic of matrix products: what is asked for, and what the device has.

TF32 keeps the range of float32 and 10 bits of its mantissa. Cards from compute capability 8.0 on
have it; it applies to products of float32 matrices and to nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

FP32, TF32, BF16 = "fp32", "tf32", "bf16"
TF32_CAPABILITY = (8, 0)

# What this process has computed in: "training" and "passes" -> the effective precision. The
# provenance record repeats it.
used: dict[str, str] = {}


def effective(precision: str, device: torch.device) -> str:
    """The precision that a device computes in where another may be asked for: fp32 for tf32."""
    if precision != TF32:
        return precision
    if device.type != "cuda" or torch.cuda.get_device_capability(device) < TF32_CAPABILITY:
        return FP32
    return TF32


def set_products(precision: str, device: torch.device, work: str = "passes") -> None:
    """Sets how CUDA multiplies float32 matrices from now on.

    Only this one setting is touched: the one of all devices would change the products of CPUs too.

    Args:
        precision: "fp32", "tf32", or "bf16" (of autocast, which leaves float32 as it is).
        work: "training" or "passes", for the record.
    """
    used[work] = effective(precision, device)
    # Whatever an image sets in the environment (TORCH_ALLOW_TF32_CUBLAS_OVERRIDE).
    torch.backends.cuda.matmul.fp32_precision = "tf32" if used[work] == TF32 else "ieee"


@contextmanager
def products(precision: str, device: torch.device) -> Iterator[None]:
    """Sets how CUDA multiplies float32 matrices in a training; arguments as of `set_products`."""
    before = torch.backends.cuda.matmul.fp32_precision
    set_products(precision, device, "training")
    try:
        yield
    finally:
        torch.backends.cuda.matmul.fp32_precision = before
