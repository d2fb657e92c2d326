"""Advice follows the cause of an error."""

from __future__ import annotations

import errno
import os

import pytest
import torch

from lottery import files
from lottery.files.errors import StudyError
from lottery.files.reading import reading
from lottery.runtime.advice import advice
from lottery.steps import evaluate_pruned
from lottery.training.history import History

SHORT = "CUDA out of memory. Tried to allocate 2.00 GiB."
GPU, MACHINE, DISK = "memory of the GPU is full", "memory of the machine is full", "disk is full"


def os_error(number: int) -> OSError:
    return OSError(number, os.strerror(number), "a/file")


@pytest.mark.parametrize(
    ("error", "step", "slots", "said"),
    [
        (torch.OutOfMemoryError(SHORT), "finetune", 1, [GPU, "training.batch_size"]),
        (torch.OutOfMemoryError(SHORT), "retrain", 1, [GPU, "training.batch_size"]),
        (torch.OutOfMemoryError(SHORT), "search", 1, [GPU, "search_batch_size"]),
        (torch.OutOfMemoryError(SHORT), "evaluate_pruned", 1, [GPU, "evaluation.batch_size"]),
        (torch.OutOfMemoryError(SHORT), "finetune", 4, [GPU, "lower compute.slots_per_gpu (4)"]),
        (torch.OutOfMemoryError(SHORT), "majority", 1, [GPU, "one with more memory"]),
        (RuntimeError("CUDA error: out of memory"), "finetune", 1, [GPU]),
        (RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling"), "finetune", 1, [GPU]),
        (RuntimeError("CUDA error: device-side assert triggered"), "search", 1, ["driver"]),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), "search", 1, ["driver"]),
        (MemoryError(), "finetune", 1, [MACHINE, "--cores", "mem_mb"]),
        (MemoryError("Unable to allocate 8 GiB"), "finetune", 4, [MACHINE]),
        (os_error(errno.ENOMEM), "tokenize", 1, [MACHINE]),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "finetune", 1, [MACHINE]),
        (os_error(errno.ENOSPC), "finetune", 1, [DISK]),
        (os_error(errno.EDQUOT), "finetune", 1, [DISK]),
        (RuntimeError("I/O error: No space left on device (os error 28)"), "search", 1, [DISK]),
        (os_error(errno.EMFILE), "search", 1, ["ulimit -n"]),
        (os_error(errno.EIO), "search", 1, ["file system"]),
        (os_error(errno.ENOENT), "search", 1, None),
        (ValueError("out of memory cells"), "search", 1, None),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), "search", 1, None),
    ],
)
def test_the_advice_names_what_is_full(error, step, slots, said):
    found = advice(error, step, slots)
    if said is None:
        assert found is None
        return
    assert all(words in found for words in said)
    # And nothing that would help against another cause.
    causes = {GPU, MACHINE, DISK}
    assert {cause for cause in causes if cause in found} == causes & {*said}


@pytest.mark.parametrize(
    ("step", "precision", "said", "not_said"),
    [
        (5, "fp32", "lower training.learning_rate, or raise training.warmup_steps", "precision"),
        (5, "bf16", "lower training.learning_rate, or set training.precision to fp32", "warm"),
        (1, "fp32", "no weight has been changed yet, so look", "lower"),
        (1, "bf16", "no weight has been changed yet, so look", "lower"),
    ],
)
@pytest.mark.parametrize("loss", [float("nan"), float("inf")])
def test_a_loss_that_is_no_number_names_what_can_help(step, precision, said, not_said, loss):
    history = History(10, torch.device("cpu"), precision)
    history.add(torch.tensor(loss), 3)
    with pytest.raises(StudyError, match=f"is {loss} at step {step} ") as caught:
        history.flush(step, 1, 2e-5)
    assert f"2.00e-05, {precision}): {said}" in str(caught.value)
    assert not_said not in str(caught.value)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "free space there"),
        (errno.EDQUOT, "free space there"),
        (errno.EACCES, "make its folder writable"),
        (errno.EROFS, "make its folder writable"),
        (errno.EFBIG, "raise the limit of file sizes (ulimit -f)"),
    ],
)
def test_a_write_that_fails_names_what_can_help(tmp_path, number, said):
    path = tmp_path / "a.txt"
    with pytest.raises(StudyError, match="cannot be written") as caught, files.atomic(path):
        raise os_error(number)
    assert f"; {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (os_error(errno.EIO), "cannot be read (Input/output error); run again when it can"),
        (os_error(errno.ESTALE), "cannot be read (Stale file handle)"),
        (os_error(errno.EMFILE), "cannot be read (Too many open files)"),
        (OSError("Failed to interpret file"), "is cut short or no npy file"),
        (ValueError("bad magic"), "is cut short or no npy file"),
    ],
)
def test_a_file_that_cannot_be_read_is_not_to_be_deleted(error, said):
    with pytest.raises(StudyError) as caught, reading("a.npy", "npy"):
        raise error
    assert said in str(caught.value)
    assert ("delete it" in str(caught.value)) == ("cut short" in said)


@pytest.mark.parametrize(
    ("error", "ends"),
    [
        (torch.OutOfMemoryError(SHORT), True),
        (torch.AcceleratorError("CUDA error: unspecified launch failure"), True),
        (ValueError("one mask"), False),
    ],
)
def test_a_gpu_that_fails_ends_the_evaluation_of_pruned_models(monkeypatch, tmp_path, error, ends):
    """Otherwise each of them would be evaluated on the CPU, without a word on the terminal."""

    def fail(**keywords):
        raise error

    monkeypatch.setattr(evaluate_pruned, "evaluate_one", fail)
    (tmp_path / "model").write_text("a model")
    arguments = {
        "path_to_model": tmp_path / "model",
        "paths_to_masks": [tmp_path / "good.safetensors"],
        "paths_to_tokens": [],
        "path_to_pruned": tmp_path / "pruned.json",
        "splits": [],
        "batch_size": 1,
        "torch_threads": torch.get_num_threads(),
    }
    if ends:
        with pytest.raises(type(error)):
            evaluate_pruned.evaluate_pruned(**arguments)
    else:
        evaluate_pruned.evaluate_pruned(**arguments)
    assert (tmp_path / "pruned.json").exists() != ends
