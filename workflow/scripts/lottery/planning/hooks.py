"""What is checked while Snakemake plans a run, and before the first job of one.

`onstart` does not run where the workflow is imported as a module, so nothing here hangs on it.
Snakemake has no place for a look at a plan, but it asks each rule for its inputs. The check of a
finished step is one more function of inputs, which gives none; the first such call also prepares
the start of the run.
"""

from __future__ import annotations

import atexit
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from lottery import files
from lottery.config import Study
from lottery.files.errors import StudyError
from lottery.files.workflow import WORKFLOW
from lottery.planning import grid
from lottery.planning import partial as partial_study
from lottery.runtime import progress, start
from lottery.runtime.provenance import FORMAT, NAME, changed_leaves
from lottery.runtime.resume import NAME as CHECKPOINT
from lottery.runtime.stages import step_of
from lottery.runtime.start import stop_on_error

MOST = 3  # differences that a sentence names
RUNNER = "run_step.py"
PARTIAL = WORKFLOW / "scripts/partial.py"


def watch(workflow: Any, config: Mapping[str, Any], study: Study) -> None:
    """Lets what is planned be checked, dry runs included, and prepares the start of the run.

    It is called in the main process, when the workflow has all its rules.
    """
    stop_on_error(reject_older_results, study)
    ours = {rule for rule in workflow.rules if str(rule.script or "").endswith(RUNNER)}
    _ignore_dates_of_scripts(ours)
    run = _Run(workflow, config, study)
    for rule in ours:
        rule.set_input(partial(run.planned, rule))


def _ignore_dates_of_scripts(ours: set[Any]) -> None:
    """Lets the date of the runner decide nothing.

    Snakemake runs a job again whose script is newer than its outputs, as after every checkout and
    installation. Here the stage's version is in the params and changes with it.
    """
    from snakemake.jobs import Job

    older = Job.outputs_older_than_script_or_notebook

    async def outputs_older(job: Job) -> AsyncIterator[Any]:
        if job.rule not in ours:
            async for path in older(job):
                yield path

    Job.outputs_older_than_script_or_notebook = outputs_older


def _compare_records(persistence: Any) -> None:
    """Lets Snakemake compare what a job was made with as this workflow means it.

    A job whose set of inputs has changed in any way would run again. But evaluate_pruned stays
    finished when the config lists fewer subnetworks than before: what is left was evaluated as it
    is now. And a job with an output that has no record would not be compared at all. But a step
    with one output more than before, as `halves` gives, has to run even if nothing asks for it.
    """
    changed = persistence._input_changed

    def input_changed(job: Any, file: Any = None) -> bool:
        if not changed(job, file=file):
            return False
        fewer = job.params.get("step") and step_of(job.rule) == "evaluate_pruned"
        return not (fewer and {*persistence._input(job)} < {*persistence.input(file)})

    persistence._input_changed = input_changed
    persistence.has_metadata = lambda job: any(
        persistence.metadata(path) is not None for path in job.output
    )


