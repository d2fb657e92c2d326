"""A small study for tests of the config."""

from __future__ import annotations

from pathlib import Path

import yaml

from lottery.config import Study, load_study

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
models: {small: {source: embedded}}
tasks: {rte: {}}
seeds: [3, 1]
methods: {s: {algorithm: structured}}
"""


def study(changes: str = "", root: Path = ROOT) -> Study:
    """The study of the small config, with top-level keys replaced by YAML text."""
    return load_study(yaml.safe_load(SMALL) | (yaml.safe_load(changes) or {}), root)
