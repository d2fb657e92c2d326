"""Attention patterns: a classifier for the study, the maps of every cell, and what survives."""


use rule torch_step as train_pattern_classifier with:
    output:
        weights=f"{TABLES}/pattern_classifier.safetensors",
        facts=f"{TABLES}/pattern_classifier.json",
        note=f"{TABLES}/pattern_classifier.rst",
        provenance=f"{TABLES}/pattern_classifier.provenance.json",
    pathvars:
        job="train_pattern_classifier",
    threads: TORCH_THREADS
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=params.classifier_params(STUDY),
        sources=content(sources.of_annotated_maps),
        torch_threads=TORCH_THREADS,
        step=stage("train_pattern_classifier"),
    message:
        "train the classifier of attention patterns"


use rule torch_step as classify_patterns with:
    input:
        model=f"{CELL}/finetune/model.safetensors",
        pretrained="resources/models/{model}/model.safetensors",
        tokens=token_files,
        classifier=f"{TABLES}/pattern_classifier.safetensors",
    output:
        patterns=f"{CELL}/finetune/patterns.npz",
        provenance=f"{CELL}/finetune/patterns.provenance.json",
    pathvars:
        job="classify_patterns/{model}/{task}/seed_{seed}",
    threads: TORCH_THREADS
    resources:
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=params.classify_params(STUDY),
        torch_threads=TORCH_THREADS,
        step=stage("classify_patterns"),
    message:
        "classify attention maps of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}"


wants("patterns", figure_rows(params.has_patterns))
wants("example_maps", figure_rows(params.has_patterns))


use rule analysis_step as measure_patterns with:
    input:
        patterns=of_all_tasks(f"{CELL}/finetune/patterns.npz"),
        masks=of_all_tasks(f"{MASKS}/good.safetensors", also=f"{CELL}/finetune/patterns.npz"),
        config="resources/models/{model}/config.json",
        facts=f"{TABLES}/pattern_classifier.json",
        note=f"{TABLES}/pattern_classifier.rst",
    output:
        **drawn("patterns", "Attention patterns", "shares_", what="shares"),
        **drawn("example_maps", "Attention patterns", "examples_", what="examples"),
        table=f"{ANALYSED}/patterns.csv",
        shares=f"{ANALYSED}/pattern_shares.csv",
        associations=report(
            f"{ANALYSED}/pattern_association.csv",
            caption="../report/pattern_association.rst",
            category="Attention patterns",
            labels={"model": "{model}", "method": "{method}", "what": "association"},
        ),
        provenance=f"{FIGURES}/patterns.provenance.json",
    pathvars:
        job="measure_patterns/{model}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(params.has_patterns)),
    params:
        settings=settings(params.pattern_params, "model", "method"),
        resources=bundled(published="resources/paper/patterns.csv"),
        step=stage("measure_patterns"),
    message:
        "compare the attention patterns in {wildcards.model}: {wildcards.method}"
