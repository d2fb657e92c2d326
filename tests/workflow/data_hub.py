"""A hub on the loopback interface that holds data sets, for the real client."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha1
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit

REVISION = "89abcdef0123456789abcdef0123456789abcdef"


class DataHub(ThreadingHTTPServer):
    """Data sets by id, each a mapping from paths to bytes; all have one commit, `REVISION`."""

    daemon_threads = True

    def __init__(self, repositories: Mapping[str, Mapping[str, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.repositories = repositories
        self.gated: set[str] = set()
        self.asked: list[str] = []

    def answer(self, path: str, wanted: list[str]) -> tuple[int, str, bytes]:
        """Status, error code and body; `wanted` are the paths that a body asks for."""
        is_api = path.startswith("/api/")
        owner, name, *rest = path.removeprefix("/api").removeprefix("/datasets/").split("/")
        repository = f"{owner}/{name}"
        files = self.repositories.get(repository)
        if files is None:
            return 404, "RepoNotFound", b""
        if not is_api and repository in self.gated:
            return 403, "GatedRepo", b""
        kind, revision, *below = [*rest, "", ""]
        if revision and revision not in (REVISION, "main"):
            return 404, "RevisionNotFound", b""
        if not is_api:
            body = files.get("/".join(rest[2:]))
            return (404, "EntryNotFound", b"") if body is None else (200, "", body)
        facts: object = {"id": repository, "sha": REVISION, "siblings": []}
        if kind == "tree":
            folder = "/".join(part for part in below if part)
            facts = [each for each in self._entries(files) if _is_in(each["path"], folder)]
            if not facts:
                return 404, "EntryNotFound", b""
        elif kind == "paths-info":
            facts = [each for each in self._entries(files) if each["path"] in wanted]
        return 200, "", json.dumps(facts).encode()

    @staticmethod
    def _entries(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
        folders = {path.rpartition("/")[0] for path in files if "/" in path}
        found = [{"type": "directory", "path": path, "oid": "0"} for path in sorted(folders)]
        return found + [
            {"type": "file", "path": path, "size": len(body), "oid": "0"}
            for path, body in files.items()
        ]


def _is_in(path: str, folder: str) -> bool:
    return path.rpartition("/")[0] == folder


class _Handler(BaseHTTPRequestHandler):
    server: DataHub

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.asked.append(path)
        wanted = json.loads(body).get("paths", []) if body[:1] == b"{" else []
        status, code, body = self.server.answer(path, wanted)
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "Content-Type": "application/json" if path.startswith("/api/") else "text/plain",
            "X-Error-Code": code,
            "X-Repo-Commit": REVISION,
            "ETag": f'"{sha1(path.encode()).hexdigest()}"',
        }.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_HEAD = do_POST = _answer  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@contextmanager
def serving(repositories: Mapping[str, Mapping[str, bytes]]) -> Iterator[DataHub]:
    """Serves data sets until the context ends."""
    made = DataHub(repositories)
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield made
    finally:
        made.shutdown()
        thread.join()
        made.server_close()
