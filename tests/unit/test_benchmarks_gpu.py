"""The GPU benchmark on the CPU: what it measures, in which order, within which budget."""

from __future__ import annotations

import argparse
import json
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch

import budget
import gpu
import gpu_rows
import gpu_work
import grid_hours
import job_starts
import measuring
from budget import Budget, Cost
from gpu_work import COMPILED, EVALUATE, OURS, PASS, TRAIN, TUNED, Limits, Piece, Works
from lottery.config import Study, load_study, read_config
from lottery.planning.params import PAPERS_RECIPE
from reference import inputs_of, twin_of
from rows import Row, read_rows

CPU = torch.device("cpu")
SHIPPED = "fp32", "fp32"
LIMITS = Limits(dict.fromkeys(("fp32", "tf32", "bf16"), 1e12), 1e12)


@pytest.fixture(scope="module")
def study() -> Study:
    """The one of config.yaml."""
    return load_study(read_config(measuring.ROOT / "config.yaml"), measuring.ROOT)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("8m", 480), ("1h", 3600), ("1.5m", 90)]
)
def test_a_budget_is_a_number_with_a_unit(text, seconds):
    assert budget.duration(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "8", "m", "-8m", "8 m", "0s", "8min", "1h30m", "1e3s", "nans"]
)
def test_another_text_is_refused_in_one_sentence(text):
    with pytest.raises(argparse.ArgumentTypeError, match=r"is no time: give a number .* or 1h$"):
        budget.duration(text)


def test_what_is_expected_to_take_too_long_does_not_fit():
    now = [0.0]
    left = Budget(100, clock=lambda: now[0])
    assert left.fits(Cost(99, steps=1000))  # of the first piece only the floor is known
    left.learn(Cost(10, steps=100), seconds=30)  # 0.2 s a step beyond the floor
    left.learn(Cost(10, steps=100), seconds=12)
    assert left.estimate(Cost(5, steps=50)) == pytest.approx(15)
    now[0] = 80
    assert left.fits(Cost(5, steps=50)) and not left.fits(Cost(5, steps=100))
    now[0] = 101
    assert not left.fits(Cost(0))
    assert Budget(None, clock=lambda: now[0]).fits(Cost(1e9, steps=10**9))


def test_the_precisions_measured_are_those_that_ship(study):
    """Those of the paper's recipe too, whose numbers are in fp32."""
    assert gpu.shipped(study) == (PAPERS_RECIPE["precision"], "fp32") == SHIPPED
    recipe = Works(study, CPU, quick=True).recipe
    assert (recipe.batch_size, recipe.learning_rate, recipe.epochs) == (32, 2e-5, 1)


def test_what_matters_most_comes_first():
    plan = gpu.planned(SHIPPED)
    assert len(set(plan)) == len(plan)
    assert plan[:2] == [Piece(TRAIN, task, "bf16") for task in ("rte", "sst2")]
    rates = plan[: plan.index(gpu.STARTS)]
    needed = {(TRAIN, pair[0]) for pair in gpu_rows.PAIRS} | {
        (kind, pair[1]) for pair in gpu_rows.PAIRS for kind in (PASS, EVALUATE)
    }
    assert {(each.kind, each.precision) for each in rates} == needed
    assert all(each.side == OURS for each in rates)
    rest = plan[plan.index(gpu.GRID) + 1 :]
    order = [(each.kind, each.side) for each in rest]
    wanted = [(TRAIN, TUNED), (TRAIN, COMPILED), (PASS, TUNED), (EVALUATE, TUNED), (TRAIN, OURS)]
    assert [*dict.fromkeys(order)] == wanted
    assert {each.batch_size for each in rest[-2:]} == {gpu.LARGE_BATCH}
    assert gpu_rows.grid_pairs(("bf16", "fp32"))[0] == ("bf16", "fp32")


@pytest.mark.parametrize(("precision", "side"), [("fp32", OURS), ("bf16", OURS), ("bf16", TUNED)])
def test_every_piece_runs(study, precision, side):
    works = Works(study, CPU, quick=True)
    pieces = [Piece(TRAIN, "sst2", precision, side)]
    if precision == "fp32":
        pieces += [Piece(k, "rte", precision, s) for k in (PASS, EVALUATE) for s in (OURS, TUNED)]
    for piece in pieces:
        works.prepare(piece)()


