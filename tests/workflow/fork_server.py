"""Starts Python programs as copies of a process that has imported their packages already.

Importing torch, matplotlib or Snakemake takes longer than most jobs of the tiny study. A server is
started with the address of its socket and the packages to import. A client sends a program (its
arguments, folder and environment) and its standard streams, and gets the program's process id, then
its exit status. The server ends when its standard input is closed.
"""

from __future__ import annotations

import array
import atexit
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import sys
import traceback
from contextlib import suppress
from typing import Any, NoReturn

SERVED = "LOTTERY_TEST_JOB_SERVER"  # the environment variable with the address for jobs


def run_program(
    address: str,
    arguments: list[str],
    streams: tuple[int, int, int],
    environment: dict[str, str],
    folder: str,
) -> int:
    """Runs a program by a server, and ends it when this process is interrupted.

    Args:
        address: of the server's socket.
        arguments: a script, or `-m` and a module, then the program's own arguments.
        streams: descriptors of standard input, output and error.
        environment: all environment variables.
        folder: the working directory.

    Returns:
        The exit status, negative for a signal.

    Raises:
        OSError: the server does not answer.
    """
    program = {"arguments": arguments, "environment": environment, "folder": folder}
    with socket.socket(socket.AF_UNIX) as server:
        server.connect(address)
        descriptors = array.array("i", streams)
        server.sendmsg([b"\0"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)])
        with server.makefile("rw") as line:
            print(json.dumps(program), file=line, flush=True)
            process = int(line.readline())
            try:
                return int(line.readline())
            except BaseException:
                with suppress(ProcessLookupError):
                    os.kill(process, signal.SIGTERM)
                raise


def serve(address: str, modules: list[str]) -> None:
    """Imports modules and runs programs until standard input is closed."""
    with socket.socket(socket.AF_UNIX) as listener:
        # The address appears when there is somebody to answer.
        listener.bind(f"{address}.new")
        listener.listen(64)
        os.rename(f"{address}.new", address)
        for module in modules:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # children leave no zombies
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            client, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                _answer(client)
            client.close()


def _answer(client: socket.socket) -> NoReturn:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    _, streams, *_ = socket.recv_fds(client, 1, 3)
    with client.makefile("rw") as line:
        program = json.loads(line.readline())
        process = os.fork()
        if process == 0:
            client.close()
            _become(streams, **program)
        print(process, file=line, flush=True)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        with suppress(BrokenPipeError):
            print(status, file=line, flush=True)
    os._exit(0)


def _become(
    streams: list[int], arguments: list[str], environment: dict[str, str], folder: str
) -> NoReturn:
    status: Any = 1
    atexit._clear()  # of the server
    try:
        for standard, given in enumerate(streams):
            os.dup2(given, standard)
            os.close(given)
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        sys.path.remove(os.path.dirname(os.path.abspath(__file__)))
        if arguments[0] == "-m":
            sys.argv = arguments[1:]
            runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
        else:
            sys.argv = arguments
            sys.path.insert(0, os.path.dirname(arguments[0]))
            runpy.run_path(arguments[0], run_name="__main__")
        status = 0
    except SystemExit as end:
        status = end.code
        if isinstance(status, str):
            print(status, file=sys.stderr)
            status = 1
    except BaseException:
        traceback.print_exc()
    finally:
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status or 0)


if __name__ == "__main__":
    serve(sys.argv[1], sys.argv[2:])
