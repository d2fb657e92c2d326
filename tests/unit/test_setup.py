"""Which device a step computes on, and how torch is set up there."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

import lottery
from lottery.files.errors import StudyError
from lottery.models.precision import set_products
from lottery.runtime import gpu_lease, start
from lottery.runtime.gpu_lease import Device
from lottery.runtime.provenance import _cuda_settings
from lottery.steps import setup
from lottery.steps.setup import compute_deterministically, prepare_torch

LIBRARY = Path(lottery.__file__).parent


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch):
    """Leaves torch as it was."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    threads, precision = torch.get_num_threads(), torch.backends.cuda.matmul.fp32_precision
    yield
    torch.set_num_threads(threads)
    torch.use_deterministic_algorithms(False)
    torch.backends.cuda.enable_cudnn_sdp(True)
    torch.backends.cuda.matmul.fp32_precision = precision


@pytest.mark.parametrize("visible", [None, "", " ", "-1", "NoDevFiles"])
def test_without_a_lease_the_cpu_is_used(monkeypatch, visible):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert prepare_torch(1).type == "cpu"
    assert not torch.are_deterministic_algorithms_enabled()


def cannot(*arguments, **keywords):
    """Fails as the driver does."""
    raise RuntimeError("CUDA error: no kernel image is available.\nCompile with TORCH_USE_CUDA_DSA")


@pytest.mark.parametrize(
    ("found", "cuda", "said"),
    [
        (
            False,
            None,
            r"GPU-7 is leased, but torch 2\S+ is built without CUDA: .* compute\.device to cpu",
        ),
        (
            False,
            "13.0",
            r"GPU-7 is leased, but torch 2\S+ does not find it: .* compute\.device to cpu",
        ),
        (True, "13.0", r"GPU-7 but cannot .* it: CUDA error: no kernel image is available\.$"),
    ],
)
def test_a_leased_gpu_that_cannot_be_used_is_an_error(monkeypatch, found, cuda, said):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    monkeypatch.setattr(torch.version, "cuda", cuda)
    monkeypatch.setattr(torch, "ones", cannot)
    with pytest.raises(StudyError, match=said):
        prepare_torch(1)


def test_a_gpu_that_works_is_used(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-7")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Card")
    monkeypatch.setattr(torch, "ones", lambda *_, device: torch.zeros(1))
    assert prepare_torch(1) == torch.device("cuda")
    assert _cuda_settings(torch)["deterministic"]


def test_what_is_set_for_cuda_is_what_provenance_records(monkeypatch):
    monkeypatch.setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
    torch.use_deterministic_algorithms(True, warn_only=True)
    assert not _cuda_settings(torch)["deterministic"]
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    compute_deterministically()
    set_products("fp32", torch.device("cuda"))
    assert _cuda_settings(torch) == {
        "deterministic": True,
        "cudnn_benchmark": False,
        "cudnn_attention": False,
        "matmul_fp32_precision": "ieee",
        "cublas_workspace": ":4096:8",
        "device_order": "PCI_BUS_ID",
    }


CARDS = [Device(f"GPU-{i}", f"GPU-{i}", "Card", i) for i in range(2)]


@pytest.mark.parametrize(
    ("device", "visible", "listed", "resources", "local", "said"),
    [
        ("auto", None, [], {}, True, None),
        ("auto", None, CARDS, {"gpu": 2}, True, None),
        ("auto", None, CARDS, {}, True, "2 GPUs .* add --resources gpu=6"),
        ("auto", "", CARDS, {}, True, None),
        ("auto", "all", CARDS, {"gpu": 1}, True, "CUDA_VISIBLE_DEVICES is 'all'"),
        ("auto", "all", CARDS, {}, False, None),  # the jobs' own environment decides
        ("cuda", None, [], {}, True, "device is cuda, but there is no GPU on .*NVML lists none"),
        ("cuda", "-1", CARDS, {"gpu": 1}, True, "no GPU on .*CUDA_VISIBLE_DEVICES is '-1'"),
        ("cuda", None, [], {}, False, None),
        ("cuda", "1", CARDS, {"gpu": 1}, True, None),
        ("cpu", "all", CARDS, {}, True, None),
    ],
)
def test_what_a_run_refuses_before_its_first_job(
    monkeypatch, device, visible, listed, resources, local, said
):
    monkeypatch.setattr(gpu_lease, "_nvml_devices", lambda: listed)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    job = SimpleNamespace(resources={"gpu": 1})
    workflow = SimpleNamespace(
        local_exec=local,
        global_resources=resources,
        dag=SimpleNamespace(needrun_jobs=lambda: [job]),
    )
    compute = {"device": device, "slots_per_gpu": 3}
    if said is None:
        start.check_gpus(workflow, compute)
    else:
        with pytest.raises(StudyError, match=said):
            start.check_gpus(workflow, compute)


# What raises an error on CUDA in strict mode, and could have been meant for arrays of numpy.
RAISING = {
    *("cumsum", "cumsum_", "logcumsumexp", "bincount", "histc", "median", "nanmedian", "kthvalue"),
    *("put_", "scatter_reduce", "scatter_reduce_", "nll_loss2d", "ctc_loss", "interpolate"),
    *("grid_sample", "EmbeddingBag", "embedding_bag", "NLLLoss", "CTCLoss"),
}


def raising(source: str) -> list[str]:
    """The calls in a module that imports torch which CUDA cannot compute deterministically."""
    tree = ast.parse(source)
    imports = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in [getattr(node, "module", None) or "", *(each.name for each in node.names)]
    }
    if "torch" not in imports:
        return []
    return [
        f"{node.lineno}: {ast.unparse(node)}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in RAISING
        and ast.unparse(node.value) not in ("np", "numpy")
    ]


def test_no_module_uses_what_has_no_deterministic_form_on_cuda():
    found = {path: raising(path.read_text()) for path in sorted(LIBRARY.rglob("*.py"))}
    assert {str(path): calls for path, calls in found.items() if calls} == {}


@pytest.mark.parametrize(
    ("line", "calls"),
    [
        ("torch.cumsum(x, 0)", 1),
        ("x.cumsum(0)", 1),
        ("np.cumsum(x)", 0),
        ("x[0].sort().put_(i, y)", 1),
        ("torch.bincount(x, weights=y)", 1),
        ("x.max()", 0),
    ],
)
def test_the_search_for_them_finds_them(line, calls):
    assert len(raising(f"import torch\n{line}")) == calls
    assert raising(f"import numpy as np\n{line}") == []


def test_the_gpu_is_set_up_in_one_place():
    users = [
        path.name
        for path in sorted(LIBRARY.rglob("*.py"))
        if "use_deterministic_algorithms" in path.read_text()
    ]
    assert users == [Path(setup.__file__).name]
