"""Masks made elsewhere, and the sizes of a model without its weights."""


use rule torch_step as fetch_config with:
    output:
        config="resources/models/{model}/config.json",
        provenance="resources/models/{model}/config.provenance.json",
    pathvars:
        job="fetch_config/{model}",
    localrule: True
    params:
        settings=settings(params.config_params, "model"),
        sources=content(sources.of_config, "model"),
        step=stage("fetch_config"),
    message:
        "fetch the config of model {wildcards.model}"


use rule analysis_step as import_masks with:
    input:
        config="resources/models/{model}/config.json",
    output:
        mask=f"{MASKS}/good.safetensors",
        provenance=f"{MASKS}/provenance.json",
    pathvars:
        job="import_masks/{model}/{task}/seed_{seed}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(lambda method: method.declared.imported)),
    params:
        settings=settings(params.import_params, "method", "task"),
        sources=content(sources.of_mask, "method", "task", "seed"),
        step=stage("import_masks"),
    message:
        "import the mask of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
