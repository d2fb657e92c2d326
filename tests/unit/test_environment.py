"""The lock file, the conda environments and the project's ranges agree; scripts can be imported."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LIBRARY = ROOT / "workflow" / "scripts" / "lottery"
ENVIRONMENTS = sorted((ROOT / "envs").glob("*.yaml"))
# torch's own packages for CUDA: pinned by its metadata, absent where torch is built without.
CUDA = re.compile(r"(nvidia|cuda)-|triton$")


def locked() -> dict[str, str]:
    """Version by name of what the lock file pins."""
    lines = (ROOT / "requirements.lock").read_text().splitlines()
    pins = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in pins}


def conda_pins(path: Path) -> dict[str, str]:
    """Version by name of what a conda environment takes from the package index."""
    entries = yaml.safe_load(path.read_text())["dependencies"]
    (pip,) = [entry["pip"] for entry in entries if isinstance(entry, dict)]
    return dict(entry.split("==") for entry in pip)


def needs(package: str) -> set[str]:
    """What an installed package needs here, without its extras."""
    parsed = [Requirement(text) for text in importlib.metadata.requires(package) or []]
    return {
        canonicalize_name(each.name)
        for each in parsed
        if (each.marker is None or each.marker.evaluate({"extra": ""}))
        and not (package == "torch" and CUDA.match(canonicalize_name(each.name)))
    }


def test_the_lock_file_is_plain_pins() -> None:
    text = (ROOT / "requirements.lock").read_text()
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for line in lines:
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[0-9][0-9A-Za-z.]*", line), line
    assert len({canonicalize_name(line.split("==")[0]) for line in lines}) == len(lines)
    assert locked()["torch"] == "2.13.0"


def test_the_lock_file_holds_everything_that_its_packages_need() -> None:
    pins = locked()
    for package in pins:
        missing = needs(package) - pins.keys()
        assert not missing, f"{package} needs {missing}"


def test_this_environment_is_the_locked_one() -> None:
    for name, version in locked().items():
        assert importlib.metadata.version(name).split("+")[0] == version, name


def test_the_lock_file_lies_within_the_ranges_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = list(project["dependencies"])
    for extra in project["optional-dependencies"].values():
        wanted += extra
    pins = locked()
    for requirement in map(Requirement, wanted):
        assert pins[canonicalize_name(requirement.name)] in requirement.specifier, requirement
        assert not any(one.operator == "==" for one in requirement.specifier)


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_a_conda_environment_has_the_pins_of_the_lock_and_all_it_needs(path: Path) -> None:
    pins, lock = conda_pins(path), locked()
    assert pins.items() <= lock.items()
    for package in pins:
        missing = needs(package) - pins.keys()
        assert not missing, f"{package} needs {missing}"


def imports(path: Path) -> set[str]:
    """Top-level names of what a file imports anywhere beyond the standard library."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names) - {"lottery"}


def test_conda_environments_serve_what_the_library_imports() -> None:
    served: set[str] = set()
    distributions = importlib.metadata.packages_distributions()
    for path in ENVIRONMENTS:
        served |= conda_pins(path).keys()
    for path in LIBRARY.rglob("*.py"):
        for module in imports(path) - {
            "snakemake",
            "yaml",
            "jsonschema",
            "psutil",
        }:  # planning, not jobs
            packages = {canonicalize_name(name) for name in distributions[module]}
            assert packages & served, f"{path} imports {module}"


def test_every_dependency_is_imported() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    declared = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    optional = {
        canonicalize_name(Requirement(text).name)
        for extra, texts in project["optional-dependencies"].items()
        if extra != "dev"
        for text in texts
    }
    distributions = importlib.metadata.packages_distributions()
    used = {
        canonicalize_name(name)
        for path in LIBRARY.rglob("*.py")
        for module in imports(path)
        for name in distributions[module]
    }
    assert declared - used == set()
    assert used - declared - optional - {"snakemake-interface-logger-plugins"} == set()


def test_every_rule_names_an_environment_that_exists() -> None:
    for path in (ROOT / "workflow" / "rules").glob("*.smk"):
        for name in re.findall(r"envs/([\w-]+\.yaml)", path.read_text()):
            assert (ROOT / "envs" / name).exists(), f"{path} names {name}"


def test_no_script_hides_a_module_of_the_standard_library() -> None:
    # The scripts' folder stands in sys.path of jobs and tests: `tokenize.py` there breaks Python.
    for path in (ROOT / "workflow" / "scripts").iterdir():
        assert path.stem not in sys.stdlib_module_names, path


def test_the_image_is_made_of_what_an_installation_needs() -> None:
    recipe = (ROOT / "envs/Dockerfile").read_text()
    copied = {
        name for line in re.findall(r"^COPY (.+) \S+$", recipe, re.M) for name in line.split()
    }
    ignored = (ROOT / "envs/Dockerfile.dockerignore").read_text().splitlines()
    assert "*" in ignored and {line[1:] for line in ignored if line[0] == "!"} == copied
    # setup.py and pyproject.toml name these, or folders in them.
    needed = {"Snakefile", "config.yaml", "envs", "profiles", "workflow", "README.md", "LICENSE"}
    assert copied == needed | {"setup.py", "pyproject.toml", "requirements.lock"}
    assert all((ROOT / name).exists() for name in copied)
    assert "--constraint requirements.lock" in recipe
    python = re.search(r"^FROM python:(\S+?)-slim", recipe, re.M)
    conda = {yaml.safe_load(path.read_text())["dependencies"][0] for path in ENVIRONMENTS}
    assert python and conda == {f"python ={python[1]}"}
