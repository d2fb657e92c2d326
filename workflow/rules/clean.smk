"""Commands that free disk space. Nothing depends on them.

They have no output and no benchmark, which would be up to date after the first time.
"""


rule list_unnamed:
    log:
        f"{LOGS}/<job>.log",
    pathvars:
        job="list_unnamed",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=unnamed,
        step=stage("list_unnamed"),
    message:
        "list what the config does not name"
    script:
        "../scripts/run_step.py"


use rule list_unnamed as clean_unnamed with:
    pathvars:
        job="clean_unnamed",
    localrule: True
    params:
        step=stage("clean_unnamed"),
    message:
        "remove what results/unnamed.txt lists"


use rule list_unnamed as clean_retrained with:
    pathvars:
        job="clean_retrained",
    localrule: True
    params:
        settings=settings(params.clean_retrained_params),
        step=stage("clean_retrained"),
    message:
        "remove the retrained weights that the study needs no more"
