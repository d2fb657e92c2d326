"""The study as a workflow: from pretrained encoders to tables, figures and a report."""

import sys
from pathlib import Path

from snakemake.utils import min_version

min_version("9.27")

# The library needs no installation. As a module too, its place is that of this file.
sys.path.insert(0, str(Path(str(workflow.current_basedir)) / "workflow" / "scripts"))

from lottery.config import read_config
from lottery.runtime.start import stop_on_error

# Configs are used alone: Snakemake merges mappings, so a second file would add to the first one.
if not workflow.configfiles and not workflow.modifier.skip_configfile:
    stop_on_error(read_config, Path("config.yaml"))

    configfile: "config.yaml"


include: "workflow/rules/common.smk"
include: "workflow/rules/steps.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/analyse.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/evaluation_only.smk"
include: "workflow/rules/stability.smk"
include: "workflow/rules/patterns.smk"
include: "workflow/rules/imported.smk"
include: "workflow/rules/statistics.smk"
include: "workflow/rules/latency.smk"
include: "workflow/rules/connectivity.smk"
include: "workflow/rules/axes.smk"
include: "workflow/rules/export.smk"
include: "workflow/rules/logging.smk"
include: "workflow/rules/report.smk"
include: "workflow/rules/clean.smk"


report: "workflow/report/workflow.rst"


# Agreement over seeds and tasks, importances, differences with their tests, and the paper's claims.
rule analyses:
    input:
        figures=WANTED["analyses"],
        tables=in_every_format("claims", "trainability"),
        scores_on=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
        table_on=targets(f"{TABLES}/evaluation_only.csv", grid.evaluate_on_rows(STUDY)),
        steps=analysis_step_targets(),


rule all:
    default_target: True
    input:
        cells=targets(f"{EVALUATED}/metrics.json", grid.evaluate_rows(STUDY)),
        tables=[*in_every_format("summary"), f"{TABLES}/scores.csv", f"{TABLES}/overlap.csv"],
        figures=WANTED["all"],
        runs=targets(f"{PATHS.logged}/provenance.json", grid.logged_rows(STUDY)),
        # As text: a rule that names another's outputs as such lets Snakemake look every input up
        # among them, and hash each list of inputs once for every file in it.
        report=(
            []
            if STUDY.unfinished is not None
            else [str(path) for path in rules.write_report.output]
        ),
        analyses=rules.analyses.input,
        exports=exported(),
        steps=step_targets(),


rule export:
    input:
        exports_asked_for,


rule fetch:
    input:
        configs=targets("resources/models/{model}/config.json", MODEL_ROWS),
        models=targets("resources/models/{model}/model.safetensors", grid.model_rows(STUDY)),
        tasks=targets("resources/tasks/{task}/validation.parquet", grid.fetch_rows(STUDY)),
        masks=targets("resources/masks/{glue}/provenance.json", grid.authors_rows(STUDY)),


if STUDY.unfinished is not None:
    partial_study.leave_out_cells(workflow, STUDY)

# At the end, when all rules are there; not in the jobs, which read this file too.
if workflow.is_main_process:
    from lottery.planning import hooks

    hooks.watch(workflow, config, STUDY)
