"""Each hostile file ends in one sentence, or is read to what it says; see hostile_files.py."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import hostile_files
import pytest

FILES = hostile_files.files()
HERE = Path(__file__).parent
SCRIPTS = HERE.parents[1] / "workflow" / "scripts"
MEMORY = 1_500_000_000  # bytes of address space that a process may add to what imports take
SECONDS = 300

# Reads the files of a folder, one after another, and prints what came of each as a line of JSON.
READ = """
import json, resource, sys
from pathlib import Path
import numpy, pyarrow, pyarrow.parquet, safetensors
from lottery import files
from lottery.data.examples import checked_examples
from lottery.data.readers import read_data_file
from lottery.files.errors import StudyError
from lottery.tasks.entries import task_from_config

data = {"train": "a.csv", "validation": "b.csv"}
task = task_from_config("own", {"data": data, "text": "text", "labels": ["neg", "pos"]})

def examples(path):
    table = checked_examples(read_data_file(path, ("text", "label", "idx")), task, "train")
    return [table["text_a"].to_pylist(), table["label"].to_pylist()]

def arrays(path):
    found = files.read_arrays(path)[0] if path.suffix == ".safetensors" else files.read_npz(path)
    return {name: array.tolist() for name, array in found.items()}

READERS = {
    ".json": files.read_json,
    ".npy": lambda path: files.read_npy(path).tolist(),
    ".npz": arrays,
    ".safetensors": arrays,
}
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + int(sys.argv[1]),) * 2)
for path in map(Path, sys.argv[2:]):
    try:
        found = {"read": READERS.get(path.suffix, examples)(path)}
    except StudyError as error:
        found = {"sentence": str(error)}
    except BaseException as error:
        found = {"raised": repr(error)[:300]}
    print(json.dumps({"name": path.name} | found), flush=True)
"""

TEXTS, LABELS = ([part[i] for part in hostile_files.ROWS] for i in (0, 1))
GOOD = [TEXTS, [0, 1, 0, 1]]
NUMBERS = [[0.0, 1.0, 2.0, 3.0], [4.0, 5.0, 6.0, 7.0], [8.0, 9.0, 10.0, 11.0]]
# What is accepted, and read as.
ACCEPTED: dict[str, object] = {
    # What lacks the last line end, or is written in another way.
    "cut_last.csv": GOOD,
    "cut_last.tsv": GOOD,
    "cut_last.jsonl": GOOD,
    "utf16.csv": GOOD,
    "utf32.csv": GOOD,
    "mark.csv": GOOD,
    "old_mac.csv": GOOD,
    # Odd, but what the file says.
    "long_field.csv": [["x" * 3_000_000, "b"], [0, 1]],
    "formula.csv": [["=1+1", "@b"], [0, 1]],
    "separators.tsv": [["a\u2028b", "c\x0bd\x1ce"], [0, 1]],
    "views.arrow": [["a", "b", "c", "d"], [0, 1, 0, 1]],
    # Nothing is ever unpacked into a folder.
    "up.npz": {"../../a": NUMBERS},
    "root.npz": {"/etc/a": NUMBERS},
    "bzip.npz": {"a": NUMBERS},
    "no_entries.npz": {},
    "surrogate.json": {"hidden_size": "\ud83d"},
}
# Edits may hit bytes that mean nothing. Formats with checksums then give what was written.
UNEDITED: dict[str, object] = {"parquet": GOOD, "npz": {"a": NUMBERS, "b": [1] * 5}}


def outcomes(folder: Path, names: list[str]) -> dict[str, dict[str, object]]:
    """What reading each file comes to, in a process with little memory."""
    for name in names:
        (folder / name).write_bytes(FILES[name]())
    done = subprocess.run(
        [sys.executable, "-c", READ, str(MEMORY), *(str(folder / name) for name in names)],
        env={"PYTHONPATH": str(SCRIPTS), "PATH": "/usr/bin:/bin", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (found[-1:], done.stderr[-2000:])
    return {each.pop("name"): each for each in found}


def check(found: dict[str, dict[str, object]]) -> None:
    assert not {name: each for name, each in found.items() if "raised" in each}
    read = {name: each["read"] for name, each in found.items() if "read" in each}
    for name in [name for name in read if name.startswith("edited")]:
        content, suffix = read.pop(name), name.partition(".")[2]
        assert content == UNEDITED.get(suffix, content)
    assert read == {name: value for name, value in ACCEPTED.items() if name in found}
    for name, each in found.items():
        if "sentence" in each:
            sentence = str(each["sentence"])
            assert name in sentence and sentence.endswith(".") and "\n" not in sentence, sentence
            assert len(sentence) < 500 and "Traceback" not in sentence, sentence


def test_a_slice_of_the_hostile_files_is_refused_or_read_to_what_it_says(tmp_path: Path) -> None:
    assert len(FILES) >= 150
    assert FILES.keys() >= hostile_files.LARGE | ACCEPTED.keys()
    small = [name for name in FILES if name not in hostile_files.LARGE]
    check(outcomes(tmp_path, small[::3]))


@pytest.mark.long
def test_every_hostile_file_is_refused_or_read_to_what_it_says(tmp_path: Path) -> None:
    check(outcomes(tmp_path, [*FILES]))
