"""What is checked while Snakemake plans a run, and before the first job of one.

`onstart` does not run where the workflow is imported as a module, so nothing here hangs on it.
Snakemake has no place for a look at a plan, but it asks each rule for its inputs. The check of a
finished step is one more function of inputs, which gives none; the first such call also prepares
the start of the run.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any

from lottery import files
from lottery.config import Study
from lottery.files.errors import StudyError
from lottery.planning import grid
from lottery.runtime import progress, start
from lottery.runtime.provenance import FORMAT, NAME, changed_leaves
from lottery.runtime.stages import step_of
from lottery.runtime.start import stop_on_error

MOST = 3  # differences that a sentence names
RUNNER = "run_step.py"


def watch(workflow: Any, study: Study) -> None:
    """Lets what is planned be checked, dry runs included, and prepares the start of the run.

    Args:
        workflow: Snakemake's workflow, with all rules of this one. In a job nothing is done.
        study: the checked config.
    """
    if not workflow.is_main_process:
        return
    stop_on_error(refuse_older_results, study)
    ours = {rule for rule in workflow.rules if str(rule.script or "").endswith(RUNNER)}
    _ignore_dates_of_scripts(ours)
    run = _Run(workflow, study)
    for rule in ours:
        rule.set_input(partial(run.planned, rule))


def _ignore_dates_of_scripts(ours: set[Any]) -> None:
    """Lets the date of the runner decide nothing.

    Snakemake runs a job again whose script is newer than its outputs, as after every checkout and
    installation. Here the stage's version in the params says what has changed.
    """
    from snakemake.jobs import Job

    older = Job.outputs_older_than_script_or_notebook

    async def outputs_older(job: Job) -> AsyncIterator[Any]:
        if job.rule not in ours:
            async for path in older(job):
                yield path

    Job.outputs_older_than_script_or_notebook = outputs_older


def _let_subnetworks_be_left_out(persistence: Any) -> None:
    """Lets evaluate_pruned stay finished when the config lists fewer subnetworks than before.

    Snakemake runs a job again whose set of inputs has changed in any way. What is left of this
    job's masks was evaluated as it is now.
    """
    changed = persistence._input_changed

    def input_changed(job: Any, file: Any = None) -> bool:
        if not changed(job, file=file):
            return False
        fewer = step_of(job.rule) == "evaluate_pruned" if job.params.get("step") else False
        return not (fewer and {*persistence._input(job)} < {*persistence.input(file)})

    persistence._input_changed = input_changed


def _compare_what_is_recorded(persistence: Any) -> None:
    """Lets a step with more outputs than it once had be compared with what it was made with.

    Snakemake compares nothing of a job where one of its outputs has no record. An option that gives
    a step one output more, as `halves` does, would not run it again if nothing asks for that file.
    """
    persistence.has_metadata = lambda job: any(
        persistence.metadata(path) is not None for path in job.output
    )


class _Run:
    """A run of Snakemake: what happens at its first planned step, its start and its end."""

    def __init__(self, workflow: Any, study: Study) -> None:
        self._workflow, self._study = workflow, study
        self._prepared = False

    def planned(self, rule: Any, wildcards: Any) -> list[str]:
        """Checks a step that a plan meets; gives no inputs."""
        if not self._prepared:
            self._prepared = True
            self._prepare()
        path = rule.output.get(NAME)
        # Tables, figures and the report depend on the whole config, and are quickly made again.
        of_all = tuple(
            f"{self._study.results}/{name}" for name in ("tables/", "figures/", "report")
        )
        if path is not None and not path.startswith(of_all):
            stop_on_error(_check, self._workflow, rule, wildcards)
        return []

    def _prepare(self) -> None:
        """Puts the start behind Snakemake's own work on the plan, and adds to the end."""
        _let_subnetworks_be_left_out(self._workflow.persistence)
        _compare_what_is_recorded(self._workflow.persistence)
        workflow, dag = self._workflow, self._workflow.dag
        finish, succeeded, failed = dag.postprocess, workflow._onsuccess, workflow._onerror

        async def postprocess(*arguments: Any, check_initial: bool = False, **options: Any) -> None:
            await finish(*arguments, check_initial=check_initial, **options)
            # Only the execution of a plan asks for this check.
            if check_initial and not workflow.dryrun and any(dag.needrun_jobs()):
                self._start()

        def onsuccess(log: Any) -> None:
            progress.show_results(self._study.results)
            succeeded(log)

        def onerror(log: Any) -> None:
            unfinished = len(list(dag.needrun_jobs()))
            progress.show_failures(unfinished, moved=bool(workflow.overwrite_workdir))
            failed(log)

        dag.postprocess = postprocess
        workflow._onsuccess, workflow._onerror = onsuccess, onerror

    def _start(self) -> None:
        # Here and not above: a dry run has no use for them.
        from lottery.planning import preflight
        from lottery.runtime import run_lock, slurm_cleanup

        workflow, compute = self._workflow, self._study.compute
        progress.show()
        start.handle_signals()
        start.warn_of_threads(workflow, compute["torch_threads"])
        stop_on_error(start.require_gpu_total, workflow, compute["slots_per_gpu"])
        jobs = [
            (step_of(job.rule), dict(job.wildcards.items()))
            for job in workflow.dag.needrun_jobs()
            if job.rule.params.get("step")
        ]
        if not workflow.touch:  # then nothing is fetched
            stop_on_error(preflight.check_inputs, self._study, jobs)
        stop_on_error(run_lock.acquire, workflow)
        stop_on_error(run_lock.end_left_jobs)
        stop_on_error(slurm_cleanup.cancel_orphans, workflow)


