"""Analyses of masks, importances and weights: tables and figures per (model, method)."""

wants("stability", figure_rows(has_several_seeds))


rule measure_stability:
    input:
        masks=good_masks_of_all_tasks,
        halves=of_all_tasks(f"{MASKS}/good_half.safetensors", attrgetter("halves")),
        config="resources/models/{model}/config.json",
    output:
        **drawn("stability", "Stability", what="over seeds"),
        stability=report(
            f"{ANALYSED}/stability.csv",
            caption="../report/stability.rst",
            category="Stability",
            labels={"model": "{model}", "method": "{method}", "what": "table"},
        ),
        pairs=f"{ANALYSED}/stability_pairs.csv",
        provenance=f"{FIGURES}/stability.provenance.json",
    log:
        f"{LOGS}/measure_stability/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_stability/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings(params.stability_params, "model", "method"),
        resources=bundled(published="resources/paper/stability.csv"),
        step=stage("measure_stability"),
    message:
        "measure agreement over seeds in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


wants("noise", figure_rows(lambda method: method.id in params.families(STUDY)))


rule measure_noise:
    input:
        masks=good_masks_of_family,
        config="resources/models/{model}/config.json",
    output:
        **drawn("noise", "Stability", what="seeds and data"),
        noise=f"{ANALYSED}/noise.csv",
        provenance=f"{FIGURES}/noise.provenance.json",
    log:
        f"{LOGS}/measure_noise/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_noise/{{model}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(params.families(STUDY)),
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(params.noise_params, "method"),
        step=stage("measure_noise"),
    message:
        "compare seed noise and data noise in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


wants("survivors", figure_rows(prunes_units))
wants("task_overlap", figure_rows(prunes_units))


rule measure_overlap:
    input:
        masks=good_masks_of_all_tasks,
        config="resources/models/{model}/config.json",
    output:
        **drawn("survivors", "Survival", "survivors_", over="seeds and layers"),
        **drawn("task_overlap", "Survival", "overlap_", over="pairs of tasks"),
        sizes=f"{ANALYSED}/sizes.csv",
        survivors=f"{ANALYSED}/survivors.csv",
        layers=f"{ANALYSED}/layers.csv",
        overlap=f"{ANALYSED}/task_overlap.csv",
        provenance=f"{FIGURES}/task_overlap.provenance.json",
    log:
        f"{LOGS}/measure_overlap/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_overlap/{{model}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(methods_where(prunes_units)),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.overlap_params, "model", "method"),
        resources=bundled(published="resources/paper/sizes.csv"),
        step=stage("measure_overlap"),
    message:
        "count the survivors in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


wants("importance_histograms", figure_rows(leaves_importances))
wants("importance_correlations", figure_rows(leaves_importances))


rule measure_importance:
    input:
        searches=trajectories_of_all_tasks,
        importances=of_all_tasks(f"{MASKS}/importance.npz"),
        paths=of_all_tasks(f"{MASKS}/path.npz"),
    output:
        **drawn("importance_histograms", "Importance", "histograms_", what="histograms"),
        **drawn("importance_correlations", "Importance", "correlations_", what="between steps"),
        histograms=f"{ANALYSED}/importance_histograms.csv",
        correlations=f"{ANALYSED}/importance_correlations.csv",
        provenance=f"{FIGURES}/importance.provenance.json",
    log:
        f"{LOGS}/measure_importance/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_importance/{{model}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(methods_where(leaves_importances)),
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.importance_params, "method"),
        step=stage("measure_importance"),
    message:
        "show the importances in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


rule measure_weights:
    input:
        model=f"{CELL}/finetune/model.safetensors",
    output:
        magnitudes=f"{CELL}/finetune/magnitudes.npz",
        provenance=f"{CELL}/finetune/magnitudes.provenance.json",
    log:
        f"{LOGS}/measure_weights/{{model}}/{{task}}/seed_{{seed}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_weights/{{model}}/{{task}}/seed_{{seed}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        step=stage("measure_weights"),
    message:
        "measure the weights of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}"
    script:
        "../scripts/run_step.py"


wants("magnitudes", figure_rows(prunes_models_of_ours))


rule measure_magnitudes:
    input:
        masks=good_masks_of_all_tasks,
        magnitudes=of_all_tasks(f"{CELL}/finetune/magnitudes.npz"),
        config="resources/models/{model}/config.json",
    output:
        **drawn("magnitudes", "Importance", what="magnitudes"),
        table=f"{ANALYSED}/magnitudes.csv",
        provenance=f"{FIGURES}/magnitudes.provenance.json",
    log:
        f"{LOGS}/measure_magnitudes/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/measure_magnitudes/{{model}}/{{method}}.tsv"
    wildcard_constraints:
        method=wildcard(methods_where(prunes_units)),
    conda:
        "../../envs/analysis.yaml"
    params:
        step=stage("measure_magnitudes"),
    message:
        "compare kept and pruned weights in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"
