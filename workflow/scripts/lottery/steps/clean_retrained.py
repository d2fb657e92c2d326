"""Step clean_retrained: frees the disk of retrained weights that have been evaluated."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

VERSION = 1
RETRAINED = "*/*/seed_*/retrain/*/*/model.safetensors"
MEGABYTE = 1_000_000


def clean_retrained(*, results: str, say: Callable[[str], None] = print) -> None:
    """Lists, then removes, the weights of every retrained subnetwork whose scores are there.

    Nothing else goes: logits, histories, provenance, scores and predictions stay, so nothing runs
    again for a table or a figure. Weights that are not evaluated yet stay as well.

    Args:
        results: the folder of the study's results.
        say: prints a line; the list is printed before the first file goes.
    """
    found = [path for path in sorted(Path(results).glob(RETRAINED)) if _is_evaluated(path)]
    sizes = [path.stat().st_size / MEGABYTE for path in found]
    for path, size in zip(found, sizes, strict=True):
        say(f"{size:8.1f} MB  {path}")
    for path in found:
        path.unlink()
    say(f"removed {len(found)} retrained models, {sum(sizes):.1f} MB")


def _is_evaluated(path: Path) -> bool:
    """Whether the scores of retrained weights are there."""
    subnetwork, method = path.parent.name, path.parent.parent.name
    cell = path.parents[3]
    return (cell / "evaluate" / method / subnetwork / "retrained" / "metrics.json").is_file()
