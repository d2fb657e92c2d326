"""Code of a stage has not changed unless somebody decided what that means for its results."""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import pytest

import stage_digests
from lottery.pruning.algorithms import algorithm_names
from lottery.runtime import stages
from stage_digests import SCRIPTS, Library, changes, describe, read_record

WHAT_TO_DO = (
    "The code of these stages has changed since it was last decided about:\n{}\n"
    "Does it change what a stage writes? Then raise VERSION in workflow/scripts/lottery/steps/"
    "<stage>.py (for search:<algorithm> `version` in lottery/pruning/algorithms/<algorithm>.py), "
    "and every study runs it again. Otherwise leave the version. In both cases record "
    "the decision:\n"
    "    python tests/stage_digests.py"
)


@cache
def library() -> Library:
    return Library.in_folder()


def test_no_stage_has_changed_without_a_decision() -> None:
    changed = describe(read_record(), library())
    assert not changed, WHAT_TO_DO.format("\n".join(f"  {line}" for line in changed))


def test_every_step_and_every_search_is_a_stage() -> None:
    now = library().stages()
    steps = {name: stages.stage(name) for name in stages.step_names()}
    assert {stage: f"{stage} {now[stage].split()[0]}" for stage in steps} == steps
    assert now.keys() - steps.keys() == {f"search:{name}" for name in algorithm_names()}


def test_a_stage_reaches_what_it_computes_with() -> None:
    reached = {stage: library().symbols(stage).keys() for stage in library().stages()}
    assert "lottery.training.optimizer.AdamW" in reached["finetune"] & reached["retrain"]
    assert "lottery.training.optimizer.AdamW" not in reached["plot_scores"]
    assert "lottery.models.families.FAMILIES" in reached["finetune"]
    for stage, symbols in reached.items():
        functions = {
            f"lottery.pruning.algorithms.{a}.{f}"
            for a in algorithm_names()
            for f in ("search", "sample")
        }
        assert bool(functions & symbols) == stage.startswith("search:"), stage


# Edits of a copy of the library.

Edit = Callable[[str], str]


@pytest.fixture
def edited(tmp_path: Path) -> Callable[..., list[str]]:
    """A function that edits modules of a copy of the library and gives the stages asked about."""

    def edit(edits: Mapping[str, Edit]) -> list[str]:
        for path in (SCRIPTS / "lottery").rglob("*.py"):
            name = path.relative_to(SCRIPTS).as_posix()
            copy = tmp_path / name
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_text(edits.get(name, edits.get("*", str))(path.read_text("utf-8")), "utf-8")
        return changes(library().stages(), Library.in_folder(tmp_path).stages())

    return edit


def with_statement(*names: str) -> Edit:
    """Adds a statement that does nothing to functions and methods of a module."""

    def edit(code: str) -> str:
        tree = ast.parse(code)
        found = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.FunctionDef) and node.name in names
        ]
        assert {node.name for node in found} == {*names}
        for node in found:
            node.body.append(ast.Expr(ast.Constant(0)))
        return ast.unparse(tree)

    return edit


def replaced(old: str, new: str) -> Edit:
    def edit(code: str) -> str:
        assert old in code
        return code.replace(old, new)

    return edit


def test_an_edited_function_asks_about_the_stages_that_use_it(edited) -> None:
    """fetch_config and tokenize import the same module of the library, `lottery.files`."""
    asked = edited({"lottery/files/parquet.py": with_statement("write_parquet")})
    assert {"tokenize", "evaluate", "fetch_task"} & {*asked} == {"evaluate", "fetch_task"}
    assert not {"fetch_config", "finetune", "search", "plot_scores"} & {*asked}


def test_of_two_functions_of_one_module_each_asks_about_its_own_users(edited) -> None:
    asked = edited({"lottery/evaluation/scoring.py": with_statement("read_logits")})
    assert "evaluate" in asked and not {"finetune", "evaluate_pruned"} & {*asked}
    asked = edited({"lottery/evaluation/scoring.py": with_statement("write_logits")})
    assert {"finetune", "evaluate_pruned", "retrain"} <= {*asked} and "majority" not in asked


def test_a_method_counts_with_its_class(edited) -> None:
    asked = edited({"lottery/training/optimizer.py": with_statement("step")})
    assert {"finetune", "retrain"} <= {*asked} and "evaluate" not in asked


def test_a_constant_asks_about_the_stages_that_use_it(edited) -> None:
    asked = edited(
        {"lottery/training/history.py": replaced("HISTORY_COLUMNS = ", "HISTORY_COLUMNS = 2 * ")}
    )
    assert "finetune" in asked and not {"evaluate", "search", "collect_scores"} & {*asked}


