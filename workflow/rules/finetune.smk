"""The full model of one (model, task, seed)."""


rule finetune:
    input:
        pretrained="resources/models/{model}/model.safetensors",
        tokens=all_token_files,
    output:
        model=f"{CELL}/finetune/model.safetensors",
        logits=f"{CELL}/finetune/logits.safetensors",
        metrics=f"{CELL}/finetune/metrics.json",
        history=f"{CELL}/finetune/history.csv",
        provenance=f"{CELL}/finetune/provenance.json",
    log:
        f"{LOGS}/finetune/{{model}}/{{task}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/finetune/{{model}}/{{task}}/seed_{{seed}}.tsv"
    conda:
        "../../envs/torch.yaml"
    threads: TORCH_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(720),
    params:
        settings=settings(params.training_params, "task"),
        torch_threads=TORCH_THREADS,
        step=stage("finetune"),
    message:
        "finetune {wildcards.model} on {wildcards.task}, seed {wildcards.seed}"
    script:
        "../scripts/run_step.py"
