"""Algorithms are declared: schema, params and claims follow from it, whatever the name and file."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from small_study import ROOT, SMALL, study
from tiny import tiny_model, tiny_tokens

from lottery.config.options import options_page
from lottery.config.reference import config_page
from lottery.config.schema import schema
from lottery.config.study import Study
from lottery.evaluation.predict import predict
from lottery.evaluation.scoring import decide
from lottery.files.errors import StudyError
from lottery.models.checkpoints import save_model
from lottery.planning import grid, params
from lottery.pruning import masks
from lottery.pruning.algorithms import algorithm, algorithm_names, built_in, plugins, register
from lottery.pruning.algorithms.declaration import METHOD_KEYS, problem
from lottery.pruning.algorithms.search import SearchContext
from lottery.pruning.gradients import mean_gradients
from lottery.tasks import metrics

EXAMPLES = ROOT / "docs" / "examples"
# Every built-in algorithm under another name, as a user would write it.
RENAMED = """
from dataclasses import replace
from lottery.pruning.algorithms import algorithm
S = replace(algorithm("structured"), name="zzz")
M = replace(algorithm("magnitude"), name="aaa")
I = replace(algorithm("imported"), name="mmm")
"""
NAMES = {"structured": "zzz", "magnitude": "aaa", "imported": "mmm"}
MINIMAL = """
from lottery.pruning.algorithms import Algorithm, Choice, Integer, Number, Option, Switch, UnitKinds
from lottery.pruning.algorithms import EMPTIED_ATTENTION, SCORE_OPTIONS, THRESHOLD_OPTIONS
def search(context):
    return context.options["share"] / 0
def sample(kind, source, path, rng):
    return source
PARTS = dict(
    name="mine", summary="Mine.", granularity="weights", version=1, options=SCORE_OPTIONS,
    subnetworks={"published": ("good", "random"), "strict": ("good",)},
    default_subnetworks={"published": ("good",), "strict": ("good",)},
    sources={"random": "good"}, search=search, sample=sample,
)
"""


@pytest.fixture(autouse=True)
def no_plugins():
    yield
    register(())


def study_with(root: Path, source: str, methods: str, file: str = "mine.py") -> Study:
    (root / file).write_text(source)
    return study(f"plugins: [{file}]\nmethods: {{{methods}}}", root)


def declared_as(root: Path, changes: str) -> Study:
    """A study with the minimal algorithm, some fields changed."""
    source = f"{MINIMAL}\nALGORITHM = Algorithm(**(PARTS | dict({changes})))\n"
    return study_with(root, source, "x: {algorithm: mine}")


def test_every_algorithm_of_the_package_is_declared_as_it_should_be():
    assert not any(problem(each) for each in built_in())
    assert all(not set(each.options) & set(METHOD_KEYS) for each in built_in())


# Another name, the same results.


METHODS = """
  p: {{algorithm: {structured}}}
  s: {{algorithm: {structured}, preset: strict, units: [head], subnetworks: [good, super_good]}}
  e: {{algorithm: {structured}, preset: strict, search_on: report_half}}
  m: {{algorithm: {magnitude}, models: [bert]}}
  n: {{algorithm: {magnitude}, preset: strict, step: 0.2}}
  i: {{algorithm: {imported}, masks: masks.npz, only_tasks: [rte]}}
"""
TOP = f"""
models:
  small: {{source: embedded}}
  bert: {{source: google-bert/bert-base-uncased, revision: {"a" * 40}}}
