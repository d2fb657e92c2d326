"""Tables of scores, made of the metrics files and masks of cells."""


use rule analysis_step as collect_scores with:
    input:
        metrics=targets(f"{EVALUATED}/metrics.json", grid.evaluate_rows(STUDY)),
        metrics_on=targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY)),
        majority=targets(f"{RESULTS}/majority/{{task}}/metrics.json", grid.majority_rows(STUDY)),
    output:
        scores=report(f"{TABLES}/scores.csv", category="Tables", labels={"table": "all scores"}),
        provenance=f"{TABLES}/scores.provenance.json",
    pathvars:
        job="collect_scores",
    params:
        settings=params.score_params(STUDY),
        step=stage("collect_scores"),
    message:
        "collect the scores of all cells"


# The same of one model and method, so that its figures hang on no other method.
use rule analysis_step as collect_scores_of_method with:
    input:
        metrics=lambda w: targets(
            f"{EVALUATED}/metrics.json", rows_of(w, grid.evaluate_rows(STUDY))
        ),
        majority=lambda w: [
            f"{RESULTS}/majority/{row['task']}/metrics.json"
            for row in grid.majority_rows(STUDY, STUDY.methods[w.method].tasks)
        ],
    output:
        scores=f"{ANALYSED}/scores.csv",
        provenance=f"{ANALYSED}/scores.provenance.json",
    pathvars:
        job="collect_scores/{model}/{method}",
    params:
        settings=settings(params.score_params, "method"),
        step=stage("collect_scores"),
    message:
        "collect the scores of {wildcards.model}: {wildcards.method}"


use rule analysis_step as summarize with:
    input:
        scores=f"{TABLES}/scores.csv",
    output:
        summary=listed("summary", "summary"),
        printed=f"{TABLES}/summary.md",
        latex=f"{TABLES}/summary.tex",
        provenance=f"{TABLES}/summary.provenance.json",
    pathvars:
        job="summarize",
    params:
        settings=params.summary_params(STUDY),
        resources=bundled(published=PUBLISHED, caption="report/summary.rst"),
        step=stage("summarize"),
    message:
        "summarize the scores"


use rule analysis_step as compare_controls with:
    input:
        controls=lambda w: [control for control, _ in controls(w)],
        references=lambda w: [reference for _, reference in controls(w)],
        config="resources/models/{model}/config.json",
    output:
        overlap=f"{ANALYSED}/overlap.csv",
        note=OVERLAP_NOTE,
        provenance=f"{ANALYSED}/overlap.provenance.json",
    pathvars:
        job="compare_controls/{model}/{method}",
    params:
        step=stage("compare_controls"),
    message:
        "compare the controls of {wildcards.model} with the good subnetworks: {wildcards.method}"


use rule analysis_step as gather_overlap with:
    input:
        tables=targets(f"{ANALYSED}/overlap.csv", scored_pairs()),
    output:
        table=listed("overlap", "overlap of controls with good"),
        provenance=f"{TABLES}/overlap.provenance.json",
    pathvars:
        job="gather_overlap",
    params:
        settings={"name": "overlap"},
        step=stage("gather_tables"),
    message:
        "gather the overlap of all methods"
