"""Results that Snakemake has no record of: whether the config is the one that they were made with.

Snakemake keeps beside the study, in .snakemake, what each file was made with. Of a file that it has
no record of, as in a folder that was copied without .snakemake, it compares the date alone, and
uses what another config has made as if it were of this one. Each step's provenance.json says
what its files were made with, so it is read where Snakemake's own record is missing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from lottery import files
from lottery.errors import StudyError
from lottery.provenance import NAME
from lottery.reasons import changed_leaves
from lottery.start import stop_on_error

MOST = 3  # differences that a sentence names
# Tables, figures and the report depend on the whole config, and are quickly made anew.
MADE_OF_ALL = ("results/tables/", "results/figures/", "results/report")


def check_while_planning(workflow: Any) -> None:
    """Lets every step that a plan meets be checked, dry runs and plans without a job included.

    Snakemake has no place for a look at a finished plan, but it asks each step for its inputs, so
    the check is one more function of them, which gives none.

    Args:
        workflow: Snakemake's workflow, with all rules.
    """
    for rule in workflow.rules:
        path = rule.output.get(NAME)
        if path is not None and not path.startswith(MADE_OF_ALL):
            rule.set_input(partial(_no_input, workflow, rule))


def _no_input(workflow: Any, rule: Any, wildcards: Any) -> list[str]:
    stop_on_error(_check, workflow, rule, wildcards)
    return []


def _check(workflow: Any, rule: Any, wildcards: Any) -> None:
    """Refuses a step that is there, unknown to Snakemake, and made with other params."""
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
