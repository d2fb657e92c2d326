"""What runs again after an edit that is not of the config alone: the table of docs/reruns.md.

Edits of the config stand in test_incremental.py.
"""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from command_line import ROOT, planned, run_snakemake
from runs import Config, Run, Share, copy_run, run_to_the_end
from test_incremental import OF_ONE, RULES, edited
from tiny_study import write_model, write_study

from lottery.runtime.stages import stage

LIBRARY = Path("workflow/scripts/lottery")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of the workflow that a test may edit; all its files are newer than the study."""
    folder = tmp_path / "clone"
    for name in ("workflow", "envs", "profiles"):
        shutil.copytree(
            ROOT / name,
            folder / name,
            ignore=shutil.ignore_patterns("__pycache__"),
            copy_function=shutil.copyfile,
        )
    shutil.copyfile(ROOT / "Snakefile", folder / "Snakefile")
    return folder


def runs_in(run: Run, clone: Path, *options: str) -> dict[str, int]:
    """What a copy of the workflow would run in a finished study."""
    return planned(run.folder, run.config, *options, config_folder=clone.parent, root=clone)


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


@pytest.mark.parametrize(
    "options",
    [(), ("--workflow-profile", "none"), ("--rerun-triggers", "code", "mtime", "params", "input")],
    ids=["profile", "no profile", "every trigger"],
)
def test_another_clone_runs_nothing(published: Run, clone: Path, options: tuple[str, ...]) -> None:
    assert runs_in(published, clone, *options) == {}


def test_a_table_or_text_that_is_removed_is_made_again(published: Run, tmp_path: Path) -> None:
    copy_run(published, tmp_path / "run")
    tables = tmp_path / "run/results/tables"
    for name in ("summary.md", "claims.tex", "trainability.md", "answers.txt"):
        (tables / name).unlink()
    steps = ("summarize", "check_claims", "tabulate_trainability", "write_report")
    assert planned(tmp_path / "run", published.config) == dict.fromkeys(steps, 1)


def test_an_edited_and_newer_runner_runs_nothing(published: Run, clone: Path) -> None:
    # Snakemake itself would run all jobs; a test holds what the runner is (test_steps.py).
    with (clone / "workflow/scripts/run_step.py").open("a") as script:
        script.write("# a word more\n")
    assert runs_in(published, clone, "--workflow-profile", "none") == {}


def test_an_edit_of_the_library_runs_nothing_by_itself(published: Run, clone: Path) -> None:
    with (clone / LIBRARY / "evaluation.py").open("a") as module:
        module.write("\nEDITED = True\n")
    assert runs_in(published, clone) == {}


def test_published_numbers_that_change_are_read_again(published: Run, clone: Path) -> None:
    with (clone / "workflow/resources/paper/hans.csv").open("a") as numbers:
        numbers.write("\n")
    assert runs_in(published, clone) == {}  # there is no evaluation-only task
    with (clone / "workflow/resources/paper/stability.csv").open("a") as numbers:
        numbers.write("\n")
    found = runs_in(published, clone)
    assert found["measure_stability"] == 2 and "summarize" not in found


@pytest.mark.parametrize(
    ("step", "jobs"),
    [
        (
            "evaluate_pruned",
            # Its logits are no declared outputs, yet what they score is made again.
            {"evaluate_pruned": 8, "evaluate": 12},
        ),
        (
            "sample_super_masks",
            {"sample_super_masks": 2, "retrain": 4, "evaluate_pruned": 4, "evaluate": 8}
            | {"compare_controls": 1},
        ),
        # A figure's style: code of its own step.
        ("plot_survival", {"plot_survival": 2}),
    ],
)
def test_a_step_with_a_raised_version_runs_with_what_depends_on_it(
    published: Run, clone: Path, step: str, jobs: dict[str, int]
) -> None:
    path = clone / LIBRARY / "steps" / f"{step}.py"
    text, changed = re.subn(r"^VERSION = \d+$", "VERSION = 1001", path.read_text(), flags=re.M)
    assert changed == 1
    path.write_text(text)
    found = {rule: n for rule, n in runs_in(published, clone).items() if rule in RULES}
    assert {rule: n for rule, n in found.items() if rule not in OF_ONE} == jobs


def test_numbers_that_trade_places_are_seen(published: Run, clone: Path) -> None:
    threads = 1  # the default
    version = int(stage("finetune").split()[1])
    assert version != threads
    path = clone / LIBRARY / "steps/finetune.py"
    replace(path, f"VERSION = {version}\n", f"VERSION = {threads}\n")
    config = edited(published.config, {"compute.torch_threads": version})
    found = planned(published.folder, config, config_folder=clone.parent, root=clone)
    assert found["finetune"] == 4


def test_an_upgraded_package_runs_nothing_by_itself(published: Run, clone: Path) -> None:
    replace(clone / "envs/torch.yaml", "- numpy==", "- numpy==99.")
    assert runs_in(published, clone) == {}


FEWER = {
    "collect_scores": 1,
    "collect_scores_of_method": 2,
    "summarize": 1,
    "compare_controls": 1,
    "plot_differences": 2,
    "plot_scores": 2,
    "plot_survival": 2,
    "plot_trajectories": 2,
}


def test_a_seed_less_makes_only_what_is_made_of_all_seeds(published: Run, tmp_path: Path) -> None:
    # super_good is left out too, since it takes several seeds.
    changes = {"seeds": [7], "methods.structured.subnetworks": ["good"]}
    found = planned(published.folder, edited(published.config, changes), config_folder=tmp_path)
    assert {rule: n for rule, n in found.items() if rule in RULES} == FEWER


def test_a_task_less_makes_only_what_is_made_of_all_tasks(published: Run, tmp_path: Path) -> None:
    config = published.config | {"tasks": {"tone": published.config["tasks"]["tone"]}}
    found = planned(published.folder, config, config_folder=tmp_path)
    assert {rule: n for rule, n in found.items() if rule in RULES} == FEWER


def test_two_recipes_stand_side_by_side(published: Run, tmp_path: Path) -> None:
    alias = published.config["tasks"]["tone"] | {"training": {"learning_rate": 5e-3}}
    config = edited(published.config, {"tasks.tone_lr5": alias})
    found = planned(published.folder, config, config_folder=tmp_path)
    assert found["finetune"] == 2 and found["retrain"] == 6 and found["evaluate"] == 14


def test_a_failed_rerun_is_not_forgotten(published: Run, clone: Path, tmp_path: Path) -> None:
    """What was made of outputs that a failed job has lost is still there, and not finished."""
    folder = tmp_path / "study"
    shutil.copytree(published.folder, folder, symlinks=True)
    config = edited(published.config, {"methods.structured.keep_score": 0.8})
    with (clone / LIBRARY / "steps/search.py").open("a") as file:
        file.write("raise RuntimeError('out of memory')\n")
    masks = [
        f"results/tiny/{task}/seed_{seed}/mask/structured/good.safetensors"
        for task in ("tone", "degree")
        for seed in (7, 3)
    ]
    failed = run_snakemake(folder, config, *masks, "--keep-going", root=clone)
    assert failed.returncode != 0
    assert not any((folder / mask).exists() for mask in masks)
    found = planned(folder, config, config_folder=tmp_path)
    assert (found["search_structured"], found["retrain"], found["evaluate"]) == (4, 8, 16)


# Inputs: a study that has got as far as tokens, in a folder of its own that tests may edit.

TOKENS = ["results/tiny/tone/tokens/validation.safetensors", "results/majority/tone/metrics.json"]
CONFIGS = ["resources/models/tiny/config.json"]


@pytest.fixture(scope="module")
def begun(share: Share) -> Run:
    def make(folder: Path) -> Config:
        (folder / "given").mkdir()
        written = json.dumps(write_study(folder / "given"))
        config = json.loads(written.replace(f"{folder}/", ""))
        return run_to_the_end(folder, config, *TOKENS, *CONFIGS)

    return share("begun", make)


@pytest.fixture
def own(begun: Run, tmp_path: Path) -> Run:
    """A copy whose inputs a test may edit."""
    folder = tmp_path / "own"
    shutil.copytree(begun.folder, folder, symlinks=True)
    return Run(folder, begun.config, begun.output)


def runs(run: Run, *options: str) -> dict[str, int]:
    return planned(run.folder, run.config, *TOKENS, *CONFIGS, *options)


def test_changed_weights_run_everything_of_the_model(own: Run) -> None:
    write_model(own.folder / "given/model", seed=1)
    jobs = runs(own)
    assert jobs["fetch_model"] == jobs["tokenize"] == 1
    assert not {"fetch_task", "majority"} & jobs.keys()


def test_other_weights_of_the_same_model_run_it_again(own: Run) -> None:
    config = edited(own.config, {"models.tiny.init": "random"})
    jobs = planned(own.folder, config, *TOKENS, *CONFIGS)
    assert jobs == {"fetch_model": 1, "tokenize": 1}


def test_another_revision_fetches_the_model_again(own: Run) -> None:
    def at(revision: str) -> Config:
        hub = {"source": "somebody/some-model", "revision": revision * 40}
        return edited(own.config, {"models": {"tiny": hub}})

    # As if fetched from the hub: Snakemake is told that what is there was made by this config.
    told = run_snakemake(own.folder, at("a"), *TOKENS, *CONFIGS, "--touch")
    assert told.returncode == 0, told.stdout
    assert planned(own.folder, at("a"), *TOKENS, *CONFIGS) == {}
    jobs = planned(own.folder, at("b"), *TOKENS, *CONFIGS)
    assert jobs == {"fetch_config": 1, "fetch_model": 1, "tokenize": 1}


def test_a_new_input_is_looked_at_before_old_outputs_go(own: Run) -> None:
    """Snakemake removes a step's old outputs when it starts it: what is bad must be told before."""
    old = own.folder / "resources/tasks/tone/train.parquet"
    before = old.read_bytes()
    (own.folder / "given/tone.csv").write_text("text,label\nthe film was good,perhaps\n")
    failed = run_snakemake(own.folder, own.config, *TOKENS)
    assert failed.returncode != 0
    assert old.read_bytes() == before
