"""Words that the sentences about a config share."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

# What other tools call keys of ours, and where these are.
OTHER_NAMES = {
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
    allowed, name = [*allowed], str(name).lower()
    here = OTHER_NAMES.get(name, "").rpartition(".")[2]
    close = [here] if here in allowed else difflib.get_close_matches(name, allowed, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
