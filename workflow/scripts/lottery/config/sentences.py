"""Words that the sentences about a config share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterable

# What other tools call keys of ours, and where these are.
OTHER_NAMES: dict[object, str] = {
    "dev": "data.validation",
    "eval": "data.validation",
    "val": "data.validation",
    "lr": "training.learning_rate",
    "max_seq_length": "training.max_length",
    "num_train_epochs": "training.epochs",
    "per_device_train_batch_size": "training.batch_size",
}


def dotted(path: Iterable[str | int]) -> str:
    """The place of a value as users write it: `tasks.rte.text[1]`."""
    text = ""
    for part in path:
        if isinstance(part, str) and re.fullmatch(r"[\w-]+", part):
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text or "The config"


def listed(names: Iterable[object]) -> str:
    """Names as words: `a, b and c`."""
    words = [str(name) for name in names]
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


def allowed_are(names: Iterable[object]) -> str:
    """The end of a sentence: `allowed are a, b and c`."""
    words = list(names)
    return f"allowed {'is' if len(words) == 1 else 'are'} {listed(words)}"


def did_you_mean(name: object, allowed: Iterable[str]) -> str:
    """` (did you mean rte?)`, or nothing when no allowed name comes near."""
    close = difflib.get_close_matches(str(name).lower(), list(allowed), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def which_key(key: object, allowed: Collection[str]) -> str:
    """As `did_you_mean`, of a key: it may have the name that another tool gives it."""
    place = OTHER_NAMES.get(key, "")
    here = place.rpartition(".")[2]
    if here in allowed:
        return f" (did you mean {here}?)"
    return did_you_mean(key, allowed) or (f" (did you mean {place}?)" if place else "")
