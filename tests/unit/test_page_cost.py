"""The cost of a run, against a slow count, and the numbers as they are printed."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_page import WORKFLOW, write_record

from lottery import files
from lottery.report.page import cost
from lottery.report.page.cost import authors_table, cost_table
from lottery.report.tables import numbers
from lottery.results.layout import Layout

HEAD = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
AUTHORS = files.read_table(WORKFLOW / "resources/paper/runtimes.csv", cost.AUTHORS_SCHEMA)
# Rule -> step, method and algorithm, and how the page names the step. Rules of one step count
# together, but searches by what they search for.
RULES = {
    "finetune": ("finetune", "none", "", "finetune"),
    "search_structured": ("search", "s", "structured", "search structured"),
    "search_structured_halves": ("search", "strict", "structured", "search structured"),
    "search_other": ("search", "repeated", "other", "search structured"),
    "search_mine": ("search", "mine", "greedy", "search greedy"),
    "evaluate": ("evaluate", "s", "", "evaluate"),
    "sample_super_good": ("sample_super_masks", "s", "", "sample_super_masks"),
    "sample_super_masks": ("sample_super_masks", "strict", "", "sample_super_masks"),
}
PAPERS = {"s": "structured", "strict": None, "repeated": "structured"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_benchmark(name: str, *lines: str) -> None:
    path = Path("results/benchmarks") / f"{name}.tsv"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(HEAD + "".join(lines))


def line(seconds: float, rss: float | str, cpu: float) -> str:
    return f"{seconds}\t0:00:01\t{rss}\t1.0\t1.0\t1.0\t0.0\t0.0\t50.0\t{cpu}\n"


def make_jobs(rng: random.Random) -> list[dict]:
    """Jobs in a chain; some without a benchmark, some on a GPU, some of whose GPUs count energy."""
    jobs = []
    for number in range(60):
        rule = rng.choice(list(RULES))
        step, method, algorithm, name = RULES[rule]
        gpu = rng.random() < 0.5
        job = {
            "name": name,
            "s": round(rng.uniform(0.1, 5000), 2) if rng.random() < 0.9 else None,
            "rss": round(rng.uniform(10, 9000), 2) if rng.random() < 0.8 else "NA",
            "cpu": round(rng.uniform(0.1, 9000), 2),
            "gpu": gpu,
            "joules": rng.uniform(1, 1e6) if gpu and rng.random() < 0.7 else None,
            "own": round(rng.uniform(10, 9000), 1),
        }
        jobs.append(job)
        before = {"data": [f"results/{number - 1}.txt"]} if number else {}
        write_record(
            Path(f"results/{number}"),
            step,
            before,
            {"out": [f"results/{number}.txt"]},
            rule=rule,
            wildcards={"n": str(number), "method": method},
            params={"step": f"{step} 2", "settings": {"algorithm": algorithm}},
            device="GPU-1" if gpu else "cpu",
            energy_joules=job["joules"],
            peak_memory_mb=job["own"],
        )
        if job["s"] is not None:
            # Of a job that was repeated the last line counts.
            earlier = [line(1, 1, 1)] * (number % 3)
            write_benchmark(
                f"{step}/{number}/{method}", *earlier, line(job["s"], job["rss"], job["cpu"])
            )
    return jobs


def slow_cost(jobs: list[dict]) -> dict:
    """The cost of jobs, summed by hand."""
    timed = [job for job in jobs if job["s"] is not None]
    sampled = [job["rss"] for job in timed if job["rss"] != "NA"]
    peaks = [job["own"] for job in jobs] + [rss * 1024 * 1024 / 1000 / 1000 for rss in sampled]
    gpu = [job["s"] for job in timed if job["gpu"]]
    joules = [job["joules"] for job in jobs if job["joules"] is not None]
    return {
        "jobs": len(jobs),
        "seconds": sum(job["s"] for job in timed) if timed else None,
        "mean_seconds": sum(job["s"] for job in timed) / len(timed) if timed else None,
        "cpu_seconds": sum(job["cpu"] for job in timed) if timed else None,
        "gpu_seconds": sum(gpu) if gpu else None,
        "peak_mb": max(peaks),
        "joules": sum(joules) if joules else None,
    }


@pytest.mark.parametrize("seed", range(3))
def test_the_cost_of_each_step_is_that_of_its_jobs(folder: Path, seed: int):
    jobs = make_jobs(random.Random(seed))
    behind = cost.behind(["results/59.txt"], cost.read_records(folder))
    found = cost.costs_of(cost.job_table(behind, Path("results"), PAPERS))
    names = {name for *_, name in RULES.values()} | {"all"}
    assert {*found.index} == names
    for name in names:
        of_name = [job for job in jobs if name in ("all", job["name"])]
        for key, value in slow_cost(of_name).items():
            expected = pytest.approx(np.nan if value is None else value, nan_ok=True)
            assert found.loc[name, key] == expected, (name, key)


def test_jobs_of_another_study_in_the_same_folder_do_not_count(folder: Path):
    def job(number: int, inputs: list[str]) -> None:
        outputs = {"out": [f"results/{number}.txt", f"results/{number}.npz"]}
        write_record(Path(f"results/{number}"), "evaluate", {"in": inputs}, outputs)

    job(1, [])
    job(2, ["results/1.npz"])
    job(3, ["results/1.txt"])  # of another study
    job(4, ["results/2.txt", "results/1.txt", "mine.csv"])
    read = cost.read_records(folder)
    behind = cost.behind(["results/4.txt", "results/none.txt"], read)
    made = sorted(path for record in behind for path in record["outputs"]["out"])
    assert made == sorted(f"results/{n}.{kind}" for n in (1, 2, 4) for kind in ("txt", "npz"))


def test_a_record_that_cannot_be_read_is_passed_over(folder: Path):
    write_record(Path("results/a"), "evaluate", {}, {"out": ["results/a.txt"]})
    Path("results/b.provenance.json").write_text("{")
    Path("results/c.provenance.json").write_text("[1]")
    assert [record["step"] for record in cost.read_records(folder)] == ["evaluate"]


def test_records_are_those_of_the_studys_own_folders(folder: Path):
    for place in ("results/a", "elsewhere/b", "resources/c"):
        write_record(Path(place), "evaluate", {}, {"out": [f"{place}.txt"]})
    found = cost.read_records(Path("elsewhere"), Path("resources"))
    assert [path for each in found for path in each["outputs"]["out"]] == [
        "elsewhere/b.txt",
        "resources/c.txt",
    ]


def test_the_benchmark_lies_next_to_the_logs_of_its_own_study(folder: Path):
    write_benchmark("evaluate/1", line(1, 1, 1))
    Path("results").rename("elsewhere")
    for log in ("elsewhere/logs/evaluate/1.log", "results/logs/evaluate/1.log"):
        record = {"rule": "evaluate", "step": "evaluate", "log": log}
        (found,) = cost.job_table([record], Path("elsewhere"), {})["seconds"]
        assert found == 1.0 if log.startswith("elsewhere") else np.isnan(found)


def test_of_two_jobs_that_made_a_file_the_later_counts():
    old, new = (
        {"rule": rule, "started": started, "inputs": {}, "outputs": {"out": {"x": "0"}}}
        for rule, started in (("a", "2020-01-02"), ("b", "2021-01-01"))
    )
    assert [record["rule"] for record in cost.behind(["x"], [new, old])] == ["b"]


def job(step: str, seconds: float, task: str = "a", **measured: float) -> dict:
    """A row of the table of jobs."""
    return dict.fromkeys(cost.SUMS, np.nan) | {
        "step": step,
        "task": task,
        "seconds": seconds,
        "peak_mb": np.nan,
        **measured,
    }


def test_gpu_time_and_energy_stand_in_the_table_only_where_there_are_some():
    jobs = [job("finetune", 60.0, cpu_seconds=30.0, peak_mb=500.0)]
    columns = cost_table(pd.DataFrame(jobs), AUTHORS, shared=False).columns
    assert not {"GPU time", "energy"} & set(columns)
    on_gpu = {"gpu_seconds": 3600.0, "joules": 7200.0}
    jobs.append(job("finetune", 3600.0, cpu_seconds=30.0, peak_mb=1500.0, **on_gpu))
    table = cost_table(pd.DataFrame(jobs), AUTHORS, shared=True)
    texts = [cell.text for cell in table.groups[0].rows[0]]
    assert dict(zip(table.columns, texts, strict=True)) == {
        "": "finetune",
        "jobs": "2",
        "wall time": "61.0 min",
        "a job": "30.5 min",
        "CPU time": "60 s",
        "peak memory": "1.5 GB",
        "GPU time": "60.0 min",
        "energy": "2.0 Wh",
        "the authors, a job": "",
    }
    assert "shared a GPU" in table.caption
    assert "shared a GPU" not in cost_table(pd.DataFrame(jobs), AUTHORS, shared=False).caption


def test_the_authors_times_are_means_over_their_runs():
    rows = AUTHORS[(AUTHORS["step"] == "search") & (AUTHORS["method"] == "structured")]
    assert len(rows) == 9
    mean = rows["minutes_mean"].mean()
    jobs = pd.DataFrame([job("search structured", 1.0)])
    table = cost_table(jobs, AUTHORS, shared=False)
    assert table.groups[0].rows[0][-1].paper == f"{mean:.1f} min"


def test_own_search_times_stand_beside_the_authors_on_their_tasks_only():
    methods = {"s": {"preset": "published", "published": None, "subnetworks": []}}
    facts = {"metric": "accuracy", "in_average": True}
    layout = Layout.of(
        models=["m"],
        published_models=[],
        tasks={"a": facts | {"published": "rte"}, "b": facts | {"published": None}},
        methods=methods,
    )
    times = (("a", 60.0), ("a", 120.0), ("b", 9.0))
    jobs = pd.DataFrame([job("search structured", seconds, task) for task, seconds in times])
    table = authors_table(jobs, AUTHORS, layout)
    *theirs, own = table.groups[0].rows
    assert len(theirs) == 4
    texts = dict(zip(table.columns, [cell.text for cell in own], strict=True))
    assert texts.pop("") == "this run, all structured methods"
    assert texts.pop("rte") == "1.5"
    assert set(texts.values()) == {numbers.NOTHING}


@given(st.floats(-1e6, 1e6))
def test_a_rounded_number_reads_back(value: float):
    text = numbers.rounded(value)
    assert float(text.replace(numbers.MINUS, "-")) == pytest.approx(value, abs=5.01e-4)
    assert text not in (f"{numbers.MINUS}0.000", "-0.000")
    compact = float(numbers.compact(value).replace(numbers.MINUS, "-"))
    assert compact == pytest.approx(value, rel=6e-4, abs=5.01e-4)


@given(st.floats(0.05, 1e7))
def test_a_duration_is_right_to_a_twentieth(seconds: float):
    number, unit = numbers.duration(seconds).replace(",", "").split()
    factor = {"s": 1, "min": 60, "h": 3600}[unit]
    assert float(number) * factor == pytest.approx(seconds, rel=0.05, abs=0.0501)


@given(st.floats(0, 1))
def test_a_p_value_keeps_two_digits_that_count(p: float):
    text = numbers.p_value(p)
    if p < 0.0001:
        assert text == "< 0.0001"
    else:
        assert float(text) == pytest.approx(p, rel=0.06)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "0 Wh"), (360.0, "0.10 Wh"), (7200.0, "2.0 Wh"), (3.6e5, "100 Wh"), (3.6e7, "10.0 kWh")],
)
def test_energy_is_printed_in_watt_hours(value: float, text: str):
    assert numbers.energy(value) == text
