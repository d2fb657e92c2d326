"""A data set of the hub in a run, with a server on the loopback interface as the hub."""

from __future__ import annotations

import io
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq
import pytest
from command_line import run_snakemake
from data_hub import REVISION, serving
from runs import Config

pytestmark = pytest.mark.slow

TRAIN = "resources/tasks/mine/train.parquet"


def test_a_data_set_of_the_hub_is_fetched_once_and_gives_what_its_file_does(
    study: Config, tmp_path: Path
) -> None:
    files = study["tasks"]["tone"]["data"]
    repository = {}
    for split, name in (("train", "train"), ("validation", "dev")):
        packed = io.BytesIO()
        pq.write_table(pyarrow.csv.read_csv(files[split]), packed)
        repository[f"data/{name}-00000.parquet"] = packed.getvalue()
    data = {"hub": "org/tone", "revision": REVISION}
    data["splits"] = {"train": "train", "validation": "validation"}  # dev, as datasets names it
    mine = study["tasks"]["tone"] | {"data": data, "train_examples": 60}
    config = study | {"tasks": {"mine": mine}}
    with serving({"org/tone": repository}) as hub:
        home = {"HF_HOME": str(tmp_path / "home"), "NO_PROXY": "127.0.0.1", "HF_HUB_OFFLINE": "0"}
        env = home | {"HF_ENDPOINT": hub.address}
        wrong = mine | {"data": data | {"splits": {"train": "training", "validation": "test"}}}
        refused = run_snakemake(tmp_path, study | {"tasks": {"mine": wrong}}, TRAIN, env=env)
        assert refused.returncode != 0 and "1 of 1 steps" not in refused.stdout
        assert "tasks.mine.data: org/tone has no split 'training'" in refused.stdout
        assert not [path for path in hub.asked if path.endswith(".parquet")]
        first = run_snakemake(tmp_path, config, TRAIN, env=env)
        assert first.returncode == 0, first.stdout[-3000:]
    found = (tmp_path / TRAIN).read_bytes()
    (tmp_path / TRAIN).unlink()
    again = run_snakemake(tmp_path, config, TRAIN, env=home | {"HF_HUB_OFFLINE": "1"})
    assert again.returncode == 0, again.stdout[-3000:]
    assert (tmp_path / TRAIN).read_bytes() == found
    of_file = study | {"tasks": {"mine": study["tasks"]["tone"] | {"train_examples": 60}}}
    of_files = tmp_path / "files"
    assert run_snakemake(of_files, of_file, TRAIN).returncode == 0
    table = pq.read_table(of_files / TRAIN)
    assert isinstance(table, pa.Table) and pq.read_table(tmp_path / TRAIN).equals(table)
