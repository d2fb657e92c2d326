"""Predictions and scores of subnetworks on the development examples."""


# One GPU job for all pruned subnetworks of a model and method. Their logits are next to their scores
# and are no declared outputs: those that are there are kept when one more is evaluated.
rule evaluate_pruned:
    input:
        model=f"{CELL}/finetune/model.safetensors",
        masks=masks_to_prune,
        tokens=token_files,
    output:
        pruned=f"{CELL}/evaluate/{{method}}/pruned.json",
        provenance=f"{CELL}/evaluate/{{method}}/pruned.provenance.json",
    log:
        f"{LOGS}/evaluate_pruned/{{model}}/{{task}}/seed_{{seed}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_pruned/{{model}}/{{task}}/seed_{{seed}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(STUDY.methods),
    conda:
        "../../envs/torch.yaml"
    threads: TORCH_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(params.pruned_params, "task"),
        torch_threads=TORCH_THREADS,
        step=stage("evaluate_pruned"),
    message:
        "evaluate the pruned subnetworks of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule evaluate:
    input:
        unpack(evaluated_logits),
        tokens=token_files,
    output:
        metrics=f"{EVALUATED}/metrics.json",
        predictions=f"{EVALUATED}/predictions.parquet",
        provenance=f"{EVALUATED}/provenance.json",
    log:
        f"{LOGS}/evaluate/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}/{{phase}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}/{{phase}}.tsv"
    conda:
        "../../envs/torch.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=settings(params.evaluate_params, "task", "phase"),
        torch_threads=TORCH_THREADS,
        step=stage("evaluate"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule evaluate_on:
    input:
        unpack(evaluated_files),
        tokens=token_files_on,
        examples=examples_on,
    output:
        metrics=f"{EVALUATED_ON}/metrics.json",
        predictions=f"{EVALUATED_ON}/predictions.parquet",
        provenance=f"{EVALUATED_ON}/provenance.json",
    log:
        f"{LOGS}/evaluate_on/{{eval_task}}/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}/{{phase}}.log",
    benchmark:
        f"{BENCHMARKS}/evaluate_on/{{eval_task}}/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}/{{phase}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: TORCH_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(params.evaluate_on_params, "eval_task"),
        torch_threads=TORCH_THREADS,
        step=stage("evaluate_on"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed} on {wildcards.eval_task}: {wildcards.method}"
    script:
        "../scripts/run_step.py"
