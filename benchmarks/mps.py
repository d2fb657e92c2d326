"""CUDA MPS, under which processes compute on one GPU at the same time, for a benchmark."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

CONTROL = "nvidia-cuda-mps-control"
PIPES, LOGS = "CUDA_MPS_PIPE_DIRECTORY", "CUDA_MPS_LOG_DIRECTORY"
SECONDS = 60  # that the program may take to answer


class NoMPSError(Exception):
    """One sentence on why there is no MPS."""


@contextmanager
def without_mps() -> Iterator[dict[str, str]]:
    """Gives the environment of processes that use no MPS, even where a daemon runs."""
    with tempfile.TemporaryDirectory() as folder:
        yield {PIPES: folder}


@contextmanager
def with_mps() -> Iterator[dict[str, str]]:
    """Gives the environment of processes that share a GPU under MPS.

    A daemon that answers is used and left as it is. Otherwise one is started, with folders of its
    own, and told to quit when the block ends, by an error too.

    Raises:
        NoMPSError: There is no MPS on this machine, or it does not start.
    """
    if shutil.which(CONTROL) is None:
        raise NoMPSError(
            f"There is no {CONTROL} on PATH, so nothing is measured under CUDA MPS: it comes with "
            "NVIDIA's driver (in Debian's package nvidia-cuda-mps)."
        )
    if _ask("get_server_list", os.environ).returncode == 0:
        yield {}
        return
    with tempfile.TemporaryDirectory(prefix="mps-") as folder:
        own = {PIPES: f"{folder}/pipe", LOGS: f"{folder}/log"}
        for path in own.values():
            Path(path).mkdir()
        # The daemon offers all devices. A process chooses among them by CUDA_VISIBLE_DEVICES, whose
        # numbers would else be counted among those that the daemon was given.
        environment = {**os.environ, **own}
        environment.pop("CUDA_VISIBLE_DEVICES", None)
        started = _run(["-d"], environment)
        if started.returncode:
            said = started.stdout.strip().partition("\n")[0]
            raise NoMPSError(
                f"{CONTROL} does not start, so nothing is measured under CUDA MPS "
                f"({said or f'exit status {started.returncode}'})."
            )
        try:
            yield own
        finally:
            _ask("quit", environment)


def _ask(command: str, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return _run([], environment, f"{command}\n")


def _run(
    options: list[str], environment: Mapping[str, str], text: str = ""
) -> subprocess.CompletedProcess[str]:
    # To a file: the daemon keeps what it inherits open, and a pipe would never end.
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [CONTROL, *options],
            env=environment,
            input=text,
            stdout=said,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        said.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, said.read())
