"""Prints what of a study is done, running, missing or would run again; it runs no step.

    python workflow/scripts/status.py [--cells] [--files] [the words of a snakemake command]

Without the words of a command it speaks of the last run in this folder, else of config.yaml. Of a
run that works it tells the time, the share of the work that is done, and what is running.

`--cells` first lists every job with its state; `--files` also lists every file that the run would
overwrite, with the reason. docs/reruns.md explains what it prints.
"""

import sys

from lottery.files.errors import StudyError
from lottery.runtime.plan import last_words
from lottery.runtime.status import show

OPTIONS = ("--cells", "--files")


def main(words: list[str]) -> int:
    """Prints the status for the words of a Snakemake command; gives the exit status."""
    if {"-h", "--help"} & {*words}:
        print(__doc__)
        return 0
    given = [word for word in words if word not in OPTIONS] or last_words()
    try:
        show(given, "--files" in words, "--cells" in words)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