def test_a_family_more_asks_about_every_stage_that_reads_the_table(edited) -> None:
    asked = edited(
        {
            "lottery/models/families/__init__.py": replaced(
                "for family in (BERT, ERNIE,", "for family in (BERT, ERNIE, BERT,"
            )
        }
    )
    reading = {
        stage
        for stage in library().stages()
        if "lottery.models.families.FAMILIES" in library().symbols(stage)
    }
    assert {*asked} == reading and {"finetune", "fetch_model"} <= reading


@pytest.mark.parametrize("name", ["magnitude", "structured"])
def test_an_edited_search_asks_about_that_search_only(name: str, edited) -> None:
    asked = edited({f"lottery/pruning/algorithms/{name}.py": with_statement("search")})
    assert asked == [f"search:{name}"]


def test_an_edited_control_asks_about_the_algorithms_that_draw_it(edited) -> None:
    asked = edited({"lottery/pruning/algorithms/structured.py": with_statement("sample")})
    assert asked == ["search:imported", "search:structured"]


def test_what_runs_a_job_asks_about_nothing(edited) -> None:
    assert not edited({"lottery/runtime/job.py": with_statement("run", "keywords_of")})
    assert not edited({"lottery/pruning/algorithms/__init__.py": with_statement("algorithm")})


def test_words_layout_and_annotations_change_nothing(edited) -> None:
    def other_words(code: str) -> str:
        tree = ast.parse(code)
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                node.returns = ast.Name("Other")
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
                node.value.value = "Other words."
        return ast.unparse(tree)  # without comments

    assert not edited({"*": other_words})


def test_a_raised_version_has_to_be_recorded(edited) -> None:
    version = int(stages.stage("finetune").split()[1])
    raised = replaced(f"VERSION = {version}", f"VERSION = {version + 1}")
    assert edited({"lottery/steps/finetune.py": raised}) == ["finetune"]


# What a definition uses, shown by libraries of a few lines.

BASE = {
    "lottery": "",
    "lottery.steps": "",
    "lottery.tools": "import math\nfrom math import floor\n\nUNUSED = 1\n\ndef unused(): pass\n",
}


def asked(before: str, after: str, using: str, **modules: str) -> list[str]:
    """Whether an edit of `lottery.tools` asks about steps `a`, which uses it, and `b`."""
    a = f"VERSION = 1\n{using}\n"
    b = "from lottery import tools\nVERSION = 1\ndef b(): return tools.UNUSED\n"
    others = {f"lottery.{name}": code for name, code in modules.items()}
    steps = BASE | {"lottery.steps.a": a, "lottery.steps.b": b} | others
    stages_of = [
        Library(steps | {"lottery.tools": BASE["lottery.tools"] + code}).stages()
        for code in (before, after)
    ]
    return changes(*stages_of)


F = "def f(x):\n    return x + 1\n"
G = "def f(x):\n    return x + 2\n"


IMPORTED = "from lottery.tools import f\n"


@pytest.mark.parametrize(
    "using",
    [
        IMPORTED + "def a(): return f(1)",
        "from lottery.tools import f as g\ndef a(): return g(1)",
        "from lottery import tools\ndef a(): return tools.f(1)",
        "import lottery.tools\ndef a(): return lottery.tools.f(1)",
        "import lottery.tools as t\ndef a(): return t.f(1)",
        "def a():\n    from lottery.tools import f\n    return f(1)",
        "def a():\n    import lottery.tools\n    return lottery.tools.f(1)",
        "from lottery import tools\ndef a(name): return getattr(tools, name)(1)",
        IMPORTED + "def a(g=f): return g(1)",
        IMPORTED + "@f\ndef a(): return 1",
        IMPORTED + "TABLE = {'f': f}\ndef a(): return TABLE['f'](1)",
        IMPORTED + "TABLE = {}\nTABLE['f'] = f\ndef a(): return TABLE['f'](1)",
        IMPORTED + "TABLE = []\nTABLE.append(f)\ndef a(): return TABLE[0](1)",
        IMPORTED + "def g(): return f(1)\ndef a(): return [g() for _ in range(2)]",
        IMPORTED + "class C:\n    def m(self): return f(1)\ndef a(): return C().m()",
        IMPORTED + "class C:\n    x = f(1)\nclass D(C): pass\ndef a(): return D.x",
        "try:\n    " + IMPORTED + "except ImportError:\n    f = abs\ndef a(): return f(1)",
        "from lottery.others import f\ndef a(): return f(1)",
        "from lottery import others\ndef a(): return others.tools.f(1)",
    ],
)
def test_each_way_to_use_a_function_is_followed(using: str) -> None:
    others = "from lottery import tools\nfrom lottery.tools import f\n"
    assert asked(F, G, using, others=others) == ["a"]


@pytest.mark.parametrize(
    "using",
    [
        IMPORTED + "def a(): return 1",
        IMPORTED + "def a(f): return f(1)",
        IMPORTED + "def a():\n    f = 1\n    return [f for f in range(f)]",
        IMPORTED + "def a(x: f) -> f:\n    y: f = x\n    return y",
        "from lottery import tools\ndef a(x): return x.f(1)",
        IMPORTED + "class C:\n    x: f\ndef a(): return C()",
    ],
)
def test_what_is_no_use_of_a_function_is_not_followed(using: str) -> None:
    assert asked(F, G, using) == []


USES_F = IMPORTED + "def a(): return f(1)"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (F, '"""Words."""\n' + F.replace("x):", "x: int) -> int:  # adds")),
        (F, F.replace("x + 1", "(\n        x + 1\n    )")),
        (F, 'def f(x):\n    """Adds."""\n    return x + 1\n'),
        (F, F + "\n\ndef g(): return f(1)\n"),
        (F, "SPARE = 2\n" + F),
    ],
)
def test_an_edit_without_effect_on_a_function_asks_nothing(before: str, after: str) -> None:
    assert asked(before, after, USES_F) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (F, F.replace("+", "-")),
        (F, F.replace("(x)", "(x, y=2)")),
        (F, F + F.replace("1", "3")),
        ("N = 1\n" + F.replace("1", "N"), "N = 2\n" + F.replace("1", "N")),
        ("A, B = 1, 2\n" + F.replace("1", "B"), "A, B = 1, 3\n" + F.replace("1", "B")),
        (
            "from math import sin as s\ndef f(x): return s(x)\n",
            "from math import cos as s\ndef f(x): return s(x)\n",
        ),
        (
            "class C:\n    x: int = 1\ndef f(x): return C().x\n",
            "class C:\n    x: int = 1\n    y: int = 2\ndef f(x): return C().x\n",
        ),
        ("def f(x): return 'a'\n", "def f(x): return 'b'\n"),
    ],
)
def test_an_edit_of_what_a_function_does_asks_about_its_users(before: str, after: str) -> None:
    assert asked(before, after, USES_F) == ["a"]


def test_a_statement_that_runs_on_import_counts_for_all_of_its_module() -> None:
    assert asked(F, F + "math.tau += 1\n", USES_F) == []  # changes what no step uses
    assert asked(F, F + "print(1)\n", USES_F) == ["a", "b"]


def test_a_name_that_a_module_lacks_is_an_error() -> None:
    with pytest.raises(LookupError, match=r"lottery\.tools has no g, which lottery\.steps\.a uses"):
        asked(F, F, "from lottery.tools import g\ndef a(): return g(1)")


ALGORITHM = """
HELP = "words"
def search(context): return f(1)
ALGORITHM = Algorithm(name="x", version=4, summary=HELP, search=search, sample=None)
"""


@pytest.mark.parametrize(
    ("old", "new", "result"),
    [
        ("words", "other words", []),  # what else it says is in params, or asks for no run
        ("f(1)", "f(2)", ["search:x"]),
        ("version=4", "version=5", ["search:x"]),
        ("search=search", "search=lambda context: 3", ["search:x"]),
    ],
)
def test_of_a_declaration_the_functions_and_the_version_count(
    old: str, new: str, result: list[str]
) -> None:
    before, after = (
        Library(
            BASE
            | {
                "lottery.tools": F,
                "lottery.pruning.algorithms": "",
                "lottery.pruning.algorithms.x": code,
            }
        )
        for code in (IMPORTED + ALGORITHM, IMPORTED + ALGORITHM.replace(old, new))
    )
    assert before.stages()["search:x"].startswith("4 ")
    assert changes(before.stages(), after.stages()) == result


# The record.


def test_the_record_has_one_line_for_each_stage_and_is_read_as_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stage_digests, "RECORD", tmp_path / "stages.json")
    assert read_record() == {}
    now = library().stages()
    stage_digests.write_record(now)
    assert read_record() == now
    assert len(stage_digests.RECORD.read_text().splitlines()) == len(now) + 2


def test_a_change_names_the_stage_what_became_of_its_version_and_what_differs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    modules = BASE | {"lottery.steps.a": f"VERSION = 1\n{USES_F}\n"}
    before, after = (Library(modules | {"lottery.tools": code}) for code in (F, G))
    raised = Library(modules | {"lottery.tools": G, "lottery.steps.a": f"VERSION = 2\n{USES_F}\n"})
    record = before.stages()
    monkeypatch.setattr(Library, "at_record", classmethod(lambda cls: before))
    assert describe(record, before) == []
    assert describe(record, after) == ["a: version 1 kept (tools.f)"]
    assert describe(record, raised) == ["a: version 1 -> 2, runs again (tools.f)"]
    assert describe({}, after) == ["a: new"]
    # Not what was recorded, or no git: what differs is unknown.
    assert describe({"a": "1 000000000000"}, after) == ["a: version 1 kept"]
    monkeypatch.setattr(Library, "at_record", classmethod(lambda cls: None))
    assert describe(record, after) == ["a: version 1 kept"]
