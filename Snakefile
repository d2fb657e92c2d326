"""The study as a workflow: from pretrained encoders to tables, figures and a report."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# The library needs no installation; scripts find it because it lies beside them.
sys.path.insert(0, str(Path(workflow.basedir) / "workflow" / "scripts"))

from lottery import progress, start

# Configs are used alone: Snakemake merges mappings, so a second file would add to the first one.
if not workflow.configfiles:

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/finetune.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/retrain.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/common_units.smk"
include: "workflow/rules/stability.smk"
include: "workflow/rules/imported.smk"
include: "workflow/rules/statistics.smk"


report: "workflow/report/workflow.rst"


onstart:
    progress.show()
    stop_on_error(start.require_gpu_total, workflow, STUDY.compute["slots_per_gpu"])


onsuccess:
    progress.show_results()


rule all:
    default_target: True
    input:
        cells=targets(f"{EVALUATED}/metrics.json", grid.evaluate_rows(STUDY)),
        tables=[f"{TABLES}/{name}" for name in ("scores.csv", "summary.csv", "overlap.csv")],
        figures=figure_targets(),


# Agreement over seeds and tasks, importances, differences with their tests, and the paper's claims.
rule analyses:
    input:
        units=analysis_targets(),
        differences=difference_targets(),
        claims=f"{TABLES}/claims.csv",


rule fetch:
    input:
        configs=targets("resources/models/{model}/config.json", MODEL_ROWS),
        models=targets("resources/models/{model}/model.safetensors", MODEL_ROWS),
        tasks=targets("resources/tasks/{task}/validation.parquet", grid.majority_rows(STUDY)),
