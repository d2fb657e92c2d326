"""Commands that free disk space of what the config no longer names. Nothing depends on them."""


rule list_unnamed:
    log:
        f"{LOGS}/list_unnamed.log",
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


rule clean_unnamed:
    log:
        f"{LOGS}/clean_unnamed.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        settings=unnamed,
        step=stage("clean_unnamed"),
    message:
        "remove what results/unnamed.txt lists"
    script:
        "../scripts/run_step.py"