def refuse_older_results(study: Study) -> None:
    """Refuses results of a version whose steps wrote other files: they would all be made again.

    Args:
        study: the study; the first of its cells that has been fine-tuned is looked at.

    Raises:
        StudyError: the results are of an older format.
    """
    template = f"{study.results}/{{model}}/{{task}}/seed_{{seed}}/finetune/provenance.json"
    for path in grid.targets(template, grid.finetune_rows(study)):
        if not os.path.exists(path):
            continue
        record = files.read_json(path)
        found = record.get("format") if isinstance(record, dict) else None
        if isinstance(found, int) and found < FORMAT:
            raise StudyError(
                f"{study.results}/ holds a study of an earlier version of the workflow ({path} has "
                f"format {found}; this version writes format {FORMAT}), all of which would be "
                "computed again: give this config another folder (results: ...), or remove "
                f"{study.results}/."
            )
        return


def _check(workflow: Any, rule: Any, wildcards: Any) -> None:
    """Refuses a step that is there, unknown to Snakemake, and made with other params.

    Snakemake keeps in .snakemake what each file was made with. Of a file that it has no record of,
    as in a folder that was copied without .snakemake, it compares the date alone, and uses what
    another config has made as if it were of this one. Each step's provenance.json says what its
    files were made with, so it is read where Snakemake's own record is missing.
    """
    path = rule.output[NAME].apply_wildcards(wildcards)
    forced = workflow.dag_settings
    if workflow.touch or forced.forceall or {rule.name, path} & {*forced.forcerun}:
        return
    if not os.path.exists(path) or workflow.persistence.metadata(path) is not None:
        return
    params = {
        name: value(wildcards) if callable(value) else value for name, value in rule.params.items()
    }
    refuse_other_params(path, files.read_json(path), params, rule.name)


def refuse_other_params(record: str, made: Any, params: Mapping[str, Any], rule: str) -> None:
    """Refuses a finished step whose params were others than the config gives.

    Args:
        record: path of its provenance.json.
        made: what stands in it.
        params: what the config gives.
        rule: that makes it.

    Raises:
        StudyError: they differ.
    """
    was = made.get("params") if isinstance(made, dict) else None
    if not isinstance(was, dict):
        raise StudyError(f"{record} names no params of its step; delete it and run again.")
    # As JSON, which knows no tuples.
    changes = changed_leaves(was, json.loads(json.dumps(params)))
    if not changes:
        return
    told = [f"{name.removeprefix('settings.')} {old} (now {new})" for name, old, new in changes]
    more = f" and {len(told) - MOST} more" if len(told) > MOST else ""
    raise StudyError(
        f"{record} was made with {', '.join(told[:MOST])}{more}, and Snakemake has no record of it"
        ", as in a folder copied without .snakemake: give this config a folder of its own by "
        f"--directory, make the step anew by --forcerun {rule}, or keep all that is there by "
        "--touch --forceall."
    )
