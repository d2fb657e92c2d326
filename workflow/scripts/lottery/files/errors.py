"""The one kind of error that a user can put right."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

LONGEST = 400  # characters of a word in a message; paths are shorter


class StudyError(Exception):
    """Something in the config, the data or the files that the user can put right.

    `str(error)` is one sentence that names the key or the file, what was found and what is allowed;
    a job that ends with it shows the sentence alone, without a stack trace.
    """

    def __init__(self, message: str) -> None:
        super().__init__(re.sub(rf"\S{{{LONGEST},}}", lambda word: f"{word[0][:60]}...", message))


@contextmanager
def blaming(key: str) -> Iterator[None]:
    """Puts the key of the config that named a file in front of a sentence about its content."""
    try:
        yield
    except StudyError as error:
        raise StudyError(f"{key}: {error}") from error
