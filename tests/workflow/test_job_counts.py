"""What a dry run of each config that ships plans."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import yaml
from command_line import ROOT, planned

from grid_hours import gpu_jobs
from lottery.command.init import init
from lottery.config.load import load_study, read_config

RULES = [
    "finetune",
    "search_structured",
    "search_magnitude",
    "sample_masks",
    "sample_super",
    "retrain",
    "evaluate_pruned",
    "evaluate",
    "evaluate_on",
    "majority",
]
# Of RULES; a search with halves and one without are the same step, as are both of super_*.
COUNTS = {
    "config.yaml": (45, 45, 45, 180, 9, 405, 90, 810 + 45, 0, 9),
    "workflow/configs/demo.yaml": (6, 6, 6, 24, 0, 36, 12, 72 + 6, 0, 2),
    "workflow/configs/strict.yaml": (45, 45, 45, 270, 9, 585, 90, 1170 + 45, 0, 9),
    # Nine methods search by structure, two by magnitude; the cells of mnli, a ninth of all, are
    # evaluated on hans too.
    "workflow/configs/full.yaml": (90, 405, 90, 495, 18, 1125, 315, 2250 + 90, 250 + 10, 9),
    # The same of entailment, a half of all, on heuristics.
    "workflow/configs/generated.yaml": (12, 54, 12, 66, 4, 150, 42, 300 + 12, 150 + 6, 2),
    "workflow/configs/glue_small.yaml": (30, 27, 21, 129, 5, 258, 69, 504 + 30, 0, 5),
}
GPU_RULES = (
    *("finetune", "search", "retrain", "evaluate_pruned", "evaluate_on"),
    *("rewind", "rank_masks", "train_again", "evaluate_line"),  # of none of these configs
)
# The strict grid on another model each.
FAMILY_CONFIGS = ("roberta", "distilbert", "modernbert")


Jobs = Callable[[str], dict[str, int]]


@pytest.fixture(scope="module")
def jobs_of(tmp_path_factory: pytest.TempPathFactory) -> Jobs:
    """The jobs that a config plans."""
    return cache(lambda config: planned(tmp_path_factory.mktemp("run"), ROOT / config))


@pytest.mark.parametrize("config", COUNTS)
def test_planned_jobs(config: str, jobs_of: Jobs) -> None:
    jobs = jobs_of(config)
    merged = dict.fromkeys(RULES, 0)
    for rule, count in jobs.items():
        name = max((name for name in RULES if rule.startswith(name)), key=len, default=None)
        if name:
            merged[name] += count
    assert tuple(merged.values()) == COUNTS[config]
    # A config is used alone: config.yaml would bring its nine tasks into the others.
    written = yaml.safe_load((ROOT / config).read_text())
    fetched = sum(count for rule, count in jobs.items() if rule.startswith("fetch_task"))
    assert fetched == len(written["tasks"])
    assert jobs["fetch_model"] == len(written["models"])
    assert jobs["collect_scores"] == jobs["summarize"] == 1


@pytest.mark.parametrize("config", COUNTS)
def test_the_page_of_configs_has_these_numbers(config: str) -> None:
    page = (ROOT / "docs/configs.md").read_text(encoding="utf-8")
    name = config if config == "config.yaml" else Path(config).stem
    row = re.findall(rf"^\| `{name}` \| .*$", page, re.MULTILINE)[0]  # of jobs; disk follows
    finetune, structured, magnitude, _, _, retrain, pruned, evaluate, on, _ = COUNTS[config]
    shown = (finetune, f"{structured} / {magnitude}", retrain, pruned, evaluate + on)
    assert row.strip("| ").split(" | ")[2:] == [str(each) for each in shown]


@pytest.mark.parametrize("name", FAMILY_CONFIGS)
def test_configs_of_families_have_the_strict_grid(name: str) -> None:
    paths = [ROOT / f"workflow/configs/{each}.yaml" for each in ("strict", name)]
    strict, config = (read_config(path) for path in paths)
    assert config["models"].keys().isdisjoint(strict["models"])
    assert strict | {"models": config["models"]} == config
    (model,) = load_study(config, ROOT).models.values()
    assert model.kind == "hub"


def texts(count: int) -> str:
    rows = (
        f"{'abcdefghij'[row % 10]} {row},{'bad' if row % 2 else 'good'}" for row in range(count)
    )
    return "\n".join(["text,label", *rows, ""])


def test_the_readme_and_the_tutorial_name_the_number_of_jobs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("train.csv", "dev.csv", "reviews.csv"):
        Path(name).write_text(texts(400))
    readme, tutorial = ((ROOT / name).read_text() for name in ("README.md", "docs/tutorial.md"))
    (block,) = re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL)
    (shown,) = re.findall(r"# (\d+) jobs", readme)
    jobs = planned(tmp_path, yaml.safe_load(block))
    # All but `all`, which runs nothing, are counted by `planned`.
    assert sum(jobs.values()) + 1 == int(shown)
    # The estimate of its time on a GPU is for as many.
    on_gpus = sum(count for rule, count in jobs.items() if rule.startswith(GPU_RULES))
    trainings = jobs["finetune"] + jobs["retrain"]
    page = (ROOT / "docs/gpus.md").read_text()
    assert f"has {trainings} trainings" in page and f"and {on_gpus} GPU jobs" in page
    init("reviews.csv")
    (shown,) = re.findall(r"has (\d+) jobs", tutorial)
    assert sum(planned(tmp_path, Path("config.yaml")).values()) + 1 == int(shown)


def test_asking_for_latency_adds_its_own_jobs_alone(tmp_path: Path) -> None:
    config = yaml.safe_load((ROOT / "workflow/configs/demo.yaml").read_text())
    config["analysis"] = {"latency": False}
    before = planned(tmp_path, config)
    config["analysis"] = {"latency": True}
    # Once per task and method, whatever seeds there are.
    own = {"measure_latency": 2 * 2, "gather_latency": 2, "plot_latency": 2}
    assert planned(tmp_path, config) == before | own


def test_the_papers_grid_needs_630_gpu_jobs(jobs_of: Jobs) -> None:
    jobs = jobs_of("config.yaml")
    assert sum(count for rule, count in jobs.items() if rule.startswith(GPU_RULES)) == 630
    # The benchmark counts their starts.
    study = load_study(read_config(ROOT / "config.yaml"), ROOT)
    for step, count in gpu_jobs(study).items():
        assert sum(n for rule, n in jobs.items() if rule.startswith(step)) == count
    assert sum(gpu_jobs(study).values()) == 630
    # And no other rule asks for a GPU, but the one that is run when a config asks for it.
    rules = "".join(path.read_text() for path in (ROOT / "workflow/rules").glob("*.smk"))
    with_gpu, steps = {"gpu_step"}, set()
    for block in re.split(r"^ *(?=(?:use )?rule\b)", rules, flags=re.MULTILINE):
        inherited = re.match(r"use rule (\w+) as (\w+)", block)
        if inherited and inherited[1] in with_gpu:
            with_gpu.add(inherited[2])
        elif "gpu=GPU" not in block or block.startswith("use rule torch_step as gpu_step"):
            continue
        steps.add(re.search(r'stage\("(\w+)"\)', block)[1])
    assert steps == {*GPU_RULES, "measure_latency"}


def test_no_rule_names_the_outputs_of_another_as_such() -> None:
    """Snakemake would hash each of its lists of inputs once for every file in the list."""
    paths = [ROOT / "Snakefile", *(ROOT / "workflow/rules").glob("*.smk")]
    text = "".join(path.read_text() for path in paths)
    plain = re.sub(r"str\(path\) for path in rules\.\w+\.output", "", text)
    assert plain != text and not re.search(r"\brules\.\w+\.output", plain)
