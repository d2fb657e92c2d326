"""The command `tickets`: the same workflow without Snakemake's words (docs/command_line.md)."""
