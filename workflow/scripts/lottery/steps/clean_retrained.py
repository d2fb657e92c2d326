"""Step clean_retrained: frees the disk of retrained weights that have been evaluated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

VERSION = 1
RETRAINED = "*/*/seed_*/retrain/*/*/model.safetensors"


def clean_retrained(*, results: str, say: Callable[[str], None] = print) -> None:
    """Lists, then removes, the weights of every retrained subnetwork whose scores are there.

    Nothing else is removed: logits, histories, provenance, scores and predictions stay, so nothing
    runs again for a table or a figure. Weights that are not evaluated yet stay as well.

    Args:
        results: the folder of the study's results.
        say: prints a line; the list is printed before the first file is removed.
    """
    done = [path for path in sorted(Path(results).glob(RETRAINED)) if _is_evaluated(path)]
    sizes = [path.stat().st_size / 1e6 for path in done]
    for path, size in zip(done, sizes, strict=True):
        say(f"{size:8.1f} MB  {path}")
    for path in done:
        path.unlink()
    say(f"removed {len(done)} retrained models, {sum(sizes):.1f} MB")


def _is_evaluated(path: Path) -> bool:
    *_, method, subnetwork, _ = path.parts
    scores = f"evaluate/{method}/{subnetwork}/retrained/metrics.json"
    return (path.parents[3] / scores).is_file()
