"""Commands that free disk space. Nothing depends on them, and they have no output."""


use rule local_step as clean_retrained with:
    pathvars:
        job="clean_retrained",
    params:
        settings=settings(params.clean_retrained_params),
        step=stage("clean_retrained"),
    message:
        "remove the retrained weights that the study needs no more"


use rule local_step as list_unnamed with:
    pathvars:
        job="list_unnamed",
    params:
        settings=unnamed,
        step=stage("list_unnamed"),
    message:
        "list what the config does not name"


use rule list_unnamed as clean_unnamed with:
    pathvars:
        job="clean_unnamed",
    params:
        step=stage("clean_unnamed"),
    message:
        "remove what results/unnamed.txt lists"
