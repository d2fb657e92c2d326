"""Makes tables, figures and a report of what a study has finished, below results/partial.

    python workflow/scripts/partial.py [the options of a snakemake command]

It runs no step that makes a cell, so it may be asked while a run works. A run with failed steps
asks it at its end. docs/interruption.md explains what comes out.
"""

import sys

from lottery.files.errors import StudyError
from lottery.planning.partial import report_what_is_there


def main(words: list[str]) -> int:
    """Makes what can be made for the options of a Snakemake command; gives the exit status."""
    if {"-h", "--help"} & {*words}:
        print(__doc__)
        return 0
    try:
        return report_what_is_there(words)
    except StudyError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
