"""Figures, each as svg, png and pdf."""

# The figure of a model, with all of its methods.
OVERVIEW = f"{SHOWN}/figures/{{model}}"
COMPARED = [row for row in MODEL_ROWS if params.scored_methods(STUDY, row["model"])]


wants("overview", COMPARED, by="all", folder=OVERVIEW)


use rule analysis_step as plot_overview with:
    input:
        scores=lambda w: [
            f"{TABLES}/{w.model}/{method}/scores.csv"
            for method in params.scored_methods(STUDY, w.model)
        ],
    output:
        **drawn("overview", "Scores", folder=OVERVIEW, methods="all"),
        provenance=f"{OVERVIEW}/overview.provenance.json",
    pathvars:
        job="plot_overview/{model}",
    localrule: True
    params:
        settings=settings(params.overview_params, "model"),
        resources=bundled(published=PUBLISHED),
        step=stage("plot_overview"),
    message:
        "plot all methods of {wildcards.model}"


# Subnetworks of a size, a start or a source are in the figures of these.
wants("scores", scored(figure_rows(has_plain_subnetworks)), by="all")


use rule analysis_step as plot_scores with:
    input:
        scores=f"{ANALYSED}/scores.csv",
        note=OVERLAP_NOTE,
    output:
        **drawn("scores", "Scores"),
        provenance=f"{FIGURES}/scores.provenance.json",
    pathvars:
        job="plot_scores/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("plot_scores"),
    message:
        "plot the scores of {wildcards.model}: {wildcards.method}"


wants("survival_tasks", figure_rows(), by="all")
wants("survival_all", figure_rows(), by="all")


use rule analysis_step as plot_survival with:
    input:
        masks=good_masks_of_all_tasks,
        config="resources/models/{model}/config.json",
    output:
        **drawn("survival_tasks", "Survival", "tasks_", over="each task"),
        **drawn("survival_all", "Survival", "all_", over="all tasks"),
        table=f"{ANALYSED}/survival.csv",
        provenance=f"{FIGURES}/survival.provenance.json",
    pathvars:
        job="plot_survival/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.survival_params, "model", "method"),
        resources=bundled(published="resources/paper/heatmap.csv"),
        step=stage("plot_survival"),
    message:
        "plot the survival of units in {wildcards.model}: {wildcards.method}"


# Only searches down to a threshold have a way to show.
wants("trajectories", figure_rows(lambda method: method.declared.to_threshold), by="all")


use rule analysis_step as plot_trajectories with:
    input:
        searches=trajectories_of_all_tasks,
    output:
        **drawn("trajectories", "Searches"),
        provenance=f"{FIGURES}/trajectories.provenance.json",
    pathvars:
        job="plot_trajectories/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.trajectory_params, "model", "method"),
        step=stage("plot_trajectories"),
    message:
        "plot the searches in {wildcards.model}: {wildcards.method}"


wants("training", scored_pairs(), by="all")


use rule analysis_step as plot_training with:
    input:
        finetuned=of_all_tasks(f"{CELL}/finetune/history.csv"),
        retrained=lambda w: targets(
            f"{RETRAINED}/history.csv", rows_of(w, grid.retrain_rows(STUDY))
        ),
    output:
        **drawn("training", "Training"),
        provenance=f"{FIGURES}/training.provenance.json",
    pathvars:
        job="plot_training/{model}/{method}",
    localrule: True
    params:
        step=stage("plot_training"),
    message:
        "plot the training losses of {wildcards.model}: {wildcards.method}"
