"""transfer.csv, its table and its figure: whose mask was trained where, and what it was worth."""

from __future__ import annotations

import numpy as np
import pytest
from legible import complaints
from scipy import stats
from synthetic import SMALL
from synthetic_axes import MAJORITY, METHOD, make_study, seed_values
from synthetic_masks import random_units, random_weights
from synthetic_runs import MODEL

from lottery.models.architecture import Architecture
from lottery.pruning.masks import MaskInfo, write_mask
from lottery.pruning.subnetworks import Subnetwork
from lottery.report import style
from lottery.report.answers import axis_answers
from lottery.report.tables.axes import signed, transfer_sentence, transfer_table
from lottery.statistics import sources
from lottery.statistics.sources import groups_of, jaccard
from lottery.steps.plot_transfer import draw_transfer

SMALL_MODEL = Architecture.from_config(SMALL, "the synthetic model")
SEEDS = (1, 2, 3)
TASKS = {"rte": "accuracy", "sst2": "accuracy"}
# A mask of the task itself is no subnetwork of a cell of that task.
NAMES = (
    "good",
    "bad",
    "random_uniform",
    "random_uniform_2",
    "good-kept_0.5",
    "good-start_shuffled",
    "good-from_rte",
    "good-from_sst2",
    "good-from_elsewhere",
    "random_uniform-from_rte",
    "random_uniform-from_sst2",
)
LEVELS = {"full": 0.95, "good": 0.9, "bad": 0.5, "random_uniform": 0.6}


def level(task, run, seed):
    named = Subnetwork.parse(run[1])
    return LEVELS[named.kind] - (0.15 if named.source is not None else 0)


