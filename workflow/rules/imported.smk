"""Masks made elsewhere, and the sizes of a model without its weights."""

from lottery.pruning.algorithms.imported import AUTHORS_FOLDER, authors_files, mask_files


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


# The masks of the paper, of all its seeds: small files at a commit, of known digests.
use rule torch_step as fetch_masks with:
    output:
        masks=[
            str(path)
            for seed in dict.fromkeys(seed for _, seed in authors_files())
            for path in mask_files(AUTHORS_FOLDER, "{glue}", seed)
        ],
        provenance=f"{AUTHORS_FOLDER}/{{glue}}/provenance.json",
    pathvars:
        job="fetch_masks/{glue}",
    wildcard_constraints:
        glue=wildcard(row["glue"] for row in grid.authors_rows(STUDY)),
    localrule: True
    params:
        settings=settings(params.authors_params, "glue"),
        step=stage("fetch_masks"),
    message:
        "fetch the authors' masks of {wildcards.glue}"


use rule analysis_step as import_masks with:
    input:
        authors=authors_mask,
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
