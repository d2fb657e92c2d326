"""The script of every rule: runs the step that the rule's params name (lottery.job)."""

from lottery.job import run

run(snakemake)
