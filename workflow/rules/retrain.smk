"""The pretrained weights under a mask, fine-tuned again."""


rule retrain:
    input:
        pretrained="resources/models/{model}/model.safetensors",
        mask=mask_of,
        tokens=all_token_files,
    output:
        model=kept_or_temporary(f"{RETRAINED}/model.safetensors"),
        logits=f"{RETRAINED}/logits.safetensors",
        history=f"{RETRAINED}/history.csv",
        provenance=f"{RETRAINED}/provenance.json",
    log:
        f"{LOGS}/retrain/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}.log",
    benchmark:
        f"{BENCHMARKS}/retrain/{{model}}/{{task}}/seed_{{seed}}/{{method}}/{{subnetwork}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: TORCH_THREADS
    resources:
        gpu=1,
        mem_mb=growing(8000),
        runtime=growing(720),
    params:
        settings=settings(params.training_params, "task"),
        torch_threads=TORCH_THREADS,
        step=stage("retrain"),
    message:
        "retrain {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


# A command rather than a step: nothing depends on it, and it has no output that could be up to date.
rule clean_retrained:
    log:
        f"{LOGS}/clean_retrained.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.clean_retrained_params),
        step=stage("clean_retrained"),
    message:
        "remove the retrained weights that the study needs no more"
    script:
        "../scripts/run_step.py"
