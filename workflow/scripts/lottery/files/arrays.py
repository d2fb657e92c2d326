"""Named arrays: safetensors for weights, masks and tokens, npz for what numpy users open."""

from __future__ import annotations

import json
import math
import zipfile
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import IO, TYPE_CHECKING

from lottery.files.atomic import atomic
from lottery.files.errors import StudyError
from lottery.files.reading import MADE_HERE, reading

if TYPE_CHECKING:
    import numpy as np

# What is raised, besides the usual errors, at an archive that is damaged or is none. zipfile raises
# NotImplementedError at a compression that it cannot read.
NPZ_DAMAGE = (zipfile.BadZipFile, NotImplementedError, LookupError, zlib.error)
# What numpy raises at a header that is no literal of Python, a too long one, or a foreign one.
HEADER_DAMAGE = (ValueError, SyntaxError, TokenError, TypeError, LookupError, RecursionError)
UNPACKED = 100_000_000  # bytes that the arrays of an archive may have if they exceed its size
ENCRYPTED = 1  # bit of a zip entry's flags
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
    described = {name: (_kind(array.dtype), array.shape) for name, array in plain.items()}
    ordered, text = _header(described, metadata)
    with atomic(path) as temporary, temporary.open("wb") as file:
        # Not by the library's writers: they copy the arrays, of which a checkpoint of a large model
        # has gigabytes, and order the metadata differently in each run.
        file.write(len(text).to_bytes(8, "little") + text)
        for name in ordered:
            file.write(plain[name].reshape(-1).view(np.uint8).data)


def arrays_size(shapes: Mapping[str, tuple[int, ...]], metadata: Mapping[str, str]) -> int:
    """The bytes of the file that `write_arrays` would write of float32 arrays of these shapes."""
    _, text = _header({name: ("F32", shape) for name, shape in shapes.items()}, metadata)
    return 8 + len(text) + sum(4 * math.prod(shape) for shape in shapes.values())


def _header(
    arrays: Mapping[str, tuple[str, tuple[int, ...]]], metadata: Mapping[str, str]
) -> tuple[list[str], bytes]:
    """The order of arrays, each given by kind and shape, in a safetensors file, and its header."""
    header: dict[str, object] = {"__metadata__": dict(metadata)} if metadata else {}
    ordered, end = sorted(arrays, key=lambda name: (-KINDS.index(arrays[name][0]), name)), 0
    for name in ordered:
        kind, shape = arrays[name]
        offsets = [end, end + math.prod(shape) * _bytes(kind)]
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": offsets}
        end = offsets[1]
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    return ordered, text.ljust(-(-len(text) // 8) * 8)


def _bytes(kind: str) -> int:
    """The bytes of an entry of an array."""
    return 1 if kind == "BOOL" else int(kind[1:]) // 8


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


def read_npy(path: str | Path, advice: str = MADE_HERE) -> np.ndarray:
    """Reads an npy file; `advice`: see `reading`.

    Raises:
        StudyError: The file is missing, cut short, no npy file, or holds Python objects.
    """
    path = Path(path)
    with reading(path, "npy", advice=advice), path.open("rb") as file:
        return _read_array(file, path.stat().st_size, str(path))


def read_npz(
    path: str | Path, names: Collection[str] | None = None, advice: str = MADE_HERE
) -> dict[str, np.ndarray]:
    """Reads the named arrays of an npz file, or all, once their sizes are known to be possible.

    Raises:
        StudyError: The file is missing, cut short, no npz file, or holds Python objects; or it
            unpacks to far more than its size.
    """
    path = Path(path)
    with reading(path, "npz", *NPZ_DAMAGE, advice=advice), zipfile.ZipFile(path) as archive:
        entries = _entries(archive)
        wanted = {name: entries[name] for name in (entries if names is None else names)}
        total = sum(entry.file_size for entry in wanted.values())
        limit = max(UNPACKED, path.stat().st_size)
        if total > limit:
            raise ValueError(f"its arrays have {total} bytes, of at most {limit} for its size")
        arrays = {}
        for name, entry in wanted.items():
            with archive.open(entry) as file:
                arrays[name] = _read_array(file, entry.file_size, f"{path}, {name}")
        return arrays


def npz_names(path: str | Path, advice: str = MADE_HERE) -> list[str]:
    """The names of the arrays in an npz file.

    Raises:
        StudyError: The file is missing, cut short, or no npz file.
    """
    with reading(path, "npz", *NPZ_DAMAGE, advice=advice), zipfile.ZipFile(path) as archive:
        return [*_entries(archive)]


def _entries(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = {}
    for entry in archive.infolist():
        if not entry.filename.endswith(".npy") or entry.flag_bits & ENCRYPTED:
            raise ValueError(f"its entry {entry.filename} is encrypted or no npy file")
        entries[entry.filename.removesuffix(".npy")] = entry
    return entries


def _read_array(file: IO[bytes], size: int, name: str) -> np.ndarray:
    """Reads an npy file of `size` bytes, once its header announces as many as there are."""
    from numpy.lib import format as npy

    version = npy.read_magic(file)
    headers = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
    if version not in headers:
        raise ValueError(f"its format {version} is none of numbers")
    try:
        shape, _, dtype = headers[version](file)
    except HEADER_DAMAGE as error:
        raise ValueError("its header cannot be understood") from error
    if dtype.hasobject:
        raise StudyError(f"{name} is an array of Python objects; save it as numbers.")
    announced, follow = math.prod(shape) * dtype.itemsize, size - file.tell()
    if announced != follow:
        raise ValueError(f"its header announces {announced} bytes, and {follow} follow")
    file.seek(0)
    return npy.read_array(file, allow_pickle=False)