def write_masks(root, of=random_units):
    """Own masks, and others in their place: equal ones from elsewhere, different ones of tasks."""
    paths, masks = [], {}
    for task in TASKS:
        for seed in SEEDS:
            rng = np.random.default_rng([seed, len(task)])
            for name in (
                *("good", "good-from_elsewhere", "good-from_rte", "good-from_sst2"),
                *("random_uniform", "random_uniform_2"),
            ):
                if name.endswith(task):
                    continue
                same = name.endswith("elsewhere")
                mask = masks[task, "good", seed] if same else of(SMALL_MODEL, 0.6, rng)
                info = MaskInfo("x", MODEL, task, str(seed), METHOD, name, 0.6)
                paths.append(root / task / str(seed) / f"{name}.safetensors")
                write_mask(paths[-1], mask, info)
                masks[task, name, seed] = mask
    return paths, masks


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Scores, layout, masks and transfer.csv."""
    root = tmp_path_factory.mktemp("transfer")
    paths, scores, layout = make_study(root, NAMES, level, seeds=SEEDS)
    own = [name.endswith(f"-from_{task}") for task, name in scores[["task", "subnetwork"]].values]
    scores = scores[~np.array(own)]
    paths = [path for path in paths if not path.parts[-3].endswith(f"-from_{path.parts[-7]}")]
    files, masks = write_masks(root)
    table = sources.transfer_table(scores, paths, files, SMALL_MODEL, layout, MODEL, METHOD)
    return scores, layout, masks, table


def cell(table, task, subnetwork, source, phase="retrained"):
    rows = table[(table["task"] == task) & (table["phase"] == phase)]
    rows = rows[(rows["subnetwork"] == subnetwork) & (rows["source"] == source)]
    (row,) = rows.itertuples()
    return row


def test_masks_with_a_source_are_compared_with_their_like():
    kinds = {(group.kind, group.source, group.kept) for group in groups_of(NAMES)}
    assert kinds == {
        ("good", None, None),
        ("random_uniform", None, None),
        ("good", "rte", None),
        ("good", "sst2", None),
        ("good", "elsewhere", None),
        ("random_uniform", "rte", None),
        ("random_uniform", "sst2", None),
    }
    sized = ("good-kept_0.5", "good", "good-kept_0.5-from_a", "random_uniform_2-kept_0.5")
    assert {group.kept for group in groups_of(sized)} == {0.5}


def test_a_tasks_own_mask_is_on_the_diagonal(made):
    scores, _, _, table = made
    for task in TASKS:
        row = cell(table, task, "good", task)
        values = seed_values(
            scores, subnetwork="good", task=task, phase="retrained", split="validation"
        )
        assert row.score == pytest.approx(values.mean())
        assert row.jaccard == pytest.approx(1.0)


def test_a_source_is_a_task_of_the_study_or_a_place(made):
    table = made[-1]
    assert cell(table, "rte", "good", "rte").relation == "own"
    assert cell(table, "rte", "good", "sst2").relation == "task"
    assert cell(table, "rte", "good", "elsewhere").relation == "place"
    # Also where that task itself has no sound full model.
    assert sources.relation_of("sst2", "rte", made[1]) == "task"


def test_a_mask_of_another_task_has_the_scores_of_the_task_it_is_trained_on(made):
    scores, _, _, table = made
    row = cell(table, "sst2", "good", "rte")
    of_cell = {"task": "sst2", "split": "validation"}
    values = seed_values(scores, subnetwork="good-from_rte", phase="retrained", **of_cell)
    full = seed_values(scores, subnetwork="full", **of_cell).mean()
    assert row.score == pytest.approx(values.mean())
    assert row.recovered == pytest.approx((values.mean() - MAJORITY) / (full - MAJORITY))
    assert cell(table, "sst2", "full", "", "finetuned").recovered == pytest.approx(1.0)


@pytest.mark.parametrize("of", [random_units, random_weights])
def test_the_overlap_counts_parameters_one_by_one(of, tmp_path):
    rng = np.random.default_rng(0)
    first, second = of(SMALL_MODEL, 0.5, rng), of(SMALL_MODEL, 0.6, rng)
    sets = [set(_parameters(mask)) for mask in (first, second)]
    expected = len(sets[0] & sets[1]) / len(sets[0] | sets[1])
    assert jaccard(first, second, SMALL_MODEL) == pytest.approx(expected)
    assert jaccard(first, first, SMALL_MODEL) == 1.0


def _parameters(mask):
    """The kept parameters of a mask: weights, or those of its heads and MLPs, numbered.

    An attention output's bias belongs to any head of its layer, an MLP's to the MLP.
    """
    if mask.granularity == "weights":
        for name, kept in mask.arrays().items():
            full = np.unpackbits(kept) if kept.dtype == np.uint8 else kept.ravel()
            yield from ((name, place) for place in np.flatnonzero(full))
        return
    hidden, inner = SMALL_MODEL.hidden, SMALL_MODEL.intermediate
    size = hidden // SMALL_MODEL.heads
    for layer, heads in enumerate(mask.units["head"]):
        for head in np.flatnonzero(heads):
            yield from ((layer, "head", head, n) for n in range(4 * hidden * size + 3 * size))
        if heads.any():
            yield from ((layer, "bias", n) for n in range(hidden))
        if mask.units["mlp"][layer]:
            yield from ((layer, "mlp", n) for n in range(2 * hidden * inner + inner + hidden))


def test_overlap_is_the_mean_over_seeds_with_the_cells_own_mask(made):
    _, _, masks, table = made
    expected = [
        jaccard(masks["sst2", "good-from_rte", seed], masks["sst2", "good", seed], SMALL_MODEL)
        for seed in SEEDS
    ]
    assert cell(table, "sst2", "good", "rte").jaccard == pytest.approx(np.mean(expected))
    assert cell(table, "rte", "good", "elsewhere").jaccard == pytest.approx(1.0)
    # Random masks are compared with it too, draws averaged; this one has no file.
    assert np.isnan(cell(table, "rte", "random_uniform", "sst2").jaccard)
    expected = [
        jaccard(masks["rte", name, seed], masks["rte", "good", seed], SMALL_MODEL)
        for name in ("random_uniform", "random_uniform_2")
        for seed in SEEDS
    ]
    row = cell(table, "rte", "random_uniform", "rte")
    assert row.jaccard == pytest.approx(np.mean(expected)) and row.n_draws == 2


def test_the_table_has_tasks_then_places_then_random_masks_then_the_full_model(made):
    _, layout, _, table = made
    shown = transfer_table(table, layout, "A caption.")
    group = next(group for group in shown.groups if "retrained" in group.title)
    assert [line[0].text for line in group.rows] == [
        "rte",
        "sst2",
        "elsewhere",
        "random uniform",
        "random uniform, size of rte",
        "random uniform, size of sst2",
        "full model",
    ]
    assert "own mask" in group.rows[0][1].below and "own mask" in group.rows[1][2].below
    assert "own mask" not in group.rows[0][2].below
    # Nothing is drawn to its own cell's size twice.
    assert group.rows[4][1].text == "–" != group.rows[4][2].text


def test_the_figure_shows_the_matrix_and_frames_own_masks(made):
    _, layout, _, table = made
    with style.settings():
        figure = draw_transfer(table, layout, MODEL, METHOD)
    assert not complaints(figure)
    matrix, scatter = figure.axes[:2]
    texts = {(text.get_position()): text.get_text() for text in matrix.texts}
    assert texts[0, 1] == f"{cell(table, 'rte', 'good', 'sst2').score:.3f}"
    assert texts[1, 1] == f"{cell(table, 'sst2', 'good', 'sst2').score:.3f}"
    frames = {(round(p.get_x() + 0.46), round(p.get_y() + 0.46)) for p in matrix.patches}
    assert frames == {(0, 0), (1, 1)}
    shades = matrix.images[0].get_array()
    assert shades[0, 1] == pytest.approx(cell(table, "sst2", "good", "rte").recovered)
    dots = next(line for line in scatter.lines if line.get_marker() == "o")
    rows = table[(table["subnetwork"] == "good") & (table["phase"] == "retrained")]
    rows = rows[(rows["source"] != rows["task"]) & rows["task"].isin(TASKS)]
    drawn = set(zip(dots.get_xdata(), dots.get_ydata(), strict=True))
    assert drawn == set(zip(rows["jaccard"], rows["recovered"], strict=True))


def test_the_finding_averages_over_sources_and_tasks(made):
    table = made[-1]
    shown = table[(table["phase"] == "retrained") & (table["subnetwork"] == "good")]
    shown = shown[shown["task"].isin(TASKS)]
    own = shown["source"] == shown["task"]
    other = shown[~own & (shown["source"] != "elsewhere")]["recovered"].mean()
    text = transfer_sentence(table)
    assert f"masks of other tasks {other:.0%}".replace("%", " %") in text
    assert f"own masks {shown[own]['recovered'].mean():.0%}".replace("%", " %") in text
    (answer,) = axis_answers({"transfer": table})
    random = table[(table["phase"] == "retrained") & (table["subnetwork"] == "random_uniform")]
    shares = f"masks of other tasks {other:.0%}, random {random['recovered'].mean():.0%}"
    assert answer.parts[0].word == shares.replace("%", " %")
    assert "own masks" in answer.parts[0].text


def gains(scores, task, source):
    """What the mask of a source recovers less what random ones of its size do, by seed."""
    at = {"task": task, "split": "validation"}
    full = seed_values(scores, subnetwork="full", **at).mean()
    good, random = (
        seed_values(scores, subnetwork=f"{kind}-from_{source}", phase="retrained", **at)
        for kind in ("good", "random_uniform")
    )
    return (good - random) / (full - MAJORITY)


def test_masks_of_others_are_compared_with_random_ones_of_the_same_source(made):
    scores, layout, _, table = made
    row = cell(table, "sst2", "good", "rte")
    by_seed = gains(scores, "sst2", "rte")
    assert row.difference == pytest.approx(by_seed.mean())
    half = stats.t.ppf(0.975, 2) * by_seed.std(ddof=1) / 3**0.5
    assert row.difference_high - row.difference >= half - 1e-12
    assert np.isnan(cell(table, "sst2", "random_uniform", "rte").difference)
    means = table[(table["task"] == "average") & (table["phase"] == "retrained")]
    (mean,) = means[means["relation"] == "task"].itertuples()
    expected = np.mean([by_seed.mean(), gains(scores, "rte", "sst2").mean()])
    assert mean.difference == pytest.approx(expected)
    assert mean.difference_low < mean.difference < mean.difference_high
    ends = f"[{mean.difference_low:.3f}, {mean.difference_high:.3f}]"
    said = f"of random masks, seed by seed: masks of other tasks {signed(expected)} {ends}"
    (part,) = axis_answers({"transfer": table})[0].parts
    assert said in part.text
    group = next(
        group
        for group in transfer_table(table, layout, "A caption.").groups
        if "retrained" in group.title
    )
    assert f"{signed(row.difference)} to random" in group.rows[0][2].below


def test_without_random_masks_of_a_source_those_of_the_own_size_are_taken():
    names = ("good", "good-from_a", "random", "random_2", "random_layerwise")
    known = groups_of(names)
    assert sources._random_like(known, "good", "a", None) == ("random", "random_2")
    assert sources._random_like(known, "random", None, None) is None
    exact = groups_of((*names, "random_uniform-from_a"))
    assert sources._random_like(exact, "good", "a", None) == ("random_uniform-from_a",)
    assert sources._random_like(groups_of(("good", "good-from_a")), "good", "a", None) is None


def test_one_task_with_places_alone_has_its_matrix(tmp_path):
    names = ("good", "good-from_other_seed")
    tasks = {"rte": "accuracy"}
    paths, scores, layout = make_study(tmp_path, names, level, tasks=tasks, n=60, seeds=(1,))
    table = sources.transfer_table(scores, paths, [], SMALL_MODEL, layout, MODEL, METHOD)
    with style.settings():
        figure = draw_transfer(table, layout, MODEL, METHOD)
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert labels == ["rte", "other_seed", "full model"]
    assert "masks of other places" in transfer_sentence(table)
