"""Commands that free disk space of what the config no longer names. Nothing depends on them."""

for rule_name, what in (
    ("list_unnamed", "list what the config does not name"),
    ("clean_unnamed", "remove what results/unnamed.txt lists"),
):

    rule:
        name:
            rule_name
        log:
            f"{LOGS}/{rule_name}.log",
        localrule: True
        conda:
            "../../envs/analysis.yaml"
        params:
            settings=unnamed,
            step=stage(rule_name),
        message:
            what
        script:
            "../scripts/run_step.py"
