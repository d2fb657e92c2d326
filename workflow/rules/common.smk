"""What all rules share: the checked study, its wildcards, and paths."""

from snakemake.utils import update_config

from lottery.config import load_study, refuse_misread, typed
from lottery.planning import folders, grid, params
from lottery.planning.params import has_patterns
from lottery.planning.grid import mask_path, targets, wildcard
from lottery.pruning.algorithms import algorithm, algorithm_names, plugins
from lottery.pruning.subnetworks import CONSTRAINT, base_name
from lottery.runtime.bundled import bundled
from lottery.runtime.provenance import made_with
from lottery.runtime.stages import stage
from lottery.results.controls import reference_of

for path in workflow.configfiles:
    stop_on_error(refuse_misread, Path(path))
# As a module the workflow gets the config that the importing Snakefile states, and no other.
if not workflow.modifier.skip_configfile:
    # Inside lists and mappings --config leaves text.
    update_config(config, typed(workflow.config_settings.config))
if workflow.is_main_process:
    plugins.forget()
STUDY = stop_on_error(load_study, config, Path.cwd())
if workflow.is_main_process:
    plugins.announce(STUDY.plugins)
RESULTS = STUDY.results

CELL = f"{RESULTS}/{{model}}/{{task}}/seed_{{seed}}"
TOKENS = f"{RESULTS}/{{model}}/{{task}}/tokens"
MASKS = f"{CELL}/mask/{{method}}"
RETRAINED = f"{CELL}/retrain/{{method}}/{{subnetwork}}"
EVALUATED = f"{CELL}/evaluate/{{method}}/{{subnetwork}}/{{phase}}"
EVALUATED_ON = f"{EVALUATED}/on_{{eval_task}}"
FIGURES = f"{RESULTS}/figures/{{model}}/{{method}}"
TABLES = f"{RESULTS}/tables"
ANALYSED = f"{TABLES}/{{model}}/{{method}}"
# What captions of good-versus-bad figures say of controls that overlap with the good subnetwork.
OVERLAP_NOTE = f"{RESULTS}/tables/{{model}}/{{method}}/overlap_note.rst"
# What comes with the workflow is no input but part of the params, by content: where a clone or an
# installation lies makes no difference.
PUBLISHED = ["resources/paper/scores.csv", "resources/paper/sizes.csv"]
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"

TORCH_THREADS = STUDY.compute["torch_threads"]
MODEL_ROWS = [{"model": model} for model in STUDY.models]


wildcard_constraints:
    model=wildcard(STUDY.models),
    task=wildcard(STUDY.tasks),
    seed=wildcard(STUDY.seeds),
    method=wildcard([*STUDY.methods, "none"]),
    subnetwork=CONSTRAINT,
    phase="finetuned|pruned|retrained",
    eval_task=wildcard(STUDY.evaluation_only_tasks),


def settings(function, *names):
    """Params of a rule: what its results depend on, looked up by some of its wildcards."""
    return lambda wildcards: function(STUDY, *(wildcards[name] for name in names))


def growing(amount):
    """A size of a job that grows with the attempt: one that ran out of it is repeated with more."""
    return lambda wildcards, attempt: attempt * amount


def tasks_with(splits):
    """The tasks that have exactly these splits."""
    return [task.id for task in STUDY.tasks.values() if task.split_names == splits]


def split_shapes():
    """The sets of splits that occur, each with the suffix of its rules' names."""
    shapes = dict.fromkeys(task.split_names for task in STUDY.tasks.values())
    return {
        splits: "".join(f"_{s}" for s in splits if s not in ("train", "validation"))
        + ("" if "train" in splits else "_alone")
        for splits in shapes
    }


def own(paths):
    """The user's own files as inputs, which a module's prefix does not change."""
    return [local(path) for path in paths]


def model_files(wildcards):
    """The files of a model that is read from the user's own folder, so that their edit is seen."""
    model = STUDY.models[wildcards.model]
    if model.kind != "folder":
        return []
    folder = Path(model.source).expanduser()
    names = ("config.json", "*.safetensors", "tokenizer*.json", "vocab.txt", "special_tokens*.json")
    return own(sorted(str(path) for name in names for path in folder.glob(name)))


def model_config(wildcards):
    """The config of a model that is read from the user's own folder."""
    return [path for path in model_files(wildcards) if path.endswith("config.json")]


def source_files(wildcards):
    """The user's own files that a task is read from."""
    return own(STUDY.tasks[wildcards.task].source_files)


def splits_of_task(wildcards):
    """The fetched splits of a task, by name."""
    folder = f"resources/tasks/{wildcards.task}"
    return {split: f"{folder}/{split}.parquet" for split in STUDY.tasks[wildcards.task].split_names}


def token_files(wildcards, training=False):
    """The token files of a task that evaluation reads, or training too."""
    task = STUDY.tasks[wildcards.task]
    splits = task.split_names if training else task.validation_splits
    folder = TOKENS.format(model=wildcards.model, task=wildcards.task)
    return [f"{folder}/{split}.safetensors" for split in splits]


