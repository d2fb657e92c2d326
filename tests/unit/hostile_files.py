"""150 hostile files: what a user, a broken download or an attacker may put where data is read.

`files()` gives the name of each and a function that makes its bytes, the same in every run. A name
says what was done, its ending as what the file is read.
"""

from __future__ import annotations

import io
import json
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from safetensors.numpy import save

ROWS = [("a first text", "neg"), ("naïve 東京", "pos"), ('"said" she', "neg"), ("d, e", "pos")]
DEPTH, DIGITS, CLAIM = 100_000, 5_000, 10**12
RANDOM_EDITS = 7  # of each good file


def files() -> dict[str, Callable[[], bytes]]:
    """What makes each hostile file, by its name."""
    made: dict[str, Callable[[], bytes]] = {}
    for suffix, good in GOOD.items():
        made[f"empty.{suffix}"] = bytes
        made[f"cut_half.{suffix}"] = lambda good=good: good()[: len(good()) // 2]
        made[f"cut_last.{suffix}"] = lambda good=good: good()[:-1]
        made[f"zeros.{suffix}"] = lambda: bytes(4096)
    others = list(GOOD)
    for suffix, other in zip(others, others[3:] + others[:3], strict=True):
        made[f"swapped_{other}.{suffix}"] = GOOD[other]
    for suffix in ("parquet", "arrow", "npz", "npy", "safetensors"):
        for seed in range(RANDOM_EDITS):
            made[f"edited_{seed}.{suffix}"] = partial(edited, GOOD[suffix], seed)
    return made | MADE


def edited(good: Callable[[], bytes], seed: int) -> bytes:
    """A good file with a few bytes changed anywhere."""
    generator, data = random.Random(seed), bytearray(good())
    for _ in range(generator.randint(1, 8)):
        data[generator.randrange(len(data))] = generator.randrange(256)
    return bytes(data)


def lines(delimiter: str, rows: list[tuple[str, str]] = ROWS) -> str:
    return "\n".join(delimiter.join(row) for row in [("text", "label"), *rows]) + "\n"


def a_csv() -> bytes:
    return lines(",", [(f'"{text.replace(chr(34), chr(34) * 2)}"', n) for text, n in ROWS]).encode()


def a_tsv() -> bytes:
    return lines("\t").encode()


def a_jsonl() -> bytes:
    rows = [{"text": text, "label": name} for text, name in ROWS]
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def table(**columns: object) -> pa.Table:
    texts, labels = zip(*ROWS, strict=True)
    return pa.table({"text": list(texts), "label": list(labels)} | columns)


def as_parquet(found: pa.Table, **options: object) -> bytes:
    sink = io.BytesIO()
    pq.write_table(found, sink, write_page_checksum=True, **options)
    return sink.getvalue()


def a_parquet() -> bytes:
    return as_parquet(table())


def an_arrow(found: pa.Table | None = None, **options: object) -> bytes:
    found = table() if found is None else found
    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, found.schema, options=pa.ipc.IpcWriteOptions(**options)) as file:
        file.write_table(found)
    return sink.getvalue()


def as_npy(array: np.ndarray, *, allow_pickle: bool = False) -> bytes:
    sink = io.BytesIO()
    np.save(sink, array, allow_pickle=allow_pickle)
    return sink.getvalue()


def an_npy() -> bytes:
    return as_npy(np.arange(12.0).reshape(3, 4))


def with_header(header: str, body: bytes = bytes(64), version: int = 1) -> bytes:
    """An npy file whose header is any text."""
    text = header.encode("latin-1").ljust(117) + b"\n"
    size = struct.pack("<H" if version == 1 else "<I", len(text))
    return b"\x93NUMPY" + bytes([version, 0]) + size + text + body


def claims(shape: str, descr: str = "'<f8'") -> bytes:
    return with_header(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}")


