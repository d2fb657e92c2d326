"""Fetching tasks that models are only evaluated on: HANS, a generated one, one's own."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from test_data_steps import fetched

from lottery.files.errors import StudyError
from lottery.tasks.entries import task_from_config

HANS_ENTRY = {"preset": "hans", "evaluate_with": "mnli"}
HANS_ROWS = "".join(
    f'{label}\tsaid {n} "so\tso {n}\tex{n}\t{heuristic}\n'
    for n, (label, heuristic) in enumerate(
        [("entailment", "subsequence"), ("non-entailment", "constituent")] * 3
    )
)
HANS_FILE = "gold_label\tsentence1\tsentence2\tpairID\theuristic\n" + HANS_ROWS


@pytest.mark.parametrize("suffix", [".txt", ".tsv"])
def test_hans_is_read_from_a_folder_that_has_it(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "glue" / "hans").mkdir(parents=True)
    (tmp_path / "glue" / "hans" / f"validation{suffix}").write_text(HANS_FILE)
    (table,) = fetched(tmp_path, task_from_config("h", HANS_ENTRY), tmp_path / "glue").values()
    assert table.column("group").to_pylist() == ["subsequence", "constituent"] * 3
    assert table.column("label").to_pylist() == [0, 1] * 3
    assert table.column("text_a")[1].as_py() == 'said 1 "so'


def test_hans_comes_from_its_pinned_address_otherwise(tmp_path: Path, monkeypatch) -> None:
    asked = []

    def answer(address: str, advice: str) -> bytes:
        asked.append(address)
        return HANS_FILE.encode()

    (tmp_path / "glue").mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("lottery.files.hub.fetch_address", answer)
    entry = HANS_ENTRY | {"validation_examples": 4}
    (table,) = fetched(tmp_path, task_from_config("h", entry), tmp_path / "glue").values()
    assert table.num_rows == 4 and table.column("group").to_pylist().count("constituent") == 2
    (address,) = asked
    assert address == json.loads(table.schema.metadata[b"lottery"])["source"]
    assert "/tommccoy1/hans/7299f6f657089ce06a0f98e7e81f8d0f5b7741ce/" in address


def test_hans_that_cannot_be_fetched_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"HF_HUB_OFFLINE.*network.*glue_folder.*hans/validation"):
        fetched(tmp_path, task_from_config("h", HANS_ENTRY))


def test_a_file_without_the_group_is_refused(tmp_path: Path) -> None:
    (tmp_path / "glue" / "hans").mkdir(parents=True)
    text = HANS_FILE.replace("heuristic", "kind", 1)
    (tmp_path / "glue" / "hans" / "validation.tsv").write_text(text)
    with pytest.raises(StudyError, match=r"no column 'heuristic'.*its columns are gold_label, "):
        fetched(tmp_path, task_from_config("h", HANS_ENTRY), tmp_path / "glue")


def test_a_generated_task_may_be_evaluated_on_only(tmp_path: Path) -> None:
    entry = {"generated": "heuristics", "evaluate_with": "e", "validation_examples": 60}
    tables = fetched(tmp_path, task_from_config("toy", entry))
    assert list(tables) == ["validation"] and tables["validation"].num_rows == 60
    assert len(set(tables["validation"].column("group").to_pylist())) == 3
    # One that is trained on elsewhere gives the same validation examples here.
    sizes = {"generated": "entailment", "validation_examples": 30}
    trained = fetched(tmp_path / "a", task_from_config("e", sizes))
    (again,) = fetched(
        tmp_path / "b", task_from_config("e", sizes | {"evaluate_with": "x"})
    ).values()
    assert again.column("text_a") == trained["validation"].column("text_a")


def test_a_subset_keeps_the_shares_of_labels_within_groups(tmp_path: Path) -> None:
    entry = {"generated": "heuristics", "evaluate_with": "e", "validation_examples": 600}
    made = fetched(tmp_path, task_from_config("toy", entry))["validation"]
    path = tmp_path / "made.csv"
    columns = [made.column(name).to_pylist() for name in ("text_a", "text_b", "label", "group")]
    lines = ["a,b,gold,kind", *(",".join(map(str, row)) for row in zip(*columns, strict=True))]
    path.write_text("\n".join(lines))
    own = {"data": {"validation": str(path)}, "text": ["a", "b"], "label": "gold"}
    own |= {"labels": [0, 1], "group": "kind", "evaluate_with": "e", "validation_examples": 100}
    (small,) = fetched(tmp_path, task_from_config("own", own)).values()
    whole = Counter(zip(columns[3], columns[2], strict=True))
    kept = (small.column(name).to_pylist() for name in ("group", "label"))
    part = Counter(zip(*kept, strict=True))
    assert all(abs(part[key] - whole[key] / 6) < 1 for key in whole)