def all_token_files(wildcards):
    """The token files of all splits of a task."""
    return token_files(wildcards, training=True)


def mask_of(wildcards):
    """The mask file of a cell."""
    return mask_path(STUDY, dict(wildcards.items()))


def search_outputs(name, halves):
    """What the search of an algorithm writes, by name."""
    kind = algorithm(name)
    masks = ["good", "good_half", "bad_half"] if halves else ["good"]
    outputs = {
        "masks": [f"{MASKS}/{mask}.safetensors" for mask in masks],
        "trajectory": f"{MASKS}/search.csv",
        "path": f"{MASKS}/path.npz",
    }
    if halves and kind.walks_to_half:
        outputs["halves"] = f"{MASKS}/halves.csv"
    if kind.importance:
        outputs["importance"] = f"{MASKS}/importance.npz"
    return outputs | {"provenance": f"{MASKS}/provenance.json"}


def source_mask(wildcards):
    """The mask that a control takes its size from, maybe of another model (`sizes_from`)."""
    method = STUDY.methods[wildcards.method]
    kind = method.declared.sources[base_name(wildcards.subnetwork)]
    row = dict(wildcards.items()) | {"subnetwork": kind}
    return mask_path(STUDY, row | {"model": method.searched_model(wildcards.model)})


def good_masks_of_all_seeds(wildcards):
    """The good masks of one (model, task, method)."""
    row = dict(wildcards.items()) | {"seed": "{seed}", "subnetwork": "good"}
    template = mask_path(STUDY, row)
    return [template.format(seed=seed) for seed in STUDY.seeds]


def methods_with_super(kinds):
    """The methods whose super_* masks are exactly these."""
    return [m.id for m in STUDY.methods.values() if grid.super_masks(m) == kinds]


def masks_to_prune(wildcards):
    """The masks of a method that are evaluated before retraining."""
    row = dict(wildcards.items())
    names = STUDY.methods[wildcards.method].subnetworks_on(wildcards.model)
    return [mask_path(STUDY, row | {"subnetwork": name}) for name in names]


def evaluated_logits(wildcards):
    """What says what a cell's model says: its logits, or what evaluate_pruned left of all."""
    if wildcards.phase == "finetuned":
        return {"logits": f"{CELL}/finetune/logits.safetensors".format(**wildcards)}
    if wildcards.phase == "retrained":
        return {"logits": f"{RETRAINED}/logits.safetensors".format(**wildcards)}
    # One job evaluates all subnetworks of a method. When it runs for one more of them, it leaves the
    # others as they are, so a cell that is done waits for nothing but its own mask and model.
    # Of a cell whose params have changed Snakemake must see that its input is made again.
    pruned = f"{CELL}/evaluate/{{method}}/pruned.json".format(**wildcards)
    own = {
        "settings": params.evaluate_params(STUDY, wildcards.task, wildcards.phase),
        "torch_threads": TORCH_THREADS,
        "step": stage("evaluate"),
    }
    done = made_with(f"{EVALUATED}/provenance.json".format(**wildcards), own)
    return {
        "pruned": ancient(pruned) if done else pruned,
        "mask": mask_of(wildcards),
        "full": f"{CELL}/finetune/provenance.json".format(**wildcards),
    }


def evaluated_files(wildcards):
    """The weights of a cell, and its mask unless it is the full model."""
    trained = RETRAINED if wildcards.phase == "retrained" else f"{CELL}/finetune"
    files = {"model": f"{trained}/model.safetensors".format(**wildcards)}
    return files if wildcards.method == "none" else files | {"mask": mask_of(wildcards)}


def token_files_on(wildcards):
    """The tokens of the task that a cell is only evaluated on."""
    folder = TOKENS.format(model=wildcards.model, task=wildcards.eval_task)
    splits = STUDY.tasks[wildcards.eval_task].validation_splits
    return [f"{folder}/{split}.safetensors" for split in splits]


def examples_on(wildcards):
    """The examples of the task that a cell is only evaluated on."""
    splits = STUDY.tasks[wildcards.eval_task].validation_splits
    return [f"resources/tasks/{wildcards.eval_task}/{split}.parquet" for split in splits]


def metrics_on(wildcards):
    """Scores on a task that is not trained on: of the full models, then of a method."""
    own = dict(wildcards.items())
    rows = [
        row
        for row in grid.evaluate_on_rows(STUDY)
        if (row["model"], row["eval_task"]) == (own["model"], own["eval_task"])
        and row["method"] in ("none", own["method"])
    ]
    return targets(f"{EVALUATED_ON}/metrics.json", rows)


def evaluation_only_targets():
    """The scores and table of tasks that are not trained on; nothing without such tasks."""
    scores = targets(f"{EVALUATED_ON}/metrics.json", grid.evaluate_on_rows(STUDY))
    return [*scores, *evaluation_only_table().values()]


