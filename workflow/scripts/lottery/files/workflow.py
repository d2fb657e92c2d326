"""Where the files of the workflow lie: in the clone, or in the installed package."""

from __future__ import annotations

from pathlib import Path

_LIBRARY = Path(__file__).resolve().parents[1]
# The wheel has the Snakefile and its folders inside the package (setup.py).
_BUNDLE = _LIBRARY / "bundle"
INSTALLED = _BUNDLE.is_dir()

# The folder of the Snakefile, and the one with rules, configs, schemas, report and resources.
ROOT = _BUNDLE if INSTALLED else _LIBRARY.parents[2]
WORKFLOW = ROOT / "workflow"

# How a user checks a config by itself.
CHECK = "tickets check" if INSTALLED else "python workflow/scripts/check_config.py"
# How a user finds the present commit of a hub id.
RESOLVE = f"{CHECK} --resolve CONFIG"
