"""Analyses of masks, importances and weights: tables and figures per (model, method)."""

wants("stability", figure_rows(has_several_seeds))


use rule analysis_step as measure_stability with:
    input:
        masks=good_masks_of_all_tasks,
        halves=of_all_tasks(f"{MASKS}/good_half.safetensors", attrgetter("halves")),
        pretrained=weights_before,
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
        agreement=f"{ANALYSED}/seed_agreement.csv",
        provenance=f"{FIGURES}/stability.provenance.json",
    pathvars:
        job="measure_stability/{model}/{method}",
    resources:
        mem_mb=growing(4000),
        runtime=growing(60),
    params:
        settings=settings(params.stability_params, "model", "method"),
        resources=bundled(published="resources/paper/stability.csv"),
        step=stage("measure_stability"),
    message:
        "measure agreement over seeds in {wildcards.model}: {wildcards.method}"


wants("noise", figure_rows(lambda method: method.id in params.families(STUDY)))


use rule analysis_step as measure_noise with:
    input:
        masks=good_masks_of_family,
        config="resources/models/{model}/config.json",
    output:
        **drawn("noise", "Stability", what="seeds and data"),
        noise=f"{ANALYSED}/noise.csv",
        test=f"{ANALYSED}/search_noise.csv",
        provenance=f"{FIGURES}/noise.provenance.json",
    pathvars:
        job="measure_noise/{model}/{method}",
    wildcard_constraints:
        method=wildcard(params.families(STUDY)),
    resources:
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        settings=settings(params.noise_params, "model", "method"),
        resources=bundled(published="resources/paper/analyses.csv"),
        step=stage("measure_noise"),
    message:
        "compare seed noise and data noise in {wildcards.model}: {wildcards.method}"


wants("survivors", figure_rows(prunes_units))
wants("task_overlap", figure_rows(prunes_units))


use rule analysis_step as measure_overlap with:
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
        task_pairs=f"{ANALYSED}/task_pairs.csv",
        provenance=f"{FIGURES}/task_overlap.provenance.json",
    pathvars:
        job="measure_overlap/{model}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(prunes_units)),
    params:
        settings=settings(params.overlap_params, "model", "method"),
        resources=bundled(
            published="resources/paper/sizes.csv",
            shared="resources/paper/task_overlap.csv",
            analyses="resources/paper/analyses.csv",
        ),
        step=stage("measure_overlap"),
    message:
        "count the survivors in {wildcards.model}: {wildcards.method}"


wants("importance_histograms", figure_rows(leaves_importances))
wants("importance_correlations", figure_rows(leaves_importances))


use rule analysis_step as measure_importance with:
    input:
        searches=trajectories_of_all_tasks,
        importances=of_all_tasks(f"{MASKS}/importance.npz"),
        paths=of_all_tasks(f"{MASKS}/path.npz"),
    output:
        **drawn("importance_histograms", "Importance", "histograms_", what="histograms"),
        **drawn("importance_correlations", "Importance", "correlations_", what="between steps"),
        histograms=f"{ANALYSED}/importance_histograms.csv",
        correlations=f"{ANALYSED}/importance_correlations.csv",
        first_step=f"{ANALYSED}/importances.csv",
        test=f"{ANALYSED}/importance_test.csv",
        provenance=f"{FIGURES}/importance.provenance.json",
    pathvars:
        job="measure_importance/{model}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(leaves_importances)),
    params:
        settings=settings(params.importance_params, "model", "method"),
        resources=bundled(published="resources/paper/analyses.csv"),
        step=stage("measure_importance"),
    message:
        "show the importances in {wildcards.model}: {wildcards.method}"


use rule analysis_step as measure_weights with:
    input:
        model=f"{CELL}/finetune/model.safetensors",
    output:
        magnitudes=f"{CELL}/finetune/magnitudes.npz",
        provenance=f"{CELL}/finetune/magnitudes.provenance.json",
    pathvars:
        job="measure_weights/{model}/{task}/seed_{seed}",
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        step=stage("measure_weights"),
    message:
        "measure the weights of {wildcards.model}, {wildcards.task}, seed {wildcards.seed}"


wants("magnitudes", figure_rows(prunes_models_of_ours))


use rule analysis_step as measure_magnitudes with:
    input:
        masks=of_all_tasks(f"{MASKS}/good.safetensors", also=f"{CELL}/finetune/magnitudes.npz"),
        magnitudes=of_all_tasks(f"{CELL}/finetune/magnitudes.npz"),
        config="resources/models/{model}/config.json",
    output:
        **drawn("magnitudes", "Importance", what="magnitudes"),
        table=f"{ANALYSED}/magnitudes.csv",
        provenance=f"{FIGURES}/magnitudes.provenance.json",
    pathvars:
        job="measure_magnitudes/{model}/{method}",
    wildcard_constraints:
        method=wildcard(methods_where(prunes_units)),
    params:
        settings=settings(params.magnitude_params, "model", "method"),
        resources=bundled(published="resources/paper/analyses.csv"),
        step=stage("measure_magnitudes"),
    message:
        "compare kept and pruned weights in {wildcards.model}: {wildcards.method}"
