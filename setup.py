"""Puts the workflow's files into the wheel; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

SCRIPTS = "workflow/scripts"

setup(
    # Of a package's folder every module is installed but this one.
    script_name="setup.py",
    # lottery.bundle is the top level of the clone: Snakefile, workflow, ... (files/workflow.py).
    packages=[*find_packages(SCRIPTS), "lottery.bundle"],
    package_dir={"": SCRIPTS, "lottery.bundle": "."},
)
