"""Every bad input ends in one sentence with file and key, before any job: see bad_inputs.yaml."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from bad_inputs import changed_config, spoil, write_base
from command_line import ROOT, run_many

from lottery.config import Study, load_study
from lottery.files.errors import StudyError
from lottery.planning import grid
from lottery.planning.preflight import check_inputs

HERE = Path(__file__).parent
ROWS: dict[str, dict[str, Any]] = yaml.safe_load((HERE / "bad_inputs.yaml").read_text())
# Snakemake reads a config before it reads the workflow: these words are its own.
SNAKEMAKES_OWN = {"file_no", "file_list", "file_empty", "file_broken"}


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that each row has a copy of."""
    folder = tmp_path_factory.mktemp("base")
    write_base(folder)
    return folder


def fetches(study: Study) -> list[tuple[str, dict[str, str]]]:
    """The jobs that a run of the whole study begins with."""
    jobs = [("fetch_model", {"model": name}) for name in study.models]
    jobs += [("fetch_task", {"task": name}) for name in study.tasks]
    jobs += [("tokenize", dict(row)) for row in grid.tokenize_rows(study)]
    rows = grid.search_rows(study, "imported")
    jobs += [("import_masks", {key: str(row[key]) for key in row}) for row in rows]
    return [*jobs, ("check_pattern_rules", {}), ("tabulate_trainability", {})]


def start(config: dict[str, Any], folder: Path) -> None:
    """What a run does before its first job."""
    study = load_study(config, folder)
    check_inputs(study, fetches(study))


def test_there_are_enough_rows() -> None:
    assert len(ROWS) >= 60
    assert 3 * sum(bool(row.get("run")) for row in ROWS.values()) >= 60


def test_the_base_is_accepted(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(base)
    start(changed_config({}), base)


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("run") != "only"])
def test_refused_in_one_sentence(
    name: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "study"
    shutil.copytree(base, folder)
    spoil(folder, ROWS[name].get("files", {}))
    monkeypatch.chdir(folder)
    with pytest.raises(StudyError) as refusal:
        start(changed_config(ROWS[name].get("config", {})), folder)
    sentence = str(refusal.value)
    assert_one_sentence(sentence, ROWS[name]["say"])


def assert_one_sentence(sentence: str, words: list[str]) -> None:
    for word in words:
        assert word in sentence
    assert sentence.endswith((".", "?")) and not sentence.endswith("..")
    assert "\n" not in sentence and len(sentence) < 600


@pytest.fixture(scope="module")
def refused(base: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the command line says to the rows that are tried on it, one after another."""
    above = tmp_path_factory.mktemp("commands")
    names = [name for name, row in ROWS.items() if row.get("run")]
    commands = []
    for name in names:
        folder = above / name / "study"
        shutil.copytree(base, folder)
        spoil(folder, ROWS[name].get("files", {}))
        config = changed_config(ROWS[name].get("config", {}))
        text = config if isinstance(config, str) else yaml.safe_dump(config, sort_keys=False)
        (folder / "bad.yaml").write_text(text)
        arguments = ["--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
        arguments += ["--configfile", "bad.yaml"]
        commands.append({"folder": str(folder), "arguments": arguments})
    missing = {"folder": str(base), "arguments": [*commands[0]["arguments"][:-1], "none.yaml"]}
    profile = above / "profile"
    profile.mkdir()
    (profile / "config.yaml").write_text("keepgoing: true\n")
    unknown = {"folder": str(base), "arguments": ["--workflow-profile", str(profile)]}
    given = {"folder": str(above / names[0] / "study"), "arguments": commands[0]["arguments"]}
    text = [*given["arguments"][:-1], "good.yaml", "--config", "seeds=[1, x]"]
    (above / names[0] / "study" / "good.yaml").write_text(yaml.safe_dump(changed_config({})))
    extra = {"missing": missing, "profile": unknown, "text": given | {"arguments": text}}
    answers = zip([*names, *extra], run_many([*commands, *extra.values()]), strict=True)
    return {name: answer | {"above": above / name} for name, answer in answers}


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.get("run")])
def test_refused_on_the_command_line(name: str, refused: dict[str, dict[str, Any]]) -> None:
    answer = refused[name]
    assert answer["status"] == 1, answer["output"]
    assert "Traceback" not in answer["output"]
    last = answer["output"].strip().splitlines()[-1]
    if name not in SNAKEMAKES_OWN:
        assert last.startswith("Error: ")
    assert_one_sentence(last, ROWS[name]["say"])
    made = {path.name for path in (answer["above"] / "study").iterdir()}
    assert not made & {"results", "resources"}
    assert [path.name for path in answer["above"].iterdir()] == ["study"]


def test_what_snakemake_says_itself(refused: dict[str, dict[str, Any]]) -> None:
    """A config or profile that Snakemake cannot read: it stops before it reads the workflow."""
    assert refused["missing"]["status"] == 1
    assert "No such file or directory: 'none.yaml'" in refused["missing"]["output"]
    assert refused["profile"]["status"] == 2
    assert "unrecognized arguments: --keepgoing" in refused["profile"]["output"]


def test_numbers_inside_lists_on_the_command_line(refused: dict[str, dict[str, Any]]) -> None:
    assert refused["text"]["status"] == 1
    assert (
        "Error: seeds[1] is the text 'x'; it must be a whole number." in refused["text"]["output"]
    )
