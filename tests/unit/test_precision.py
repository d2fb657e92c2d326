"""The arithmetic of matrix products: what is asked for, what is set, what is recorded."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tiny import tiny_model, tiny_tokens

from lottery.files.errors import StudyError
from lottery.models import precision
from lottery.models.precision import effective, products, set_products
from lottery.runtime.provenance import _precision
from lottery.steps.setup import prepare_torch
from lottery.training.loop import Recipe, train

CPU, CUDA = torch.device("cpu"), torch.device("cuda")
MATMUL = torch.backends.cuda.matmul


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """Leaves torch as it was."""
    monkeypatch.setattr(precision, "used", {})
    before = MATMUL.fp32_precision, torch.get_num_threads()
    yield
    MATMUL.fp32_precision = before[0]
    torch.set_num_threads(before[1])


@pytest.fixture
def card(monkeypatch, request):
    """A card of some compute capability."""
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: request.param)
    return request.param


@pytest.mark.parametrize(
    ("card", "expected"),
    [((7, 5), "fp32"), ((8, 0), "tf32"), ((8, 9), "tf32"), ((9, 0), "tf32"), ((12, 0), "tf32")],
    indirect=["card"],
)
def test_tf32_is_fp32_where_the_card_has_none(card, expected):
    assert effective("tf32", CUDA) == expected
    assert effective("tf32", CPU) == "fp32"
    for other in ("fp32", "bf16"):
        assert effective(other, CUDA) == effective(other, CPU) == other


def stop_after(as_expected: bool, of_cpu: str) -> None:
    """Checks what holds inside a training and ends it with an error."""
    assert as_expected
    assert of_cpu != "tf32"  # it has such a setting too
    raise StudyError("stopped")


@pytest.mark.parametrize("card", [(9, 0)], indirect=True)
@pytest.mark.parametrize("around", ["fp32", "tf32"])
@pytest.mark.parametrize(("inside", "expected"), [("fp32", "ieee"), ("tf32", "tf32")])
def test_a_training_has_its_own_precision(card, around, inside, expected):
    set_products(around, CUDA)
    outside = MATMUL.fp32_precision
    with pytest.raises(StudyError), products(inside, CUDA):
        stop_after(MATMUL.fp32_precision == expected, torch.backends.mkldnn.matmul.fp32_precision)
    assert MATMUL.fp32_precision == outside == ("tf32" if around == "tf32" else "ieee")
    assert _precision() == {"passes": around, "training": inside}


@pytest.mark.parametrize("card", [(7, 0)], indirect=True)
def test_the_record_holds_what_was_computed_in(card):
    set_products("tf32", CUDA)
    with products("bf16", CUDA):
        assert MATMUL.fp32_precision == "ieee"
    assert _precision() == {"passes": "fp32", "training": "bf16"}


def test_a_gpu_that_has_no_tf32_is_told(monkeypatch, caplog):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: (7, 5))
    monkeypatch.setattr(torch, "ones", lambda *_, device: torch.zeros(1))
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    try:
        prepare_torch(1, "tf32")
    finally:
        torch.use_deterministic_algorithms(False)
        torch.backends.cuda.enable_cudnn_sdp(True)
    assert "this GPU has no tf32: computing in fp32" in caplog.text


def test_on_the_cpu_tf32_trains_as_fp32_does():
    trained = []
    for asked in ("fp32", "tf32"):
        model = tiny_model()
        recipe = replace(Recipe(learning_rate=1e-3, batch_size=8, epochs=1), precision=asked)
        train(model, tiny_tokens(16), recipe, 1)
        trained.append(list(model.parameters()))
    assert all(torch.equal(a, b) for a, b in zip(*trained, strict=True))
