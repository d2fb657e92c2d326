"""Masks made elsewhere, and the sizes of a model without its weights."""


localrules:
    fetch_config,


rule fetch_config:
    output:
        config="resources/models/{model}/config.json",
        provenance="resources/models/{model}/config.provenance.json",
    log:
        f"{LOGS}/fetch_config/{{model}}.log",
    benchmark:
        f"{BENCHMARKS}/fetch_config/{{model}}.tsv"
    conda:
        "../../envs/torch.yaml"
    params:
        settings=settings(params.config_params, "model"),
        sources=content(sources.of_config, "model"),
        step=stage("fetch_config"),
    message:
        "fetch the config of model {wildcards.model}"
    script:
        "../scripts/run_step.py"


rule import_masks:
    input:
        config="resources/models/{model}/config.json",
    output:
        mask=f"{MASKS}/good.safetensors",
        provenance=f"{MASKS}/provenance.json",
    log:
        f"{LOGS}/import_masks/{{model}}/{{task}}/seed_{{seed}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/import_masks/{{model}}/{{task}}/seed_{{seed}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(methods_where(lambda method: method.declared.imported)),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.import_params, "method", "task"),
        sources=content(sources.of_mask, "method", "task", "seed"),
        step=stage("import_masks"),
    message:
        "import the mask of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/run_step.py"
