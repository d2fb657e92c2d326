"""The grid of the configs that ship, and which jobs a change of a config concerns."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

import pytest
from small_study import ROOT, study

from lottery.config import Study, load_study, read_config
from lottery.files.errors import StudyError
from lottery.planning import grid, params, sources
from lottery.planning.grid import cells, targets, wildcard
from lottery.runtime.stages import stage


def counts(study: Study) -> dict[str, int]:
    """Jobs per rule."""
    return {
        "finetune": len(grid.finetune_rows(study)),
        "search_structured": len(grid.search_rows(study, "structured")),
        "search_magnitude": len(grid.search_rows(study, "magnitude")),
        "sample_masks": len(grid.made_mask_rows(study)),
        "sample_super_masks": len(grid.super_rows(study)),
        "evaluate_pruned": len(grid.pruned_rows(study)),
        "retrain": len(grid.retrain_rows(study)),
        "evaluate": len(grid.evaluate_rows(study)),
        "majority": len(grid.majority_rows(study)),
    }


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        # finetune, structured, magnitude, sampled, super, pruned, retrained, evaluated, majority
        ("config.yaml", (45, 45, 45, 180, 9, 90, 405, 810 + 45, 9)),
        ("workflow/configs/strict.yaml", (45, 45, 45, 270, 9, 90, 585, 1170 + 45, 9)),
        ("workflow/configs/full.yaml", (90, 405, 90, 495, 18, 315, 1125, 2250 + 90, 9)),
        ("workflow/configs/demo.yaml", (6, 6, 6, 24, 0, 12, 36, 72 + 6, 2)),
    ],
)
def test_job_counts(config: str, expected: tuple[int, ...]) -> None:
    found = counts(load_study(read_config(ROOT / config), ROOT))
    assert tuple(found.values()) == expected


def test_times_are_measured_of_the_first_seed_if_they_are_asked_for() -> None:
    text = """
    tasks: {rte: {}, wnli: {}}
    methods:
      s: {algorithm: structured, subnetworks: [good, random, random_2]}
      m: {algorithm: magnitude, subnetworks: [good], only_tasks: [wnli]}
      searched: {algorithm: structured, subnetworks: []}
    """
    assert grid.latency_rows(study(text)) == []
    asked = study(f"{text}\n    analysis: {{latency: true}}")
    jobs = [tuple(row.values()) for row in grid.latency_rows(asked)]
    assert jobs == [("small", "rte", "s"), ("small", "wnli", "s"), ("small", "wnli", "m")]
    found = params.latency_params(asked, "small", "wnli", "s")
    assert found == {"seed": 3, "subnetworks": ["good", "random", "random_2"]}
    measured = grid.latency_cells(asked, "small", "wnli", "s")
    assert [row["seed"] for row in measured] == [3, 3, 3]
    asked = study(f"{text}\n    analysis: {{latency: [m]}}")
    assert [tuple(row.values()) for row in grid.latency_rows(asked)] == [("small", "wnli", "m")]
    for name, what in (("n", "is no method of the study"), ("searched", "has no subnetworks")):
        with pytest.raises(StudyError, match=rf"latency names '{name}', which {what}; allowed are"):
            study(f"{text}\n    analysis: {{latency: [{name}]}}")


def test_times_are_measured_once_for_each_mask() -> None:
    asked = study("""
    tasks: {rte: {}, wnli: {}}
    methods:
      s: {algorithm: structured, subnetworks: [good], kept: [0.5], kept_subnetworks: [good],
        starts: {shuffled: [good, good-kept_0.5]}, masks_from: [rte]}
    analysis: {latency: true}
    """)
    measured = [row["subnetwork"] for row in grid.latency_cells(asked, "small", "wnli", "s")]
    assert measured == ["good", "good-kept_0.5", "good-from_rte"]


def test_no_job_stands_twice() -> None:
    full = load_study(read_config(ROOT / "workflow/configs/full.yaml"), ROOT)
    for rows in (
        grid.evaluate_rows(full),
        grid.retrain_rows(full),
        grid.search_rows(full, "structured"),
        grid.super_rows(full),
        grid.made_mask_rows(full),
        grid.pruned_rows(full),
    ):
        assert max(Counter(tuple(row.items()) for row in rows).values()) == 1


def test_every_subnetwork_is_pruned_and_retrained_and_the_full_model_neither() -> None:
    small = study("methods: {s: {algorithm: structured, subnetworks: [good, random_2]}}")
    assert [tuple(cell)[2:] for cell in cells(small)] == [
        (seed, *rest)
        for seed in (3, 1)
        for rest in (
            ("none", "full", "finetuned"),
            ("s", "good", "pruned"),
            ("s", "good", "retrained"),
            ("s", "random_2", "pruned"),
            ("s", "random_2", "retrained"),
        )
    ]


def test_masks_made_elsewhere_train_nothing() -> None:
    config = read_config(ROOT / "workflow/configs/authors_masks.yaml")
    alone = load_study(config, ROOT)
    assert not any(counts(alone).values())
    assert not (grid.fetch_rows(alone) or grid.tokenize_rows(alone) or grid.model_rows(alone))
    assert len(grid.mask_rows(alone)) == 45
    assert len(grid.authors_rows(alone)) == 9
    assert sources.of_mask(alone, "authors", "rte", "42") == {}
    # Subnetworks that are scored need full models, and so do tasks without a method.
    for change, n_trained in (({"subnetworks": ["good"]}, 45), ({"only_tasks": ["rte"]}, 40)):
        method = config["methods"]["authors"] | change
        changed = load_study(config | {"methods": {"authors": method}}, ROOT)
        assert len(grid.finetune_rows(changed)) == n_trained


def test_a_method_without_subnetworks_searches_and_does_no_more() -> None:
    small = study("methods: {s: {algorithm: structured, subnetworks: []}}")
    assert counts(small) == {
        "finetune": 2,
        "search_structured": 2,
        "search_magnitude": 0,
        "sample_masks": 0,
        "sample_super_masks": 0,
        "evaluate_pruned": 0,
        "retrain": 0,
        "evaluate": 2,
        "majority": 1,
    }


def test_the_untrained_control_takes_sizes_and_is_not_searched() -> None:
    models = "models: {a: {source: embedded}, b: {source: embedded, init: random}}\n"
    alone = study(
        models + "methods: {s: {algorithm: structured, models: [b], sizes_from: a,"
        " subnetworks: [random]}}"
    )
    assert {row["model"] for row in grid.search_rows(alone, "structured")} == {"a"}
    assert {row["model"] for row in grid.retrain_rows(alone)} == {"b"}
    assert alone.methods["s"].searched_model("b") == "a"
    beside = study(
        models + "methods: {s: {algorithm: structured, sizes_from: a, subnetworks: [good, random,"
        " super_good]}}"
    )
    assert {row["model"] for row in grid.search_rows(beside, "structured")} == {"a"}
    assert {row["model"] for row in grid.super_rows(beside)} == {"a"}
    kept = {(row["model"], row["subnetwork"]) for row in grid.retrain_rows(beside)}
    assert kept == {("a", "good"), ("a", "random"), ("a", "super_good"), ("b", "random")}


def test_masks_of_super_survivors_serve_all_seeds() -> None:
    made = study(
        """results: studies/first
