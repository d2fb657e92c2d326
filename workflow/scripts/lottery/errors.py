"""The one kind of error that a user can mend."""

from __future__ import annotations


class StudyError(Exception):
    """Something in the config, the data or the files that the user can put right.

    `str(error)` is one sentence that names the key or the file, what was found and what is allowed;
    a job that ends with it shows the sentence alone, without a stack trace.
    """
