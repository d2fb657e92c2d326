"""Commands that free disk space of what the config no longer names. Nothing depends on them."""


rule list_unnamed:
    log:
        f"{LOGS}/list_unnamed.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        unnamed=unnamed,
    message:
        "list what the config does not name"
    script:
        "../scripts/list_unnamed.py"


rule clean_unnamed:
    log:
        f"{LOGS}/clean_unnamed.log",
    localrule: True
    conda:
        "../../envs/analysis.yaml"
    params:
        unnamed=unnamed,
    message:
        "remove what results/unnamed.txt lists"
    script:
        "../scripts/clean_unnamed.py"
