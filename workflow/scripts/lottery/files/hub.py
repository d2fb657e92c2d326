"""Files from the Hugging Face hub and from addresses, and one sentence where they do not come.

What cannot work a moment later ends at once; what may is asked for again a few times. The client
of huggingface_hub alone asks again for names that do not exist, waits for some answers without
limit, and for as long as a server tells it to. So every request goes through `_Client`, whose
exception is none of those after which that library goes on. The sentences hold nothing of what a
server or a library says, which may repeat a token.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import fields
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar
from urllib.parse import unquote

import httpx2
from huggingface_hub import constants
from huggingface_hub.errors import (
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RemoteEntryNotFoundError,
)

from lottery.files.errors import StudyError
from lottery.files.workflow import CHECK

WAITS = (2.0, 10.0, 30.0)  # seconds before each further request
LONGEST_WAIT = 60.0  # seconds, where a server asks for more
TIMEOUT = 30.0  # seconds without an answer, where the library allows more
LOG_IN = "log in (hf auth login) or set HF_TOKEN"
RESOLVE = f"`{CHECK} --resolve CONFIG` prints the present one"
ROUTE = "check the network, HTTPS_PROXY and HF_ENDPOINT"
# What `datasets` reads data sets of text with; of its other readers one unpickles.
MODULES = ("arrow", "csv", "json", "parquet")

Result = TypeVar("Result")

log = logging.getLogger(__name__)


class _FetchError(Exception):
    """A request without a usable answer."""

    def __init__(self, words: str, *, passing: bool = False, wait: float = 0.0) -> None:
        super().__init__(words)
        self.passing = passing  # whether it may work a moment later
        self.wait = wait  # seconds that the server asks for


class _Client(httpx2.Client):
    """The client of huggingface_hub, with a time limit, and `_FetchError` for each failure."""

    def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """Sends a request; every request passes here."""
        given = request.extensions.get("timeout", {})
        parts = ("connect", "read", "write", "pool")
        limits = {part: min(given.get(part) or TIMEOUT, TIMEOUT) for part in parts}
        request.extensions = {**request.extensions, "timeout": limits}
        try:
            response = super().send(request, **options)
        except (OfflineModeIsEnabled, httpx2.HTTPError) as error:
            raise _without_answer(error, request.url.host) from error
        failed = _refused(response)
        if failed is not None:
            response.close()
            raise failed
        return response


def _without_answer(error: Exception, host: str) -> _FetchError:
    if isinstance(error, OfflineModeIsEnabled):
        return _FetchError(
            "HF_HUB_OFFLINE forbids the network, and the cache holds no whole copy; unset it"
        )
    if isinstance(error, httpx2.ProxyError):
        return _FetchError("the proxy refuses the connection; check HTTPS_PROXY and its login")
    if isinstance(error, httpx2.TimeoutException):
        return _FetchError(f"{host} does not answer in time; {ROUTE}")
    if isinstance(error, httpx2.ConnectError):
        return _FetchError(f"{host} cannot be reached ({_reason(error)}); {ROUTE}")
    if isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError):
        return _FetchError(f"the connection to {host} breaks off", passing=True)
    return _FetchError(f"the request to {host} fails ({type(error).__name__}); {ROUTE}")


def _reason(error: BaseException) -> str:
    """Why there is no connection, in the words of the operating system or of TLS."""
    text = " ".join(str(error).split()).rstrip(".")
    return "its certificate is not trusted" if "CERTIFICATE" in text else text[:100]


def _refused(response: httpx2.Response) -> _FetchError | None:
    """What is wrong with an answer; None if nothing is."""
    status, code = response.status_code, response.headers.get("x-error-code", "")
    host, known = response.request.url.host, "authorization" in response.request.headers
    is_page = response.headers.get("content-type", "").startswith("text/html")
    if status in (408, 429) or (status >= 500 and status != 511):
        asked = response.headers.get("retry-after", "")
        wait = float(asked) if asked.isdecimal() else 0.0
        return _FetchError(f"{host} answers with status {status}", passing=True, wait=wait)
    if is_page and not code and (status < 300 or status >= 400):
        return _FetchError(
            f"{host} sends a web page in place of it, as a proxy or a login would; {ROUTE}"
        )
    if status < 400:
        return None
    if code == "GatedRepo":
        accept = "its owner gives it to accounts that accept its terms: accept them on its page"
        return _FetchError(f"{accept}, and {'use a token of that account' if known else LOG_IN}")
    if code == "RevisionNotFound":
        return _FetchError(f"there is no such revision; {RESOLVE}")
    if code == "EntryNotFound":  # the library raises it: `datasets` tries names of files
        return None
    if status == 401 and known:
        return _FetchError(f"{host} does not accept the token that was sent; {LOG_IN} again")
    if status == 401:
        return _FetchError(f"it does not exist, or is private; check the id, or {LOG_IN}")
    if status == 403:
        return _FetchError(f"the account or token may not read it; {LOG_IN} with one that may")
    if status == 404:
        hidden = ", or the token may not see it" if known else ""
        check = "; check the id" if code else ""  # an address of the web has none
        return _FetchError(f"it does not exist on {host}{hidden}{check}")
    return _FetchError(f"{host} answers with status {status}; {ROUTE}")


def fetch_snapshot(repository: str, revision: str, patterns: Sequence[str]) -> Path:
    """Gives the folder of a model's files at a commit; what is not in the cache is downloaded.

    Args:
        repository: hub id.
        revision: commit.
        patterns: names of the wanted files.

    Raises:
        StudyError: the hub or the network does not give them.
    """
    from huggingface_hub import snapshot_download

    wanted = list(patterns)
    get = partial(snapshot_download, repository, revision=revision, allow_patterns=wanted)
    return Path(_patiently(get, f"{repository} at {revision}"))


def cached_snapshot(repository: str, revision: str) -> Path | None:
    """The folder in which the cache keeps files of a commit, maybe not all; None without one."""
    from huggingface_hub import snapshot_download

    try:
        found = snapshot_download(
            repository, revision=revision, local_files_only=True, allow_patterns=[]
        )
    except (LocalEntryNotFoundError, HFValidationError):
        return None
    return Path(found)


def fetch_file(
    repository: str, file: str, revision: str, cache: Path | None, advice: str = ""
) -> Path:
    """Gives a file of a data set on the hub at a commit, downloaded if it is not in the cache.

    Args:
        cache: folder of downloads; None takes huggingface_hub's own.
        advice: what else a user can do, which ends the sentence.
    """
    from huggingface_hub import hf_hub_download

    get = partial(hf_hub_download, repository, file, repo_type="dataset", revision=revision)
    return Path(_patiently(partial(get, cache_dir=cache), f"{file} of {repository}", advice))


def describe_data_set(repository: str, config: str | None, revision: str) -> dict[str, Any]:
    """Asks the hub which files each split of a data set is made of, and how they are read.

    Args:
        repository: hub id.
        config: one of the data set's configurations; None for its only or default one.
        revision: commit.

    Returns:
        JSON values: `module` of `datasets` that reads the files, its `options`, `features` (those
        that the data set's card declares, or None), and `splits`: split -> paths in the repository.

    Raises:
        StudyError: the hub does not give it, or it is no data set of files that can be read.
    """
    what = f"{repository} at {revision}"
    return _patiently(partial(_describe, repository, config, revision), what)


def _describe(repository: str, config: str | None, revision: str) -> dict[str, Any]:
    from datasets import BuilderConfig, get_dataset_config_names, load_dataset_builder

    if constants.HF_HUB_OFFLINE:
        raise OfflineModeIsEnabled
    remote = f"hf://datasets/{repository}"  # never a folder of that name
    try:
        # In an empty folder, or `datasets` takes any revision that it has prepared before.
        with TemporaryDirectory() as empty:
            builder = load_dataset_builder(remote, config, revision=revision, cache_dir=empty)
    except RuntimeError as error:
        if "script" not in str(error):
            raise
        raise _FetchError(
            "its data are made by a script, and no code of the hub is run; name a data set of files"
        ) from None
    except FileNotFoundError as error:
        if isinstance(error, LocalEntryNotFoundError):
            raise
        raise _FetchError("it has no data files that the library datasets reads") from None
    except ValueError as error:
        names = get_dataset_config_names(remote, revision=revision)
        if config in names or (config is None and len(names) == 1):
            raise _FetchError("its card names files that are not in it") from error
        lacks = "default config" if config is None else f"config {config!r}"
        raise _FetchError(f"it has no {lacks}; allowed are {', '.join(names)}") from error
    module = type(builder).__module__.rpartition(".")[2]
    if module not in MODULES:
        raise _FetchError(f"its files are of the type {module}; read are {', '.join(MODULES)}")
    common = {field.name for field in fields(BuilderConfig)} | {"features"}
    options = {
        field.name: getattr(builder.config, field.name)
        for field in fields(builder.config)
        if field.name not in common and getattr(builder.config, field.name) != field.default
    }
    features = builder.info.features
    return {
        "module": module,
        "options": options,
        "features": None if features is None else features.to_dict(),
        "splits": {
            str(split): [str(path).removeprefix(f"{remote}@{revision}/") for path in paths]
            for split, paths in builder.config.data_files.items()
        },
    }


def fetch_address(address: str, advice: str = "") -> bytes:
    """Gives what is at an address of the web."""
    from huggingface_hub import get_session

    return _patiently(lambda: get_session().get(address).content, address, advice)


def present_commit(repository: str, kind: str = "model") -> str:
    """Asks the hub for the present commit of a model or "dataset", 40 hexadecimal digits."""
    from huggingface_hub import HfApi

    sha = _patiently(lambda: HfApi().repo_info(repository, repo_type=kind).sha, repository)
    if sha is None:
        raise StudyError(f"The hub names no commit of {repository}.")
    return sha


def _patiently(fetch: Callable[[], Result], what: str, advice: str = "") -> Result:
    """Calls a function that downloads, again where that may help.

    Raises:
        StudyError: it failed, or failed for the last time.
    """
    _prepare_client()
    for wait in (*WAITS, None):
        try:
            return fetch()
        except Exception as error:  # a dozen classes of three libraries
            failed = _failure(error)
            if not failed.passing or wait is None:
                again = f" ({len(WAITS) + 1} times)" if failed.passing else ""
                words = f"{what} cannot be fetched: {failed}{again}"
                raise StudyError(f"{words}; {advice}." if advice else f"{words}.") from None
            seconds = min(max(wait, failed.wait), LONGEST_WAIT)
            log.warning("%s: %s; asking again in %.0f s", what, failed, seconds)
            time.sleep(seconds)
    raise AssertionError("the last failure is raised")


def _failure(error: Exception) -> _FetchError:
    """What a download of huggingface_hub ended with, as one of ours."""
    if isinstance(error, _FetchError):
        return error
    if isinstance(error, LocalEntryNotFoundError) and isinstance(
        error.__cause__, RemoteEntryNotFoundError
    ):
        error = error.__cause__
    if isinstance(error, RemoteEntryNotFoundError):
        name = unquote(error.response.request.url.path).rpartition("/")[2]
        return _FetchError(f"there is no file {name} at this revision")
    # While the content came, after the answer.
    if isinstance(error, httpx2.HTTPError | OfflineModeIsEnabled):
        return _without_answer(error, "the server")
    if isinstance(error, HFValidationError):
        return _FetchError("this is no id of the hub; ids are owner/name")
    if isinstance(error, OSError) and error.errno is not None:
        return _FetchError(f"{error.filename or 'the cache'} cannot be written ({error.strerror})")
    if isinstance(error, OSError) and not isinstance(error, LocalEntryNotFoundError):
        return _FetchError("the file came incomplete", passing=True)
    if isinstance(error, LocalEntryNotFoundError | ValueError | LookupError):
        return _FetchError(f"the answer is none of the hub; {ROUTE}")
    return _FetchError(f"the download fails ({type(error).__name__}); {ROUTE}")


def _prepare_client() -> None:
    """Lets huggingface_hub send its requests through `_Client`.

    Raises:
        StudyError: its token cannot be sent; the client's own error would repeat it.
    """
    from huggingface_hub import get_session, get_token, set_client_factory

    token = get_token() or ""
    if not (token.isascii() and token.isprintable() and " " not in token):
        raise StudyError(
            "The token of the hub (HF_TOKEN, or what hf auth login has kept in "
            f"{constants.HF_TOKEN_PATH}) holds a character that no token has; set it again."
        )
    logging.getLogger("httpx2").setLevel(logging.WARNING)  # it logs addresses, signed ones too
    session = get_session()
    if not isinstance(session, _Client):
        hooks = session.event_hooks
        set_client_factory(lambda: _Client(event_hooks=hooks, follow_redirects=True))
