"""Tasks that are only evaluated on: their jobs, their rows, their table, and who ignores them."""

from __future__ import annotations

import statistics
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from small_study import ROOT, study
from synthetic_runs import MODEL, SEEDS, from_scores, make_scores

from lottery import files
from lottery.planning import grid, params
from lottery.report import style
from lottery.results.layout import Layout
from lottery.results.published import Published
from lottery.results.scores import score_table
from lottery.results.summary import reported_runs, summarize
from lottery.steps.collect_scores import collect_scores
from lottery.steps.plot_scores import draw_scores
from lottery.steps.summarize_on import summarize_on

PAPER = ROOT / "workflow/resources/paper"
PAPERS_MODEL = (
    "{bert_base: {source: google-bert/bert-base-uncased,"
    " revision: 86b5e0934494bd15c9632b12f734a8a67f723594}}"
)
STUDY = """
tasks:
  mnli: {}
  hans: {evaluate_with: mnli}
  rte: {training: {max_length: 64}}
  other: {generated: heuristics, evaluate_with: rte}
methods:
  s: {algorithm: structured, subnetworks: [good, random]}
  rte_only: {algorithm: magnitude, subnetworks: [good], only_tasks: [rte]}
  search: {algorithm: structured, subnetworks: []}
"""


def test_every_cell_of_the_trained_task_is_evaluated_on_it():
    made = study(STUDY)
    rows = grid.evaluate_on_rows(made)
    # full; two subnetworks, and one more on rte, pruned and retrained; two seeds
    assert Counter(row["eval_task"] for row in rows) == {"hans": 2 * 5, "other": 2 * 7}
    cells = [tuple(row.values()) for row in grid.evaluate_rows(made)]
    assert {tuple(row.values())[:-1] for row in rows} <= set(cells)
    assert {row["task"] for row in rows if row["eval_task"] == "hans"} == {"mnli"}
    assert len({tuple(row.values()) for row in rows}) == len(rows)
    assert [tuple(row.values()) for row in grid.on_rows(made)] == [
        ("small", "s", "hans"),
        ("small", "s", "other"),
        ("small", "rte_only", "other"),
    ]
    assert {row["task"] for row in grid.fetch_rows(made)} == {"mnli", "hans", "rte", "other"}
    assert {row["task"] for row in grid.majority_rows(made)} == {"mnli", "rte"}
    assert grid.evaluate_on_rows(study()) == grid.on_rows(study()) == []


def test_a_task_of_the_web_uses_the_glue_folder_and_the_trained_recipe(tmp_path: Path):
    for name in ("mnli", "rte"):
        (tmp_path / "glue" / name).mkdir(parents=True)
    made = study(f"glue_folder: glue\n{STUDY}", tmp_path)
    assert params.task_params(made, "hans")["glue_folder"] == "glue"
    assert params.task_params(made, "other")["glue_folder"] is None
    assert params.tokenize_params(made, "hans") == {"max_length": 128}
    assert params.tokenize_params(made, "other") == {"max_length": 64}


def test_the_map_is_whole_and_in_the_order_of_the_outputs():
    made = study(STUDY)
    assert params.evaluate_on_params(made, "hans") == {
        "label_map": [
            ["entailment", "entailment"],
            ["neutral", "non-entailment"],
            ["contradiction", "non-entailment"],
        ],
        "labels": ["entailment", "non-entailment"],
        "metrics": ["accuracy"],
        "batch_size": 128,
    }
    assert params.evaluate_on_params(made, "other")["label_map"] == [
        ["entailment", "entailment"],
        ["not_entailment", "non-entailment"],
    ]
    scores = study("tasks: {stsb: {}, again: {preset: stsb, evaluate_with: stsb}}")
    found = params.evaluate_on_params(scores, "again")
    assert found["label_map"] is None and found["labels"] is None


@pytest.mark.parametrize(
    ("hans", "mnli", "known"),
    [
        ("{preset: hans, evaluate_with: mnli}", "{}", True),
        ("{preset: hans, evaluate_with: mnli, in_average: true}", "{}", True),
        ("{preset: hans, evaluate_with: mnli, validation_examples: 90}", "{}", False),
        ("{preset: hans, evaluate_with: mnli, group: subcase}", "{}", False),
        ("{preset: hans, evaluate_with: mnli}", "{training: {epochs: 1}}", False),
        ("{generated: heuristics, evaluate_with: mnli}", "{}", False),
    ],
)
def test_published_numbers_stand_beside_the_papers_task_only(hans: str, mnli: str, known: bool):
    made = study(f"models: {PAPERS_MODEL}\ntasks: {{mnli: {mnli}, h: {hans}}}")
    found = params.summarize_on_params(made)
    assert found["published_models"] == ["bert_base"]
    assert found["published_tasks"] == ({"h": ["mnli", "hans"]} if known else {})


def document(value: float, *, seed: int, subnetwork: str = "full", on: bool = True) -> dict:
    """metrics.json of one cell, of its own task or of hans in two groups."""
    masked = subnetwork != "full"
    places = [
        {"group": group, "label": label} for group in ("", "a") for label in ("", "non-entailment")
    ]
    entries = [
        {
            "split": "validation",
            "metric": "accuracy",
            "value": value + 0.01 * number,
            "n_examples": 10 + number,
            "constant_prediction": bool(place.get("group")) and seed == SEEDS[0],
        }
        | place
        for number, place in enumerate(places if on else [{}])
    ]
    return {
        "format": 1,
        "model": MODEL,
        "task": "mnli",
        "seed": seed,
        "method": "s" if masked else "none",
        "subnetwork": subnetwork,
        "phase": "pruned" if masked else "finetuned",
        **({"eval_task": "hans"} if on else {}),
        "kept_fraction": 0.5 if masked else 1.0,
        "heads_kept": 3,
        "mlps_kept": 1,
        "units_kept": {"heads": 3, "mlps": 1},
        "scores": entries,
    }


