"""Subnetworks for use outside the study: the cells that `export` of the config names."""

stop_on_error(grid.check_exports, STUDY)


use rule torch_step as fetch_tokenizer with:
    output:
        tokenizer_config="resources/models/{model}/tokenizer_config.json",
        provenance="resources/models/{model}/tokenizer_config.provenance.json",
    pathvars:
        job="fetch_tokenizer/{model}",
    localrule: True
    params:
        settings=settings(params.config_params, "model"),
        sources=content(sources.of_tokenizer, "model"),
        step=stage("fetch_tokenizer"),
    message:
        "fetch how transformers reads the tokenizer of {wildcards.model}"


# The full model, and those with zeros for the weights that are pruned.
use rule torch_step as export_model with:
    input:
        unpack(exported_weights),
        tokens=token_files,
        config="resources/models/{model}/config.json",
        tokenizer="resources/models/{model}/tokenizer.json",
        tokenizer_config="resources/models/{model}/tokenizer_config.json",
    output:
        exported_config=f"{EXPORTED}/config.json",
        exported_tokenizer=f"{EXPORTED}/tokenizer.json",
        exported_tokenizer_config=f"{EXPORTED}/tokenizer_config.json",
        weights=f"{EXPORTED}/model.safetensors",
        # Next to the folder, which can be given away as it is.
        provenance=f"{EXPORTED}.provenance.json",
    pathvars:
        job="export_model/{model}/{task}/seed_{seed}/{method}/{subnetwork}/{phase}",
    wildcard_constraints:
        method=wildcard(["none", *methods_where(lambda method: not method.prunes_units)]),
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        settings=settings(params.export_params, "task"),
        torch_threads=TORCH_THREADS,
        step=stage("export_model"),
    message:
        "export {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule export_model as export_shrunk with:
    output:
        exported_config=f"{EXPORTED}/config.json",
        exported_tokenizer=f"{EXPORTED}/tokenizer.json",
        exported_tokenizer_config=f"{EXPORTED}/tokenizer_config.json",
        weights=f"{EXPORTED}/model.safetensors",
        shrunk=f"{EXPORTED}/shrunk.safetensors",
        provenance=f"{EXPORTED}.provenance.json",
    wildcard_constraints:
        method=wildcard(methods_where(prunes_units)),


use rule torch_step as export_onnx with:
    input:
        model=exported_model,
    output:
        onnx=f"{EXPORTED}/onnx/model.onnx",
        provenance=f"{EXPORTED}.onnx.provenance.json",
    pathvars:
        job="export_onnx/{model}/{task}/seed_{seed}/{method}/{subnetwork}/{phase}",
    conda:
        "../../envs/export.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(30),
    params:
        torch_threads=TORCH_THREADS,
        step=stage("export_onnx"),
    message:
        "export {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed} as ONNX: {wildcards.method}"


use rule analysis_step as write_card with:
    input:
        metrics=f"{EVALUATED}/metrics.json",
        scores=f"{TABLES}/scores.csv",
        differences=f"{TABLES}/differences.csv",
        latency=latency_of,
        records=records_of,
    output:
        card=f"{EXPORTED}/README.md",
        provenance=f"{EXPORTED}.card.provenance.json",
    pathvars:
        job="write_card/{model}/{task}/seed_{seed}/{method}/{subnetwork}/{phase}",
    localrule: True
    params:
        settings=settings(
            params.card_params, "model", "task", "seed", "method", "subnetwork", "phase"
        ),
        step=stage("write_card"),
    message:
        "write the card of {wildcards.subnetwork} {wildcards.phase} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
