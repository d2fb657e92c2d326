"""Predictions and scores of subnetworks on the development examples."""


# One GPU job for all pruned subnetworks of a model and method. Their logits are next to their scores
# and are no declared outputs: those that are there are kept when one more is evaluated.
use rule gpu_step as evaluate_pruned with:
    input:
        model=f"{CELL}/finetune/model.safetensors",
        masks=masks_to_prune,
        tokens=token_files,
    output:
        pruned=f"{CELL}/evaluate/{{method}}/pruned.json",
        provenance=f"{CELL}/evaluate/{{method}}/pruned.provenance.json",
    pathvars:
        job="evaluate_pruned/{model}/{task}/seed_{seed}/{method}",
    wildcard_constraints:
        method=wildcard(STUDY.methods),
    params:
        settings=settings(params.pruned_params, "task"),
        step=stage("evaluate_pruned"),
    message:
        "evaluate the pruned subnetworks of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule torch_step as evaluate with:
    input:
        unpack(evaluated_logits),
        config="resources/models/{model}/config.json",
        tokens=token_files,
    output:
        metrics=f"{EVALUATED}/metrics.json",
        predictions=f"{EVALUATED}/predictions.parquet",
        provenance=f"{EVALUATED}/provenance.json",
    pathvars:
        job="evaluate/{model}/{task}/seed_{seed}/{method}/{subnetwork}/{phase}",
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=settings(params.evaluate_params, "task", "phase"),
        torch_threads=TORCH_THREADS,
        step=stage("evaluate"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule gpu_step as evaluate_on with:
    input:
        unpack(evaluated_files),
        tokens=token_files_on,
        examples=examples_on,
    output:
        metrics=f"{EVALUATED_ON}/metrics.json",
        predictions=f"{EVALUATED_ON}/predictions.parquet",
        provenance=f"{EVALUATED_ON}/provenance.json",
    pathvars:
        job="evaluate_on/{eval_task}/{model}/{task}/seed_{seed}/{method}/{subnetwork}/{phase}",
    params:
        settings=settings(params.evaluate_on_params, "eval_task"),
        step=stage("evaluate_on"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed} on {wildcards.eval_task}: {wildcards.method}"