def test_a_pass_of_others_gives_our_importances(study):
    """In the same batches: so both sides do the same work."""
    works = Works(study, CPU, quick=True)
    piece = Piece(PASS, "rte", "fp32")
    ours = works.prepare(piece)().units
    theirs = works.prepare(Piece(PASS, "rte", "fp32", TUNED))()
    expected = torch.from_numpy(np.column_stack([ours["head"], ours["mlp"]])).float()
    torch.testing.assert_close(theirs, expected, rtol=1e-3, atol=1e-6)


def test_the_model_of_others_gives_our_logits(study):
    works = Works(study, CPU, quick=True)
    tokens = works.tokens(Piece(EVALUATE, "sst2", "fp32"))
    expected = works.prepare(Piece(EVALUATE, "sst2", "fp32"))()
    twin = twin_of(works.prototype).eval()
    with torch.no_grad():
        for rows in gpu_work.like_lengths(tokens, 128):
            assert len(rows) * tokens.lengths[rows].max() <= 128
            logits = twin(**inputs_of(tokens, rows, CPU)).logits
            np.testing.assert_allclose(logits, expected[rows], rtol=1e-3, atol=1e-5)
    batches = [*gpu_work.like_lengths(tokens, 128)]
    assert sorted(np.concatenate(batches)) == [*range(len(tokens))]


def test_the_roofline_is_products_and_optimizer(study):
    works = Works(study, CPU, quick=True)
    piece = Piece(TRAIN, "rte", "bf16")
    tokens, model = works.tokens(piece), works.prototype
    flops = measuring.flops_done(model.architecture, tokens.lengths)
    words = len(np.unique(tokens.input_ids))
    parameters = sum(
        p.numel() for n, p in model.named_parameters() if n != "embeddings.word.weight"
    )
    moved = 28 * (parameters + words * 96) * gpu_work.QUICK_STEPS
    assert works.roofline(piece, LIMITS) == pytest.approx((flops + moved) / 1e12)
    evaluated = Piece(EVALUATE, "rte", "fp32")
    assert works.roofline(evaluated, Limits({"fp32": 1e9}, 1.0)) < 1  # no optimizer


def test_limits_are_measured_in_every_precision():
    found = gpu_work.measured_limits(CPU, ["fp32", "bf16"], quick=True)
    assert found.peaks.keys() == {"fp32", "bf16"}
    assert min(*found.peaks.values(), found.bandwidth) > 0


def rates(per_second: float) -> dict[tuple[str, str], dict[float, float]]:
    """The same rate for everything."""
    kinds = [(TRAIN, p) for p in ("fp32", "tf32", "bf16")]
    kinds += [(kind, p) for kind in (PASS, EVALUATE) for p in ("fp32", "tf32")]
    return {each: {13.0: per_second, 66.0: per_second} for each in kinds}


def test_the_grid_has_a_row_for_each_pair_of_precisions(study):
    same = {13.0: 1e6, 66.0: 1e6}
    work = sum(
        grid_hours.hours(dict.fromkeys((TRAIN, PASS, EVALUATE, gpu_rows.SCORE), same)).values()
    )
    starts = sum(grid_hours.gpu_jobs(study).values()) * 10 / 3600
    found = gpu_rows.grid_rows(rates(1e6), study, SHIPPED, 10.0, {})
    grid = [row for row in found if "training" in row.name]
    assert [row.name.partition(": ")[2] for row in grid] == [
        "training fp32, passes fp32, as config.yaml ships",
        "training tf32, passes tf32",
        "training bf16, passes tf32",
    ]
    assert all(row.ours == pytest.approx(work + starts) for row in grid)
    assert all(row.theirs == pytest.approx(work) for row in grid)
    assert [row.target for row in grid] == [None, None, 6.0]
    assert {row.name.rpartition(", ")[0] for row in found if row not in grid} == {
        f"GPU, the paper's grid, {kind}" for kind in (PASS, EVALUATE)
    }


def test_starts_that_were_not_measured_give_a_range(study):
    jobs = sum(grid_hours.gpu_jobs(study).values())
    row = gpu_rows.grid_rows(rates(1e6), study, SHIPPED, None, {})[-1]
    assert row.ours - row.theirs == pytest.approx(jobs * (12 - 5) / 3600)
    assert row.against == "with starts of 5 s in place of 12 s"


def test_starts_are_those_of_the_planned_jobs(study):
    row = gpu_rows.starts_row(study, 8.0)
    jobs = sum(grid_hours.gpu_jobs(study).values())
    assert (row.ours, row.theirs, row.against) == (jobs * 8.0, 8.0, f"one of {jobs}")


def test_a_grid_without_a_rate_says_why(study):
    found = rates(1e6)
    del found[PASS, "tf32"]
    reasons = {(PASS, "tf32"): "out of budget"}
    *_, row = gpu_rows.grid_rows(found, study, SHIPPED, 10.0, reasons)
    assert (row.against, row.verdict) == ("not measured, out of budget", "not measured")


def test_targets_are_held_against_the_roofline_and_against_others():
    piece = Piece(TRAIN, "rte", "bf16")
    row = gpu_rows.roofline_row(piece, 1000, seconds=2.0, floor=1.0)
    assert (row.ours, row.theirs, row.ratio, row.verdict) == (500, 1000, 0.5, "met")
    assert gpu_rows.roofline_row(piece, 1000, seconds=2.1, floor=1.0).verdict == "missed"
    assert gpu_rows.roofline_row(Piece(PASS, "rte", "tf32"), 1000, 2.0, 1.0).verdict == ""
    theirs = Piece(TRAIN, "rte", "bf16", COMPILED)
    row = gpu_rows.opponent_row(theirs, 1000, ours=2.0, theirs=1.0)
    assert (row.ratio, row.verdict, row.against) == (0.5, "missed", "theirs, bf16")


def options(tmp_path: Path, **more: object) -> Namespace:
    """Those of the command line."""
    given = {"json": tmp_path / "gpu.json", "quick": True, "repeats": 1, "threads": 1}
    return Namespace(**given, **({"budget": None} | more))


@pytest.fixture
def bench(tmp_path, monkeypatch, study):
    """Makes a benchmark whose work takes a second for every step, and does nothing."""
    now = [0.0]

    def made(seconds: float | None = None) -> gpu.Bench:
        left = Budget(seconds, clock=lambda: now[0])
        given = options(tmp_path, budget=seconds)
        found = gpu.Bench(given, measuring.machine(), study, left)
        monkeypatch.setattr(gpu, "effective", lambda precision, device: precision)
        monkeypatch.setattr(gpu, "measured_limits", lambda *_, **__: LIMITS)
        monkeypatch.setattr(gpu, "start_seconds", lambda *_: 8.0)
        monkeypatch.setattr(Works, "prepare", lambda works, piece: works.steps(piece))

        def seconds_of(steps: int) -> float:
            now[0] += steps
            return float(steps)

        monkeypatch.setattr(gpu, "seconds_of", seconds_of)
        return found

    return made


def test_all_rows_are_kept_as_they_end(bench, monkeypatch, tmp_path):
    kept: list[list[Row]] = []
    write = gpu.write

    def written(given, facts, rows, **more):
        write(given, facts, rows, **more)
        kept.append(read_rows(given.json))

    monkeypatch.setattr(gpu, "write", written)
    found = bench()
    found.measure(CPU)
    assert [len(rows) for rows in kept] == sorted({len(rows) for rows in kept})
    assert kept[-1] == found.rows
    assert all(row.ours is not None for row in found.rows)
    assert json.loads((tmp_path / "gpu.json").read_text())["details"]["status"] == "unfinished"
    found.finish()
    whole = json.loads((tmp_path / "gpu.json").read_text())
    assert "status" not in whole["details"] and len(whole["rows"]) == len(found.rows)


