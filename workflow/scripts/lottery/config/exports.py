"""The entries of `export`: which subnetworks are written for use outside the study."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from lottery.config.axes import FULL
from lottery.config.sentences import allowed_are, did_you_mean
from lottery.config.study import Export, Study
from lottery.files.errors import StudyError

ONNX_PACKAGES = ("onnx", "onnx_ir", "onnxscript", "onnxruntime")  # of the extra export


def exports_of(config: Mapping[str, Any], study: Study) -> tuple[Export, ...]:
    """Reads the entries of `export`, of a study that is checked but for them.

    Raises:
        StudyError: an entry names what the study does not have, or asks for ONNX without its
            packages.
    """
    return tuple(
        _export(f"export[{number}]", entry, study)
        for number, entry in enumerate(config.get("export", ()))
    )


def _export(key: str, entry: Mapping[str, Any], study: Study) -> Export:
    names = [name for method in study.methods.values() for name in method.subnetworks]
    known: dict[str, tuple[Any, ...]] = {
        "model": tuple(study.models),
        "task": study.trained_tasks,
        "seed": study.seeds,
        "method": tuple(study.methods),
        "subnetwork": (FULL, *dict.fromkeys(names)),
    }
    cells = {"phase": (entry.get("phase", "retrained"),)}
    for name, allowed in known.items():
        given = entry.get(name, allowed)
        cells[name] = tuple(given) if isinstance(given, list | tuple) else (given,)
        for value in cells[name]:
            if value not in allowed:
                raise StudyError(
                    f"{key}.{name} is {value!r}{did_you_mean(value, map(str, allowed))}; "
                    f"{allowed_are(allowed)}."
                )
    onnx = entry.get("onnx", False)
    lacking = [package for package in ONNX_PACKAGES if onnx and find_spec(package) is None]
    if lacking:
        raise StudyError(
            f"{key}.onnx is true, but the package {lacking[0]} is not installed; install those of "
            "the extra export (docs/export.md), or leave onnx out."
        )
    return Export(cells, onnx)
