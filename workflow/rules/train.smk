"""The full model of one (model, task, seed), weights under a mask, and second trainings."""


use rule gpu_step as finetune with:
    input:
        pretrained="resources/models/{model}/model.safetensors",
        tokens=all_token_files,
    output:
        model=f"{CELL}/finetune/model.safetensors",
        logits=f"{CELL}/finetune/logits.safetensors",
        metrics=f"{CELL}/finetune/metrics.json",
        history=f"{CELL}/finetune/history.csv",
        provenance=f"{CELL}/finetune/provenance.json",
    pathvars:
        job="finetune/{model}/{task}/seed_{seed}",
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(720),
    params:
        settings=settings(params.training_params, "task"),
        step=stage("finetune"),
    message:
        "finetune {wildcards.model} on {wildcards.task}, seed {wildcards.seed}"


use rule finetune as rewind with:
    output:
        model=f"{PATHS.rewound}/model.safetensors",
        provenance=f"{PATHS.rewound}/provenance.json",
    pathvars:
        job="rewind/{model}/{task}/seed_{seed}/step_{step}",
    wildcard_constraints:
        step=r"\d+",
    # Before finetune, which needs the same files: it fails at once where training has fewer steps.
    priority: 1
    params:
        step=stage("rewind"),
    message:
        "repeat the first {wildcards.step} steps of finetune {wildcards.model} on {wildcards.task}, seed {wildcards.seed}"


use rule finetune as retrain with:
    input:
        pretrained=weights_at_start,
        mask=mask_of,
        tokens=all_token_files,
    output:
        model=kept_or_temporary(f"{RETRAINED}/model.safetensors"),
        logits=f"{RETRAINED}/logits.safetensors",
        history=f"{RETRAINED}/history.csv",
        provenance=f"{RETRAINED}/provenance.json",
    pathvars:
        job="retrain/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    params:
        settings=settings(params.retrain_params, "method", "task", "subnetwork"),
        step=stage("retrain"),
    message:
        "retrain {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule finetune as train_again with:
    input:
        unpack(weights_to_train_again),
        tokens=all_token_files,
    output:
        model=kept_or_temporary(f"{CONNECTED}/model.safetensors"),
        provenance=f"{CONNECTED}/provenance.json",
    pathvars:
        job="train_again/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    params:
        settings=settings(params.again_params, "method", "task", "subnetwork", "seed"),
        step=stage("train_again"),
    message:
        "train {wildcards.subnetwork} of {wildcards.model} again, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
