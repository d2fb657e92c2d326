"""scores.csv: every score once, and what collapsed."""

from __future__ import annotations

import copy

import pytest

from lottery import files
from lottery.files.errors import StudyError
from lottery.results.scores import COLUMNS, SCHEMA, gather, score_table
from lottery.steps.collect_scores import collect_scores

REPORTED = {"cola": "matthews"}


def majority(value: float | None, metric: str = "matthews") -> dict:
    """A majority file that holds more than belongs into scores.csv."""
    splits = ("validation", "search_half", "report_half", "train_sample")
    rows = [
        {
            "split": split,
            "metric": name,
            "value": None if value is None else value + shift,
            "n_examples": 10,
            "labels_from": labels_from,
            "degenerate": value is None,
        }
        for split in splits
        for labels_from, shift in (("validation", 0.0), ("train", -0.1))
        for name in (metric, "pearson_spearman")
    ]
    return {"format": 1, "task": "cola", "scores": rows}


def evaluation(
    value: float | None,
    *,
    subnetwork="full",
    phase="retrained",
    seed=1,
    constant=False,
    metric="matthews",
) -> dict:
    masked = subnetwork != "full"
    return {
        "format": 1,
        "model": "m",
        "task": "cola",
        "seed": seed,
        "method": "structured" if masked else "none",
        "subnetwork": subnetwork,
        "phase": phase if masked else "finetuned",
        "kept_fraction": 0.5 if masked else 1.0,
        "heads_kept": 3,
        "mlps_kept": 1,
        "units_kept": {"heads": 3, "mlps": 1},
        "scores": [
            {
                "split": split,
                "metric": metric,
                "value": value,
                "n_examples": 10,
                "constant_prediction": constant,
            }
            for split in ("validation", "report_half")
        ],
    }


def flags(evaluations: list[dict], majority_value: float | None) -> list[bool]:
    rows = gather(evaluations, [majority(majority_value)], REPORTED)
    return [*rows.loc[rows["subnetwork"] != "majority", "degenerate"]]


def test_columns_are_those_of_the_blueprint():
    assert (
        "model task seed method subnetwork phase split metric value n_examples kept_fraction "
        "heads_kept mlps_kept degenerate eval_task group target_kept start mask_source units_kept "
        "parameters nonzero_parameters file_bytes flops"
    ).split() == COLUMNS


def test_costs_are_those_of_the_model_and_of_the_split():
    costs = {"parameters": 70, "nonzero_parameters": 50, "file_bytes": 900}
    document = evaluation(0.5) | costs | {"flops": {"validation": 12.5, "report_half": None}}
    rows = gather([document], [majority(0.2)], REPORTED)
    runs = rows[rows["subnetwork"] == "full"].set_index("split")
    assert {name: set(runs[name]) for name in costs} == {k: {v} for k, v in costs.items()}
    assert runs.loc["validation", "flops"] == 12.5
    others = rows[rows["subnetwork"] == "majority"]
    assert others[[*costs, "flops"]].isna().all(axis=None)
    assert runs.loc[["report_half"], "flops"].isna().all()
    # Evaluations on other tasks have none.
    other = evaluation(0.5) | {"eval_task": "hans"}
    other["scores"] = [each | {"group": "", "label": ""} for each in other["scores"]]
    rows = gather([document], [majority(0.2)], REPORTED, [other])
    assert rows.loc[rows["eval_task"] == "hans", [*costs, "flops"]].isna().all(axis=None)


def test_majority_is_that_of_the_validation_labels_on_whole_splits_and_of_train_on_halves():
    rows = gather([evaluation(0.5)], [majority(0.2)], REPORTED)
    found = rows[rows["subnetwork"] == "majority"]
    values = dict(zip(found["split"], found["value"], strict=True))
    assert values == {"validation": 0.2, "search_half": 0.1, "report_half": 0.1}
    assert {*found["model"], *found["phase"]} == {"none"} and found["seed"].isna().all()


def test_a_run_that_beats_majority_has_not_collapsed():
    assert flags([evaluation(0.5), evaluation(0.4, subnetwork="good")], 0.0) == [False] * 4


@pytest.mark.parametrize(
    "spoilt",
    [
        {"value": 0.4, "constant": True},
        {"value": None},
        {"value": 0.1},  # as much as majority has on the halves, and less than on validation
        {"value": -0.4},
    ],
)
def test_a_trained_run_collapses_and_a_pruned_one_does_not(spoilt):
    retrained = evaluation(**spoilt, subnetwork="good")
    assert flags([evaluation(0.5), retrained], 0.2) == [False, False, True, True]
    pruned = evaluation(**spoilt, subnetwork="good", phase="pruned")
    assert flags([evaluation(0.5), pruned], 0.2) == [False] * 4


