"""Commands that free disk space of what the config no longer names. Nothing depends on them."""

from lottery.config import layout


def unnamed(wildcards):
    """The folders and masks that the config does not name, as text."""
    return [str(path) for path in layout.unnamed(STUDY, Path())]


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
