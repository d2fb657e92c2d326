"""A process that keeps freed memory does not ask the system for it again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[2] / "workflow" / "scripts"

# Computes with tensors of 4 MB; prints how many pages the system handed out once all was warm: the
# least of five windows, since a hole that another allocation splits costs one window new pages. One
# thread, or two of them would race for holes; many rounds, since the first ones still open holes.
PROGRAM = """
import resource, torch
from lottery.runtime.allocator import keep_freed_memory
if {keep} and not keep_freed_memory():
    raise SystemExit(77)
torch.set_num_threads(1)
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
def work():
    x = torch.ones(1000, 1000)
    for _ in range(5):
        x = torch.tanh(x * 0.5) + 1
def window(rounds):
    before = faults()
    for _ in range(rounds):
        work()
    return faults() - before
window(20)
print(min(window(5) for _ in range(5)))
"""


def page_faults(keep: bool) -> int:
    command = [sys.executable, "-c", PROGRAM.format(keep=keep)]
    done = subprocess.run(command, cwd=SCRIPTS, capture_output=True, text=True, check=False)
    if done.returncode == 77:
        pytest.skip("the C library has no mallopt")
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_freed_memory_is_used_again():
    handed_out = page_faults(keep=False)
    if handed_out < 100:
        pytest.skip("this system's memory is kept anyway")
    assert page_faults(keep=True) < handed_out / 10
