"""What one subnetwork says of every development example, and what that scores."""


rule evaluate:
    input:
        unpack(evaluated_files),
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
    threads: TORCH_THREADS
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(params.evaluate_params, "task"),
        torch_threads=TORCH_THREADS,
        version=stage_version("evaluate"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/evaluate.py"


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
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(evaluation_only.evaluate_on_params, "eval_task"),
        torch_threads=TORCH_THREADS,
        version=stage_version("evaluate_on"),
    message:
        "evaluate {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed} on {wildcards.eval_task}: {wildcards.method}"
    script:
        "../scripts/evaluate_on.py"
