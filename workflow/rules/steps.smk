"""What the rules of steps inherit: log, environment, script, device. None of the three runs itself.

A rule that inherits names its jobs by the path variable `job`, and its step in the params. What takes
seconds runs where the run was started, also on a cluster: `localrule`, which is not inherited.
"""


rule analysis_step:
    log:
        f"{LOGS}/<job>.log",
    benchmark:
        f"{BENCHMARKS}/<job>.tsv"
    pathvars:
        job="analysis_step",
    conda:
        "../../envs/analysis.yaml"
    script:
        "../scripts/run_step.py"


use rule analysis_step as torch_step with:
    conda:
        "../../envs/torch.yaml"


use rule torch_step as gpu_step with:
    threads: TORCH_THREADS
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(60),
    params:
        torch_threads=TORCH_THREADS,
