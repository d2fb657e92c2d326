"""Puts the workflow's files into the wheel; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

SCRIPTS = "workflow/scripts"

# lottery.bundle is the top level of the clone: Snakefile, workflow, ... (lottery.files.workflow).
setup(
    packages=[*find_packages(SCRIPTS), "lottery.bundle"],
    package_dir={"": SCRIPTS, "lottery.bundle": "."},
)