def evaluation_only_table():
    """The table of tasks that are not trained on; nothing without such tasks."""
    rows = grid.evaluate_on_rows(STUDY)
    return {"evaluation_only": f"{TABLES}/evaluation_only.csv"} if rows else {}


def controls(wildcards):
    """The controls of one (model, method) with the masks they are compared with."""
    if STUDY.methods[wildcards.method].borrows_sizes(wildcards.model):
        return []
    rows = [
        row
        for row in grid.retrain_rows(STUDY)
        if (row["model"], row["method"]) == (wildcards.model, wildcards.method)
        and reference_of(row["subnetwork"])
    ]
    # Equal references adjacent, so that each is read once.
    return [
        (mask_path(STUDY, row), reference_path(row)) for row in sorted(rows, key=reference_path)
    ]


def rows_of(wildcards, rows):
    """The cells of a model's full models, and of its method."""
    return [
        row
        for row in rows
        if row["model"] == wildcards.model
        and row["method"] in ("none", wildcards.method)
        and row["task"] in STUDY.methods[wildcards.method].tasks
    ]


def scored_pairs():
    """The (model, method) pairs with subnetworks that are scored."""
    return [dict(pair) for pair in dict.fromkeys(_pairs(grid.retrain_rows(STUDY)))]


def _pairs(rows):
    return (tuple((name, row[name]) for name in ("model", "method")) for row in rows)


def reference_path(row):
    """The mask that the subnetwork of a row is compared with."""
    return mask_path(STUDY, {**row, "subnetwork": reference_of(row["subnetwork"]) or "good"})


def searched_models(method):
    """The models that a method has good masks of."""
    return [
        m for m in STUDY.models if any(method.searched_model(each) == m for each in method.models)
    ]


def good_masks_of_all_tasks(wildcards):
    """The good masks of one (model, method), tasks first."""
    return files_of_all_tasks(wildcards, "good.safetensors")


def trajectories_of_all_tasks(wildcards):
    """The searches of one (model, method), tasks first."""
    return files_of_all_tasks(wildcards, "search.csv")


def files_of_all_tasks(wildcards, name):
    """One file of each mask folder of a (model, method)."""
    tasks = STUDY.methods[wildcards.method].tasks
    return expand(f"{MASKS}/{name}", task=tasks, seed=STUDY.seeds, allow_missing=True)


def figure_rows(condition=lambda method: True):
    """The (model, method) pairs with good masks whose method meets a condition."""
    return [
        {"model": model, "method": method.id}
        for method in STUDY.methods.values()
        if condition(method)
        for model in searched_models(method)
    ]


def figure_files(name, rows):
    """A figure of some (model, method) pairs, as svg and png."""
    return [path for kind in ("svg", "png") for path in targets(f"{FIGURES}/{name}.{kind}", rows)]


def kept_or_temporary(path):
    """Weights that go once all that reads them is done, unless the config keeps them."""
    return path if STUDY.keep_retrained else temp(path)


# The figures by the rule that asks for them. The report shows all.
WANTED = {"all": [], "analyses": []}


def wants(name, rows, by="analyses"):
    """Declares a figure of some (model, method) pairs, next to the rule that makes it."""
    WANTED[by] += figure_files(name, rows)


def step_targets():
    """A small file of every step that others build on, which a study wants for itself.

    A job that fails loses its old outputs. If only tables and scores were wanted, those that were
    made of the old outputs would still be there, and the next run would take them for finished.
    """
    rows = {
        "resources/models/{model}/config.provenance.json": MODEL_ROWS,
        "resources/models/{model}/provenance.json": MODEL_ROWS,
        "resources/tasks/{task}/provenance.json": grid.fetch_rows(STUDY),
        f"{TOKENS}/provenance.json": grid.tokenize_rows(STUDY),
        f"{CELL}/finetune/provenance.json": grid.finetune_rows(STUDY),
        f"{MASKS}/provenance.json": grid.mask_rows(STUDY),
        f"{MASKS}/{{subnetwork}}.provenance.json": grid.sample_rows(STUDY),
        f"{CELL}/evaluate/{{method}}/pruned.provenance.json": grid.pruned_rows(STUDY),
        f"{RESULTS}/{{model}}/{{task}}/super/{{method}}/provenance.json": grid.super_rows(STUDY),
        f"{RETRAINED}/provenance.json": grid.retrain_rows(STUDY),
        f"{RESULTS}/majority/{{task}}/provenance.json": grid.majority_rows(STUDY),
    }
    return [path for template, each in rows.items() for path in targets(template, each)]


def unnamed(wildcards):
    """The folders and masks that the config does not name, and where they are listed."""
    return {
        "unnamed": [str(path) for path in folders.unnamed(STUDY, Path())],
        "results": RESULTS,
    }
