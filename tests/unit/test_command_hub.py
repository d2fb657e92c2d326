"""`tickets init hub:OWNER/NAME`, against a server on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from data_hub import REVISION
from test_data_hub import server  # noqa: F401 - a fixture

from lottery.command.init import init
from lottery.config import load_study, read_config
from lottery.data.examples import read_task
from lottery.files.errors import StudyError

pytestmark = pytest.mark.usefixtures("server")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    (tmp_path / "study").mkdir()
    monkeypatch.chdir(tmp_path / "study")
    return tmp_path / "study"


def test_a_data_set_becomes_a_study_at_its_present_revision(folder: Path) -> None:
    init("hub:org/reviews", validation="test")
    config = read_config(Path("config.yaml"))
    assert config["tasks"]["reviews"]["data"] == {
        "hub": "org/reviews",
        "revision": REVISION,
        "splits": {"train": "train", "validation": "test"},
    }
    task = load_study(config, Path.cwd()).tasks["reviews"]
    assert (task.kind, task.text, task.labels) == ("hub", ("text",), ("neg", "pos"))
    examples = read_task(task, None, folder / "resources/tasks/.hub")
    text = Path("config.yaml").read_text()
    counts = [len(examples[split]) for split in ("train", "validation")]
    assert f"{counts[0]} examples for training, {counts[1]} for validation." in text


def test_a_config_of_a_data_set_is_named_behind_it() -> None:
    init("hub:org/reviews/plain", validation="test", output="other.yaml")
    assert read_config(Path("other.yaml"))["tasks"]["reviews"]["data"]["config"] == "plain"


@pytest.mark.parametrize(
    ("data", "validation", "said"),
    [
        ("hub:org/reviews", None, ["no split 'validation'", "train, test", "--validation"]),
        ("hub:org/reviews", "0.2", ["no split '0.2'"]),
        ("hub:org/reviews/rare", "test", ["no split 'test', but train:"]),
        ("hub:org/reviews/bare", "test", ["no config 'bare'", "plain, rare"]),
        ("hub:reviews", None, ["hub:reviews is no data set", "hub:OWNER/NAME"]),
        ("hub:org/none", None, ["org/none cannot be fetched"]),
        ("hub:org/script", "test", ["no code of the hub is run"]),
    ],
)
def test_what_cannot_be_used_is_one_sentence(
    folder: Path, data: str, validation: str | None, said: list[str]
) -> None:
    with pytest.raises(StudyError) as caught:
        init(data, validation=validation)
    assert [text for text in said if text not in str(caught.value)] == [], str(caught.value)
    assert not (folder / "config.yaml").exists()
