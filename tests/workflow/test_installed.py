"""The workflow as a wheel: installed without the clone, used in an empty folder by its command."""

from __future__ import annotations

import os
import re
import shutil
import site
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
import yaml
from command_line import ROOT
from tiny_study import write_model, write_tone

pytestmark = pytest.mark.slow

LIBRARY = ROOT / "workflow/scripts/lottery"
# What an installation is made from.
SOURCES = ("pyproject.toml", "setup.py", "README.md", "LICENSE", "Snakefile", "config.yaml")
FOLDERS = ("envs", "profiles", "workflow")
NEVER = ("__pycache__", "*.egg-info", "*.pyc")


def called(*words: object, folder: Path, status: int = 0, **variables: str) -> str:
    """What a program says, which must end with a status."""
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": ""} | variables
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [*map(str, words)],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=850,
    )
    assert done.returncode == status, done.stdout[-5000:]
    return done.stdout


def pip(command: str, *words: object, python: Path, folder: Path) -> None:
    """Calls pip, which must not look at a package index."""
    offline = ("--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")
    called(python, "-m", "pip", command, *offline, "--no-build-isolation", *words, folder=folder)


def environment(folder: Path) -> Path:
    """Makes an environment that sees the packages of this one; gives its Python."""
    called(sys.executable, "-m", "venv", "--without-pip", folder, folder=folder.parent)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "these.pth").write_text("\n".join(site.getsitepackages()) + "\n")
    return folder / "bin/python"


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what an installation is made from, so that building writes nothing here."""
    folder = tmp_path_factory.mktemp("sources") / "copy"
    folder.mkdir()
    for name in SOURCES:
        shutil.copy(ROOT / name, folder)
    for name in FOLDERS:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(*NEVER))
    return folder


@pytest.fixture(scope="module")
def wheel(sources: Path) -> Path:
    pip("wheel", "--wheel-dir", ".", sources, python=Path(sys.executable), folder=sources.parent)
    (path,) = sources.parent.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def tickets(wheel: Path) -> Path:
    """The installed command."""
    python = environment(wheel.parent / "venv")
    pip("install", wheel, python=python, folder=wheel.parent)
    return python.with_name("tickets")


def of_the_workflow() -> dict[str, bytes]:
    """The files of a clone that the workflow may open, by their place in the wheel."""
    paths = [ROOT / name for name in ("Snakefile", "config.yaml", "pyproject.toml")]
    paths += [*(ROOT / "envs").glob("*.yaml")]
    paths += [*(ROOT / "profiles").rglob("*"), *(ROOT / "workflow").rglob("*")]
    found = {
        f"lottery/bundle/{path.relative_to(ROOT)}": path
        for path in paths
        if path.is_file() and not path.is_relative_to(LIBRARY)
    }
    found |= {f"lottery/{path.relative_to(LIBRARY)}": path for path in LIBRARY.rglob("*.*")}
    return {
        name: path.read_bytes()
        for name, path in found.items()
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_holds_every_file_of_the_workflow_and_no_other(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist()}
    held = {name: data for name, data in held.items() if ".dist-info/" not in name}
    expected = of_the_workflow()
    assert len(expected) > 250 and "lottery/bundle/workflow/report/page/page.html" in expected
    assert held.keys() == expected.keys()
    assert [name for name in held if held[name] != expected[name]] == []


def test_nothing_in_the_wheel_names_a_folder_of_this_machine(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        for name in archive.namelist():
            data = archive.read(name)
            for folder in (ROOT, wheel.parent, Path.home()):
                assert str(folder).encode() not in data, name


def test_a_study_is_planned_and_begun_in_an_empty_folder(tickets: Path, tmp_path: Path) -> None:
    write_tone(tmp_path)
    hiding = "raise RuntimeError('a file of the study hides a module')"
    (tmp_path / "lottery.py").write_text(hiding)
    before = {path.name for path in tmp_path.iterdir()}
    called(tickets, "init", "tone.csv", "--validation", "tone_dev.csv", folder=tmp_path)
    said = called(tickets, "run", "-n", "--cores", "1", folder=tmp_path)
    counts = dict(line.split() for line in said.splitlines() if re.fullmatch(r"\w+ +\d+", line))
    assert (counts["finetune"], counts["write_report"]) == ("3", "1")
    fetched = "resources/tasks/tone/train.parquet"
    called(tickets, "run", "--cores", "1", "--", fetched, folder=tmp_path)
    assert (tmp_path / fetched).exists()
    # What is made lies here, and the installation stays as it was.
    made = {path.name for path in tmp_path.iterdir()} - before
    assert made == {"config.yaml", "resources", "results", ".snakemake"}
    assert not [*tickets.parents[1].rglob(".snakemake")]
    said = called(tickets, "status", folder=tmp_path)
    assert " 1 done, 0 running" in said
    assert "No cell is scored yet" in called(tickets, "report", folder=tmp_path, status=1)


def test_the_installed_library_is_in_the_installation(tickets: Path, tmp_path: Path) -> None:
    code = "import lottery; print(*lottery.__path__)"
    said = called(tickets.with_name("python"), "-c", code, folder=tmp_path)
    assert Path(said.strip()).is_relative_to(tickets.parents[1])


def test_sentences_name_what_an_installation_has(tickets: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "workflow/configs/demo.yaml").read_text())
    config["models"] = {"other": {"source": "owner/name"}}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    said = called(tickets, "check", folder=tmp_path, status=1)
    assert "`tickets check --resolve CONFIG`" in said and "workflow/scripts" not in said


@pytest.mark.long
def test_an_editable_installation_uses_the_clone(sources: Path, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    shutil.copytree(sources, clone)
    python = environment(tmp_path / "venv")
    pip("install", "--editable", clone, python=python, folder=tmp_path)
    code = "from lottery.files import workflow as w; print(w.ROOT, w.INSTALLED)"
    said = called(python, "-c", code, folder=tmp_path)
    assert said.split() == [str(clone), "False"]
    called(python.with_name("tickets"), "run", "demo", "-n", "--cores", "1", folder=tmp_path)


@pytest.mark.long
def test_a_file_of_ones_own_becomes_a_report(tickets: Path, tmp_path: Path) -> None:
    write_tone(tmp_path)
    write_model(tmp_path / "model")
    called(tickets, "init", "tone.csv", "--model", "model", folder=tmp_path)
    # As it is, but for a third of its seeds and a sixth of its subnetworks.
    path = tmp_path / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["methods"] = {"structured": config["methods"]["structured"] | {"subnetworks": ["good"]}}
    path.write_text(yaml.safe_dump(config | {"seeds": config["seeds"][:1]}, sort_keys=False))
    called(tickets, "run", "--cores", "2", folder=tmp_path)
    page = (tmp_path / "results/report.html").read_text()
    assert "tone" in page and str(ROOT) not in page and "<dd>all-tickets 0." in page
    assert "0 missing" in called(tickets, "status", folder=tmp_path)
    assert "Nothing is missing" in called(tickets, "report", folder=tmp_path)
    assert "Nothing to be done" in called(tickets, "run", folder=tmp_path)


# As snakedeploy writes it into workflow/Snakefile of a folder.
DEPLOYED = """
configfile: "config/config.yaml"


