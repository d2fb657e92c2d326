"""Our safetensors files are laid out as the library's own writer lays them out."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file, save

from lottery.files.arrays import write_arrays

DTYPES = ["bool", *(f"{kind}{size}" for kind in ("int", "uint") for size in (8, 16, 32, 64))]
DTYPES += ["float16", "float32", "float64"]
NAMES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6).filter(
    lambda name: name != "__metadata__"
)
ARRAYS = st.dictionaries(
    NAMES,
    st.tuples(
        st.sampled_from(DTYPES),
        st.lists(st.integers(0, 3), max_size=3),
        st.sampled_from(["plain", "transposed", "big endian"]),
    ),
    max_size=7,
)


def made(kind: str, shape: list[int], how: str) -> np.ndarray:
    array = (np.arange(np.prod(shape, dtype=int)) % 2).astype(kind).reshape(shape)
    if how == "transposed":
        return array.T
    return array.astype(array.dtype.newbyteorder(">")) if how == "big endian" else array


def parts(content: bytes) -> tuple[dict[str, object], bytes]:
    length = int.from_bytes(content[:8], "little")
    assert length % 8 == 0
    return json.loads(content[8 : 8 + length]), content[8 + length :]


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(ARRAYS, st.dictionaries(NAMES, NAMES, max_size=3))
def test_header_and_data_are_the_librarys(
    tmp_path: Path, kinds: dict[str, tuple[str, list[int], str]], metadata: dict[str, str]
) -> None:
    arrays = {name: made(*kind) for name, kind in kinds.items()}
    path = tmp_path / "a.safetensors"
    write_arrays(path, arrays, metadata)
    native = {
        n: np.asarray(a, order="C").astype(a.dtype.newbyteorder("=")) for n, a in arrays.items()
    }
    assert parts(path.read_bytes()) == parts(save(native, metadata or None))
    for name, array in load_file(path).items():
        assert array.dtype == native[name].dtype
        assert np.array_equal(array, arrays[name])
