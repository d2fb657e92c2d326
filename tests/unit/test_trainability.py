"""The table of what still learns, and the user's scores of other systems in it."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from synthetic_runs import Score, write_scores

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.baselines import Baseline, read_baselines
from lottery.steps.tabulate_trainability import tabulate_trainability

PAPER = Path(__file__).parents[2] / "workflow/resources/paper"
TASKS = {
    "cola": {"metric": "matthews", "in_average": True, "published": "cola"},
    "sst2": {"metric": "accuracy", "in_average": True, "published": "sst2"},
    "wnli": {"metric": "accuracy", "in_average": False, "published": "wnli"},
}
METHODS = {
    "s": {
        "preset": "published",
        "published": "structured",
        "subnetworks": ["good", "random", "bad"],
    },
    "strict": {
        "preset": "strict",
        "published": None,
        "subnetworks": ["good", "random_half", "random_half_2", "bad_half"],
    },
}
SETTINGS = {
    "layout": {
        "models": ["bert", "drawn"],
        "published_models": ["bert"],
        "tasks": TASKS,
        "methods": METHODS,
    },
    "controls": {"s": "published", "strict": "strict"},
    "untrained": ["drawn"],
}
LEVELS = {"full": 0.9, "good": 0.8, "random": 0.7, "random_half": 0.65, "random_half_2": 0.55}
SEEDS = (1, 2, 3)


def value_of(model: str, subnetwork: str, phase: str, task: str, seed: int) -> float:
    """A score that no other cell has."""
    level = LEVELS.get(subnetwork, 0.5)
    shift = 0.01 * seed + 0.1 * (task == "cola") + 0.03 * (phase == "pruned")
    return level - shift - 0.2 * (model == "drawn")


def scores() -> list[Score]:
    made = []
    for split in ("validation", "report_half"):
        for task, facts in TASKS.items():
            common = {"task": task, "split": split, "metric": facts["metric"], "n_examples": 9}
            kept = {"kept_fraction": 0.5, "heads_kept": 3, "mlps_kept": 1, "degenerate": False}
            nothing = {"kept_fraction": None, "heads_kept": None, "mlps_kept": None}
            made.append(
                Score("none", seed=None, method="none", subnetwork="majority", phase="none",
                      value=0.3, degenerate=True, **common, **nothing)
            )  # fmt: skip
            for model, seed in ((m, s) for m in ("bert", "drawn") for s in SEEDS):
                runs = [("none", "full", "finetuned")] + [
                    (method, name, phase)
                    for method, of_method in METHODS.items()
                    for name in of_method["subnetworks"]
                    for phase in ("pruned", "retrained")
                    if model == "bert" or name.startswith("random")
                ]
                for method, name, phase in runs:
                    value = value_of(model, name, phase, task, seed)
                    made.append(
                        Score(model, seed=seed, method=method, subnetwork=name, phase=phase,
                              value=value, **common, **kept)
                    )  # fmt: skip
    return made


def tabulate(folder: Path, given: list[Score], baselines: str | None = None):
    write_scores(folder / "scores.csv", given)
    path = None
    if baselines is not None:
        path = folder / "others.csv"
        path.write_text(baselines)
    tabulate_trainability(
        path_to_scores=folder / "scores.csv",
        paths_to_published=[PAPER / "scores.csv", PAPER / "sizes.csv"],
        path_to_table=folder / "trainability.csv",
        path_to_printed=folder / "trainability.md",
        path_to_latex=folder / "trainability.tex",
        path_to_caption=PAPER.parents[1] / "report/trainability.rst",
        baselines=path and str(path),
        **SETTINGS,
    )
    return files.read_csv(folder / "trainability.csv"), (folder / "trainability.md").read_text()


def chosen(rows, **wanted):
    return [row for row in rows if all(row[key] == value for key, value in wanted.items())]


def test_rows_go_from_majority_to_full(tmp_path):
    rows, _ = tabulate(tmp_path, scores())
    order = [
        (row["split"], row["system"], row["model"], row["method"], row["subnetwork"])
        for row in chosen(rows, task="average")
    ]
    assert order == [
        ("validation", "majority", "none", "none", "majority"),
        ("validation", "bad", "bert", "s", "bad"),
        ("validation", "untrained", "drawn", "s", "random"),
        ("validation", "full", "bert", "none", "full"),
        ("validation", "full", "drawn", "none", "full"),
        ("report_half", "majority", "none", "none", "majority"),
        ("report_half", "bad", "bert", "s", "bad"),
        ("report_half", "bad", "bert", "strict", "bad_half"),
        ("report_half", "untrained", "drawn", "s", "random"),
        ("report_half", "untrained", "drawn", "strict", "random_half"),
        ("report_half", "full", "bert", "none", "full"),
        ("report_half", "full", "drawn", "none", "full"),
    ]
    # Pruned subnetworks have learnt nothing: they have no place here.
    assert {row["phase"] for row in rows} == {"none", "retrained", "finetuned"}


def test_numbers_are_those_of_the_scores(tmp_path):
    rows, _ = tabulate(tmp_path, scores())
    (row,) = chosen(rows, split="validation", system="bad", task="cola")
    values = [value_of("bert", "bad", "retrained", "cola", seed) for seed in SEEDS]
    assert float(row["mean"]) == pytest.approx(statistics.fmean(values))
    assert float(row["sd"]) == pytest.approx(statistics.stdev(values))
    # The paper's number is in the same row: bad, retrained, CoLA.
    assert float(row["published_mean"]) == pytest.approx(0.406, abs=5e-4)
    (average,) = chosen(rows, split="validation", system="bad", task="average")
    of_tasks = chosen(rows, split="validation", system="bad")
    means = [float(each["mean"]) for each in of_tasks if each["task"] in ("cola", "sst2")]
    assert float(average["mean"]) == pytest.approx(statistics.fmean(means))
    assert average["n_tasks"] == "2"  # WNLI is left out


def test_a_seed_counts_with_the_mean_of_its_draws(tmp_path):
    rows, _ = tabulate(tmp_path, scores())
    (row,) = chosen(rows, system="untrained", method="strict", task="sst2")
    values = [
        statistics.fmean(
            value_of("drawn", name, "retrained", "sst2", seed)
            for name in ("random_half", "random_half_2")
        )
        for seed in SEEDS
    ]
    assert (row["n_draws"], row["n"]) == ("2", "3")
    assert float(row["mean"]) == pytest.approx(statistics.fmean(values))
    assert float(row["sd"]) == pytest.approx(statistics.stdev(values))
    assert row["published_mean"] == ""


def test_averages_stand_with_and_without_degenerate_runs(tmp_path):
    """One degenerate bad run on CoLA: undefined counts as 0; the other columns leave it out."""
    given = [
        score
        if (score.model, score.subnetwork, score.phase, score.task, score.seed)
        != ("bert", "bad", "retrained", "cola", 2)
        else Score(**vars(score) | {"value": None, "degenerate": True})
        for score in scores()
    ]
    rows, printed = tabulate(tmp_path, given)
    (row,) = chosen(rows, split="validation", system="bad", task="average")
    cola = [value_of("bert", "bad", "retrained", "cola", seed) for seed in SEEDS]
    sst2 = statistics.fmean(value_of("bert", "bad", "retrained", "sst2", seed) for seed in SEEDS)
    assert float(row["mean"]) == pytest.approx(((cola[0] + 0 + cola[2]) / 3 + sst2) / 2)
    without = ((cola[0] + cola[2]) / 2 + sst2) / 2
    assert float(row["mean_without_degenerate"]) == pytest.approx(without)
    assert row["n_degenerate"] == "1"
    assert "†1" in printed


def test_other_systems_stand_below_majority(tmp_path):
    text = "name,task,score,note\nBiLSTM,cola,0.15,a\nBiLSTM,sst2,0.86,b\nCBoW,sst2,0.80,"
    rows, printed = tabulate(tmp_path, scores(), text)
    lines = [line.split(" | ")[0] for line in printed.splitlines() if line.startswith("| ")]
    lines = [line for line in lines if "paper" not in line]
    assert lines[2:6] == [
        "| **validation**",
        "| majority",
        "| BiLSTM (supplied)",
        "| CBoW (supplied)",
    ]
    assert lines.count("| BiLSTM (supplied)") == 2  # they belong to no split
    (average,) = chosen(rows, split="validation", name="BiLSTM", task="average")
    assert (float(average["mean"]), average["n_tasks"]) == (pytest.approx(0.505), "2")
    partial = next(line for line in printed.splitlines() if line.startswith("| CBoW"))
    assert "0.800 (1 of 2 tasks)" in partial
    assert "BiLSTM, CBoW were supplied" in printed


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,score\nBiLSTM,0.1\n", "others.csv has no column task"),
        ("", "others.csv has no column name"),
        ("name,task,score\nBiLSTM,colla,0.1\n", "names the task 'colla'"),
        ("name,task,score\nBiLSTM,cola,much\n", "on cola the score 'much'"),
        ("name,task,score\nBiLSTM,cola,nan\n", "on cola the score 'nan'"),
        ("name,task,score\nBiLSTM,cola,15.7\n", "no number from -1 to 1"),
        ("name,task,score\nBiLSTM,cola\n", "on cola the score ''"),
        ("name,task,score\n,cola,0.1\n", "a row without a name"),
        ("name,task,score\nA,cola,0.1\nA,cola,0.2\n", "gives A two scores on cola"),
    ],
)
def test_a_wrong_table_is_one_sentence_that_names_the_file(tmp_path, text, said):
    path = tmp_path / "others.csv"
    path.write_text(text)
    with pytest.raises(StudyError) as caught:
        read_baselines(path, ["cola", "sst2"])
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(caught.value).count("\n") == 0


def test_a_table_from_a_spreadsheet_is_read(tmp_path):
    path = tmp_path / "others.csv"
    path.write_bytes("\ufeffname,task,score\r\nCBoW , cola,0.1\r\n".encode())
    assert read_baselines(path, ["cola"]) == [Baseline("CBoW", "cola", 0.1)]


def test_bytes_that_are_no_text_are_refused(tmp_path):
    path = tmp_path / "others.csv"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(StudyError, match="cannot be read as csv"):
        read_baselines(path, ["cola"])
