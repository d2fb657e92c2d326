"""Files of each run for experiment trackers: written when `logging` asks for them.

They are made from what a training has left, so they cost training nothing, and a file is always
written whole: what an interrupted and resumed training has done is in it once.
"""

RUN_FILES = {"tensorboard": "events.out.tfevents", "jsonl": "run.jsonl"}


use rule analysis_step as log_run with:
    input:
        unpack(logged_files),
    output:
        **{name: f"{PATHS.logged}/{RUN_FILES[name]}" for name in STUDY.logging},
        provenance=f"{PATHS.logged}/provenance.json",
    pathvars:
        job="log_run/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    localrule: True
    params:
        settings=settings(params.log_params, "method", "task"),
        step=stage("log_run"),
    message:
        "log {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
