"""What importing a step loads: in a job of a second, the imports are most of the time.

Each group of steps has a budget: how many modules the import of one step may add to a fresh
interpreter, and which heavy packages may be among them. Neither depends on the speed of a machine.

For information, the seconds that `python -X importtime -c "import lottery.steps.<step>"` gave in
its last line, best of six on a machine with other work: commands 0.04 (clean_unnamed), tables 0.09
(evaluate), report 0.36 (write_report), figures 0.48 (plot_scores), models 1.9 (finetune).
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass

import pytest

from lottery.runtime.stages import step_names
from stage_digests import SCRIPTS

pytestmark = pytest.mark.slow

HEAVY = {
    "datasets",
    "matplotlib",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "tokenizers",
    "torch",
    "transformers",
}


@dataclass(frozen=True)
class Budget:
    """What each step of a group may load."""

    modules: int
    heavy: set[str]
    steps: tuple[str, ...]


def budget(modules: int, heavy: str, steps: str) -> Budget:
    return Budget(modules, {*heavy.split()}, tuple(steps.split()))


BUDGETS = {
    "commands": budget(110, "", "clean_retrained clean_unnamed list_unnamed"),
    "tables": budget(
        310,
        "",
        """check_claims collect_scores compare_controls compare_subnetworks copy_masks cut_masks
        evaluate fetch_config fetch_masks fetch_task fetch_tokenizer gather_tables import_masks
        log_run majority measure_weights sample_masks sample_super_masks summarize summarize_on
        tabulate_trainability tokenize write_card write_long_texts""",
    ),
    "report": budget(770, "pandas pyarrow", "write_report"),
    "figures": budget(
        850,
        "matplotlib pandas pyarrow",
        """compare_methods draw_maps measure_connectivity measure_importance measure_magnitudes
        measure_noise measure_overlap measure_patterns measure_stability plot_differences
        plot_equal_sizes plot_latency plot_on plot_overview plot_scores plot_sizes plot_starts
        plot_survival plot_training plot_trajectories plot_transfer""",
    ),
    "models": budget(
        1260,
        "torch",
        """check_pattern_rules classify_patterns evaluate_line evaluate_on evaluate_pruned
        export_model export_onnx fetch_model finetune measure_latency rank_masks retrain rewind
        search train_again""",
    ),
}

# The group's heavy packages are loaded once, and each step in a copy of the process: what is loaded
# then is what the step would have loaded by itself.
IMPORTS = """
import importlib, os, sys
fresh = {*sys.modules}
scripts, heavy, steps = sys.argv[1], sys.argv[2].split(), sys.argv[3].split()
sys.path.insert(0, scripts)
for package in heavy:
    importlib.import_module(package)
for step in steps:
    if os.fork() == 0:
        importlib.import_module(f"lottery.steps.{step}")
        print(step, *{*sys.modules} - fresh, flush=True)
        os._exit(0)
    assert os.wait()[1] == 0, step
"""


def loaded(group: Budget) -> dict[str, set[str]]:
    """The modules that the import of each step of a group adds to a fresh interpreter."""
    words = (str(SCRIPTS), " ".join(group.heavy), " ".join(group.steps))
    command = (sys.executable, "-I", "-c", IMPORTS, *words)
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    return {step: {*modules} for step, *modules in map(str.split, lines)}


@pytest.mark.parametrize("name", BUDGETS)
def test_no_step_loads_more_than_its_group_may(name: str) -> None:
    group = BUDGETS[name]
    found = loaded(group)
    assert {*found} == {*group.steps}
    too_many = {step: len(modules) for step, modules in found.items()}
    too_many = {step: count for step, count in too_many.items() if count > group.modules}
    assert not too_many, f"more than {group.modules} modules"
    heavy = {step: sorted(modules & HEAVY - group.heavy) for step, modules in found.items()}
    assert not {step: packages for step, packages in heavy.items() if packages}


def test_every_step_has_one_budget() -> None:
    assert sorted(step for group in BUDGETS.values() for step in group.steps) == step_names()