tasks: {{rte: {{}}, cola: {{}}}}
"""


def under_names(root: Path, names: dict[str, str], extra: str = "") -> Study:
    (root / "masks.npz").touch()
    return study(f"{TOP}{extra}methods:{METHODS.format(**names)}", root)


def derived(made: Study) -> dict[str, object]:
    """All that depends on what the algorithms declare, names and plugins left out."""
    methods = list(made.methods)
    searched = [name for name in methods if not made.methods[name].declared.imported]
    searches = [params.search_params(made, name, "rte") for name in searched]
    claims = params.claim_params(made)
    return {
        "layout": params.layout_params(made),
        "searches": [{k: v for k, v in each.items() if k not in ("algorithm", "plugin")}
                     for each in searches],
        "survival": [params.survival_params(made, "bert", name) for name in methods],
        "claims": claims,
        "comparison": [params.comparison_params(made, "bert", name) for name in methods],
        "published": [params.published_tasks(made, "bert", name) for name in methods],
        "families": params.families(made),
        "patterns": [params.has_patterns(made.methods[name]) for name in methods],
        "importance": params.importance_params(made, "bert", "p"),
        "imported": params.import_params(made, "i", "rte"),
        "subnetworks": [made.methods[name].subnetworks for name in methods],
        "super": [grid.super_masks(made.methods[name]) for name in methods],
        "cells": grid.cells(made),
    }  # fmt: skip


def test_another_name_gives_the_same_study(tmp_path):
    (tmp_path / "renamed.py").write_text(RENAMED)
    plain = derived(under_names(tmp_path, {name: name for name in NAMES}))
    entries = {name: schema()["$defs"]["algorithms"][name] for name in NAMES}
    renamed = derived(under_names(tmp_path, NAMES, "plugins: [renamed.py]\n"))
    assert renamed == plain
    for name, other in NAMES.items():
        assert schema()["$defs"]["algorithms"][other] == entries[name]
    assert plain["layout"]["methods"]["p"]["published"] == "structured"
    assert plain["layout"]["methods"]["s"]["published"] is None


def test_the_claims_facts_follow_from_the_declaration(tmp_path):
    facts = params.claim_params(under_names(tmp_path, {n: n for n in NAMES}))["facts"]
    assert [facts[name]["granularity"] for name in "psmni"] == [
        "units", "units", "weights", "weights", "units",
    ]  # fmt: skip
    assert [facts[name]["units"] for name in "psm"] == [["head", "mlp"], ["head"], []]
    assert facts["i"]["search"] == {} and facts["i"]["imported"]
    assert facts["p"]["search"] == facts["m"]["search"]


def context_of(name: str, preset: str, **changes: object) -> SearchContext:
    model, tokens = tiny_model(), tiny_tokens(40)
    truth = decide(predict(model, tokens, 16))
    options = {key: each.preset(preset) for key, each in algorithm(name).options.items()}
    return SearchContext(
        model,
        tokens,
        options | changes,
        lambda logits: metrics.score("accuracy", truth, decide(logits)),
        lambda score: None if score is None else 0.9 * score,
    )


def arrays_of(mask):
    return mask.parameters if isinstance(mask, masks.WeightMask) else vars(mask)


@pytest.mark.parametrize("name", ["structured", "magnitude"])
def test_another_name_gives_the_same_masks(name, tmp_path):
    (tmp_path / "renamed.py").write_text(RENAMED)
    study(f"plugins: [renamed.py]\nmethods: {{x: {{algorithm: {NAMES[name]}}}}}", tmp_path)
    ours, theirs = (
        algorithm(each).search(context_of(each, "strict")) for each in (name, NAMES[name])
    )
    assert ours.masks.keys() == theirs.masks.keys()
    for each, mask in ours.masks.items():
        np.testing.assert_equal(arrays_of(mask), arrays_of(theirs.masks[each]))
    assert ours.trajectory == theirs.trajectory


# What comes from a declaration.


def test_the_page_of_options_is_the_generators():
    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    hint = "PYTHONPATH=workflow/scripts python -m lottery.config.options > docs/options.md"
    assert page == options_page(), hint


def test_the_page_of_the_config_is_the_generators():
    page = (ROOT / "docs" / "config.md").read_text(encoding="utf-8")
    hint = "PYTHONPATH=workflow/scripts python -m lottery.config.reference > docs/config.md"
    assert page == config_page(), hint


def test_the_example_of_the_docs_is_the_file_that_is_tested():
    example = (EXAMPLES / "layerwise_magnitude.py").read_text(encoding="utf-8")
    assert f"```python\n{example}```" in (ROOT / "docs" / "extending.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("written", "kinds"),
    [
        ("both", ["head", "mlp"]),
        ("[mlp, head]", ["head", "mlp"]),
        ("heads", ["head"]),
        ("[mlp]", ["mlp"]),
    ],
)
def test_units_are_a_list_of_kinds_or_a_word(written, kinds):
    made = study(f"methods: {{x: {{algorithm: structured, units: {written}}}}}")
    assert made.methods["x"].options["units"] == kinds


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("neurons", ["x.units is 'neurons'", "both, heads and mlps, or a list of head, mlp"]),
        (
            "[head, neurons]",
            [
                "x.units[1] is 'neurons'",
                "did you mean neuron?",
                "allowed are head, mlp, neuron and layer",
            ],
        ),
        ("[]", ["x.units is empty"]),
        ("[head, head]", ["x.units holds 'head' more than once"]),
        ("3", ["x.units is 3"]),
    ],
)
def test_other_units_are_refused(written, words):
    with pytest.raises(StudyError) as refusal:
        study(f"methods: {{x: {{algorithm: structured, units: {written}}}}}")
    assert all(word in str(refusal.value) for word in words), refusal.value


def test_an_option_of_a_plugin_is_checked_like_any_other(tmp_path):
    source = MINIMAL + (
        "OPTIONS = SCORE_OPTIONS | {'share': Option(0.5, 0.25, Number(above=0, below=1), 'S.')}\n"
        "A = Algorithm(**(PARTS | {'options': OPTIONS}))\n"
    )
    made = study_with(tmp_path, source, "x: {algorithm: mine, preset: strict}")
    assert made.methods["x"].options["share"] == 0.25
    entry = schema()["$defs"]["algorithms"]["mine"]["properties"]["share"]
    assert entry["description"] == "S. published: 0.5; strict: 0.25."
    assert "`share` | number, above 0, below 1 | 0.5 | 0.25 | S." in options_page(
        [algorithm("mine")]
    )
    for wrong, words in {
        "share: 2": "share is 2; it must be greater than 0 and less than 1",
        "shar: 1": "'shar' (did you mean share?)",
        "units: both": "x.units is an option of structured but not of mine",
        "subnetworks: [good_half]": "names good_half, which mine does not make",
    }.items():
        with pytest.raises(StudyError) as refusal:
            study_with(tmp_path, source, f"x: {{algorithm: mine, {wrong}}}")
        assert words in str(refusal.value)


# Files of users.


def test_a_plugin_names_its_file_and_digest(tmp_path, capsys):
    made = declared_as(tmp_path, "")
    digest = hashlib.sha256((tmp_path / "mine.py").read_bytes()).hexdigest()
    assert [vars(each) for each in made.plugins] == [{"file": "mine.py", "sha256": digest}]
    plugins.announce(made.plugins)
    assert capsys.readouterr().err == f"plugin mine.py (sha256 {digest})\n"
    plugin = {"file": "mine.py", "sha256": digest}
    assert params.search_params(made, "x", "rte")["plugin"] == plugin
    assert params.sample_params(made, "x") == {"version": 1, "plugin": plugin}
    assert algorithm_names()[-1] == "mine"
    plain = study()
    assert plain.plugins == () and "mine" not in algorithm_names()
    assert "plugin" not in params.search_params(plain, "s", "rte")
    assert params.sample_params(plain, "s") == {"version": algorithm("structured").version}


def test_an_edit_changes_the_params_of_its_own_methods_alone(tmp_path):
    methods = "x: {algorithm: mine}, s: {algorithm: structured}"
    source = f"{MINIMAL}\nALGORITHM = Algorithm(**PARTS)\n"
    made = [study_with(tmp_path, text, methods) for text in (source, f"{source}# edited\n")]
    ours, theirs = ([params.search_params(each, name, "rte") for each in made] for name in "xs")
    assert ours[0] != ours[1] and theirs[0] == theirs[1]


def test_an_edit_of_equal_size_and_time_is_seen(tmp_path):
    """Python itself would take its compiled file for current."""
    for version in (1, 2):
        declared_as(tmp_path, f"version={version}")
        os.utime(tmp_path / "mine.py", (1, 1))
        assert algorithm("mine").version == version
    assert not list(tmp_path.glob("**/*.pyc"))


def test_a_job_stops_if_the_file_is_another_than_planned(tmp_path, monkeypatch):
    made = declared_as(tmp_path, "")
    monkeypatch.chdir(tmp_path)
    assert plugins.planned("mine", 1, vars(made.plugins[0])).plugin == made.plugins[0]
    (tmp_path / "mine.py").write_text((tmp_path / "mine.py").read_text() + "\n")
    with pytest.raises(StudyError, match=r"mine\.py has changed since the run was planned"):
        plugins.planned("mine", 1, vars(made.plugins[0]))


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("x = (", ["mine.py, line 1 is no valid Python"]),
        ("x = 1\nimport no_such_module_here\n", ["mine.py, line 2: ModuleNotFoundError"]),
        ("def f():\n    return 1 / 0\n\nf()\n", ["mine.py, line 2: ZeroDivisionError"]),
        ("import sys\nsys.exit(3)\n", ["mine.py, line 2: SystemExit: 3"]),
        ("x = 1\n", ["mine.py declares no algorithm"]),
        (
            "from lottery.pruning.algorithms.structured import ALGORITHM\n",
            ["declares no algorithm"],
        ),
        ("def f():\n    import torch\n", ["declares no algorithm"]),
        ("import helper\n", ["mine.py, line 1 imports helper, a file next to it", "one file"]),
        ("def f():\n    from helper import x\n", ["mine.py, line 2 imports helper"]),
        ("from . import helper\n", ["line 1 imports ., a file next to it"]),
        ("import package.part\n", ["line 1 imports package.part, a file next to it"]),
    ],
)
def test_files_that_are_no_plugin(source, words, tmp_path):
    (tmp_path / "helper.py").touch()
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "part.py").touch()
    with pytest.raises(StudyError) as refusal:
        study_with(tmp_path, source, "x: {algorithm: mine}")
    assert all(word in str(refusal.value) for word in words), refusal.value
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ("name='structured'", "the name of an algorithm of the workflow itself"),
        ("name='My-Pruner'", "has name='My-Pruner'; it must be 1 to 64 lower-case letters"),
        ("name=3", "has name=3; it must be 1 to 64 lower-case letters"),
        ("summary=' '", "has summary=' '; it must be a sentence"),
        ("granularity='rows'", "has granularity='rows'; it must be units or weights"),
        ("version=0", "has version=0; it must be a whole number from 1"),
        ("paper='structured'", "has 'structured' as paper"),
        ("search=None", "has no search"),
        ("sample=None", "no function sample"),
        ("imported=True", "has a search, though its masks are imported"),
        ("units=('head',)", "single weights, so it must name no kind"),
        ("importance=True", "no importances"),
        ("granularity='units'", "names no kind; allowed are head, mlp"),
        ("granularity='units', units=('haed',)", "units=('haed',); it must be a tuple of"),
        ("granularity='units', units=('head',)", "lacks the option emptied_attention"),
        ("granularity='units', units='head'", "has units='head'; it must be a tuple of"),
        ("to_threshold=True", "lacks the option threshold"),
        ("prunes_to_half=True", "lacks the option halves"),
        ("options={}", "lacks the option search_on"),
        ("options=SCORE_OPTIONS | {'models': EMPTIED_ATTENTION}", "which is a key of every"),
        ("options=SCORE_OPTIONS | {'a b': EMPTIED_ATTENTION}", "option 'a b', whose name is no id"),
        ("options=SCORE_OPTIONS | {'a': 3}", "'a' among its options, which is no Option"),
        ("options=SCORE_OPTIONS | {'halves': EMPTIED_ATTENTION}", "redefines the option halves"),
        ("options=SCORE_OPTIONS | {'a': Option(2, 1, Number(below=2), 'A')}", "2 under published"),
        ("options=SCORE_OPTIONS | {'a': Option(1, None, Integer(), 'A')}", "one preset only"),
        ("subnetworks={'published': ('good',)}", "must be for each preset a tuple of some of"),
        ("default_subnetworks={}", "has default_subnetworks={}; it must be for each preset"),
        ("subnetworks=dict.fromkeys(('published', 'strict'), ('bad',))", "no subnetwork good"),
        ("subnetworks=dict.fromkeys(('published', 'strict'), ('god',))", "of some of"),
        ("subnetworks=dict.fromkeys(('published', 'strict'), ('good', 'bad'))", "which mask bad"),
        ("subnetworks=dict.fromkeys(('published', 'strict'), ('good', 'good_half'))", "halves"),
        ("subnetworks=dict.fromkeys(('published', 'strict'), ('good', 'super_bad'))", "of some of"),
        ("default_subnetworks=dict.fromkeys(('published', 'strict'), ('bad',))", "has bad in"),
        ("sources={'random': 'bad'}", "has sources={'random': 'bad'}; it must be a dict"),
        ("sources={'random': 'good', 'super_bad': 'good'}", "it must be a dict from some of"),
        ("options=[1]", "is not declared as it should be"),
    ],
)  # fmt: skip
def test_declarations_that_make_no_sense(changes, words, tmp_path):
    with pytest.raises(StudyError) as refusal:
        declared_as(tmp_path, changes)
    assert words in str(refusal.value), refusal.value
    assert str(refusal.value).startswith("The plugin mine.py: algorithm ")
    assert "\n" not in str(refusal.value) and str(refusal.value).endswith(".")


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("[nowhere.py]", "plugins names 'nowhere.py', which cannot be read (No such file"),
        ("[notes.txt]", "allowed are Python files"),
        ("mine.py", "plugins is the text 'mine.py'; it must be a list, as [mine.py]"),
        ("[3]", "plugins[0] is 3"),
        ("[mine.py, mine.py]", "plugins holds 'mine.py' more than once"),
        ("[mine.py, twin.py]", "has the name of an algorithm of mine.py"),
    ],
)
def test_what_plugins_may_name(value, words, tmp_path):
    for name in ("mine.py", "twin.py", "notes.txt"):
        (tmp_path / name).write_text(f"{MINIMAL}\nALGORITHM = Algorithm(**PARTS)\n")
    with pytest.raises(StudyError) as refusal:
        study(f"plugins: {value}", tmp_path)
    assert words in str(refusal.value), refusal.value


def test_an_error_in_a_job_names_the_line_of_the_plugin(tmp_path, caplog):
    declared_as(tmp_path, "")
    found = algorithm("mine")
    context = context_of("mine", "published", share=1)
    line = MINIMAL.splitlines().index('    return context.options["share"] / 0') + 1
    words = rf"^mine\.py, line {line}: ZeroDivisionError: division"
    with pytest.raises(StudyError, match=words), plugins.blaming(found):
        found.search(context)
    assert "Traceback" in caplog.text
    with pytest.raises(StudyError, match=r"^its own sentence$"), plugins.blaming(found):
        raise StudyError("its own sentence")
    # With what a plugin returned something else may fail, which has no line of the plugin.
    with pytest.raises(StudyError, match=r"^mine\.py: ValueError: no"), plugins.blaming(found):
        raise ValueError("no mask")
    # Of no plugin: a mistake of this package.
    with pytest.raises(ValueError, match="ours"), plugins.blaming(algorithm("structured")):
        raise ValueError("ours")


# Planning stays light.


def in_process(code: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow" / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or done.stderr[-2000:]


HEAVY = "[m for m in ('torch', 'transformers', 'datasets', 'pandas') if m in sys.modules]"


def test_declarations_and_planning_import_nothing_heavy(tmp_path):
    for name in ("layerwise_magnitude.py", "random_heads.py", "taylor_squared.py"):
        (tmp_path / name).write_text((EXAMPLES / name).read_text())
    config = yaml.safe_load(SMALL) | {
        "plugins": ["layerwise_magnitude.py", "random_heads.py", "taylor_squared.py"],
        "methods": {
            name: {"algorithm": name}
            for name in ("structured", "magnitude", "random_heads", "taylor_squared")
        },
    }
    code = f"""if True:
        import sys, pathlib
        from lottery.pruning.algorithms import declared
        from lottery.config import load_study
        from lottery.planning import grid, params
        made = load_study({config!r}, pathlib.Path("."))
        [params.search_params(made, name, "rte") for name in made.methods]
        params.claim_params(made), params.report_params(made, {{}}), grid.cells(made)
        print(len(declared()), {HEAVY})"""
    assert in_process(code, tmp_path) == "7 []"


@pytest.mark.parametrize(
    ("line", "module"),
    [
        ("import torch", "torch"),
        ("if x: from transformers import BertModel", "transformers"),
        ("from lottery.pruning.shrink import zero_weights", "torch"),
    ],
)
def test_a_heavy_import_while_the_file_is_read_is_refused(line, module, tmp_path):
    (tmp_path / "mine.py").write_text(f"x = 1\n{line}\n")
    code = """if True:
        import pathlib
        from lottery.pruning.algorithms import plugins
        from lottery.files.errors import StudyError
        try:
            plugins.load_all(["mine.py"], pathlib.Path("."))
        except StudyError as error:
            print(error)"""
    said = in_process(code, tmp_path)
    assert said.startswith(f"The plugin mine.py, line 2: RuntimeError: this imports {module}, ")


# The examples.


def load_example(name: str):
    plugins.load_all([f"{name}.py"], EXAMPLES)
    return algorithm(name)


def test_layerwise_magnitude_keeps_the_largest_of_each_parameter(tmp_path):
    declared = load_example("layerwise_magnitude")
    found = declared.search(context_of("layerwise_magnitude", "published", keep=0.3))
    weights = {name: w.detach().numpy() for name, w in tiny_model().checkpoint_parameters().items()}
    good = found.masks["good"]
    for name, kept in good.parameters.items():
        size = np.abs(weights[name])
        assert kept.sum() == round(0.3 * kept.size)
        assert size[kept].min() >= size[~kept].max()
    assert [step.kept_fraction for step in found.trajectory] == [1.0, good.kept / good.size]
    assert found.trajectory[0].score == 1.0  # the predictions are the labels
    save_model(tmp_path / "model.safetensors", tiny_model())
    for kind in ("random", "bad"):
        drawn = declared.sample(
            kind, good, tmp_path / "model.safetensors", np.random.default_rng(0)
        )
        for name, kept in drawn.parameters.items():
            assert kept.sum() == good.parameters[name].sum()
            if kind == "bad":
                assert np.abs(weights[name])[kept].max() <= np.abs(weights[name])[~kept].min()


def test_examples_can_be_planned_and_are_what_they_say(tmp_path):
    for name in ("layerwise_magnitude", "random_heads"):
        (tmp_path / f"{name}.py").write_text((EXAMPLES / f"{name}.py").read_text())
    made = study(
        "plugins: [layerwise_magnitude.py, random_heads.py]\n"
        "methods:\n"
        "  l: {algorithm: layerwise_magnitude}\n"
        "  r: {algorithm: random_heads}\n"
        "  t: {algorithm: random_heads, preset: strict}\n"
        "  m: {algorithm: magnitude}",
        tmp_path,
    )
    facts = params.claim_params(made)["facts"]
    assert (facts["l"]["granularity"], facts["l"]["search"]) == ("weights", {})
    assert (facts["r"]["granularity"], facts["r"]["units"]) == ("units", ["head"])
    # Sizes of heads alone and of the whole body are not compared.
    assert facts["r"]["search"] != facts["m"]["search"]
    # Controls are drawn from the good mask under either preset.
    assert facts["t"]["controls"] == "published"
    assert params.survival_params(made, "small", "l")["granularity"] == "weights"
    assert [params.has_patterns(made.methods[name]) for name in "lrm"] == [False, True, False]


@pytest.mark.parametrize("preset", ["published", "strict"])
def test_random_heads_removes_heads_until_the_score_falls(preset):
    declared = load_example("random_heads")
    found = declared.search(context_of("random_heads", preset))
    *accepted, last = found.trajectory
    assert all(step.accepted for step in accepted)
    assert not last.accepted or last.heads_kept == 0
    good = found.masks["good"]
    assert good.counts()["heads"] == (accepted[-1] if not last.accepted else last).heads_kept
    assert good.units["mlp"].all()
    assert [int(heads.sum()) for heads in found.path["heads"]] == [
        step.heads_kept for step in found.trajectory
    ]
    # Masks nest, a head at a time.
    assert all(np.all(later <= earlier) for earlier, later in zip(
        found.path["heads"], found.path["heads"][1:], strict=False))  # fmt: skip
    for kind in ("random", "bad"):
        drawn = declared.sample(kind, good, Path(), np.random.default_rng(1))
        assert drawn.counts() == good.counts()


@pytest.mark.parametrize("preset", ["published", "strict"])
def test_taylor_squared_is_a_criterion_of_its_own(preset):
    declared = load_example("taylor_squared")
    context = context_of("taylor_squared", preset, units=["head", "neuron"])
    model, tokens = context.model, context.tokens
    found = declared.search(context)
    assert 1 < found.masks["good"].counts()["heads"] < 12
    wanted = ["good"] + (["good_half", "bad_half"] if preset == "strict" else [])
    problems = plugins.of_search(declared, context.options, found, wanted, model.architecture)
    assert list(problems) == []
    gradients, _ = mean_gradients(model, tokens, len(tokens))
    for layer, parts in enumerate(gradients):
        weights = model.layers[layer]
        squares = {name: (weights.get_parameter(name) * g).square() for name, g in parts.items()}
        of_heads = sum(
            squares[f"{name}.{part}"].reshape(4, -1).sum(1)
            for name in ("query", "key", "value")
            for part in ("weight", "bias")
        )
        of_heads += squares["attention_output.weight"].T.reshape(4, -1).sum(1)
        expected = of_heads.detach().numpy()
        raw = found.importance["raw_heads"][0][layer]
        np.testing.assert_allclose(raw, expected, rtol=1e-4)


def test_a_declaration_can_be_replaced_field_by_field():
    """What the docs show: an algorithm that changes a part of another."""
    base = algorithm("magnitude")
    changed = replace(base, name="other", to_threshold=False)
    assert problem(changed) is None and base.to_threshold
