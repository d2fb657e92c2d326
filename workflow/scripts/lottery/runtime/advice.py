"""What to do about an error that is the machine's, by its cause.

Errors in what the user gives are found where they are read, and name it.
"""

from __future__ import annotations

import errno

# Of each step that runs a model, what makes its batches smaller.
SMALLER = {
    "finetune": "training.batch_size or training.max_length",
    "retrain": "training.batch_size or training.max_length",
    "train_again": "training.batch_size or training.max_length",
    "search": "search_batch_size of the method",
    "evaluate_pruned": "evaluation.batch_size",
    "evaluate_on": "evaluation.batch_size",
    "evaluate_line": "evaluation.batch_size",
}
FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


def advice(error: Exception, step: str, slots_per_gpu: int = 1) -> str | None:
    """What is full or broken, and what helps; None for an error of another cause.

    Errors of torch are known by their names and words: this module does not import it.
    """
    name, text = type(error).__name__, str(error)
    number = error.errno if isinstance(error, OSError) else None
    of_cuda = "CUDA" in text or "CUBLAS" in text or "cuDNN" in text
    if name == "OutOfMemoryError" or (
        of_cuda and ("out of memory" in text or "ALLOC_FAILED" in text)
    ):
        if slots_per_gpu > 1:
            return f"the memory of the GPU is full: lower compute.slots_per_gpu ({slots_per_gpu})"
        smaller = f", or lower {SMALLER[step]}" if step in SMALLER else ""
        return (
            "the memory of the GPU is full: end other programs on it, take one with more "
            f"memory{smaller}"
        )
    if name == "AcceleratorError" or "CUDA error" in text:
        return "the GPU or its driver has failed: run again, elsewhere if it happens again"
    if isinstance(error, MemoryError) or number == errno.ENOMEM or "DefaultCPUAllocator" in text:
        return (
            "the memory of the machine is full: run fewer jobs at a time (--cores, or --resources "
            "mem_mb=...), or where a scheduler limits jobs raise mem_mb (--set-resources)"
        )
    if number in FULL_DISK or "No space left on device" in text:
        return "the disk is full: free space and run again"
    if number in (errno.EMFILE, errno.ENFILE):
        return "too many files are open: raise the limit (ulimit -n) and run again"
    if number in (errno.EIO, errno.ESTALE):
        return "the file system has failed: run again when it can be read"
    return None