@pytest.fixture
def paths(tmp_path: Path) -> dict[str, list[Path]]:
    """metrics.json of the full and the good model of five seeds, and of majority."""
    found: dict[str, list[Path]] = {"own": [], "on": [], "majority": []}
    for kind in ("own", "on"):
        for subnetwork, value in (("full", 0.5), ("good", 0.3)):
            for place, seed in enumerate(SEEDS):
                path = tmp_path / kind / subnetwork / str(seed) / "metrics.json"
                level = value + 0.02 * place
                written = document(level, seed=seed, subnetwork=subnetwork, on=kind == "on")
                files.write_json(path, written)
                found[kind].append(path)
    score = {"split": "validation", "metric": "accuracy", "value": 0.45, "n_examples": 10}
    score |= {"labels_from": "validation", "degenerate": False}
    found["majority"].append(tmp_path / "majority.json")
    files.write_json(found["majority"][0], {"format": 1, "task": "mnli", "scores": [score]})
    return found


def test_scores_have_a_row_per_group_and_none_by_gold_label(
    paths: dict[str, list[Path]], tmp_path: Path
):
    collect_scores(
        paths_to_metrics=paths["own"],
        paths_to_majority=paths["majority"],
        paths_to_metrics_on=paths["on"],
        path_to_scores=tmp_path / "scores.csv",
        reported_metrics={"mnli": "accuracy"},
    )
    rows = score_table(tmp_path / "scores.csv").query("eval_task != ''")
    assert {*rows["eval_task"]} == {"hans"} and {*rows["task"]} == {"mnli"}
    assert Counter(zip(rows["subnetwork"], rows["group"], strict=True)) == {
        (subnetwork, group): 5 for subnetwork in ("full", "good") for group in ("", "a")
    }
    assert {*zip(rows["group"], rows["n_examples"], strict=True)} == {("", 10), ("a", 12)}
    # The flag is of the constant group alone; no majority is beaten or not.
    degenerate = rows[rows["degenerate"]]
    assert {*zip(degenerate["seed"], degenerate["group"], strict=True)} == {(SEEDS[0], "a")}


def test_the_table_gives_mean_and_sd_over_seeds(paths: dict[str, list[Path]], tmp_path: Path):
    (tmp_path / "hans.csv").write_text(
        "method,subnetwork,phase,task,eval_task,group,label,metric,mean\n"
        "none,full,finetuned,mnli,hans,a,non-entailment,accuracy,0.25\n"
    )
    summarize_on(
        paths_to_metrics=paths["on"],
        path_to_published=tmp_path / "hans.csv",
        path_to_table=tmp_path / "table.csv",
        published_models=[MODEL],
        published_tasks={"hans": ["mnli", "hans"]},
    )
    rows = files.read_csv(tmp_path / "table.csv")
    assert len(rows) == 8
    by_place = {(row["subnetwork"], row["group"], row["label"]): row for row in rows}
    values = [0.3 + 0.02 * place + 0.03 for place in range(5)]
    row = by_place["good", "a", "non-entailment"]
    assert float(row["mean"]) == pytest.approx(0.37)
    assert float(row["sd"]) == pytest.approx(statistics.stdev(values))
    # The pruned run predicts one label, as a trained one does that counts as collapsed.
    assert (row["n"], row["n_degenerate"], row["n_without_degenerate"]) == ("5", "0", "5")
    row = by_place["full", "a", "non-entailment"]
    assert (row["n"], row["n_degenerate"], row["n_without_degenerate"]) == ("5", "1", "4")
    assert float(row["mean_without_degenerate"]) == pytest.approx(0.58)
    published = {place for place, each in by_place.items() if each["published_mean"]}
    assert published == {("full", "a", "non-entailment")}


def test_the_published_file_is_read():
    (row, *_) = rows = files.read_csv(PAPER / "hans.csv")
    assert len(rows) == 3 and 0 < float(row["mean"]) < 1
    assert {each["label"] for each in rows} == {"non-entailment"}


def test_what_reads_the_scores_of_tasks_ignores_those_on_others():
    layout = Layout.of(
        models=[MODEL],
        published_models=[],
        tasks={"mnli": {"metric": "accuracy", "in_average": True, "published": None}},
        methods={"s": {"preset": "published", "published": None, "subnetworks": ["good"]}},
    )
    scores = make_scores(("mnli",), {"s": ("good",)}, lambda *_: (0.8, 0.02), lambda _: 0.5)
    on = [replace(s, value=0.1, eval_task="hans", group=g) for s in scores for g in ("", "a")]
    nothing = Published({}, {})
    frames = [summarize(from_scores(each), layout, nothing) for each in (scores + on, scores)]
    assert frames[0].equals(frames[1])
    runs, both = (
        reported_runs(from_scores(each), layout).reset_index(drop=True)
        for each in (scores, on[:3] + scores + on)
    )
    assert both.equals(runs)
    with style.settings():
        drawn = [
            draw_scores(from_scores(each), layout, nothing, MODEL, "s")
            for each in (scores, scores + on)
        ]
    shown = [[line.get_xydata().tolist() for line in each.axes[0].lines] for each in drawn]
    assert shown[0] == shown[1] and len(shown[0]) > 3
