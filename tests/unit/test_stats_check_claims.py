"""claims.csv, from files to file."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_reader import tables_of
from synthetic_claims import METHODS, PAPER, PUBLISHED, World, facts, layout_params
from synthetic_runs import MODEL, Score, write_scores

from lottery import files
from lottery.files.errors import StudyError
from lottery.statistics import differences
from lottery.statistics.claims.check import SCHEMA
from lottery.statistics.claims.evidence import BASELINES, TABLES
from lottery.statistics.claims.table import CLAIMS
from lottery.steps.check_claims import check_claims

DATA_SET = "mrpc"  # the last task, since data sets come after tasks without folds
FOLDS = ("mrpc_fold1", "mrpc_fold2")


def write_tables(root: Path, world: World) -> dict[str, object]:
    """The tables of a world as files; gives the keywords of the step."""
    keywords: dict[str, object] = {}
    for name, rows in world.tables().items():
        path = root / f"{name}.csv"
        files.write_csv(path, rows, list(TABLES[name]))
        keywords[f"paths_to_{name}"] = [path]
    files.write_csv(root / "baselines.csv", world.baselines(), list(BASELINES))
    return keywords | {"baselines": str(root / "baselines.csv")}


def run_step(root: Path, world: World, **keywords: object) -> list[dict[str, str]]:
    write_scores(root / "scores.csv", world.scores())
    pooled = {"model": MODEL, "method": "magnitude", "split": "validation", "phase": "retrained"}
    pooled |= {"first": "full", "second": "good", "task": "average"}
    rows = [*world.differences(), pooled | {"p_examples": 0.012}]
    files.write_csv(root / "differences.csv", rows, list(differences.SCHEMA))
    known = ("granularity", "units", "importance", "imported", "controls", "search", "untrained")
    check_claims(
        path_to_scores=root / "scores.csv",
        path_to_differences=root / "differences.csv",
        paths_to_published=PUBLISHED,
        path_to_paper=PAPER / "claims.csv",
        path_to_claims=root / "claims.csv",
        path_to_printed=root / "claims.md",
        path_to_latex=root / "claims.tex",
        path_to_caption=PAPER.parents[1] / "report/claims.rst",
        facts={
            method: {key: getattr(facts(method, names), key) for key in known} | {"models": [MODEL]}
            for method, names in world.methods.items()
        },
        layout=layout_params(world),
        n_seeds=len(world.seeds),
        left_out={},
        **keywords,
    )
    return files.read_csv(root / "claims.csv")


def test_the_step_writes_the_table(tmp_path):
    rows = run_step(tmp_path, World(), **write_tables(tmp_path, World()))
    assert list(rows[0]) == list(SCHEMA)
    assert len(rows) == len(CLAIMS) * len(METHODS)
    words = {row["verdict"] for row in rows}
    assert words == {"supported", "true by construction", "not applicable"}
    (row,) = (row for row in rows if (row["claim"], row["method"]) == ("C2", "magnitude"))
    assert row["p_examples"] == "0.012"
    # Both tables are of the same verdicts.
    printed = tables_of((tmp_path / "claims.md").read_text(encoding="utf-8"))
    verdicts = {
        (method, claim): cells[-1]
        for title, table in printed.items()
        for method in [title.split(", ")[1]]
        for claim, cells in table.items()
    }
    judged = {(row["method"], row["claim"]): row["verdict"] for row in rows if row["estimate"]}
    assert verdicts == judged


def test_other_analyses_are_optional(tmp_path):
    rows = run_step(tmp_path, World())
    verdict = {(row["claim"], row["method"]): row["verdict"] for row in rows}
    for claim in ("A4", "A5", "C10", "C11", "C12", "C13", "C14"):
        assert verdict[claim, "structured"] == "not run"
    assert verdict["C6", "structured"] == "supported"


class Folded(World):
    """The same numbers, where one of the tasks is a data set of two folds that are alike."""

    def scores(self) -> list[Score]:
        found = []
        for each in super().scores():
            halves = replace(each, n_examples=each.n_examples // 2)
            folds = [replace(halves, task=fold) for fold in FOLDS]
            found += folds if each.task == DATA_SET else [each]
        return found

    def tables(self) -> dict[str, list[dict[str, object]]]:
        def folded(row: dict[str, object]) -> list[dict[str, object]]:
            # What the second fold says of masks does not count.
            other = {"value": 0.9, "p": 0.9, "kept": 1, "shared": 1}
            wrong = {name: number for name, number in other.items() if name in row}
            return [row | {"task": FOLDS[0]}, row | {"task": FOLDS[1]} | wrong]

        return {
            name: [
                each
                for row in rows
                for each in (folded(row) if row.get("task") == DATA_SET else [row])
            ]
            for name, rows in super().tables().items()
        }


def test_a_data_set_with_folds_is_judged_as_one_task(tmp_path, monkeypatch):
    plain = run_step(tmp_path, World(), **write_tables(tmp_path, World()))
    params = layout_params(World())
    tasks = {}
    for task, facts_of in params["tasks"].items():
        folds = {fold: facts_of | {"fold_of": DATA_SET, "published": None} for fold in FOLDS}
        tasks |= folds if task == DATA_SET else {task: facts_of}
    monkeypatch.setattr(sys.modules[__name__], "layout_params", lambda _: params | {"tasks": tasks})
    folded = run_step(tmp_path, Folded(), **write_tables(tmp_path, Folded()))
    assert [row["n_tasks"] for row in folded] == [row["n_tasks"] for row in plain]
    for one, other in zip(folded, plain, strict=True):
        assert {k: near(v) for k, v in one.items()} == {k: near(v) for k, v in other.items()}


def near(text: str) -> object:
    """A field of a table, without the last digits of a number."""
    try:
        return round(float(text), 9)
    except ValueError:
        return text


def test_a_table_without_a_column_is_refused(tmp_path):
    path = tmp_path / "stability.csv"
    files.write_csv(path, [{"model": "m"}], ["model"])
    with pytest.raises(StudyError, match=r"stability.csv lacks the column method"):
        run_step(tmp_path, World(), paths_to_stability=[path])