class _Run:
    """A run of Snakemake: what happens at its first planned step, its start and its end."""

    def __init__(self, workflow: Any, config: Mapping[str, Any], study: Study) -> None:
        self._workflow, self._config, self._study = workflow, config, study
        self._imported = workflow.modifier.skip_configfile  # as a module
        self._prepared = False

    def planned(self, rule: Any, wildcards: Any) -> list[str]:
        """Checks a step that a plan meets; gives no inputs."""
        if not self._prepared:
            self._prepared = True
            self._prepare()
        if rule.output.get(NAME) is not None:
            stop_on_error(self._check, rule, wildcards)
        return []

    def _check(self, rule: Any, wildcards: Any) -> None:
        """Compares a finished step that Snakemake has no record of with what the config gives.

        Snakemake keeps in .snakemake what each file was made with. Of a file that it has no record
        of, as in a folder that was copied without .snakemake, it compares the date alone, and uses
        what another config has made as if it were of this one. So the step's provenance.json is
        read there. Tables, figures and the report depend on the whole config and are quickly made:
        those with other params are made again. Other steps are rejected.
        """
        workflow = self._workflow
        path = rule.output[NAME].apply_wildcards(wildcards)
        forced = workflow.dag_settings
        if workflow.touch or forced.forceall or {rule.name, path} & {*forced.forcerun}:
            return
        if not os.path.exists(path) or workflow.persistence.metadata(path) is not None:
            return
        params = _params(rule, wildcards)
        of_all = (
            f"{self._study.results}/{name}"
            for name in ("tables/", "figures/", "report.", f"{partial_study.FOLDER}/")
        )
        if not path.startswith(tuple(of_all)):
            reject_other_params(path, files.read_json(path), params, rule.name)
            return
        made = None
        with suppress(StudyError):  # a damaged record is made again as well
            made = files.read_json(path)
        if _changes(made, params) != []:
            workflow.dag.forcefiles.add(path)

    def _prepare(self) -> None:
        """Puts the start behind Snakemake's work on the plan, and adds to the end."""
        workflow, dag = self._workflow, self._workflow.dag
        _compare_records(workflow.persistence)
        plan, finish = dag.postprocess, dag.finish
        succeeded, failed = workflow._onsuccess, workflow._onerror

        async def postprocess(*arguments: Any, check_initial: bool = False, **options: Any) -> None:
            await plan(*arguments, check_initial=check_initial, **options)
            # Only the execution of a plan asks for this check.
            if check_initial and not workflow.dryrun and any(dag.needrun_jobs()):
                self._start()

        async def accept(job: Any, *arguments: Any, **options: Any) -> None:
            await finish(job, *arguments, **options)
            if workflow.dryrun:
                return
            for each in job if job.is_group() else [job]:
                _discard_checkpoint(each)

        whole = self._study.unfinished is None

        def reported() -> bool:
            """Whether the run was to make the report."""
            steps = (step_of(job.rule) for job in dag.jobs if job.rule.params.get("step"))
            return partial_study.LAST in steps

        def onsuccess(log: Any) -> None:
            if whole and reported() and not self._imported:
                partial_study.remove(self._study)
            if whole or reported():
                progress.show_results(partial_study.shown_folder(self._study))
            succeeded(log)

        def onerror(log: Any) -> None:
            unfinished = len(list(dag.needrun_jobs()))
            failures = progress.show_failures(unfinished, moved=bool(workflow.overwrite_workdir))
            going = workflow.execution_settings.keep_going
            if failures and going and whole and reported() and not self._imported:
                # When Snakemake is back in the folder of the command, and has given its lock back.
                atexit.register(self._report_partly)
            failed(log)

        dag.postprocess, dag.finish = postprocess, accept
        workflow._onsuccess, workflow._onerror = onsuccess, onerror

    def _report_partly(self) -> None:
        """Makes tables, figures and a report of what there is, unless a signal ended the run."""
        from lottery.runtime import run_lock

        if start.is_ending():
            return
        run_lock.release()
        words = progress.options_of_the_run(sys.argv[1:])
        subprocess.run([sys.executable, str(PARTIAL), *words], check=False)

    def _start(self) -> None:
        # Here and not above: a dry run has no use for them.
        from lottery.planning import preflight
        from lottery.runtime import plan, run_lock, slurm_cleanup, workload

        workflow, compute = self._workflow, self._study.compute
        dag = workflow.dag
        needed, whole = {*dag.needrun_jobs()}, self._study.unfinished is None
        work = workload.plan_of(needed, (job for job in dag.jobs if job not in needed))
        progress.show(work, keep=whole)
        start.handle_signals()
        start.ask_sizes_once()
        start.look_again_once()
        start.warn_of_threads(workflow, compute["torch_threads"])
        stop_on_error(start.check_gpus, workflow, compute)
        jobs = [
            (step_of(job.rule), dict(job.wildcards.items()))
            for job in workflow.dag.needrun_jobs()
            if job.rule.params.get("step")
        ]
        for job in workflow.dag.needrun_jobs():
            if job.rule.params.get("sources"):
                _ = job.params  # reads the files now, not when the job starts or has ended
        if not workflow.touch:  # then nothing is fetched, and dates are set
            stop_on_error(start.require_past_dates, workflow)
            stop_on_error(preflight.check_inputs, self._study, jobs)
            kept = [str(f) for job in dag.jobs if not dag.needrun(job) for f in job.output]
            stop_on_error(repeat_warnings, self._study, kept)
        # What a partial run reads is finished, though a living run may have made it.
        stop_on_error(partial(run_lock.acquire, reads=whole), workflow)
        stop_on_error(run_lock.end_left_jobs)
        if whole:  # tables of a living run go by the same names
            stop_on_error(slurm_cleanup.cancel_orphans, workflow)
        # Of steps that were accepted just before an earlier run was killed.
        for job in {*workflow.dag.jobs} - {*workflow.dag.needrun_jobs()}:
            _discard_checkpoint(job)
        stop_on_error(plan.write, workflow, self._config, self._imported)
        if not whole:
            workflow.register_envvars(partial_study.VARIABLE)


