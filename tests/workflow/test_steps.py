"""Rules and steps fit: what a rule has are its step's keywords, and the runner never changes."""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from command_line import ROOT
from runs import STRICT, Config

from lottery.runtime import stages

# Plans a study, and prints of every job what the runner would hand to its step.
PLAN = """
import json, sys
from pathlib import Path
from snakemake.api import SnakemakeApi
from snakemake.settings.types import ConfigSettings, DAGSettings, OutputSettings, ResourceSettings

root, config, targets = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
found = []
with SnakemakeApi(OutputSettings()) as api:
    planned = api.workflow(
        resource_settings=ResourceSettings(cores=1),
        config_settings=ConfigSettings(configfiles=[config]),
        snakefile=root / "Snakefile",
    ).dag(DAGSettings(targets=frozenset(targets), forceall=True))
    workflow = planned.workflow_api._workflow
    workflow._prepare_dag(forceall=True, ignore_incomplete=True, lock_warn_only=True)
    workflow._build_dag()
    from lottery.runtime import job as jobs

    for job in workflow.dag.jobs:
        if job.params.get("step"):
            keywords, wildcards = jobs.keywords_of(job), jobs.wildcards_of(job)
            found.append([job.params.step, sorted(keywords), sorted(wildcards)])
print("JOBS" + json.dumps(found))
"""
GIVEN = {"checkpoint", "data_warnings", "say"}  # by the runner itself


@pytest.fixture(scope="module")
def jobs(study: Config, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, Any, Any]]:
    """Step, keywords and wildcards of every job of a study that has a bit of everything."""
    folder = tmp_path_factory.mktemp("jobs")
    masks = folder / "masks" / "tone" / "seed_1337"
    masks.mkdir(parents=True)
    for name in ("head_mask.npy", "mlp_mask.npy"):
        (masks / name).touch()
    (folder / "scores.csv").write_text("name,task,score\nBiLSTM,tone,0.5\n")
    methods = study["methods"] | {
        "strict": STRICT["structured"],
        "elsewhere": {"algorithm": "imported", "masks": "masks"},
        "authors": {"algorithm": "imported", "masks": "authors", "only_tasks": ["rte"]},
        "half": {"algorithm": "structured", "search_on": "search_half", "subnetworks": ["good"]},
        "drawn": {
            "algorithm": "magnitude",
            "subnetworks": ["good", "random", "bad"],
            "kept": [0.5],
        },
        "axes": {
            "algorithm": "structured",
            "kept": [0.5],
            "starts": {"rewound": ["good"]},
            "rewind_step": 2,
            "masks_from": ["tone", "nli"],
            "connectivity": ["good"],
            "only_tasks": ["tone", "nli"],
        },
    }
    rules = {"generated": "heuristics", "evaluate_with": "nli"}
    tasks = study["tasks"] | {"nli": {"generated": "entailment"}, "rules": rules, "rte": {}}
    config = study | {"methods": methods, "tasks": tasks}
    config["export"] = [{"subnetwork": ["full", "good"], "task": "tone", "seed": 42}]
    config["logging"] = ["tensorboard", "jsonl"]
    config["seeds"] = [1337, 42]  # of the authors' masks
    config["analysis"] = study["analysis"] | {"baselines": "scores.csv", "latency": True}
    (folder / "config.json").write_text(json.dumps(config))
    targets = ["all", "clean_retrained", "list_unnamed", "clean_unnamed"]
    targets += ["results/maps_to_annotate/maps.csv"]
    # Asked for by its path: the config would need the packages of the extra.
    targets += ["results/export/tiny/tone/seed_42/none/full/finetuned/onnx/model.onnx"]
    done = subprocess.run(
        [sys.executable, "-c", PLAN, str(ROOT), "config.json", *targets],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.partition("JOBS")[2])


def test_every_step_has_a_job_and_every_job_the_version_of_its_step(jobs: list[Any]) -> None:
    assert {step for step, *_ in jobs} == {stages.stage(step) for step in stages.step_names()}


def test_what_a_rule_has_are_the_keywords_of_its_step(jobs: list[Any]) -> None:
    for step, keywords, wildcards in jobs:
        name = step.split()[0]
        function = getattr(importlib.import_module(f"lottery.steps.{name}"), name)
        parameters = inspect.signature(function).parameters.values()
        required = {p.name for p in parameters if p.default is p.empty and p.kind != p.VAR_KEYWORD}
        missing = required - {*keywords, *wildcards, *GIVEN}
        assert not missing, f"{step} asks for {missing}"
        takes_others = any(p.kind == p.VAR_KEYWORD for p in parameters)
        unknown = set() if takes_others else {*keywords} - {p.name for p in parameters}
        assert not unknown, f"{step} does not know {unknown}"


def test_the_runner_stays_as_it_is() -> None:
    # Neither its date nor its content runs a job again, so it must hold nothing that matters.
    runner = (ROOT / "workflow/scripts/run_step.py").read_bytes()
    assert hashlib.sha256(runner).hexdigest() == RUNNER
    scripts = {
        line.strip()
        for path in (ROOT / "workflow/rules").glob("*.smk")
        for line in path.read_text().splitlines()
        if "scripts/" in line
    }
    assert scripts == {'"../scripts/run_step.py"'}


RUNNER = "43cbf6652909f48a0f67479c57c4eb0fd159ab2e1f0b25a2313b75d36ce5dfcd"


def test_stage_versions_are_found_without_importing(tmp_path: Path) -> None:
    code = "import sys; from lottery.runtime import stages; stages.stage('finetune'); "
    code += "print([n for n in sys.modules if n in ('numpy', 'torch') or 'lottery.steps' in n])"
    library = {"PYTHONPATH": str(ROOT / "workflow/scripts")}
    done = subprocess.run(
        [sys.executable, "-c", code], env=library, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr
