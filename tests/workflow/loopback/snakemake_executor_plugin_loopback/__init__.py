"""A cluster of one machine: every job is a process that starts Snakemake again, as on a cluster.

Of the environment a job gets what Snakemake declares for it and no more.
"""

import os
import subprocess

from snakemake_interface_executor_plugins.executors.base import SubmittedJobInfo
from snakemake_interface_executor_plugins.executors.remote import RemoteExecutor
from snakemake_interface_executor_plugins.settings import CommonSettings

common_settings = CommonSettings(
    non_local_exec=True,
    implies_no_shared_fs=False,
    job_deploy_sources=False,
    pass_default_storage_provider_args=True,
    pass_default_resources_args=True,
    pass_envvar_declarations_to_cmd=True,
    auto_deploy_default_storage_provider=False,
    init_seconds_before_status_checks=0,
)


class Executor(RemoteExecutor):
    def run_job(self, job):
        env = {k: v for k, v in os.environ.items() if not k.startswith("LOTTERY_P")}
        with open("jobs.txt", "a", encoding="utf-8") as log:
            process = subprocess.Popen(
                self.format_job_exec(job), shell=True, env=env, stdout=log, stderr=log
            )
        self.report_job_submission(SubmittedJobInfo(job, aux={"process": process}))

    async def check_active_jobs(self, active_jobs):
        for info in active_jobs:
            status = info.aux["process"].poll()
            if status is None:
                yield info
            elif status == 0:
                self.report_job_success(info)
            else:
                self.report_job_error(info)

    def cancel_jobs(self, active_jobs):
        for info in active_jobs:
            info.aux["process"].terminate()
