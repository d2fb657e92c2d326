"""Checks config files by themselves, or asks the hub for the revisions that they lack.

python workflow/scripts/check_config.py mine.yaml ...
python workflow/scripts/check_config.py --resolve mine.yaml ...
"""

import sys

from lottery.planning.check import check, resolve
from lottery.runtime.start import stop_on_error

names = [name for name in sys.argv[1:] if name != "--resolve"]
if not names:
    sys.exit("usage: python workflow/scripts/check_config.py [--resolve] CONFIG ...")
for name in names:
    stop_on_error(resolve if "--resolve" in sys.argv else check, name)
