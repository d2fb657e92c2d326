"""Named arrays: safetensors for weights, masks and tokens, npz for what numpy users open."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.files.atomic import atomic
from lottery.files.reading import reading

if TYPE_CHECKING:
    import numpy as np

# What numpy raises, besides the usual errors, at an npz file that is damaged or is none.
NPZ_DAMAGE = (zipfile.BadZipFile, NotImplementedError, KeyError, SyntaxError)
# In the order in which safetensors ranks them: it puts what needs the widest alignment first.
KINDS = ("BOOL", "U8", "I8", "I16", "U16", "F16", "I32", "U32", "F32", "F64", "I64", "U64")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip file can hold: equal content, equal bytes


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes named arrays as safetensors; equal arrays and metadata give equal bytes.

    Args:
        path: The file to write.
        arrays: Numeric or boolean arrays of any shape.
        metadata: Text to keep in the header.
    """
    import numpy as np

    # The format stores C order and little endian; np.asarray leaves a scalar array a scalar.
    plain = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    plain = {name: a.astype(a.dtype.newbyteorder("<"), copy=False) for name, a in plain.items()}
    kinds = {name: _kind(array.dtype) for name, array in plain.items()}
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    ordered, end = sorted(plain, key=lambda name: (-KINDS.index(kinds[name]), name)), 0
    for name in ordered:
        offsets = [end, end + plain[name].nbytes]
        shape = plain[name].shape
        header[name] = {"dtype": kinds[name], "shape": shape, "data_offsets": offsets}
        end = offsets[1]
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    text = text.ljust(-(-len(text) // 8) * 8)
    with atomic(path) as temporary, temporary.open("wb") as file:
        # Not by the library's writers: they copy the arrays, of which a checkpoint of a large model
        # has gigabytes, and order the metadata differently in each run.
        file.write(len(text).to_bytes(8, "little") + text)
        for name in ordered:
            file.write(plain[name].reshape(-1).view(np.uint8).data)


def _kind(dtype: np.dtype) -> str:
    """The name that safetensors gives to a dtype."""
    return "BOOL" if dtype.kind == "b" else f"{dtype.kind.upper()}{8 * dtype.itemsize}"


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a safetensors file: the arrays by name, and the metadata of the header.

    Raises:
        StudyError: The file is missing, cut short, or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    with reading(path, "safetensors", SafetensorError), safe_open(str(path), "numpy") as file:
        names = file.keys()  # the file is no mapping: it cannot be iterated over
        return {name: file.get_tensor(name) for name in names}, file.metadata() or {}


def read_metadata(path: str | Path) -> dict[str, str]:
    """Reads the text in a safetensors file's header, without its arrays.

    Raises:
        StudyError: The file is missing, cut short, or no safetensors file.
    """
    from safetensors import SafetensorError, safe_open

    with reading(path, "safetensors", SafetensorError), safe_open(str(path), "numpy") as file:
        return file.metadata() or {}


def write_npz(path: str | Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes numeric, boolean or text arrays as npz; equal ones give equal bytes.

    `np.savez` would add the time.
    """
    from numpy.lib.format import write_array

    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH)
            with archive.open(entry, "w", force_zip64=True) as file:
                write_array(file, array, allow_pickle=False)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Reads an npz file, all arrays at once; pickled objects are rejected.

    Raises:
        StudyError: The file is missing, cut short, no npz file, or holds objects.
    """
    import numpy as np

    with reading(path, "npz", *NPZ_DAMAGE):
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with loaded:
            return dict(loaded)
