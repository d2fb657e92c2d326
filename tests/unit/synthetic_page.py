"""A finished run of nine tasks and five seeds, made up, with a page of it: no model is trained."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import synthetic

from lottery import files
from lottery.analysis.patterns import ASSOCIATIONS
from lottery.pruning.subnetworks import reference_of
from lottery.results.summary import NUMBERS
from lottery.statistics.claims.check import SCHEMA as CLAIM_SCHEMA
from lottery.statistics.differences import SCHEMA as DIFFERENCE_SCHEMA
from lottery.statistics.trainability import SCHEMA as TRAINED_SCHEMA
from lottery.steps.collect_scores import collect_scores
from lottery.steps.compare_controls import compare_controls
from lottery.steps.gather_tables import gather_tables
from lottery.steps.plot_scores import plot_scores
from lottery.steps.summarize import summarize
from lottery.steps.write_report import write_report

WORKFLOW = Path(__file__).parents[2] / "workflow"
PUBLISHED = [WORKFLOW / f"resources/paper/{name}.csv" for name in ("scores", "sizes")]
TABLES = Path("results/tables")
SILENT = ("not applicable", "not run")
# Where text may come from a user or from a table: it must arrive as text.
ODD = """<b>&"odd"'</b><script>alert(1)</script>"""


def write_run(root: Path) -> synthetic.Tree:
    """Writes tables and figures below `root`, which must be the working directory."""
    tree = synthetic.Tree(Path())
    synthetic.write_tree(tree)
    collect_scores(
        paths_to_metrics=tree.metrics(),
        paths_to_majority=tree.majority(),
        path_to_scores=TABLES / "scores.csv",
        reported_metrics=tree.tasks,
    )
    summarize(
        path_to_scores=TABLES / "scores.csv",
        paths_to_published=PUBLISHED,
        path_to_summary=TABLES / "summary.csv",
        path_to_printed=TABLES / "summary.md",
        path_to_latex=TABLES / "summary.tex",
        path_to_caption=WORKFLOW / "report/summary.rst",
        layout=tree.layout,
    )
    for method in tree.methods:
        compare_with_good(tree, method)
    overlaps = [of_method(tree, method) / "overlap.csv" for method in tree.methods]
    gather_tables(paths_to_tables=overlaps, path_to_table=TABLES / "overlap.csv", name="overlap")
    files.write_csv(TABLES / "differences.csv", differences(tree), list(DIFFERENCE_SCHEMA))
    files.write_csv(TABLES / "trainability.csv", trainability(tree), list(TRAINED_SCHEMA))
    files.write_csv(TABLES / "pattern_association.csv", associations(tree), list(ASSOCIATIONS))
    files.write_csv(TABLES / "claims.csv", claims(tree), list(CLAIM_SCHEMA))
    for method in tree.methods:
        draw(tree, method)
    return tree


def of_method(tree: synthetic.Tree, method: str) -> Path:
    return TABLES / tree.model / method


def note(tree: synthetic.Tree, method: str) -> Path:
    return of_method(tree, method) / "overlap_note.rst"


def compare_with_good(tree: synthetic.Tree, method: str) -> None:
    """The table and the note of a method's controls."""
    pairs = [
        (
            tree.mask(task, seed, method, control),
            tree.mask(task, seed, method, reference_of(control)),
        )
        for task, seed in product(tree.tasks, tree.seeds)
        for control in tree.methods[method]["subnetworks"]
        if reference_of(control)
    ]
    compare_controls(
        paths_to_controls=[control for control, _ in pairs],
        paths_to_references=[reference for _, reference in pairs],
        path_to_config=tree.path_to_config,
        path_to_overlap=of_method(tree, method) / "overlap.csv",
        path_to_note=note(tree, method),
    )


KINDS = ("svg", "png", "pdf", "rst")


def draw(tree: synthetic.Tree, method: str) -> None:
    """A figure with its record, and one that no section names."""
    folder = Path("results/figures") / tree.model / method
    plot_scores(
        path_to_scores=TABLES / "scores.csv",
        paths_to_published=PUBLISHED,
        paths_to_figure=[folder / f"scores.{kind}" for kind in KINDS],
        model=tree.model,
        method=method,
        layout=tree.layout,
    )
    inputs = {"scores": [TABLES / "scores.csv"], "note": [note(tree, method)]}
    outputs = {"figure": [folder / f"scores.{kind}" for kind in KINDS]}
    where = {"model": tree.model, "method": method}
    write_record(folder / "scores", "plot_scores", inputs, outputs, wildcards=where)
    (folder / "the_same.svg").write_text(SQUARE.format(method="any"))
    (folder / "never_heard_of.svg").write_text(SQUARE.format(method=method))


