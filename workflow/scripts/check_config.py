"""Checks config files by themselves: python workflow/scripts/check_config.py mine.yaml ..."""

import sys
from pathlib import Path

from lottery.config import load_study, read_config
from lottery.runtime.start import stop_on_error

if len(sys.argv) < 2:
    sys.exit("usage: python workflow/scripts/check_config.py CONFIG ...")
for name in sys.argv[1:]:
    stop_on_error(load_study, stop_on_error(read_config, Path(name)), Path.cwd())
    print(f"{name} is fine.")
