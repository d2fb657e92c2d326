"""Good subnetworks by search, controls by drawing, and the units that survive in all seeds."""

# One rule per algorithm; methods that also make halves have more outputs, hence a rule of theirs.
SEARCHES = {
    f"search_{name}{'_halves' if halves else ''}": (
        name,
        halves,
        [m for m in STUDY.methods_of(name) if STUDY.methods[m].halves == halves],
    )
    for name in algorithm_names()
    if algorithm(name).search is not None
    for halves in (False, True)
}

for rule_name, (algorithm_name, halves, methods) in SEARCHES.items():

    rule:
        name:
            rule_name
        input:
            model=f"{CELL}/finetune/model.safetensors",
            tokens=all_token_files,
            majority=f"{RESULTS}/majority/{{task}}/metrics.json",
        output:
            **search_outputs(algorithm_name, halves),
        log:
            f"{LOGS}/search/{{model}}/{{task}}/seed_{{seed}}/{{method}}.log",
        benchmark:
            f"{BENCHMARKS}/search/{{model}}/{{task}}/seed_{{seed}}/{{method}}.tsv"
        wildcard_constraints:
            method=wildcard(methods),
        conda:
            "../../envs/torch.yaml"
        threads: TORCH_THREADS
        resources:
            gpu=GPU,
            mem_mb=growing(8000),
            runtime=growing(480),
        params:
            settings=settings(params.search_params, "method", "task"),
            torch_threads=TORCH_THREADS,
            step=stage("search"),
        message:
            "search {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"
        script:
            "../scripts/run_step.py"


use rule torch_step as sample_masks with:
    input:
        source=lambda w: grid.source_mask_path(STUDY, w),
        model=f"{CELL}/finetune/model.safetensors",
    output:
        mask=f"{MASKS}/{{subnetwork}}.safetensors",
        provenance=f"{MASKS}/{{subnetwork}}.provenance.json",
    pathvars:
        job="sample_masks/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    wildcard_constraints:
        subnetwork=SAMPLED_MASKS,
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=settings(params.control_params, "method", "subnetwork"),
        step=stage("sample_masks"),
    message:
        "draw {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule gpu_step as rank_masks with:
    input:
        model=f"{CELL}/finetune/model.safetensors",
        pretrained="resources/models/{model}/model.safetensors",
        tokens=all_token_files,
    output:
        ranking=f"{PATHS.ranked}/ranking.safetensors",
        provenance=f"{PATHS.ranked}/provenance.json",
    pathvars:
        job="rank_masks/{model}/{task}/seed_{seed}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(ranks_in_a_step)),
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(params.rank_params, "method", "task"),
        torch_threads=TORCH_THREADS,
        step=stage("rank_masks"),
    message:
        "rank what {wildcards.method} prunes of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}"


use rule torch_step as cut_masks with:
    input:
        ranking=ranking_of,
        model=f"{CELL}/finetune/model.safetensors",
    output:
        mask=f"{MASKS}/{{subnetwork}}.safetensors",
        provenance=f"{MASKS}/{{subnetwork}}.provenance.json",
    pathvars:
        job="cut_masks/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    wildcard_constraints:
        subnetwork=CUT_MASKS,
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        settings=settings(params.cut_params, "method"),
        step=stage("cut_masks"),
    message:
        "cut {wildcards.subnetwork} of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


use rule torch_step as copy_masks with:
    input:
        source=lambda w: grid.source_mask_path(STUDY, w),
        model=f"{CELL}/finetune/model.safetensors",
    output:
        mask=f"{MASKS}/{{subnetwork}}.safetensors",
        provenance=f"{MASKS}/{{subnetwork}}.provenance.json",
    pathvars:
        job="copy_masks/{model}/{task}/seed_{seed}/{method}/{subnetwork}",
    wildcard_constraints:
        subnetwork=COPIED_MASKS,
    resources:
        mem_mb=growing(4000),
        runtime=growing(30),
    params:
        step=stage("copy_masks"),
    message:
        "copy {wildcards.subnetwork} for {wildcards.model}, {wildcards.task}, seed {wildcards.seed}: {wildcards.method}"


# super_random and super_bad are made of the same draw as super_good, so one job writes all three;
# under strict there is super_good alone.
for rule_name, kinds in (
    ("sample_super_masks", ("super_good", "super_random", "super_bad")),
    ("sample_super_good", ("super_good",)),
):

    rule:
        name:
            rule_name
        input:
            goods=lambda w: [
                mask_path(STUDY, w, subnetwork="good", seed=seed) for seed in STUDY.seeds
            ],
            config="resources/models/{model}/config.json",
        output:
            masks=[
                f"{RESULTS}/{{model}}/{{task}}/super/{{method}}/{kind}.safetensors"
                for kind in kinds
            ],
            provenance=f"{RESULTS}/{{model}}/{{task}}/super/{{method}}/provenance.json",
        log:
            f"{LOGS}/sample_super_masks/{{model}}/{{task}}/{{method}}.log",
        benchmark:
            f"{BENCHMARKS}/sample_super_masks/{{model}}/{{task}}/{{method}}.tsv"
        wildcard_constraints:
            method=wildcard(methods_where(lambda method: grid.super_masks(method) == kinds)),
        conda:
            "../../envs/torch.yaml"
        resources:
            mem_mb=growing(4000),
            runtime=growing(30),
        params:
            step=stage("sample_super_masks"),
        message:
            "survivors of all seeds of {wildcards.model}, {wildcards.task}: {wildcards.method}"
        script:
            "../scripts/run_step.py"