def as_zip(entries: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return sink.getvalue()


def an_npz() -> bytes:
    return as_zip({"a.npy": an_npy(), "b.npy": as_npy(np.ones(5, np.uint8))})


def a_bomb() -> bytes:
    """Half a gigabyte of zeros in half a megabyte."""
    content = with_header("{'descr': '|u1', 'fortran_order': False, 'shape': (500000000,)}", b"")
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed, crc = [packer.compress(content)], zlib.crc32(content)
    zeros = bytes(10_000_000)
    for _ in range(50):
        packed.append(packer.compress(zeros))
        crc = zlib.crc32(zeros, crc)
    body = b"".join([*packed, packer.flush()])
    size = len(content) + 500_000_000
    fields = struct.pack("<HHHHHIII", 20, 0, 8, 0, 33, crc, len(body), size)
    name = b"a.npy"
    local = b"PK\x03\x04" + fields + struct.pack("<HH", len(name), 0) + name + body
    central = b"PK\x01\x02" + struct.pack("<H", 20) + fields
    central += struct.pack("<HHHHHII", len(name), 0, 0, 0, 0, 0, 0) + name
    end = struct.pack("<HHHHIIH", 0, 0, 1, 1, len(central), len(local), 0)
    return local + central + b"PK\x05\x06" + end


def encrypted() -> bytes:
    """An entry that says it is encrypted."""
    data = bytearray(as_zip({"a.npy": an_npy()}))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    return bytes(data)


def weights(metadata: dict[str, str] | None = None) -> bytes:
    return save({"a": np.ones((2, 3), np.float32)}, metadata or {"format": "pt"})


def tensors(header: str, body: bytes = bytes(24)) -> bytes:
    """A safetensors file whose header is any text."""
    text = header.encode()
    return struct.pack("<Q", len(text)) + text + body


def tensor(shape: list[int], end: int, dtype: str = "F32") -> bytes:
    return tensors(json.dumps({"a": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}}))


def repeated(n: int, text: str) -> pa.Table:
    """A text that stands once in the file and n times in the column."""
    codes = pa.array(np.zeros(n, np.int8))
    column = pa.DictionaryArray.from_arrays(codes, pa.array([text]))
    return pa.table({"text": column, "label": column})


def bad_offsets() -> bytes:
    """Arrow whose second text ends gigabytes after the file."""
    content = an_arrow()
    offsets = struct.pack("<5i", *np.cumsum([0, *(len(text.encode()) for text, _ in ROWS)]))
    assert content.count(offsets) == 1
    return content.replace(offsets, struct.pack("<5i", 0, 2**30, 2**30, 2**30, 2**30))


def bad_text(write: Callable[[pa.Table], bytes]) -> bytes:
    """A text that is not UTF-8, in row 2."""
    binary = pa.array([b"a", b"caf\xe9", b"c", b"d"])
    texts = pa.StringArray.from_buffers(4, *binary.buffers()[1:])
    return write(pa.table({"text": texts, "label": ["neg", "pos", "neg", "pos"]}))


def noted(note: bytes) -> pa.Table:
    return table().replace_schema_metadata({"huggingface": note})


def big(content: str) -> bytes:
    return f"text,label\n{content}".encode()


