"""What a download ends with, by the real client against a server in this process."""

from __future__ import annotations

import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import huggingface_hub
import pytest
import synthetic
from test_data_evaluation_only import HANS_ENTRY, HANS_FILE

from lottery.data.sources import read_split
from lottery.files import hub
from lottery.files.errors import StudyError, blaming
from lottery.steps.fetch_config import fetch_config
from lottery.tasks.entries import task_from_config
from lottery.tasks.task import GLUE_REPOSITORY, GLUE_REVISION
from stage_digests import SCRIPTS

REVISION = "0123456789abcdef0123456789abcdef01234567"
TOKEN = "hf_SecretOfTheTests"
PAGE = b"<!DOCTYPE html><title>Please log in to the network</title>"
CONFIG = json.dumps(synthetic.SMALL).encode()


@dataclass
class Answer:
    """What the server does; a status of 0 breaks the connection off, of -1 says nothing."""

    status: int = 200
    code: str = ""  # as the hub words it
    body: bytes = b"no"
    headers: dict[str, str] = field(default_factory=dict)


class Server(ThreadingHTTPServer):
    """A hub with one model, which gives the answers in `failures` first."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server_port}"
        self.failures: list[Answer] = []
        self.asked: list[str] = []
        self.tokens: list[str | None] = []
        self.short = False  # whether files break off

    def answer(self, path: str) -> Answer:
        if path == "/api/agent-harnesses":  # for the library's user agent
            return Answer(404)
        self.asked.append(path)
        if self.failures:
            return self.failures.pop(0)
        if "/gone" in path:
            return Answer(404, "RepoNotFound")
        known = {"X-Repo-Commit": REVISION, "ETag": '"0123"', "Content-Type": "text/plain"}
        if path == "/hans.txt":
            return Answer(body=HANS_FILE.encode())
        if "/tree/" in path:
            files = [{"type": "file", "path": "config.json", "size": len(CONFIG), "oid": "0"}]
            return Answer(body=json.dumps(files).encode(), headers={"Content-Type": "text/json"})
        if "/resolve/" in path:
            return Answer(body=CONFIG, headers=known)
        return Answer(body=json.dumps({"id": "org/model", "sha": REVISION}).encode())


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        answer = self.server.answer(self.path)
        if "agent" not in self.path:
            self.server.tokens.append(self.headers.get("Authorization"))
        if answer.status == -1:
            self.rfile.read(1)  # until the client has enough
        if answer.status <= 0:
            self.close_connection = True
            return
        self.send_response(answer.status)
        if answer.code:
            self.send_header("X-Error-Code", answer.code)
            self.send_header("X-Error-Message", f"not with {TOKEN}")
        for name, value in {"Content-Length": str(len(answer.body)), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            half = self.server.short and "/resolve/" in self.path
            self.wfile.write(answer.body[: len(answer.body) // 2] if half else answer.body)

    do_HEAD = do_GET  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module", autouse=True)
def client() -> Iterator[None]:
    """One client for all tests here, since it reads certificates for a tenth of a second."""
    yield
    huggingface_hub.close_session()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    made = Server()
    constants = "huggingface_hub.constants"
    template = f"{made.address}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    monkeypatch.setattr(f"{constants}.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(f"{constants}.ENDPOINT", made.address)
    monkeypatch.setattr(f"{constants}.HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(f"{constants}.HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(hub, "WAITS", (0.0, 0.0))
    monkeypatch.setattr(hub, "TIMEOUT", 0.5)
    thread = Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.shutdown()
    thread.join()
    made.server_close()


def fetch(kind: str, server: Server, folder: Path, source: str = "org/model") -> None:
    """Fetches a model's config, a split of GLUE, or HANS."""
    if kind == "model":
        path = folder / "mine" / "config.json"
        fetch_config(source=source, kind="hub", revision=REVISION, path_to_config=path)
        assert json.loads(path.read_bytes()) == synthetic.SMALL
        return
    task = task_from_config("t", HANS_ENTRY if kind == "web" else {"preset": "rte"})
    if kind == "web":
        task = replace(task, splits=(("validation", f"{server.address}/hans.txt"),))
    with blaming("tasks.t"):
        read_split(task, "validation", ["label"], None, folder / "hub")