SQUARE = """<svg xmlns="http://www.w3.org/2000/svg" width="360pt" height="90pt">
<!-- {method} --><rect width="90" height="50" fill="teal"/></svg>
"""


def write_record(
    place: Path, step: str, inputs: dict, outputs: dict, **changes: Any
) -> dict[str, Any]:
    """Writes the provenance record of a job to `<place>.provenance.json`."""
    name = step if "wildcards" not in changes else "/".join((step, *changes["wildcards"].values()))
    digests = [
        {key: {str(path): "0" for path in paths} for key, paths in named.items()}
        for named in (inputs, outputs)
    ]
    record = {
        "step": step,
        "rule": step,
        "log": f"results/logs/{name}.log",
        "wildcards": {},
        "params": {"settings": {}, "step": f"{step} 1"},
        "inputs": digests[0],
        "outputs": digests[1],
        "versions": {"python": "3.12.1", "torch": "2.13.0"},
        "platform": "Linux",
        "device": "cpu",
        "started": "2020-01-01T00:00:00+00:00",
    } | changes
    files.write_json(place.with_name(f"{place.name}.provenance.json"), record)
    return record


def differences(tree: synthetic.Tree) -> list[dict[str, Any]]:
    """Averages over tasks, and rows of single tasks that the page passes over."""
    rows = []
    for number, (method, phase) in enumerate(product(tree.methods, ("pruned", "retrained"))):
        for task in ("average", "cola"):
            cell = {"model": tree.model, "method": method, "split": "validation", "phase": phase}
            cell |= {"first": "good", "second": "bad", "task": task, "n_seeds": 5}
            value = 0.1 + 0.01 * number + (task == "cola")
            cell |= {"difference": value, "low": value - 0.05, "high": value + 0.05, "p": 0.01}
            if phase == "pruned":
                cell |= {"n_collapsed": 2, "difference_with_collapsed": 0.0777}
            cell |= {"p_examples": 0.00004, "smallest_p_examples": 0.0001}
            rows.append(cell)
    return rows


def trainability(tree: synthetic.Tree) -> list[dict[str, Any]]:
    """Rows of summary.csv on retrained bad subnetworks, and a system that a user scored."""
    wanted = {("majority", "none"): "majority", ("bad", "retrained"): "bad"}
    rows = [
        {"system": wanted[row["subnetwork"], row["phase"]], "name": ""}
        | {name: row[name] for name in NUMBERS}
        for row in files.read_csv(TABLES / "summary.csv")
        if (row["subnetwork"], row["phase"]) in wanted and row["split"] == "validation"
    ]
    given = dict.fromkeys(NUMBERS) | {"split": "validation", "model": "none", "method": "none"}
    return [
        *rows,
        *(
            given | {"system": "given", "name": ODD, "task": task, "mean": 0.123}
            for task in tree.tasks
        ),
    ]


def associations(tree: synthetic.Tree) -> list[dict[str, Any]]:
    """An average over tasks, and rows that the page passes over."""
    rows = []
    for task, weights in product(("average", "cola"), ("fine_tuned", "pretrained")):
        for attention, score in product(("raw", "normed"), ("heterogeneous", "vertical")):
            cell = {"model": tree.model, "method": "structured", "task": task, "weights": weights}
            shown = (task, weights) == ("average", "fine_tuned")
            value = 0.25 if shown else 0.99
            cell |= {"attention": attention, "score": score, "correlation": value}
            rows.append(cell | {"within": -value, "p_holm": 0.02})
    return rows


