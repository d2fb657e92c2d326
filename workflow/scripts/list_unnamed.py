"""Rule list_unnamed; it talks to the terminal as well as to its log."""

from pathlib import Path

from lottery.steps.clean_unnamed import list_unnamed

lines = list_unnamed(unnamed=snakemake.params.unnamed, root=Path())
Path(snakemake.log[0]).write_text("\n".join(lines) + "\n", encoding="utf-8")
