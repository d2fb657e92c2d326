"""What the config no longer names is listed first, then removed; nothing else ever is."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest
from small_study import study

from lottery.files.errors import StudyError
from lottery.planning import folders, grid
from lottery.steps import clean_unnamed, list_unnamed

BEFORE = """
models: {small: {source: embedded}, other: {source: embedded}}
tasks: {rte: {}, wnli: {}}
seeds: [3, 1]
methods:
  s: {algorithm: structured, subnetworks: [good, random, super_good]}
  m: {algorithm: magnitude, subnetworks: [good]}
analysis: {latency: true}
logging: [jsonl]
"""
AFTER = """
tasks: {rte: {}}
seeds: [3]
methods: {s: {algorithm: structured, subnetworks: [good, bad]}}
analysis: {latency: true}
logging: [jsonl]
"""
CELL = "results/{model}/{task}/seed_{seed}"
LIST = f"results/{list_unnamed.LIST}"


def put(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * 1000)
    return path


def put_all(root: Path, text: str) -> None:
    """Writes one file of every step of a study."""
    made = study(text)
    rows = {
        "resources/models/{model}/provenance.json": grid.tokenize_rows(made),
        "resources/tasks/{task}/provenance.json": grid.fetch_rows(made),
        "results/majority/{task}/metrics.json": grid.majority_rows(made),
        "results/{model}/{task}/tokens/train.safetensors": grid.tokenize_rows(made),
        CELL + "/finetune/model.safetensors": grid.finetune_rows(made),
        CELL + "/mask/{method}/search.csv": grid.retrain_rows(made),
        CELL + "/mask/{method}/good_half.safetensors": grid.retrain_rows(made),
        CELL + "/mask/{method}/{subnetwork}.provenance.json": grid.made_mask_rows(made),
        CELL + "/retrain/{method}/{subnetwork}/model.safetensors": grid.retrain_rows(made),
        CELL + "/evaluate/{method}/{subnetwork}/{phase}/metrics.json": grid.evaluate_rows(made),
        "results/{model}/{task}/latency/{method}/latency.csv": grid.latency_rows(made),
        "results/runs/{model}/{task}/seed_{seed}/{method}/{subnetwork}/run.jsonl": (
            grid.logged_rows(made)
        ),
        "results/figures/{model}/{method}/scores.svg": grid.retrain_rows(made),
        "results/tables/{model}/{method}/survival.csv": grid.retrain_rows(made),
    }
    paths = [path for template, each in rows.items() for path in grid.targets(template, each)]
    for path in paths + [grid.mask_path(made, row) for row in grid.retrain_rows(made)]:
        put(root / path)
    for path in ("results/tables/scores.csv", "results/logs/finetune/other/rte/seed_3.log"):
        put(root / path)


def found(root: Path, text: str) -> list[str]:
    return [str(path) for path in folders.unnamed(study(text, root), root)]


def list_all(root: Path, unnamed: list[str], results: str = "results") -> list[str]:
    """Runs list_unnamed; gives what it says."""
    lines: list[str] = []
    with contextlib.chdir(root):
        list_unnamed.list_unnamed(unnamed=unnamed, results=results, say=lines.append)
    return lines


def clean(root: Path, unnamed: list[str], results: str = "results") -> list[str]:
    """Runs clean_unnamed; gives what it says."""
    lines: list[str] = []
    with contextlib.chdir(root):
        clean_unnamed.clean_unnamed(unnamed=unnamed, results=results, say=lines.append)
    return lines


def files(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


def test_what_a_study_makes_is_named_by_it(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    assert found(tmp_path, BEFORE) == []


def test_what_is_no_longer_named_is_listed_once(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    assert found(tmp_path, AFTER) == [
        "resources/models/other",
        "resources/tasks/wnli",
        "results/figures/other/m",
        "results/figures/other/s",
        "results/figures/small/m",
        "results/majority/wnli",
        "results/other/rte",
        "results/other/wnli",
        "results/runs/other/rte",
        "results/runs/other/wnli",
        "results/runs/small/rte/seed_1",
        "results/runs/small/rte/seed_3/m",
        "results/runs/small/rte/seed_3/s/random",
        "results/runs/small/rte/seed_3/s/super_good",
        "results/runs/small/wnli",
        "results/small/rte/latency/m",
        "results/small/rte/seed_1",
        "results/small/rte/seed_3/evaluate/m",
        "results/small/rte/seed_3/evaluate/s/random",
        "results/small/rte/seed_3/evaluate/s/super_good",
        "results/small/rte/seed_3/mask/m",
        "results/small/rte/seed_3/mask/s/random.provenance.json",
        "results/small/rte/seed_3/mask/s/random.safetensors",
        "results/small/rte/seed_3/retrain/m",
        "results/small/rte/seed_3/retrain/s/random",
        "results/small/rte/seed_3/retrain/s/super_good",
        "results/small/rte/super/s",
        "results/small/wnli",
        "results/tables/other/m",
        "results/tables/other/s",
        "results/tables/small/m",
    ]


def test_listing_removes_nothing_and_cleaning_what_was_listed(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    before = files(tmp_path)
    gone = found(tmp_path, AFTER)
    lines = list_all(tmp_path, gone)
    assert files(tmp_path) == before | {LIST}
    assert all(any(line.endswith(name) for line in lines) for name in gone)
    clean(tmp_path, gone)
    left = files(tmp_path)
    assert left == {
        name for name in before if not any(Path(name).is_relative_to(each) for each in gone)
    }
    # Only what the new config makes too is left, beside tables and logs; so nothing of it is lost.
    assert "results/small/rte/seed_3/evaluate/s/good/retrained/metrics.json" in left
    assert not (tmp_path / "results" / "other").exists()  # emptied
    assert found(tmp_path, AFTER) == []


def test_nothing_is_removed_that_was_not_listed(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    gone = found(tmp_path, AFTER)
    with pytest.raises(StudyError, match="run list_unnamed first"):
        clean(tmp_path, gone)
    list_all(tmp_path, gone)
    taken_out = tmp_path / "results/small/wnli"
    text = (tmp_path / LIST).read_text().replace("results/small/wnli\n", "")
    (tmp_path / LIST).write_text(text + "results/tables\n../elsewhere\nresults/small/rte/seed_3\n")
    elsewhere = put(tmp_path.parent / "elsewhere" / "file")
    lines = clean(tmp_path, gone)
    assert taken_out.is_dir() and elsewhere.exists()
    assert (tmp_path / "results/tables/scores.csv").exists()
    assert (tmp_path / "results/small/rte/seed_3/finetune").is_dir()
    assert sum(line.startswith("kept") for line in lines) == 3


def test_a_list_that_is_out_of_date_removes_nothing_named(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    before = files(tmp_path)
    list_all(tmp_path, found(tmp_path, AFTER))
    clean(tmp_path, found(tmp_path, BEFORE))
    assert files(tmp_path) == before


STRANGE = ["My Notes", "a\nb", "*", "[0-9]", "..hidden", "tä", "-rf", "UPPER", "a.b", "x" * 65]


@pytest.mark.parametrize("name", STRANGE)
def test_strange_names_are_nobodys(tmp_path: Path, name: str) -> None:
    put_all(tmp_path, AFTER)
    strange = [
        put(tmp_path / folder / name / "tokens" / "file")
        for folder in ("results", "results/small", "results/small/rte", "resources", "results/x/y")
        if not (tmp_path / folder / name).exists()
    ]
    assert found(tmp_path, AFTER) == []
    assert all(path.exists() for path in strange)


def test_strange_names_inside_go_with_their_folder(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    put(tmp_path / "results/small/rte/seed_1" / "a\nresults\n [*]" / "-rf")
    gone = found(tmp_path, AFTER)
    list_all(tmp_path, gone)
    clean(tmp_path, gone)
    assert not (tmp_path / "results/small/rte/seed_1").exists()


def test_folders_of_users_are_left_alone(tmp_path: Path) -> None:
    put_all(tmp_path, AFTER)
    put(tmp_path / "resources/tasks/mine/data.csv")  # was never fetched
    put(tmp_path / "resources/models/mine/model.safetensors")
    put(tmp_path / "results/notes/ideas/file")
    put(tmp_path / "results/tables/small/notes")  # a file where a folder would be
    assert found(tmp_path, AFTER) == []


def test_what_the_study_reads_stays(tmp_path: Path) -> None:
    train, dev = (put(tmp_path / f"resources/tasks/old/{name}.csv") for name in ("train", "dev"))
    put(tmp_path / "resources/tasks/old/provenance.json")
    task = f"{{data: {{train: {train}, validation: {dev}}}, text: a, labels: [x, y]}}"
    assert found(tmp_path, f"tasks: {{mine: {task}}}") == []
    assert found(tmp_path, AFTER) == ["resources/tasks/old"]


def test_links_are_removed_and_never_followed(tmp_path: Path) -> None:
    root, outside = tmp_path / "study", tmp_path / "outside"
    put_all(root, AFTER)
    kept = [put(outside / "seed_9" / "mask" / "m" / "good.safetensors"), put(outside / "file")]
    (root / "results/small/rte/seed_9").symlink_to(outside, target_is_directory=True)
    (root / "results/linked").symlink_to(outside, target_is_directory=True)
    (root / "results/small/rte/seed_3/mask/m").symlink_to(outside / "nowhere")
    put(root / "results/small/rte/seed_1/finetune/model.safetensors")
    (root / "results/small/rte/seed_1/inside").symlink_to(outside, target_is_directory=True)
    gone = found(root, AFTER)
    assert gone == [
        "results/small/rte/seed_1",
        "results/small/rte/seed_3/mask/m",
        "results/small/rte/seed_9",
    ]
    list_all(root, gone)
    clean(root, gone)
    assert all(path.exists() for path in kept)
    assert not os.path.lexists(root / "results/small/rte/seed_9")
    assert not os.path.lexists(root / "results/small/rte/seed_3/mask/m")
    assert (root / "results/linked").is_symlink()


def test_results_may_lie_on_another_disk(tmp_path: Path) -> None:
    root, disk = tmp_path / "study", tmp_path / "disk"
    disk.mkdir()
    root.mkdir()
    (root / "results").symlink_to(disk, target_is_directory=True)
    put_all(root, BEFORE)
    gone = found(root, AFTER)
    list_all(root, gone)
    clean(root, gone)
    assert not (disk / "other").exists() and (root / "results").is_symlink()
    assert (disk / "small/rte/seed_3/finetune/model.safetensors").exists()


def test_results_may_have_another_name(tmp_path: Path) -> None:
    put_all(tmp_path, BEFORE)
    (tmp_path / "studies").mkdir()
    (tmp_path / "results").rename(tmp_path / "studies/first")
    put_all(tmp_path, BEFORE)  # of a study of the default name, which the other leaves alone
    named = {"resources/models/other", "resources/tasks/wnli"}
    gone = found(tmp_path, AFTER + "results: studies/first")
    usual = [name for name in found(tmp_path, AFTER) if name not in named]
    assert set(gone) - named == {name.replace("results", "studies/first", 1) for name in usual}
    list_all(tmp_path, gone, "studies/first")
    clean(tmp_path, gone, "studies/first")
    assert found(tmp_path, AFTER + "results: studies/first") == []
    assert found(tmp_path, AFTER) == usual
