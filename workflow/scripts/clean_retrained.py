"""Rule clean_retrained; it talks to the terminal as well as to its log."""

from pathlib import Path

from lottery.steps.clean_retrained import clean_retrained

lines = clean_retrained(path_to_results=Path("results"))
Path(snakemake.log[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