# What the server does, what is in the sentence, and whether it is asked again.
FAILURES: dict[str, tuple[Answer, list[str], bool]] = {
    "gated": (Answer(403, "GatedRepo"), ["accept its terms", "a token of that account"], False),
    "bad_token": (Answer(401), ["does not accept the token", "HF_TOKEN"], False),
    "no_rights": (Answer(403), ["may not read it", "HF_TOKEN"], False),
    "no_repository": (Answer(404, "RepoNotFound"), ["does not exist", "check the id"], False),
    "no_revision": (Answer(404, "RevisionNotFound"), ["no such revision", "--resolve"], False),
    "no_file": (Answer(404, "EntryNotFound"), ["there is no file"], False),
    "other_service": (Answer(body=b"hello"), ["none of the hub"], False),
    "gone": (Answer(410), ["status 410"], False),
    "page": (Answer(headers={"Content-Type": "text/html"}, body=PAGE), ["a web page"], False),
    "blocked": (Answer(403, headers={"Content-Type": "text/html"}, body=PAGE), ["page"], False),
    "login": (Answer(511, headers={"Content-Type": "text/html"}, body=PAGE), ["page"], False),
    "silence": (Answer(-1), ["does not answer in time", "HTTPS_PROXY"], False),
    "too_many": (Answer(429), ["status 429 (3 times)"], True),
    "broken": (Answer(500), ["status 500 (3 times)"], True),
    "away": (Answer(503, headers={"Content-Type": "text/html"}, body=PAGE), ["503 (3"], True),
    "reset": (Answer(0), ["breaks off (3 times)"], True),
}
OF_THE_HUB = (
    "gated",
    "bad_token",
    "no_rights",
    "no_repository",
    "no_revision",
    "no_file",
    "other_service",
)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for kind in ("model", "glue", "web")
        for name in FAILURES
        if kind != "web" or name not in OF_THE_HUB
    ],
)
def test_a_failed_download_is_one_sentence(
    name: str, kind: str, server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    answer, words, again = FAILURES[name]
    server.failures = [answer] * 20
    with caplog.at_level(logging.INFO), pytest.raises(StudyError) as error:
        fetch(kind, server, tmp_path)
    said = str(error.value)
    assert said.startswith("models.mine.source: " if kind == "model" else "tasks.t: ")
    assert all(word in said for word in words), said
    assert ("glue_folder" in said) == (kind != "model") and "\n" not in said
    assert len(server.asked) == (3 if again else 1)
    assert ("asking again" in caplog.text) == again
    assert TOKEN not in said + caplog.text and PAGE.decode() not in said


@pytest.mark.parametrize("kind", ["model", "glue", "web"])
def test_what_passes_is_fetched_after_all(kind: str, server: Server, tmp_path: Path) -> None:
    server.failures = [Answer(503), Answer(0)]
    if kind == "glue":  # it gets no parquet
        with pytest.raises(StudyError, match="no readable parquet"):
            fetch(kind, server, tmp_path)
    else:
        fetch(kind, server, tmp_path)
    assert len(server.asked) > 2
    assert {*server.tokens} == ({None} if kind == "web" else {f"Bearer {TOKEN}"})


def test_a_server_may_ask_to_wait_but_not_for_an_hour(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    server.failures = [Answer(429, headers={"Retry-After": wait}) for wait in ("7", "3600")]
    fetch("model", server, tmp_path)
    assert waited == [7.0, hub.LONGEST_WAIT]


def test_a_file_that_breaks_off_is_no_file(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    server.short = True
    with pytest.raises(StudyError, match=r"the connection to the server breaks off \(3 times\)"):
        fetch("model", server, tmp_path)
    server.short = False
    fetch("model", server, tmp_path)


def test_the_login_of_a_mirror_is_not_repeated(
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    address = server.address.replace("://", f"://me:{TOKEN}@")
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    server.failures = [Answer(503)] * 9
    with caplog.at_level(logging.INFO), pytest.raises(StudyError, match="503") as error:
        fetch("model", server, tmp_path)
    assert TOKEN not in str(error.value) + caplog.text and "503" in caplog.text


def test_without_a_token_a_private_model_asks_for_one(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    server.failures = [Answer(401, "RepoNotFound")]
    with pytest.raises(StudyError, match=r"does not exist, or is private; .*log in"):
        fetch("model", server, tmp_path)


@pytest.mark.parametrize("token", ["hf_ä", "hf_a\tb", "hf_a b"])
def test_a_token_that_cannot_be_sent_is_not_repeated(
    token: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", token)
    with pytest.raises(StudyError, match="HF_TOKEN") as error:
        fetch("model", server, tmp_path)
    assert token not in str(error.value) and not server.asked


@pytest.mark.parametrize("address", ["http://127.0.0.1:9", "http://no-such-host.invalid"])
def test_no_route_ends_at_once(
    address: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", address)
    monkeypatch.setattr("time.sleep", pytest.fail)
    with pytest.raises(StudyError, match=r"models\.mine\.source: .* cannot be reached .*network"):
        fetch("model", server, tmp_path)


@pytest.mark.parametrize("source", ["a--b/c", "a/b/c", "b.git", "-a"])
def test_a_malformed_id_is_never_asked_for(source: str, server: Server, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no id of the hub"):
        fetch("model", server, tmp_path, source)
    assert not server.asked


def test_a_repository_without_a_config_is_no_model(server: Server, tmp_path: Path) -> None:
    files = [{"type": "file", "path": "README.md", "size": 1, "oid": "0"}]
    server.failures = [Answer(body=json.dumps(files).encode())]
    with pytest.raises(StudyError, match=rf"org/model at {REVISION} has no config\.json"):
        fetch("model", server, tmp_path)


@pytest.mark.parametrize("answer", [None, Answer(503), Answer(404, "RepoNotFound")])
@pytest.mark.parametrize("listed", [True, False])
def test_a_copy_in_the_cache_serves_without_the_hub(
    answer: Answer | None,
    listed: bool,
    server: Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fetch("model", server, tmp_path)
    if not listed:  # as another program has left it, which fetched the one file
        for path in (tmp_path / "cache").rglob("trees/*.json"):
            path.unlink()
        monkeypatch.setattr("huggingface_hub._tree_cache._IN_MEMORY_TREE_CACHE", {})
    server.failures = [answer] * 9 if answer else []
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", answer is None)
    fetch("model", server, tmp_path / "again")


@pytest.mark.parametrize("kind", ["model", "glue", "web"])
def test_offline_without_a_whole_copy_is_one_sentence(
    kind: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "cache/models--org--model/snapshots" / REVISION
    copy.mkdir(parents=True)
    (copy / "tokenizer.json").write_text("{}")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(StudyError, match=r"HF_HUB_OFFLINE .* no whole copy; unset it"):
        fetch(kind, server, tmp_path)
    assert not server.asked


def test_a_full_disk_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cache").write_text("no folder")
    with pytest.raises(StudyError, match=r"cache.* cannot be written"):
        fetch("model", server, tmp_path)


def test_resolve_prints_the_lines_to_paste(server: Server, tmp_path: Path) -> None:
    config = f"""
    models:
      a: {{source: org/model}}
      pinned: {{source: org/model, revision: {REVISION}}}
      embedded: {{source: embedded}}
      folder: {{source: ./folder}}
      old: {{source: bert-base}}
    tasks:
      rte: {{}}
      mine: {{data: {{hub: org/set, splits: {{train: a, validation: b}}}}}}
      set: {{data: {{hub: org/set, revision: {REVISION}}}}}
      gone: {{data: {{hub: org/gone}}}}
    """
    (tmp_path / "mine.yaml").write_text(config)
    command = [sys.executable, str(SCRIPTS / "check_config.py"), "--resolve", "mine.yaml"]
    environment = {"HF_ENDPOINT": server.address, "HF_HOME": str(tmp_path), "HF_TOKEN": TOKEN}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.stdout.splitlines() == [
        "models.a (org/model):",
        f"    revision: {REVISION}",
        "models.old (bert-base):",
        f"    revision: {REVISION}",
        "tasks.mine.data (org/set):",
        f"    revision: {REVISION}",
    ]
    assert "/api/datasets/org/set" in server.asked
    (line,) = done.stderr.splitlines()
    assert line.startswith("Error: tasks.gone.data.hub: org/gone cannot be fetched: ")
    assert done.returncode == 1 and TOKEN not in line


def test_glue_is_asked_for_at_its_pinned_revision(server: Server, tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="no readable parquet"):
        fetch("glue", server, tmp_path)
    assert {path.split("/resolve/")[0] for path in server.asked} == {f"/datasets/{GLUE_REPOSITORY}"}
    assert all(f"/resolve/{GLUE_REVISION}/rte/" in path for path in server.asked)
