"""What an accepted config becomes."""

from __future__ import annotations

import copy
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from small_study import ROOT, study

from lottery.config import load_study, read_config
from lottery.files.errors import StudyError

CONFIGS = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "configs").glob("*.yaml"))]


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_every_config_that_ships_is_accepted_and_left_unchanged(path: Path) -> None:
    config = read_config(path)
    before = copy.deepcopy(config)
    load_study(config, ROOT)
    assert config == before


def test_the_demo_runs_both_published_methods_on_two_generated_tasks() -> None:
    demo = load_study(read_config(ROOT / "workflow/configs/demo.yaml"), ROOT)
    assert [model.kind for model in demo.models.values()] == ["embedded"]
    assert [task.kind for task in demo.tasks.values()] == ["generated", "generated"]
    assert len(demo.seeds) == 3  # the fewest that decide
    assert {m.algorithm: m.preset for m in demo.methods.values()} == {
        "structured": "published",
        "magnitude": "published",
    }
    subnetworks = {m.id: m.subnetworks for m in demo.methods.values()}
    assert subnetworks == dict.fromkeys(("structured", "magnitude"), ("good", "random", "bad"))


def test_config_yaml_writes_down_the_defaults_of_the_recipe() -> None:
    explicit = load_study(read_config(ROOT / "config.yaml"), ROOT)
    assert explicit.training["rte"] == study().training["rte"]
    assert explicit.evaluation == study().evaluation
    assert explicit.compute == study().compute
    assert explicit.glue_folder is study().glue_folder is None


def test_defaults_are_the_papers_recipe() -> None:
    assert study().training == {
        "rte": {
            "learning_rate": 2e-5,
            "batch_size": 32,
            "epochs": 3,
            "max_length": 128,
            "weight_decay": 0.0,
            "warmup_steps": 0,
            "max_grad_norm": 1.0,
            "adam_beta1": 0.9,
            "adam_beta2": 0.999,
            "adam_epsilon": 1e-8,
            "precision": "fp32",
            "batching": "seeded",
            "log_every": 10,
        }
    }


def test_a_task_overrides_the_recipe_and_an_alias_stands_beside_its_preset() -> None:
    both = study(
        "training: {epochs: 2}\n"
        "tasks: {rte: {}, rte_lr5: {preset: rte, training: {learning_rate: 5.0e-5}}}"
    )
    assert both.training["rte"]["learning_rate"] == 2e-5
    assert both.training["rte_lr5"]["learning_rate"] == 5e-5
    assert both.training["rte_lr5"]["epochs"] == 2
    assert both.tasks["rte_lr5"].glue == "rte"
    assert both.tasks["rte_lr5"].id == "rte_lr5"


def test_seeds_keep_their_order() -> None:
    assert study().seeds == (3, 1)


def test_kinds_of_models(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "config.json").write_text("{}")
    revision = "0123456789abcdef" * 2 + "01234567"
    models = study(
        f"""models:
          hub: {{source: org/name, revision: {revision}}}
          old_hub: {{source: bert-base-uncased, revision: {revision}, init: random}}
          folder: {{source: mine}}
          absolute: {{source: {tmp_path}/mine, init: random, init_seed: 7}}
          wheel: {{source: embedded, init: random}}""",
        tmp_path,
    ).models
    assert [model.kind for model in models.values()] == [
        "hub",
        "hub",
        "folder",
        "folder",
        "embedded",
    ]
    assert models["hub"].revision == revision
    assert models["hub"].init == "pretrained"
    assert (models["absolute"].init, models["absolute"].init_seed) == ("random", 7)
    assert (models["wheel"].init, models["wheel"].init_seed) == ("random", 0)


def test_a_task_of_ones_own_in_five_lines(tmp_path: Path) -> None:
    for name in ("my.csv", "my_dev.jsonl"):
        (tmp_path / name).touch()
    own = study(
        """tasks:
          own:
            data: {train: my.csv, validation: my_dev.jsonl}
            text: [premise, hypothesis]
            label: gold
            labels: ["no", "yes"]
            metric: f1""",
        tmp_path,
    ).tasks["own"]
    assert own.labels == ("no", "yes")
    assert own.text == ("premise", "hypothesis")
    assert own.splits == (("train", "my.csv"), ("validation", "my_dev.jsonl"))


def test_an_evaluation_only_task_is_trained_by_nothing(tmp_path: Path) -> None:
    (tmp_path / "hans.tsv").touch()
    hans = study(
        """tasks:
          mnli: {}
          hans:
            evaluate_with: mnli
            data: {validation: hans.tsv}
            text: [sentence1, sentence2]
            label: gold_label
            labels: [entailment, non-entailment]
            map: {neutral: non-entailment, contradiction: non-entailment}
            group: heuristic""",
        tmp_path,
    )
    assert hans.trained_tasks == ("mnli",)
    assert list(hans.training) == ["mnli"]
    assert hans.methods["s"].tasks == ("mnli",)
    assert hans.tasks["hans"].group == "heuristic"


def test_the_glue_folder_needs_only_the_presets_in_use(tmp_path: Path) -> None:
    (tmp_path / "glue" / "rte").mkdir(parents=True)
    tasks = "tasks: {rte: {}, made: {generated: sentiment}}"
    assert study(f"glue_folder: glue\n{tasks}", tmp_path).glue_folder == "glue"


def test_methods_are_limited_in_the_order_of_the_config() -> None:
    limited = study(
        """models: {a: {source: embedded}, b: {source: embedded, init: random}}
tasks: {rte: {}, cola: {}, mnli: {}}
methods: {s: {algorithm: structured, models: [b], only_tasks: [mnli, rte], subnetworks: []}}"""
    ).methods["s"]
    assert limited.models == ("b",)
    assert limited.tasks == ("rte", "mnli")
    assert limited.subnetworks == ()


def test_imported_masks_run_on_the_tasks_they_are_given_for(tmp_path: Path) -> None:
    (tmp_path / "masks.npz").touch()
    text = """tasks: {rte: {}, cola: {}, mnli: {}}
methods: {i: {algorithm: imported, masks: masks.npz, tasks: {MNLI: mnli, CoLA: cola}}}"""
    imported = study(text, tmp_path).methods["i"]
    assert imported.tasks == ("cola", "mnli")
    assert imported.subnetworks == ()
    assert imported.task_names == (("MNLI", "mnli"), ("CoLA", "cola"))
    assert imported.options == {"masks": "masks.npz", "emptied_attention": "drop_bias"}


def test_reading_the_config_imports_nothing_heavy() -> None:
    code = (
        "import sys, pathlib, lottery.config as c;"
        "c.load_study(c.read_config(pathlib.Path('config.yaml')), pathlib.Path('.'));"
        "print([m for m in ('torch', 'transformers', 'pandas', 'scipy', 'sklearn', 'matplotlib')"
        " if m in sys.modules])"
    )
    environment: dict[str, Any] = {"PYTHONPATH": str(ROOT / "workflow" / "scripts")}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_path_longer_than_the_system_allows(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match=r"names a file that cannot be used: .*too long"):
        study(f"models: {{a: {{source: /tmp/{'a' * 5000}}}}}", tmp_path)
