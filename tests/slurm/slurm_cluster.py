"""A real SLURM of one node for the length of a test: three daemons on loopback, in one folder."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "srun", "scancel", "scontrol", "squeue")
# Debian keeps daemons where the PATH of plain users does not lead.
DAEMON_FOLDERS = ("/usr/sbin", "/sbin")
# Devices of a GPU resource must be character devices; these two stand for GPU 0 and GPU 1.
DEVICES = ("/dev/null", "/dev/zero")

SLURM_CONF = """\
ClusterName=local
SlurmctldHost=localhost(127.0.0.1)
SlurmctldPort={controller_port}
SlurmdPort={node_port}
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
CredType=cred/munge
AuthInfo=socket={folder}/run/munge.sock,cred_expire=5
CommunicationParameters=NoCtldInAddrAny,NoInAddrAny,NoAddrCache
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/run/slurmctld.pid
SlurmdPidFile={folder}/run/slurmd.pid
SlurmctldLogFile={folder}/log/slurmctld.log
SlurmdLogFile={folder}/log/slurmd.log
MpiDefault=none
MailProg=/bin/true
SwitchType=switch/none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0,sched_min_interval=0
ReturnToService=2
SlurmdParameters=config_overrides
MinJobAge=3600
KillWait=20
CompleteWait=0
InactiveLimit=0
Waittime=0
GresTypes=gpu
NodeName=localhost NodeHostname=localhost NodeAddr=127.0.0.1 Port={node_port} CPUs=8 Sockets=1 \
CoresPerSocket=8 ThreadsPerCore=1 RealMemory=64000 Gres=gpu:2 State=UNKNOWN
PartitionName=debug Nodes=localhost Default=YES MaxTime=7-00:00:00 State=UP
"""


def missing_programs() -> list[str]:
    """The programs of SLURM and munge that this machine lacks."""
    return [name for name in PROGRAMS if _program(name) is None]


@dataclass(frozen=True)
class Job:
    """What SLURM says of a job.

    Attributes:
        id: its number.
        name: the name of the run that submitted it.
        comment: the rule and the wildcards.
        state: RUNNING, COMPLETED, CANCELLED, ...
        memory: MB asked for.
        limit: the time limit as SLURM writes it.
        gpus: how many were asked for.
        restarts: how often SLURM has put it back into the queue.
        began, ended: as SLURM writes times, which sort as text; "Unknown" before it began.
    """

    id: str
    name: str
    comment: str
    state: str
    memory: int
    limit: str
    gpus: int
    restarts: int
    began: str
    ended: str


class Cluster:
    """One node with two made-up GPUs; whoever calls `start` calls `stop`."""

    def __init__(self, folder: Path) -> None:
        """Writes the configuration.

        Args:
            folder: where everything goes; its path must be short enough for a socket.
        """
        self.folder = folder
        for name in ("etc", "run", "log", "state", "spool", "munge", "bin"):
            (folder / name).mkdir(mode=0o700)
        conf = SLURM_CONF.format(
            folder=folder,
            user=pwd.getpwuid(os.getuid()).pw_name,
            controller_port=_free_port(),
            node_port=_free_port(),
        )
        (folder / "etc/slurm.conf").write_text(conf)
        lines = [f"NodeName=localhost Name=gpu File={device}\n" for device in DEVICES]
        (folder / "etc/gres.conf").write_text("".join(lines))
        key = folder / "munge/munge.key"
        key.write_bytes(os.urandom(128))
        key.chmod(0o400)
        # Within a job Snakemake starts srun without SLURM's variables.
        wrapper = folder / "bin/srun"
        wrapper.write_text(
            f'#!/bin/sh\nexport SLURM_CONF={folder}/etc/slurm.conf\nexec {_program("srun")} "$@"\n'
        )
        wrapper.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to use this cluster."""
        path = f"{self.folder}/bin{os.pathsep}{os.environ['PATH']}"
        return {"SLURM_CONF": f"{self.folder}/etc/slurm.conf", "PATH": path}

    def start(self) -> None:
        """Starts the daemons and waits until the node is idle.

        Raises:
            RuntimeError: a daemon does not start, or the node does not become idle; whatever has
                started is ended again.
        """
        try:
            self._start()
        except BaseException:
            self.stop()
            raise

    def _start(self) -> None:
        files = {"key": "munge/munge.key", "socket": "run/munge.sock", "pid": "run/munged.pid"}
        files |= {"log": "log/munged.log", "seed": "munge/munge.seed"}
        options = [
            f"--{name}{'' if name == 'socket' else '-file'}={self.folder / path}"
            for name, path in files.items()
        ]
        self._daemon("munged", "--force", "--num-threads=2", *options)
        self._daemon("slurmctld", "-c")
        self._daemon("slurmd", "-N", "localhost")
        deadline = time.monotonic() + 30
        while "idle" not in (state := self.ask("sinfo", "-h", "-o", "%t")):
            if time.monotonic() > deadline:
                raise RuntimeError(f"the node is {state.strip() or 'unknown'}, not idle")
            time.sleep(0.2)

    def _daemon(self, name: str, *arguments: str) -> None:
        """Starts a daemon, which leaves for the background by itself."""
        # Not a pipe, which the daemon would keep open.
        said = self.folder / f"log/{name}.out"
        with said.open("w") as out:
            code = subprocess.run(
                [_program(name), *arguments],
                env=os.environ | self.environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                timeout=30,
                check=False,
            ).returncode
        if code:
            raise RuntimeError(f"{name} does not start: {said.read_text().strip()}")

    def stop(self) -> None:
        """Ends the jobs, then the daemons, and waits until they are gone."""
        with suppress(RuntimeError, OSError, subprocess.TimeoutExpired):
            self.ask("scancel", "--user", str(os.getuid()))
            self.wait_for_no_jobs(30)
        for name in ("slurmd", "slurmctld", "munged"):
            path = self.folder / f"run/{name}.pid"
            if path.exists() and (text := path.read_text().strip()):
                _end(int(text))

    def ask(self, program: str, *arguments: str) -> str:
        """Runs a client program; gives its standard output, empty where it fails."""
        return subprocess.run(
            [program, *arguments],
            env=os.environ | self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            timeout=30,
            check=False,
        ).stdout

    def jobs(self) -> list[Job]:
        """All jobs since the start, finished ones too, in the order of submission."""
        told = self.ask("scontrol", "--oneliner", "show", "jobs")
        return [_job(line) for line in told.splitlines() if line.startswith("JobId=")]

    def wait_for_no_jobs(self, seconds: float) -> None:
        """Waits until no job is queued, running or ending."""
        deadline = time.monotonic() + seconds
        while self.ask("squeue", "-h", "-o", "%i").strip():
            if time.monotonic() > deadline:
                raise RuntimeError(f"jobs are left after {seconds:g} s")
            time.sleep(0.2)


def _job(line: str) -> Job:
    fields = dict(word.split("=", 1) for word in line.split() if "=" in word)
    return Job(
        id=fields["JobId"],
        name=fields["JobName"],
        comment=fields.get("Comment", ""),
        state=fields["JobState"],
        memory=_megabytes(fields["MinMemoryNode"]),
        limit=fields["TimeLimit"],
        gpus=int(fields.get("TresPerJob", "gres:gpu:0").removeprefix("gres:gpu:")),
        restarts=int(fields["Restarts"]),
        began=fields["StartTime"],
        ended=fields["EndTime"],
    )


def _megabytes(text: str) -> int:
    factor = {"M": 1, "G": 1024}[text[-1]]
    return round(float(text[:-1]) * factor)


def _program(name: str) -> str | None:
    path = os.pathsep.join((os.environ.get("PATH", ""), *DAEMON_FOLDERS))
    return shutil.which(name, path=path)


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def _end(pid: int) -> None:
    """Ends a process gently, after five seconds by force."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        for _ in range(50):
            time.sleep(0.1)
            os.kill(pid, 0)
        os.kill(pid, signal.SIGKILL)