def claims(tree: synthetic.Tree) -> list[dict[str, Any]]:
    """The abstract's claims and others, between them every verdict, judged for each method."""
    rows = []
    for (claim, (statement, quantity)), method in product(STATEMENTS.items(), tree.methods):
        verdict = verdict_of(claim, method)
        row = {"claim": claim, "model": tree.model, "method": method, "split": "validation"}
        row |= {
            "statement": statement,
            "verdict": verdict,
            "published": f"paper's words on {claim}",
        }
        if verdict in SILENT:
            rows.append(row | {"reason": f"Reason of {claim}."})
            continue
        number = 0.01 * len(rows) + 0.0123
        row |= {"estimate": -number, "low": -0.2, "high": 0.2, "p": 0.031, "p_holm": 0.062}
        row |= {"quantity": quantity, "effect": f"good is {number:.3f} below {claim}"}
        row |= {"test": "95 % interval above -0.1", "details": "One: 0.1. Two: 0.2."}
        row |= {"published_value": 0.8765, "published_note": "second-hand"}
        row |= {"n_tasks": 8, "n_seeds": 5, "n_runs": 40, "n_collapsed": 3}
        row |= {"collapsed_low": 0.02, "collapsed_high": 0.2, "judged": "good half"}
        row |= {"direction": "against" if verdict == "undecided" else "supports"}
        row |= {"incomplete": "rests on 40 of 45 runs"} if claim == "C6" else {}
        rows.append(row)
    return rows


STATEMENTS = {
    "A1": ("Good, pruned and retrained, is comparable with full.", "full - good, retrained"),
    "A2": ("Good is better than random and bad, pruned.", "good - bad, pruned"),
    "A3": ("Bad, retrained, is above majority & <control>.", "bad - majority, retrained"),
    "A4": ("Good masks are unstable over seeds.", "kappa of head masks"),
    "A5": ("Survival is not explained by attention patterns.", "correlation"),
    "C1": ("Found subnetworks keep nine tenths.", "found - 0.9 x full, pruned"),
    "C2": ("Good of magnitude equals full.", "full - good, retrained"),
    "C6": ("Random does about as well as good.", "good - random, retrained"),
    "C7": ("Bad loses only 15 points.", "full - bad, retrained"),
}


def verdict_of(claim: str, method: str) -> str:
    """Verdicts of the made-up claims: two methods differ in some."""
    odd = {
        ("A1", "magnitude"): "contradicted",
        ("A2", "magnitude"): "undecided",
        ("C2", "structured"): "not applicable",
        ("C7", "magnitude"): "not applicable",
    }
    usual = {"A2": "supported", "A5": "not run", "C1": "true by construction", "C6": "undecided"}
    return odd.get((claim, method), usual.get(claim, "supported"))


def facts(tree: synthetic.Tree) -> dict[str, Any]:
    """The params of the rule, with odd text wherever a user may have put some."""
    return {
        "layout": tree.layout,
        "models": [
            {
                "id": tree.model,
                "kind": "hub",
                "source": ODD,
                "revision": "abc123",
                "weights": "pretrained",
            }
        ],
        "tasks": [
            {
                "id": task,
                "source": ODD,
                "revision": "",
                "metric": metric,
                "in_average": task != "wnli",
                "evaluate_with": "",
                "generated": False,
            }
            for task, metric in tree.tasks.items()
        ],
        "methods": [
            {
                "id": name,
                "algorithm": method["algorithm"],
                "preset": method["preset"],
                "search_on": "validation",
                "options": {"units": "heads"} if name == "structured" else {},
                "models": [tree.model],
                "tasks": list(tree.tasks),
                "subnetworks": method["subnetworks"],
            }
            for name, method in tree.methods.items()
        ],
        "seeds": list(tree.seeds),
        "counts": {"finetuned": 45, "searched": 90, "retrained": 405, "evaluated": 855},
        "jobs_share_gpus": False,
        "config": {"tasks": {ODD: {"label": ODD}}},
    }


def write_page(tree: synthetic.Tree, **changes: Any) -> str:
    """Runs the step in the working directory; gives the page."""
    figures = sorted(Path("results/figures").rglob("*.svg"))
    tables = ("summary", "overlap", "claims", "differences", "trainability")
    tables += ("pattern_association",)
    keywords = {
        "paths_to_tables": [TABLES / f"{name}.csv" for name in tables],
        "paths_to_figures": figures,
        "paths_to_captions": sorted((WORKFLOW / "report").glob("*.rst")),
        "path_to_runtimes": WORKFLOW / "resources/paper/runtimes.csv",
        "paths_to_templates": sorted((WORKFLOW / "report/page").iterdir()),
        "path_to_report": Path("results/report.html"),
        "path_to_answers": TABLES / "answers.txt",
        "path_to_printed": TABLES / "as-shown",
    }
    write_report(**(keywords | facts(tree) | changes))
    return Path("results/report.html").read_text(encoding="utf-8")
