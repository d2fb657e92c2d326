"""Masks made elsewhere, and the sizes of a model without its weights."""


localrules:
    fetch_config,


rule fetch_config:
    input:
        files=model_config,
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
        settings=settings(stability.config_params, "model"),
        version=stage_version("fetch_config"),
    message:
        "fetch the config of model {wildcards.model}"
    script:
        "../scripts/fetch_config.py"


rule import_masks:
    input:
        masks=imported_files,
        config="resources/models/{model}/config.json",
    output:
        good=f"{MASKS}/good.safetensors",
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
        settings=settings(stability.import_params, "method", "task"),
        version=stage_version("import_masks"),
    message:
        "import the mask of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
    script:
        "../scripts/import_masks.py"
