"""Attention patterns: scores of the maps of every cell, classes by rules, and what survives."""


# Of generated tasks, whose own sentences are short. No training and no score reads these texts.
use rule analysis_step as write_long_texts with:
    output:
        texts="resources/tasks/{task}/long/texts.parquet",
        provenance="resources/tasks/{task}/long/provenance.json",
    pathvars:
        job="write_long_texts/{task}",
    localrule: True
    params:
        settings=settings(params.long_text_params, "task"),
        step=stage("write_long_texts"),
    message:
        "write longer texts of {wildcards.task}"


use rule torch_step as check_pattern_rules with:
    output:
        agreement=f"{TABLES}/pattern_rules.csv",
        note=f"{TABLES}/pattern_rules.rst",
        provenance=f"{TABLES}/pattern_rules.provenance.json",
    pathvars:
        job="check_pattern_rules",
    params:
        settings=params.pattern_rule_params(STUDY),
        sources=content(sources.of_annotated_maps),
        step=stage("check_pattern_rules"),
    message:
        "compare the rules of attention patterns with annotated maps"


use rule torch_step as classify_patterns with:
    input:
        unpack(long_texts),
        model=f"{CELL}/finetune/model.safetensors",
        pretrained="resources/models/{model}/model.safetensors",
        tokenizer="resources/models/{model}/tokenizer.json",
        tokens=token_files,
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
        settings=settings(params.classify_params, "task"),
        torch_threads=TORCH_THREADS,
        step=stage("classify_patterns"),
    message:
        "score attention maps of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}"


PATTERN_CELLS = grid.distinct(
    [row for row in grid.mask_rows(STUDY) if has_patterns(STUDY.methods[row["method"]])],
    "model",
    "task",
    "seed",
)


# Made when it is asked for: snakemake ... results/maps_to_annotate/maps.csv
use rule analysis_step as draw_maps with:
    input:
        patterns=targets(f"{CELL}/finetune/patterns.npz", PATTERN_CELLS),
    output:
        list=f"{RESULTS}/maps_to_annotate/maps.csv",
    pathvars:
        job="draw_maps",
    params:
        settings={"tasks": [row["task"] for row in PATTERN_CELLS]},
        step=stage("draw_maps"),
    message:
        "draw attention maps to annotate"


wants("patterns", figure_rows(has_patterns))
wants("pattern_shares", figure_rows(has_patterns))
wants("example_maps", figure_rows(has_patterns))


use rule analysis_step as measure_patterns with:
    input:
        patterns=of_all_tasks(f"{CELL}/finetune/patterns.npz"),
        masks=of_all_tasks(f"{MASKS}/good.safetensors", also=f"{CELL}/finetune/patterns.npz"),
        config="resources/models/{model}/config.json",
        note=f"{TABLES}/pattern_rules.rst",
    output:
        **drawn("patterns", "Attention patterns", "scores_", what="scores"),
        **drawn("pattern_shares", "Attention patterns", "shares_", what="shares"),
        **drawn("example_maps", "Attention patterns", "examples_", what="examples"),
        table=f"{ANALYSED}/patterns.csv",
        heads=f"{ANALYSED}/pattern_heads.csv",
        shares=f"{ANALYSED}/pattern_shares.csv",
        associations=report(
            f"{ANALYSED}/pattern_association.csv",
            caption="../report/pattern_association.rst",
            category="Attention patterns",
            labels={"model": "{model}", "method": "{method}", "what": "association"},
        ),
        qualifying=f"{ANALYSED}/pattern_maps.rst",
        provenance=f"{FIGURES}/patterns.provenance.json",
    pathvars:
        job="measure_patterns/{model}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(has_patterns)),
    params:
        settings=settings(params.pattern_params, "model", "method"),
        resources=bundled(published="resources/paper/patterns.csv"),
        step=stage("measure_patterns"),
    message:
        "compare the attention patterns in {wildcards.model}: {wildcards.method}"