def test_a_run_collapses_in_all_metrics_by_the_reported_one():
    """0.3 is above majority in the other metric, 0.1 in the reported one is not."""
    run = evaluation(0.1, subnetwork="good")
    run["scores"] += [
        score | {"metric": "pearson_spearman", "value": 0.3} for score in run["scores"]
    ]
    rows = gather([evaluation(0.5), run], [majority(0.2)], REPORTED)
    assert rows.loc[rows["subnetwork"] == "good", "degenerate"].tolist() == [True] * 4


def test_a_full_model_that_loses_to_majority_taints_its_seed_on_that_split_only():
    loser = evaluation(0.5)
    loser["scores"][0]["value"] = 0.15  # validation; the majority there is 0.2, on the half 0.1
    runs = [loser, evaluation(0.9, subnetwork="good"), evaluation(0.5, seed=2)]
    assert flags(runs, 0.2) == [True, False, True, False, False, False]


def test_an_undefined_majority_counts_as_chance():
    assert flags([evaluation(0.01)], None) == [False, False]
    assert flags([evaluation(-0.01)], None) == [True, True]


@pytest.mark.parametrize(
    ("value", "baseline", "metric", "expected"),
    [
        (0.6, 0.5, "accuracy", True),
        (0.5, 0.5, "accuracy", False),
        (None, -0.1, "matthews", False),
        (None, 0.0, "matthews", False),
        (-0.1, None, "matthews", False),
        (None, 0.2, "f1", False),
        (0.1, None, "f1", True),
        (0.0, None, "f1", False),
    ],
)
def test_full_models_beat_majority_by_a_higher_value(value, baseline, metric, expected):
    document, best = evaluation(value, metric=metric), majority(baseline, metric)
    # A run of the same seed that collapsed by its full model alone.
    other = evaluation(0.9, subnetwork="good", metric=metric)
    rows = gather([document, other], [best], {"cola": metric})
    chosen = rows[(rows["subnetwork"] == "good") & (rows["split"] == "validation")]
    assert [*chosen["degenerate"]] == [not expected]


def test_a_run_without_its_full_model_is_an_error():
    with pytest.raises(StudyError, match="cola with m, seed 1"):
        gather([evaluation(0.4, subnetwork="good")], [majority(0.0)], REPORTED)


def test_a_task_without_majority_is_an_error():
    with pytest.raises(StudyError, match="majority baseline of cola"):
        gather([evaluation(0.4)], [], REPORTED)


def test_the_step_writes_every_score_once_in_the_order_of_the_grid(tmp_path):
    documents = [evaluation(0.5), evaluation(None, subnetwork="good"), evaluation(0.4, seed=2)]
    paths = [tmp_path / f"{index}.json" for index in range(3)]
    for path, document in zip(paths, documents, strict=True):
        files.write_json(path, document)
    files.write_json(tmp_path / "majority.json", majority(0.1))
    out = tmp_path / "scores.csv"
    collect_scores(
        paths_to_metrics=paths,
        paths_to_majority=[tmp_path / "majority.json"],
        path_to_scores=out,
        reported_metrics=REPORTED,
    )
    rows = score_table(out)
    assert files.table(rows.drop(columns="counted"), SCHEMA).equals(
        gather(documents, [majority(0.1)], REPORTED)
    )
    order = ["majority"] * 3 + ["full"] * 2 + ["good"] * 2 + ["full"] * 2
    assert [*rows["subnetwork"]] == order
    line = (
        "m,cola,1,structured,good,retrained,validation,matthews,,10,0.5,3,1,true"
        ",,,,pretrained,,heads=3 mlps=1,,,,"
    )
    assert out.read_text().splitlines()[6] == line
    assert rows["counted"][5] == 0.0


def test_start_and_units_are_those_of_the_run():
    retrained = evaluation(0.5, subnetwork="good")
    weights = evaluation(0.5, subnetwork="good", phase="pruned") | {
        "heads_kept": None,
        "mlps_kept": None,
        "units_kept": {},
    }
    rows = gather([evaluation(0.5), retrained, weights], [majority(0.1)], REPORTED)
    assert [*zip(rows["phase"], rows["start"], rows["units_kept"], strict=True)] == [
        *[("none", "", "")] * 3,
        *[("finetuned", "", "heads=3 mlps=1")] * 2,
        *[("retrained", "pretrained", "heads=3 mlps=1")] * 2,
        *[("pruned", "", "")] * 2,
    ]


def test_a_file_of_another_format_is_one_sentence(tmp_path):
    document = copy.deepcopy(evaluation(0.5)) | {"format": 2}
    files.write_json(tmp_path / "metrics.json", document)
    with pytest.raises(StudyError, match=r"metrics\.json is no metrics file of format 1"):
        collect_scores(
            paths_to_metrics=[tmp_path / "metrics.json"],
            paths_to_majority=[],
            path_to_scores=tmp_path / "scores.csv",
            reported_metrics=REPORTED,
        )


def test_a_foreign_table_is_one_sentence(tmp_path):
    files.write_csv(tmp_path / "scores.csv", [{"model": "m"}], ["model"])
    with pytest.raises(StudyError, match=r"scores\.csv lacks the column task"):
        score_table(tmp_path / "scores.csv")
