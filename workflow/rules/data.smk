"""Models and tasks: fetching (the only rules that use the network), tokens, the baseline."""


use rule torch_step as fetch_model with:
    output:
        tokenizer="resources/models/{model}/tokenizer.json",
        model="resources/models/{model}/model.safetensors",
        provenance="resources/models/{model}/provenance.json",
    pathvars:
        job="fetch_model/{model}",
    localrule: True
    params:
        settings=settings(params.model_params, "model"),
        sources=content(sources.of_model, "model"),
        step=stage("fetch_model"),
    message:
        "fetch model {wildcards.model}"


for splits, suffix in split_shapes().items():

    rule:
        name:
            f"fetch_task{suffix}"
        output:
            **{split: f"resources/tasks/{{task}}/{split}.parquet" for split in splits},
            data_summary="resources/tasks/{task}/summary.json",
            provenance="resources/tasks/{task}/provenance.json",
        log:
            f"{LOGS}/fetch_task/{{task}}.log",
        benchmark:
            f"{BENCHMARKS}/fetch_task/{{task}}.tsv"
        wildcard_constraints:
            task=wildcard(tasks_with(splits)),
        localrule: True
        conda:
            "../../envs/torch.yaml"
        params:
            settings=settings(params.task_params, "task"),
            sources=content(sources.of_task, "task"),
            step=stage("fetch_task"),
        message:
            "fetch task {wildcards.task}"
        script:
            "../scripts/run_step.py"

    rule:
        name:
            f"tokenize{suffix}"
        input:
            splits=[f"resources/tasks/{{task}}/{split}.parquet" for split in splits],
            tokenizer="resources/models/{model}/tokenizer.json",
        output:
            tokens=[f"{TOKENS}/{split}.safetensors" for split in splits],
            data_summary=f"{TOKENS}/summary.json",
            provenance=f"{TOKENS}/provenance.json",
        log:
            f"{LOGS}/tokenize/{{model}}/{{task}}.log",
        benchmark:
            f"{BENCHMARKS}/tokenize/{{model}}/{{task}}.tsv"
        wildcard_constraints:
            task=wildcard(tasks_with(splits)),
        conda:
            "../../envs/torch.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            settings=settings(params.tokenize_params, "task"),
            step=stage("tokenize"),
        message:
            "tokenize {wildcards.task} for {wildcards.model}"
        script:
            "../scripts/run_step.py"


use rule torch_step as majority with:
    input:
        unpack(splits_of_task),
    output:
        metrics=f"{RESULTS}/majority/{{task}}/metrics.json",
        provenance=f"{RESULTS}/majority/{{task}}/provenance.json",
    pathvars:
        job="majority/{task}",
    params:
        settings=settings(params.majority_params, "task"),
        step=stage("majority"),
    message:
        "majority of {wildcards.task}"
