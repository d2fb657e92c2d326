"""How sure the differences are, which claims of the paper hold in this run, what still learns."""


# A table of each split, so that the split that shows a method depends on no other one.
use rule analysis_step as compare_subnetworks with:
    input:
        predictions=predictions_of_method,
        scores=f"{ANALYSED}/scores.csv",
    output:
        differences=f"{ANALYSED}/differences/{{split}}.csv",
        provenance=f"{ANALYSED}/differences/{{split}}.provenance.json",
    pathvars:
        job="compare_subnetworks/{model}/{method}/{split}",
    wildcard_constraints:
        split="validation|report_half",
    params:
        settings=settings(params.comparison_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("compare_subnetworks"),
    message:
        "compare the subnetworks of {wildcards.model}: {wildcards.method} on {wildcards.split}"


use rule analysis_step as gather_differences with:
    input:
        tables=targets(f"{ANALYSED}/differences/{{split}}.csv", params.difference_rows(STUDY)),
    output:
        table=listed("differences", "differences", caption="differences_table"),
        provenance=f"{TABLES}/differences.provenance.json",
    pathvars:
        job="gather_differences",
    params:
        settings={"name": "differences"},
        step=stage("gather_tables"),
    message:
        "gather the differences of all methods"


wants("differences", scored(figure_rows(has_plain_subnetworks)))


use rule analysis_step as plot_differences with:
    input:
        differences=lambda w: f"{TABLES}/{w.model}/{w.method}/differences/"
        + f"{params.display_split(STUDY, w.method)}.csv",
        note=OVERLAP_NOTE,
    output:
        **drawn("differences", "Scores"),
        provenance=f"{FIGURES}/differences.provenance.json",
    pathvars:
        job="plot_differences/{model}/{method}",
    localrule: True
    params:
        settings=settings(params.method_layout_params, "model", "method"),
        step=stage("plot_differences"),
    message:
        "plot the differences of {wildcards.model}: {wildcards.method}"


use rule analysis_step as check_claims with:
    input:
        scores=f"{TABLES}/scores.csv",
        differences=f"{TABLES}/differences.csv",
        stability=analysis_tables("stability", has_several_seeds),
        stability_pairs=analysis_tables("stability_pairs", has_several_seeds),
        seed_agreement=analysis_tables("seed_agreement", has_several_seeds),
        search_noise=analysis_tables("search_noise", lambda m: m.id in params.families(STUDY)),
        importance_test=analysis_tables("importance_test", leaves_importances),
        task_pairs=analysis_tables("task_pairs", prunes_units),
        survivors=analysis_tables("survivors", prunes_units),
        patterns=analysis_tables("patterns", params.has_patterns),
        barriers=lambda w: targets(f"{ANALYSED}/barriers.csv", CONNECTED_PAIRS),
    output:
        claims=listed("claims", "claims", category="Claims"),
        printed=f"{TABLES}/claims.md",
        latex=f"{TABLES}/claims.tex",
        provenance=f"{TABLES}/claims.provenance.json",
    pathvars:
        job="check_claims",
    params:
        settings=params.claim_params(STUDY),
        sources=content(sources.of_baselines),
        resources=bundled(
            published=PUBLISHED,
            paper="resources/paper/claims.csv",
            caption="report/claims.rst",
        ),
        step=stage("check_claims"),
    message:
        "check the claims of the paper"


# Bad subnetworks, an untrained model and the user's other systems.
use rule analysis_step as tabulate_trainability with:
    input:
        scores=f"{TABLES}/scores.csv",
    output:
        table=listed("trainability", "what still learns"),
        printed=f"{TABLES}/trainability.md",
        latex=f"{TABLES}/trainability.tex",
        provenance=f"{TABLES}/trainability.provenance.json",
    pathvars:
        job="tabulate_trainability",
    params:
        settings=params.trainability_params(STUDY),
        sources=content(sources.of_baselines),
        resources=bundled(published=PUBLISHED, caption="report/trainability.rst"),
        step=stage("tabulate_trainability"),
    message:
        "compare what still learns"


# Methods of one algorithm side by side, as pruning modes: under the first one's name.
COMPARISONS = params.comparison_rows(STUDY)


wants("methods", COMPARISONS)


use rule analysis_step as compare_methods with:
    input:
        scores=lambda w: [
            f"{TABLES}/{w.model}/{method}/scores.csv"
            for method in params.compared_methods(STUDY, w.model, w.method)
        ],
        config="resources/models/{model}/config.json",
    output:
        **drawn("methods", "Scores", method="{method} and others"),
        table=f"{ANALYSED}/methods.csv",
        provenance=f"{FIGURES}/methods.provenance.json",
    pathvars:
        job="compare_methods/{model}/{method}",
    wildcard_constraints:
        method=wildcard(row["method"] for row in COMPARISONS),
    localrule: True
    params:
        settings=settings(params.method_params, "model", "method"),
        resources=bundled(published=PUBLISHED),
        step=stage("compare_methods"),
    message:
        "compare the methods of {wildcards.model}: {wildcards.method} and others"
