"""Step measure_patterns: patterns of all cells and the survivors of a method -> tables, figures."""

from __future__ import annotations

from pathlib import Path

from lottery import files
from lottery.analysis import patterns
from lottery.analysis.good_masks import read_good_masks
from lottery.attention.classes import ATTENTION, short_sentence
from lottery.report.figures import style
from lottery.report.figures.patterns import draw_examples, draw_shares
from lottery.results.published import published_shares

VERSION = 3


def measure_patterns(
    *,
    paths_to_patterns: list[Path],
    paths_to_masks: list[Path],
    path_to_config: Path,
    path_to_facts: Path,
    path_to_published: Path,
    path_to_table: Path,
    path_to_shares: Path,
    path_to_associations: Path,
    path_to_shares_svg: Path,
    path_to_shares_png: Path,
    path_to_examples_svg: Path,
    path_to_examples_png: Path,
    model: str,
    method: str,
    published: dict[str, str],
    averaged_tasks: list[str],
    permutations: int,
) -> None:
    """Compares the attention patterns of surviving heads and of all heads.

    Args:
        paths_to_patterns: patterns.npz of all tasks and seeds, tasks in the order of the figure.
        paths_to_masks: the method's good masks of the same cells, in the same order.
        path_to_facts: pattern_classifier.json.
        path_to_table: csv that the claims read.
        published: task -> the GLUE preset that it repeats as the paper has it.
        averaged_tasks: the tasks that enter averages.
        permutations: permutations of the heads behind every p-value.
    """
    facts = files.read_json(path_to_facts)
    masks = read_good_masks(paths_to_masks, path_to_config)
    found = patterns.read_pattern_counts(paths_to_patterns, masks)
    known = published_shares(path_to_published, published)
    shares = patterns.share_table(found, model, method, known)
    associations = patterns.association_table(found, model, method, averaged_tasks, permutations)
    annotated = {kind: facts[kind]["annotated"] for kind in ATTENTION}
    claims = patterns.claim_table(found, associations, annotated)
    files.write_table(path_to_table, claims, patterns.CLAIMS)
    files.write_table(path_to_shares, shares, patterns.SHARES)
    files.write_table(path_to_associations, associations, patterns.ASSOCIATIONS)
    classifier = short_sentence(facts)
    examples = patterns.surest_examples(paths_to_patterns, [info.task for info in masks.infos])
    with style.settings():
        figure = draw_shares(shares, f"{model}, {method}: attention patterns\n{classifier}")
        style.save(figure, path_to_shares_svg, path_to_shares_png)
        title = f"{model}: maps classified with most certainty\n{classifier}"
        style.save(draw_examples(examples, title), path_to_examples_svg, path_to_examples_png)
