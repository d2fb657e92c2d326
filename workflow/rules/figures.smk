"""Figures, each as svg and png."""


# Seconds each: on a cluster they are drawn where the run was started.
localrules:
    plot_scores,
    plot_survival,
    plot_trajectories,
    plot_training,


# Nothing is scored without subnetworks.
wants("scores", figure_rows(lambda method: method.subnetworks), by="all")


rule plot_scores:
    input:
        scores=f"{ANALYSED}/scores.csv",
        note=OVERLAP_NOTE,
    output:
        **drawn("scores", "Scores"),
        provenance=f"{FIGURES}/scores.provenance.json",
    log:
        f"{LOGS}/plot_scores/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_scores/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("plot_scores"),
    message:
        "plot the scores of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


wants("survival_tasks", figure_rows(), by="all")
wants("survival_all", figure_rows(), by="all")


rule plot_survival:
    input:
        masks=good_masks_of_all_tasks,
        config="resources/models/{model}/config.json",
    output:
        **drawn("survival_tasks", "Survival", "tasks_", over="each task"),
        **drawn("survival_all", "Survival", "all_", over="all tasks"),
        table=f"{ANALYSED}/survival.csv",
        provenance=f"{FIGURES}/survival.provenance.json",
    log:
        f"{LOGS}/plot_survival/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_survival/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.survival_params, "model", "method"),
        step=stage("plot_survival"),
    message:
        "plot the survival of units in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


# Only searches down to a threshold have a way to show.
wants("trajectories", figure_rows(lambda method: method.declared.to_threshold), by="all")


rule plot_trajectories:
    input:
        searches=trajectories_of_all_tasks,
    output:
        **drawn("trajectories", "Searches"),
        provenance=f"{FIGURES}/trajectories.provenance.json",
    log:
        f"{LOGS}/plot_trajectories/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_trajectories/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=settings(params.trajectory_params, "model", "method"),
        step=stage("plot_trajectories"),
    message:
        "plot the searches in {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"


wants("training", scored_pairs(), by="all")


rule plot_training:
    input:
        finetuned=lambda w: expand(
            f"{CELL}/finetune/history.csv",
            task=STUDY.methods[w.method].tasks,
            seed=STUDY.seeds,
            allow_missing=True,
        ),
        retrained=lambda w: targets(
            f"{RETRAINED}/history.csv", rows_of(w, grid.retrain_rows(STUDY))
        ),
    output:
        **drawn("training", "Training"),
        provenance=f"{FIGURES}/training.provenance.json",
    log:
        f"{LOGS}/plot_training/{{model}}/{{method}}.log",
    benchmark:
        f"{BENCHMARKS}/plot_training/{{model}}/{{method}}.tsv"
    conda:
        "../../envs/analysis.yaml"
    params:
        step=stage("plot_training"),
    message:
        "plot the training losses of {wildcards.model}: {wildcards.method}"
    script:
        "../scripts/run_step.py"