module all_tickets:
    snakefile:
        github("owner/all-tickets", path="Snakefile", tag="v1")
    config:
        config


use rule * from all_tickets
"""


@pytest.mark.long
def test_snakedeploys_import_finds_the_installed_library(
    tickets: Path, sources: Path, tmp_path: Path
) -> None:
    """Snakemake fetches the rules one by one, hence not the library."""
    repository, study = tmp_path / "hub/owner/all-tickets", tmp_path / "study"
    shutil.copytree(sources, repository)
    git = ("git", "-c", "user.name=a", "-c", "user.email=a@localhost")
    for words in ("init -q", "add -A", "commit -q -m all", "tag v1"):
        called(*git, *words.split(), folder=repository)
    for name, text in (("workflow/Snakefile", DEPLOYED), ("config/config.yaml", None)):
        (study / name).parent.mkdir(parents=True)
        (study / name).write_text(text or (ROOT / "workflow/configs/demo.yaml").read_text())
    # Git asks this folder in place of the network.
    variables = {
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": f"url.file://{tmp_path}/hub/.insteadOf",
        "GIT_CONFIG_VALUE_0": "https://github.com/",
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }
    target = "results/demo/majority/sentiment/metrics.json"
    words = ("-m", "snakemake", "--cores", "1", target)
    called(tickets.with_name("python"), *words, folder=study, **variables)
    assert (study / target).exists()
    without = environment(tmp_path / "venv")
    said = called(without, *words, folder=study, status=1, **variables)
    assert "No module named 'lottery'" in said
