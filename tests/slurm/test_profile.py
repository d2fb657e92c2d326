"""The profile for clusters, as far as it can be read without one."""

from __future__ import annotations

import re
from importlib.metadata import version

import pytest
import yaml
from packaging.version import Version
from scenario import PROFILE, ROOT


def profile() -> dict:
    return yaml.safe_load((PROFILE / "config.yaml").read_text())


def test_every_size_grows_with_the_attempt():
    for name in ("mem_mb", "runtime"):
        assert re.fullmatch(r"attempt \* \d+", profile()["default-resources"][name])
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        fixed = re.findall(r"^\s+(?:mem_mb|runtime)=\d.*$", path.read_text(), re.MULTILINE)
        assert not fixed, f"{path.name}: write growing(...) instead of {fixed}"


def test_a_gpu_rule_asks_for_one_gpu():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        assert set(re.findall(r"^\s+gpu=(.*),$", path.read_text(), re.MULTILINE)) <= {
            "GPU"
        }  # 1, or 0 where compute.device is cpu


def test_figures_are_drawn_where_the_run_was_started():
    for path in (ROOT / "workflow/rules").glob("*.smk"):
        for block in re.split(r"^(?=use rule)", path.read_text(), flags=re.MULTILINE):
            if rule := re.match(r"use rule \w+ as (plot_\w+) with:", block):
                assert "\n    localrule: True\n" in block, rule[1]


@pytest.mark.parametrize("name", ["slurm_partition", "slurm_account"])
def test_partition_and_account_are_left_to_fill_in(name: str):
    assert name not in profile()["default-resources"]
    assert re.search(rf"^  # {name}: ", (PROFILE / "config.yaml").read_text(), re.MULTILINE)


def test_the_executor_gives_a_job_one_process():
    # Older ones started the script once per GPU of an allocation.
    assert Version(version("snakemake-executor-plugin-slurm")) >= Version("2.7.1")
