"""Rule clean_unnamed; it talks to the terminal as well as to its log."""

import sys
from pathlib import Path

from lottery.errors import StudyError
from lottery.steps.clean_unnamed import clean_unnamed

try:
    lines = clean_unnamed(unnamed=snakemake.params.unnamed, root=Path())
except StudyError as error:
    sys.exit(str(error))
Path(snakemake.log[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