GOOD: dict[str, Callable[[], bytes]] = {
    "csv": a_csv,
    "tsv": a_tsv,
    "jsonl": a_jsonl,
    "parquet": a_parquet,
    "arrow": an_arrow,
    "npz": an_npz,
    "npy": an_npy,
    "safetensors": weights,
    "json": lambda: b'{"hidden_size": 32, "names": ["a"]}',
}
# Made by the second, or of megabytes.
LARGE = {
    "repeated.parquet",
    "zeros_packed.parquet",
    "repeated.arrow",
    "bomb.npz",
    "long_field.csv",
    "many_keys.jsonl",
    "other_keys.jsonl",
    "wide.csv",
    "quotes.csv",
}
NESTED, NESTED_OBJECT = "[" * DEPTH, '{"a":' * DEPTH
OBJECTS = np.array([{"a": 1}, None], object)
MADE: dict[str, Callable[[], bytes]] = {
    # csv
    "latin.csv": lambda: lines(",").encode("latin-1", "replace").replace(b"?", b"\xe9"),
    "utf16.csv": lambda: a_csv().decode().encode("utf-16"),
    "utf16_no_mark.csv": lambda: a_csv().decode().encode("utf-16-be"),
    "utf32.csv": lambda: a_csv().decode().encode("utf-32"),
    "mark.csv": lambda: b"\xef\xbb\xbf" + a_csv(),
    "mark_alone.csv": lambda: b"\xef\xbb\xbf",
    "half_mark.csv": lambda: b"\xff\xfe" + a_csv(),
    "old_mac.csv": lambda: a_csv().replace(b"\n", b"\r"),
    "nul.csv": lambda: a_csv().replace(b"first", b"fi\0st"),
    "open_quote.csv": lambda: a_csv().replace(b'text",neg', b"text,neg", 1),
    "joined_rows.csv": lambda: big('"a,neg\nb",pos\nc,neg\n'),
    "unequal.csv": lambda: a_csv() + b"more,fields,here\n",
    "delimiters.csv": lambda: a_csv() + b"other;neg\n",
    "no_label.csv": lambda: b"text\na\nb\n",
    "twice.csv": lambda: b"text,text,label\na,b,neg\n",
    "one_line.csv": lambda: b"text,label,a first text,neg",
    "header.csv": lambda: b"text,label\n",
    "blank.csv": lambda: b"\n" * 10_000,
    "wide.csv": lambda: big("," * 1_000_000),
    "quotes.csv": lambda: big('"' * 1_000_001),
    "long_field.csv": lambda: big("x" * 3_000_000 + ",neg\nb,pos\n"),
    "huge_label.csv": lambda: big("a," + "9" * DIGITS + "\nb,pos\n"),
    "infinite_label.csv": lambda: big("a,inf\nb,1e999\n"),
    "formula.csv": lambda: big("=1+1,neg\n@b,pos\n"),
    # tsv
    "quoted.tsv": lambda: b'text\tlabel\n"a ""b"""\tneg\nc\tpos\n',
    "latin.tsv": lambda: b"text\tlabel\ncaf\xe9\tneg\nb\tpos\n",
    "nul.tsv": lambda: a_tsv().replace(b"first", b"fi\0st"),
    "mixed_ends.tsv": lambda: b"text\tlabel\ra\tneg\nb\tpos\r",
    "separators.tsv": "text\tlabel\na\u2028b\tneg\nc\x0bd\x1ce\tpos\n".encode,
    "commas.tsv": lambda: lines(",").encode(),
    # jsonl
    "deep.jsonl": f'{{"text": {NESTED}'.encode,
    "deep_object.jsonl": NESTED_OBJECT.encode,
    "digits.jsonl": f'{{"text": "a", "label": {"9" * DIGITS}}}'.encode,
    "exponent.jsonl": lambda: b'{"text": "a", "label": 1e999}\n{"text": "b", "label": "pos"}',
    "nan.jsonl": lambda: b'{"text": "a", "label": NaN}\n{"text": "b", "label": "pos"}',
    "surrogate.jsonl": lambda: b'{"text": "\\ud83d", "label": "neg"}\n',
    "key_twice.jsonl": lambda: b'{"text": "a", "label": "neg", "label": "pos"}\n',
    "list.jsonl": lambda: b'{"text": ["a"], "label": "neg"}\n',
    "array.jsonl": lambda: b'[{"text": "a", "label": "neg"}]',
    "many_keys.jsonl": lambda: json.dumps({str(i): i for i in range(50_000)}).encode(),
    "other_keys.jsonl": lambda: b"".join(b'{"%d": 1}\n' % i for i in range(50_000)),
    "nul.jsonl": lambda: b'{"text": "a\0", "label": "neg"}\n',
    # parquet
    "repeated.parquet": lambda: as_parquet(repeated(100, "x" * 20_000_000), compression="zstd"),
    "zeros_packed.parquet": lambda: as_parquet(
        pa.table({"text": ["x" * 2**27], "label": ["neg"]}),
        compression="zstd",
        use_dictionary=False,
    ),
    "bad_text.parquet": lambda: bad_text(as_parquet),
    "deep_note.parquet": lambda: as_parquet(noted(NESTED.encode())),
    "odd_note.parquet": lambda: as_parquet(noted(b'{"info": {"features": [1]}}')),
    "bytes.parquet": lambda: as_parquet(table(text=[b"a", b"b", b"c", b"d"])),
    "nested.parquet": lambda: as_parquet(table(label=[[1], [2], [], [4]])),
    "times.parquet": lambda: as_parquet(table(label=pa.array([0, 1, 2, 2**62], "timestamp[us]"))),
    "twice.parquet": lambda: as_parquet(
        pa.Table.from_arrays([pa.array(["a"])] * 3, names=["text", "label", "label"])
    ),
    # Arrow
    "bad_offsets.arrow": bad_offsets,
    "bad_text.arrow": lambda: bad_text(an_arrow),
    "repeated.arrow": lambda: an_arrow(repeated(1_000_000, "x" * 100_000), compression="zstd"),
    "nulls.arrow": lambda: an_arrow(
        pa.table({"text": pa.nulls(10**9), "label": pa.nulls(10**9)}),
    ),
    "runs.arrow": lambda: an_arrow(
        pa.table(
            {
                "text": pa.RunEndEncodedArray.from_arrays(pa.array([10**9], pa.int32()), ["x"]),
                "label": pa.RunEndEncodedArray.from_arrays(pa.array([10**9], pa.int32()), ["neg"]),
            }
        )
    ),
    "views.arrow": lambda: an_arrow(table(text=pa.array(["a", "b", "c", "d"], pa.string_view()))),
    "claim.arrow": lambda: b"\xff\xff\xff\xff" + struct.pack("<i", 2**31 - 1) + bytes(64),
    # npy
    "claim.npy": lambda: claims(f"({CLAIM},)"),
    "claim_two.npy": lambda: claims(f"({CLAIM}, {CLAIM})"),
    "negative.npy": lambda: claims("(-1,)"),
    "negative_two.npy": lambda: claims("(-2, -4)"),
    "trailing.npy": lambda: an_npy() + bytes(8),
    "objects.npy": lambda: as_npy(OBJECTS, allow_pickle=True),
    "object_claim.npy": lambda: claims("(8,)", "'|O'"),
    "code.npy": lambda: with_header("__import__('os').abort()"),
    "deep.npy": lambda: with_header("(" * 9_000),
    "header_long.npy": lambda: with_header("{" + " " * 60_000),
    "dtype.npy": lambda: claims("(8,)", "[('a', '<f8'), ('a', '<f8')]"),
    "dtype_odd.npy": lambda: claims("(8,)", "'<q99999999999'"),
    "version.npy": lambda: with_header("{}", version=9),
    # npz
    "bomb.npz": a_bomb,
    "claim.npz": lambda: as_zip({"a.npy": claims(f"({CLAIM},)")}),
    "objects.npz": lambda: as_zip({"a.npy": as_npy(OBJECTS, allow_pickle=True)}),
    "no_npy.npz": lambda: as_zip({"a.npy": b"text"}),
    "other.npz": lambda: as_zip({"a.txt": b"text"}),
    "up.npz": lambda: as_zip({"../../a.npy": an_npy()}),
    "root.npz": lambda: as_zip({"/etc/a.npy": an_npy()}),
    "encrypted.npz": encrypted,
    "bzip.npz": lambda: as_zip({"a.npy": an_npy()}, zipfile.ZIP_BZIP2),
    "no_entries.npz": lambda: as_zip({}),
    # safetensors
    "header_size.safetensors": lambda: struct.pack("<Q", 2**62) + bytes(64),
    "header_deep.safetensors": lambda: tensors(NESTED_OBJECT),
    "claim.safetensors": lambda: tensor([CLAIM], 4 * CLAIM),
    "claim_two.safetensors": lambda: tensor([2**32, 2**32], 24),
    "offsets.safetensors": lambda: tensor([2, 3], 8),
    "dtype.safetensors": lambda: tensor([2, 3], 24, "F99"),
    # json
    "deep.json": NESTED.encode,
    "deep_object.json": NESTED_OBJECT.encode,
    "digits.json": f'{{"hidden_size": {"9" * DIGITS}}}'.encode,
    "nan.json": lambda: b'{"hidden_size": NaN}',
    "latin.json": lambda: b'{"hidden_size": "\xe9"}',
    "surrogate.json": lambda: b'{"hidden_size": "\\ud83d"}',
}
