"""The authors' masks of four tasks, where the machine has them, as files on a server."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from lottery.pruning.algorithms.imported import AUTHORS_ADDRESS, authors_files
from lottery.steps.fetch_masks import fetch_masks

ROOT = Path(__file__).resolve().parents[2]
PAPER = ROOT.parent / "shared" / "paper"
OWN = ROOT / "workflow/resources/paper"
TASKS = {"CoLA": "cola", "SST-2": "sst2", "MRPC": "mrpc", "QNLI": "qnli"}
BERT_BASE = {
    "model_type": "bert",
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "vocab_size": 30522,
}


def table() -> list[dict[str, str]]:
    """The rows of masks.csv."""
    with (OWN / "masks.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def rebuilt() -> dict[str, bytes]:
    """Path in the authors' repository -> content, of the files with the digest of theirs.

    The npz holds numbers of another type, so the files are made as theirs were.
    """
    masks = PAPER / "masks_structured.npz"
    if not masks.is_file():
        pytest.skip(f"the authors' masks are not at {masks}")
    theirs = {ours: name for name, ours in TASKS.items()}
    found = {}
    with np.load(masks, allow_pickle=False) as arrays:
        for row in table():
            key = f"{theirs.get(row['task'])}/{row['seed']}/{row['unit']}"
            if key in arrays:
                file = io.BytesIO()
                np.save(file, arrays[key].astype(np.float32))
                content = file.getvalue()
                if hashlib.sha256(content).hexdigest() == row["sha256"]:
                    found[row["path"]] = content
    return found


@contextmanager
def served(content: dict[str, bytes]) -> Iterator[str]:
    """Serves files below an address of this machine, which it yields; others are not found."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = content.get(self.path[1:])
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Type", "application/octet-stream")
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def fetch_all(root: Path) -> dict[tuple[str, int], list[Path]]:
    """Fetches the masks of the four tasks: task and seed -> the files of heads and MLPs."""
    fetched = {}
    with pytest.MonkeyPatch.context() as patch, served(rebuilt()) as address:
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        patch.setenv("NO_PROXY", "127.0.0.1")
        for (task, seed), pair in authors_files().items():
            if task in TASKS.values():
                wanted = [(f.address.replace(AUTHORS_ADDRESS, address), f.sha256) for f in pair]
                fetched[task, seed] = [root / file.path for file in pair]
                fetch_masks(wanted=wanted, paths_to_masks=fetched[task, seed])
    return fetched
