"""A study that went through a loopback SLURM; played once, whatever number of processes tests."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from scenario import Played, Scene, play, study_for_slurm
from slurm_cluster import Cluster, Job, missing_programs
from tiny_study import write_study


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Played:
    """The scenario, played to its end; the cluster is gone again."""
    if missing := missing_programs():
        pytest.skip(
            f"no {', '.join(missing)} on this machine; apt-get install "
            "munge slurmctld slurmd slurm-client brings them"
        )
    base = tmp_path_factory.getbasetemp()
    base = base if worker_id == "master" else base.parent
    folder, evidence, reason = (base / f"slurm{suffix}" for suffix in ("", ".json", ".skipped"))
    with FileLock(base / "slurm.lock"):
        if not folder.exists():
            folder.mkdir()
            try:
                evidence.write_text(json.dumps(_play(folder)))
            except _NoClusterError as error:
                reason.write_text(str(error))
        if reason.exists():
            pytest.skip(f"SLURM does not run on this machine: {reason.read_text()}")
        if not evidence.exists():
            pytest.fail("the scenario has failed before", pytrace=False)
    told = json.loads(evidence.read_text())
    return Played(folder, **(told | {"jobs": [Job(**job) for job in told["jobs"]]}))


class _NoClusterError(Exception):
    """The daemons do not start here."""


def _play(folder: Path) -> dict[str, Any]:
    # Not below pytest's folder: the path of a socket has room for about 100 characters.
    place = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))
    try:
        cluster = Cluster(place)
        try:
            cluster.start()
        except RuntimeError as error:
            raise _NoClusterError(str(error)) from error
        try:
            scene = Scene(folder, cluster, study_for_slurm(write_study(folder / "given")))
            try:
                return play(scene)
            finally:
                scene.close()
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(place, ignore_errors=True)