def _discard_checkpoint(job: Any) -> None:
    """Removes what a job has kept to go on from, once Snakemake has accepted what it made."""
    record = job.output.get(NAME)
    if record and (path := Path(record).with_name(CHECKPOINT)).exists():
        with suppress(OSError):
            files.discard(path)


def repeat_warnings(study: Study, kept: Iterable[str]) -> None:
    """Prints what earlier runs have warned of in the data that this one uses.

    Args:
        study: the checked config.
        kept: the files of finished steps; the others warn when they end.

    Raises:
        StudyError: the config makes warnings errors, and there are some.
    """
    from lottery.data.summary import refuse

    warnings = progress.data_warnings(kept)
    refuse(warnings, study.data_warnings)
    for warning in warnings:
        print(f"Warning: {warning}", file=sys.stderr, flush=True)


def reject_older_results(study: Study) -> None:
    """Rejects results of a version whose steps wrote other files: they would all be made again.

    The first fine-tuned cell is looked at.
    """
    template = f"{grid.Paths(study.results).finetuned}/{NAME}.json"
    paths = grid.targets(template, grid.finetune_rows(study))
    path = next(filter(os.path.exists, paths), None)
    record = files.read_json(path) if path else None
    found = record.get("format") if isinstance(record, dict) else None
    if isinstance(found, int) and found < FORMAT:
        raise StudyError(
            f"{study.results}/ holds a study of an earlier version of the workflow ({path} has "
            f"format {found}; this version writes format {FORMAT}), all of which would be computed "
            f"again: give this config another folder (results: ...), or remove {study.results}/."
        )


def _params(rule: Any, wildcards: Any) -> dict[str, Any]:
    """A rule's params for one of its jobs."""
    return {
        key: value(wildcards) if callable(value) else value for key, value in rule.params.items()
    }


def _changes(made: Any, params: Mapping[str, Any]) -> list[tuple[str, str, str]] | None:
    """How the params in a provenance.json differ from a job's; None if it names none."""
    was = made.get("params") if isinstance(made, dict) else None
    return changed_leaves(was, params) if isinstance(was, dict) else None


def reject_other_params(record: str, made: Any, params: Mapping[str, Any], rule: str) -> None:
    """Rejects a finished step whose params were others than the config gives.

    Args:
        record: path of its provenance.json.
        made: what that holds.
        params: what the config gives.
        rule: that makes it.
    """
    changes = _changes(made, params)
    if changes is None:
        raise StudyError(f"{record} names no params of its step; delete it and run again.")
    if not changes:
        return
    words = [f"{name} {old} (now {new})" for name, old, new in changes]
    more = f" and {len(words) - MOST} more" if len(words) > MOST else ""
    raise StudyError(
        f"{record} was made with {', '.join(words[:MOST])}{more}, and Snakemake has no record of it"
        ", as in a folder copied without .snakemake: give this config a folder of its own by "
        f"--directory, run the step again by --forcerun {rule}, or keep all that is there by "
        "--touch --forceall."
    )
