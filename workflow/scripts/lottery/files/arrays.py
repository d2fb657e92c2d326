"""Named arrays: safetensors for weights, masks and tokens, npz for what numpy users open."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from lottery.files.reading import reading
from lottery.files.replace import atomic

if TYPE_CHECKING:
    import numpy as np

ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the oldest date a zip file can hold: equal content, equal bytes


def write_arrays(
    path: str | Path, arrays: Mapping[str, np.ndarray], metadata: Mapping[str, str]
) -> None:
    """Writes named arrays as safetensors.

    Args:
        path: The file to write.
        arrays: Numeric or boolean arrays of any shape.
        metadata: Text to keep in the header.

    Raises:
        StudyError: The disk is full, or the folder cannot be written to.
    """
    import numpy as np
    from safetensors.numpy import save

    # The format stores C order and little endian; np.asarray leaves a scalar array a scalar.
    plain = {name: np.asarray(a, order="C") for name, a in arrays.items()}
    plain = {name: a.astype(a.dtype.newbyteorder("="), copy=False) for name, a in plain.items()}
    with atomic(path) as temporary:
        # Not the library's own writer: a killed one leaves files that nobody knows, and what it
        # writes is readable by its owner alone.
        temporary.write_bytes(save(plain, metadata=dict(metadata) or None))
        _sort_header(temporary)


def _sort_header(path: Path) -> None:
    """Sorts the keys of a safetensors header: equal content, equal bytes.

    The library writes the metadata in an order that differs from run to run. A header is its length
    as 8 bytes, little endian, and json that may be padded with spaces.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length))
        ordered = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        padded = ordered.encode().ljust(length)
        if len(padded) != length:
            raise RuntimeError(f"{path}: the sorted header is longer than the one written")
        file.seek(8)
        file.write(padded)


def read_arrays(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Reads a safetensors file.

    Returns:
        The arrays by name, and the metadata of the header.

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
    """Writes named arrays as npz; equal arrays give equal bytes (numpy's own writer adds the time).

    Args:
        path: The file to write.
        arrays: Numeric, boolean or text arrays; no objects.
    """
    from numpy.lib.format import write_array

    with atomic(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(f"{name}.npy", ZIP_EPOCH)
            with archive.open(entry, "w", force_zip64=True) as file:
                write_array(file, array, allow_pickle=False)


def read_npz(path: str | Path) -> dict[str, np.ndarray]:
    """Reads an npz file, all arrays at once; pickled objects are refused.

    Raises:
        StudyError: The file is missing, cut short, no npz file, or holds objects.
    """
    import numpy as np

    with reading(path, "npz", zipfile.BadZipFile, NotImplementedError, KeyError, SyntaxError):
        loaded = np.load(path, allow_pickle=False)
        if not isinstance(loaded, np.lib.npyio.NpzFile):
            raise ValueError("it is a single array")
        with loaded:
            return dict(loaded)