methods:
  p: {algorithm: structured, subnetworks: [good, super_bad]}
  s: {algorithm: structured, preset: strict, subnetworks: [super_good]}"""
    )
    published, strict = made.methods.values()
    assert grid.super_masks(published) == ("super_good", "super_random", "super_bad")
    assert grid.super_masks(strict) == ("super_good",)
    row = {"model": "m", "task": "t", "seed": 1, "method": "p"}
    assert grid.mask_path(made, row | {"subnetwork": "super_bad"}) == (
        "studies/first/m/t/super/p/super_bad.safetensors"
    )
    assert grid.mask_path(made, row | {"subnetwork": "random_half_2"}) == (
        "studies/first/m/t/seed_1/mask/p/random_half_2.safetensors"
    )


def test_a_job_evaluates_all_pruned_subnetworks_of_a_model_and_method() -> None:
    small = study(
        """seeds: [1]
models: {a: {source: embedded}, b: {source: embedded, init: random}}
methods:
  s: {algorithm: structured, sizes_from: a, subnetworks: [good, random]}
  m: {algorithm: magnitude, models: [a], subnetworks: [good, bad]}
  bare: {algorithm: structured, models: [a], subnetworks: []}"""
    )
    jobs = [(row["model"], row["method"]) for row in grid.pruned_rows(small)]
    assert jobs == [("a", "s"), ("a", "m"), ("b", "s")]


def test_targets_name_each_file_once() -> None:
    rows = grid.evaluate_rows(study())
    assert targets("results/{task}/seed_{seed}", rows) == [
        "results/rte/seed_3",
        "results/rte/seed_1",
    ]


def test_wildcards_match_their_values_alone() -> None:
    assert re.fullmatch(wildcard(["a", "a_b"]), "a_b")
    assert not re.fullmatch(wildcard(["a.b"]), "axb")
    assert not re.fullmatch(wildcard([]), "")


# --- what a change of the config runs again: the params of every rule ---

TWO_TASKS = {
    "tasks": "{rte: {}, mnli: {}}",
    "methods": "{s: {algorithm: structured}, m: {algorithm: magnitude}}",
}


PHASES = ("finetuned", *grid.PHASES)


def shown(methods: str = "sm") -> set[str]:
    """What shows or compares scores: of all methods together, and of each of some."""
    return {"layout"} | {f"{job}:{m}" for job in ("plot", "compare") for m in methods}


def all_params(changes: dict[str, str]) -> dict[str, Any]:
    """The params of jobs, under step:wildcards, of two tasks, two seeds and two methods."""
    made = study("\n".join(f"{key}: {value}" for key, value in (TWO_TASKS | changes).items()))
    found: dict[str, Any] = {}
    for task in made.trained_tasks:
        found[f"fetch_task:{task}"] = params.task_params(made, task)
        found[f"tokenize:{task}"] = params.tokenize_params(made, task)
        found[f"majority:{task}"] = params.majority_params(made, task)
        found[f"finetune:{task}"] = params.training_params(made, task)
        found[f"retrain:{task}"] = params.training_params(made, task)
        found[f"evaluate_pruned:{task}"] = params.pruned_params(made, task)
        for phase in PHASES:
            found[f"evaluate:{task}:{phase}"] = params.evaluate_params(made, task, phase)
        for method in made.methods:
            found[f"search:{task}:{method}"] = params.search_params(made, method, task)
    for method in made.methods:
        for model in made.models:
            found[f"plot_survival:{method}"] = params.survival_params(made, model, method)
            found[f"plot_trajectories:{method}"] = params.trajectory_params(made, model, method)
            found[f"plot:{method}"] = params.method_layout_params(made, model, method)
            found[f"compare:{method}"] = params.comparison_params(made, model, method)
        found[f"collect_scores:{method}"] = params.score_params(made, method)
    found["collect_scores"] = params.score_params(made)
    found["layout"] = params.layout_params(made)
    for model in made.models:
        found[f"fetch_model:{model}"] = params.model_params(made, model)
    return found


def changed_by(changes: dict[str, str]) -> set[str]:
    """The jobs whose params a change of the config touches, new jobs left out."""
    before, after = all_params({}), all_params(changes)
    return {job for job in before if job in after and before[job] != after[job]}


RERUNS = [
    ({"seeds": "[3, 1, 9]"}, {"plot_trajectories:s", "plot_trajectories:m"}),
    (
        {"tasks": "{rte: {}, mnli: {}, cola: {}}"},
        shown()
        | {"collect_scores", "collect_scores:s", "collect_scores:m"}
        | {f"plot_{name}:{m}" for name in ("survival", "trajectories") for m in "sm"},
    ),
    # A task of one method is nothing to the other.
    (
        {
            "tasks": "{rte: {}, mnli: {}, cola: {}}",
            "methods": "{s: {algorithm: structured},"
            " m: {algorithm: magnitude, only_tasks: [rte, mnli]}}",
        },
        shown("s")
        | {"collect_scores", "collect_scores:s", "plot_survival:s", "plot_trajectories:s"},
    ),
    (
        {"tasks": "{rte: {}, mnli: {in_average: false}}"},
        shown() | {"plot_survival:s", "plot_survival:m"},
    ),
    ({"compute": "{slots_per_gpu: 4, torch_threads: 2}"}, set()),
    ({"results": "elsewhere", "keep_retrained": "false"}, set()),
    ({"data_warnings": "error"}, set()),
    # The recipe is the paper's no more, so no published number may stand beside ours.
    (
        {"tasks": "{rte: {training: {learning_rate: 5.0e-5}}, mnli: {}}"},
        shown() | {"finetune:rte", "retrain:rte"},
    ),
    ({"tasks": "{rte: {training: {max_length: 64}}, mnli: {}}"}, shown() | {"tokenize:rte"}),
    (
        {"tasks": "{rte: {train_examples: 64}, mnli: {}}"},
        shown() | {"fetch_task:rte", "majority:rte"},
    ),
    (
        {"evaluation": "{batch_size: 32}"},
        {f"evaluate_pruned:{task}" for task in ("rte", "mnli")}
        | {f"evaluate:{task}:{phase}" for task in ("rte", "mnli") for phase in PHASES},
    ),
    # Of the methods only the one that is edited is searched, compared and drawn again.
    (
        {"methods": "{s: {algorithm: structured, keep_score: 0.8}, m: {algorithm: magnitude}}"},
        shown("s") | {"search:rte:s", "search:mnli:s"},
    ),
    (
        {"methods": "{s: {algorithm: structured}, m: {algorithm: magnitude, step: 0.1}}"},
        shown("m") | {"search:rte:m", "search:mnli:m"},
    ),
    (
        {"methods": "{s: {algorithm: structured, subnetworks: [good]}, m: {algorithm: magnitude}}"},
        shown("s"),
    ),
    # The sizes depend on it, so the search writes other masks, and they say it to later steps.
    (
        {
            "methods": "{s: {algorithm: structured, emptied_attention: keep_bias},"
            " m: {algorithm: magnitude}}"
        },
        shown("s") | {"search:rte:s", "search:mnli:s"},
    ),
]


@pytest.mark.parametrize(("changes", "jobs"), RERUNS)
def test_a_change_touches_only_what_depends_on_it(changes: dict[str, str], jobs: set[str]) -> None:
    assert changed_by(changes) == jobs


def test_weights_are_fetched_anew_when_their_origin_changes() -> None:
    changed = changed_by({"models": "{small: {source: embedded, init: random}}"})
    assert changed == {"fetch_model:small"}


def test_search_metric_of_stsb() -> None:
    made = study(
        """tasks: {stsb: {}}
methods: {p: {algorithm: magnitude}, s: {algorithm: magnitude, preset: strict}}"""
    )
    assert params.search_params(made, "p", "stsb")["metric"] == "pearson_spearman"
    assert params.search_params(made, "s", "stsb")["metric"] == "pearson"


def test_scores_follow_the_version_of_the_logits_that_no_record_names() -> None:
    made = study()
    by = {phase: params.evaluate_params(made, "rte", phase).get("logits_by") for phase in PHASES}
    assert by == {"finetuned": None, "pruned": stage("evaluate_pruned"), "retrained": None}
