"""Step clean_retrained: frees the disk of retrained weights that have been evaluated."""

from __future__ import annotations

from pathlib import Path

RETRAINED = "*/*/seed_*/retrain/*/*/model.safetensors"
MEGABYTE = 1_000_000


def clean_retrained(*, path_to_results: Path) -> list[str]:
    """Lists, then removes, the weights of every retrained subnetwork whose scores are there.

    Nothing else goes: histories, provenance, scores and predictions stay, so nothing is run again
    for a table or a figure. Weights that are not evaluated yet stay as well.

    Args:
        path_to_results: the folder `results`.

    Returns:
        What was done, line by line; the list is printed before the first file goes.
    """
    found = [path for path in sorted(path_to_results.glob(RETRAINED)) if _is_evaluated(path)]
    total = sum(path.stat().st_size for path in found)
    lines = [f"{path.stat().st_size / MEGABYTE:8.1f} MB  {path}" for path in found]
    print("\n".join(lines), flush=True)
    for path in found:
        path.unlink()
    lines.append(f"removed {len(found)} retrained models, {total / MEGABYTE:.1f} MB")
    print(lines[-1])
    return lines


def _is_evaluated(path: Path) -> bool:
    """Whether the scores of retrained weights are there."""
    subnetwork, method = path.parent.name, path.parent.parent.name
    cell = path.parents[3]
    return (cell / "evaluate" / method / subnetwork / "retrained" / "metrics.json").is_file()