def test_what_does_not_fit_is_out_of_budget(bench):
    """Four steps a training, twice: 8 s a piece; the two of bf16 and one more fit into 25 s."""
    found = bench(25)
    found.measure(CPU)
    measured = [row.name for row in found.rows if row.ours is not None]
    assert measured[:3] == [
        "GPU, BERT-base, fine-tune, bf16, lengths of RTE",
        "GPU, BERT-base, fine-tune, bf16, lengths of SST-2",
        "GPU, BERT-base, fine-tune, tf32, lengths of RTE",
    ]
    rest = {row.name: row.against for row in found.rows if row.ours is None}
    assert rest["GPU, BERT-base, fine-tune, fp32, lengths of RTE"] == "not measured, out of budget"
    grid = [against for name, against in rest.items() if "the paper's grid: " in name]
    assert grid == ["not measured, out of budget"] * 3
    assert {row.name for row in found.rows} == {row.name for row in found.unmeasured("")}


def test_a_failure_costs_its_own_row_alone(bench, monkeypatch):
    found = bench()
    prepare = Works.prepare

    def failing(works, piece):
        if piece.side == COMPILED:
            raise RuntimeError("no compiler")
        return prepare(works, piece)

    monkeypatch.setattr(Works, "prepare", failing)
    found.measure(CPU)
    lost = [row.against for row in found.rows if row.ours is None]
    assert set(lost) == {"not measured, failed: RuntimeError"} and len(lost) == 4
    with pytest.raises(SystemExit, match=r"^Failed: .*compiled \(no compiler\)"):
        found.finish()


def test_a_device_without_tf32_has_no_row_of_it(bench, monkeypatch):
    found = bench()
    monkeypatch.setattr(gpu, "effective", lambda each, _: "fp32" if each == "tf32" else each)
    monkeypatch.setattr(
        gpu, "measured_limits", lambda _, known, **__: Limits(dict.fromkeys(known, 1e12), 1e12)
    )
    found.measure(CPU)
    lost = {row.against for row in found.rows if row.ours is None}
    assert lost == {"not measured, no tf32 on this device"}
    ships = next(row for row in found.rows if row.name.endswith("as config.yaml ships"))
    assert ships.ours is not None


def test_compiling_is_told_apart(bench, monkeypatch):
    found = bench()
    times = iter([50.0, 2.0])
    piece = Piece(TRAIN, "rte", "bf16", COMPILED)
    found._works = Works(found._study, CPU, quick=True)
    monkeypatch.setattr(gpu, "seconds_of", lambda work: next(times))
    assert found._timed_compiled(piece) == (2.0, 48.0)
    row = gpu_rows.compile_row(piece, 48.0)
    assert (row.ours, row.theirs, row.target) == (0.0, 48.0, None)


def test_without_a_gpu_the_rows_with_a_target_say_so(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    path = tmp_path / "gpu.json"
    monkeypatch.setattr("sys.argv", ["gpu.py", "--budget", "8m", "--json", str(path)])
    gpu.main()
    found = read_rows(path)
    assert {row.against for row in found} == {"not measured, no GPU"}
    assert {row.verdict for row in found} == {"not measured"}
    assert {row.target for row in found} == {0.5, 1.0, 6.0}
    assert "There is no CUDA device here" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [(["--budget", "soon"], "'soon' is no time"), (["--device", "cpu"], "add --quick")],
)
def test_what_cannot_be_asked_for_is_refused(monkeypatch, capsys, words, said):
    monkeypatch.setattr("sys.argv", ["gpu.py", *words])
    with pytest.raises(SystemExit):
        gpu.main()
    assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.slow
def test_the_start_of_a_job_is_timed(study):
    model = Works(study, CPU, quick=True).prototype
    assert 0 < job_starts.start_seconds(model, CPU) < 600


@pytest.mark.long
def test_everything_runs_on_the_cpu(monkeypatch, tmp_path):
    """All that is timed, really: but for TF32, which a CPU has not."""
    path = tmp_path / "gpu.json"
    words = ["gpu.py", "--device", "cpu", "--quick", "--threads", "1", "--json", str(path)]
    monkeypatch.setattr("sys.argv", words)
    gpu.main()
    rows = read_rows(path)
    assert {row.against for row in rows if row.ours is None} == {
        "not measured, no tf32 on this device"
    }
    assert all(row.ours is not None for row in rows if "tf32" not in row.name)
