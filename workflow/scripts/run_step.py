"""The script of every rule: runs the step that the rule's params name (lottery.runtime.job)."""

from lottery.runtime.job import run

run(snakemake)
