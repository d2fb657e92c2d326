"""What all tests share."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# One thread for each process: tests run side by side. Before torch and numpy are imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
# No test may fetch anything.
os.environ["HF_HUB_OFFLINE"] = "1"

# A busy machine must not fail a property; the same examples every time keep a failure repeatable.
settings.register_profile("study", deadline=None, derandomize=True)
settings.load_profile("study")


@pytest.fixture(scope="session")
def glue_dir() -> Path:
    """A folder <task>/<split>.parquet of real GLUE data, where the machine has one."""
    beside = Path(__file__).resolve().parents[2] / "shared" / "data" / "glue"
    folder = Path(os.environ.get("GLUE_DIR") or beside)
    if not folder.is_dir():
        pytest.skip(f"no GLUE data in {folder}; GLUE_DIR names another folder")
    return folder


def pytest_configure() -> None:
    """Undoes what a shell does to commands in its background: it lets them ignore SIGINT.

    Every process that a test starts and interrupts would inherit that.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
