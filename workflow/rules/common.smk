"""What all rules share: the checked study, its wildcards, paths, and functions of inputs."""

from functools import partial
from operator import attrgetter

from snakemake.utils import update_config

from lottery.config import load_study, read_config, typed
from lottery.planning import folders, grid, params, partial as partial_study, sources
from lottery.planning.params import has_patterns
from lottery.planning.grid import mask_path, targets, wildcard
from lottery.pruning.algorithms import algorithm, algorithm_names, plugins
from lottery.pruning.subnetworks import CONSTRAINT, LAYERWISE, UNIFORM, Subnetwork, reference_of
from lottery.runtime import digests, plan
from lottery.runtime.bundled import bundled
from lottery.runtime.provenance import made_with
from lottery.runtime.stages import stage

if workflow.is_main_process:
    digests.begin()
    for path in workflow.configfiles:
        stop_on_error(read_config, Path(path))
    # As a module the workflow gets the config that the importing Snakefile states, and no other.
    if not workflow.modifier.skip_configfile:
        # Inside lists and mappings --config leaves text.
        update_config(config, typed(workflow.config_settings.config))
else:
    planned = stop_on_error(plan.config)
    config.clear()
    config.update(planned)
# In a partial run (lottery.planning.partial) what is finished of it.
STUDY = partial_study.restricted(stop_on_error(load_study, config, Path.cwd()))
if workflow.is_main_process:
    plugins.announce(STUDY.plugins)
RESULTS = STUDY.results

SHOWN = partial_study.shown_folder(STUDY)
PATHS = grid.Paths(RESULTS, SHOWN)
CELL, TOKENS, MASKS = PATHS.cell, PATHS.tokens, PATHS.masks
EXPORTED = PATHS.exported
RETRAINED, EVALUATED, EVALUATED_ON = PATHS.retrained, PATHS.evaluated, PATHS.evaluated_on
CONNECTED = PATHS.connected
FIGURES, TABLES, ANALYSED = PATHS.figures, PATHS.tables, PATHS.tables_of_method
LOGS, BENCHMARKS = f"{SHOWN}/logs", f"{SHOWN}/benchmarks"
# What captions of good-versus-bad figures note of controls that overlap with the good subnetwork.
OVERLAP_NOTE = f"{ANALYSED}/overlap_note.rst"
# What comes with the workflow is no input but part of the params, by content: where a clone or an
# installation lies makes no difference.
PUBLISHED = ["resources/paper/scores.csv", "resources/paper/sizes.csv"]

TORCH_THREADS = STUDY.compute["torch_threads"]
# Of each job that runs a model.
GPU = int(STUDY.compute["device"] != "cpu")
MODEL_ROWS = [{"model": model} for model in STUDY.models]


wildcard_constraints:
    model=wildcard(STUDY.models),
    task=wildcard(STUDY.tasks),
    seed=wildcard(STUDY.seeds),
    method=wildcard([*STUDY.methods, "none"]),
    subnetwork=CONSTRAINT,
    phase="finetuned|pruned|retrained",
    eval_task=wildcard(STUDY.evaluation_only_tasks),


# --- params, resources, and conditions of methods ---

# The (model, method) pairs with good masks, and those whose method meets a condition.
figure_rows = partial(grid.method_rows, STUDY)
prunes_units = attrgetter("prunes_units")
has_plain_subnetworks = attrgetter("plain_subnetworks")
leaves_importances = attrgetter("declared.importance")


def settings(function, *names):
    """Params of a rule: what its results depend on, looked up by some of its wildcards."""
    return lambda wildcards: function(STUDY, *(wildcards[name] for name in names))


def content(of_what, *names):
    """The `sources` of a rule's params: the user's files that its jobs read, by content."""
    return lambda wildcards: stop_on_error(of_what, STUDY, *(wildcards[name] for name in names))


def growing(amount):
    """A size of a job that grows with the attempt: one that ran out of it is repeated with more."""
    return lambda wildcards, attempt: attempt * amount


def all_cores(wildcards):
    """All cores of this run; a cluster, which has no such number, gives those of a GPU job."""
    return workflow.resource_settings.cores or TORCH_THREADS


def kept_or_temporary(path):
    """Weights that go once all that reads them is done, unless the config keeps them."""
    return path if STUDY.keep_retrained else temp(path)


def methods_where(condition):
    """The ids of the methods that meet a condition."""
    return [method.id for method in STUDY.methods.values() if condition(method)]


def prunes_models_of_ours(method):
    """Whether units of our fine-tuned models are pruned; imported masks may have no model here."""
    return method.prunes_units and not method.declared.imported


def has_several_seeds(method):
    """Whether agreement over seeds is defined."""
    models = method.searched_models(STUDY.models)
    blocks = [grid.block(STUDY, model, method.id) for model in models]
    return all(len(seeds) > 1 for tasks, seeds in blocks if tasks)


# --- inputs: examples and tokens ---


def split_shapes():
    """The sets of splits that occur, each with the suffix of its rules' names."""
    shapes = dict.fromkeys(task.split_names for task in STUDY.tasks.values())
    return {
        splits: "".join(f"_{s}" for s in splits if s not in ("train", "validation"))
        + ("" if "train" in splits else "_alone")
        for splits in shapes
    }


def tasks_with(splits):
    """The tasks that have exactly these splits."""
    return [task.id for task in STUDY.tasks.values() if task.split_names == splits]


def splits_of_task(wildcards):
    """The fetched splits of a task, by name."""
    folder = f"resources/tasks/{wildcards.task}"
    return {split: f"{folder}/{split}.parquet" for split in STUDY.tasks[wildcards.task].split_names}


def of_splits(template, splits, task="task"):
    """A file of every split of the task that a wildcard names."""

    def files(wildcards):
        entry = STUDY.tasks[wildcards[task]]
        row = dict(wildcards.items()) | {"task": entry.id}
        return [template.format(**row, split=split) for split in getattr(entry, splits)]

    return files


token_files = of_splits(f"{TOKENS}/{{split}}.safetensors", "validation_splits")
all_token_files = of_splits(f"{TOKENS}/{{split}}.safetensors", "split_names")
token_files_on = of_splits(f"{TOKENS}/{{split}}.safetensors", "validation_splits", "eval_task")
examples_on = of_splits("resources/tasks/{task}/{split}.parquet", "validation_splits", "eval_task")


# --- inputs and outputs: masks and models ---


def search_inputs(name):
    """What the search of an algorithm reads, by name."""
    inputs = {
        "model": f"{CELL}/finetune/model.safetensors",
        "tokens": all_token_files,
        "majority": f"{RESULTS}/majority/{{task}}/metrics.json",
    }
    if algorithm(name).trains:
        inputs["start"] = weights_to_rewind_to
    if algorithm(name).reads_pretrained:
        inputs["pretrained"] = weights_searched
    return inputs


def weights_searched(wildcards):
    """The pretrained weights, for the search of a method that reads them."""
    method = STUDY.methods[wildcards.method]
    if not method.declared.reads_pretrained(method.options):
        return []
    return ["resources/models/{model}/model.safetensors".format(**wildcards)]


def search_outputs(name, halves):
    """What the search of an algorithm writes, by name."""
    kind = algorithm(name)
    masks = ["good", "good_half", "bad_half"] if halves else ["good"]
    outputs = {
        "masks": [f"{MASKS}/{mask}.safetensors" for mask in masks],
        "trajectory": f"{MASKS}/search.csv",
        "path": f"{MASKS}/path.npz",
    }
    if halves and kind.prunes_to_half:
        outputs["halves"] = f"{MASKS}/halves.csv"
    if kind.importance:
        outputs["importance"] = f"{MASKS}/importance.npz"
    if kind.search_ranks:
        outputs["ranking"] = f"{MASKS}/ranking.safetensors"
    return outputs | {"provenance": f"{MASKS}/provenance.json"}


# Names of masks by the rule that makes them; super masks and those of a search have their own.
COPIED_MASKS = r"good(-kept_[\d.]+)?-from_[a-z0-9_]+"
CUT_MASKS = r"good-kept_[\d.]+"
SAMPLED_MASKS = r"(bad|inverted|random[a-z_]*(_\d+)?)(-kept_[\d.]+)?(-from_[a-z0-9_]+)?"


def ranks_in_a_step(method):
    """Whether masks of any size are cut from what a step of its own ranks."""
    return method.declared.rank is not None


def ranking_of(wildcards):
    """What a mask of a given size is cut from: of a step of its own, or of the search."""
    folder = PATHS.ranked if ranks_in_a_step(STUDY.methods[wildcards.method]) else MASKS
    return f"{folder}/ranking.safetensors".format(**wildcards)


def weights_at_start(wildcards):
    """The weights that a subnetwork is retrained from."""
    start = Subnetwork.parse(wildcards.subnetwork).start
    if start == "finetuned":
        return f"{PATHS.finetuned}/model.safetensors".format(**wildcards)
    if start == "rewound":
        return weights_to_rewind_to(wildcards)
    return "resources/models/{model}/model.safetensors".format(**wildcards)


def weights_to_rewind_to(wildcards):
    """The weights after a method's `rewind_step`; without one, those before all steps."""
    step = STUDY.methods[wildcards.method].rewind_step
    if step is None:
        return "resources/models/{model}/model.safetensors".format(**wildcards)
    return f"{PATHS.rewound}/model.safetensors".format(**wildcards, step=step)


def model_of_first_seed(wildcards):
    """The fine-tuned model of the study's first seed."""
    return f"{PATHS.finetuned}/model.safetensors".format(seed=STUDY.seeds[0], **wildcards)


def exported_weights(wildcards):
    """What an exported model is made of: weights, and the mask that these are not under yet."""
    trained = RETRAINED if wildcards.phase == "retrained" else PATHS.finetuned
    return {
        "model": f"{trained}/model.safetensors".format(**wildcards),
        "masks": [mask_of(wildcards)] if wildcards.phase == "pruned" else [],
    }


def exported_model(wildcards):
    """The smallest exported file of a model's weights."""
    method = STUDY.methods.get(wildcards.method)
    name = "shrunk" if method is not None and method.prunes_units else "model"
    return f"{EXPORTED}/{name}.safetensors".format(**wildcards)


def mask_of(wildcards):
    """The mask file of a cell."""
    return mask_path(STUDY, wildcards)


def weights_to_train_again(wildcards):
    """What a second training starts from: weights, and the mask unless it is the full model."""
    files = {"pretrained": weights_at_start(wildcards)}
    return files if wildcards.method == "none" else files | {"mask": mask_of(wildcards)}


def first_training(wildcards):
    """The weights of a cell that is trained twice, after the first training."""
    folder = PATHS.finetuned if wildcards.method == "none" else RETRAINED
    return f"{folder}/model.safetensors".format(**wildcards)


def lines_of_method(wildcards):
    """The lines between the trainings of one (model, method) and of its full models."""
    rows = grid.connect_rows_of(STUDY, wildcards.model, wildcards.method)
    return targets(f"{CONNECTED}/line.csv", rows)


def masks_to_prune(wildcards):
    """The masks of a method that are evaluated before retraining."""
    cell = {"model": wildcards.model, "task": wildcards.task, "seed": int(wildcards.seed)}
    names = STUDY.methods[wildcards.method].subnetworks_of(cell)
    pruned = [name for name in names if "pruned" in grid.phases_of(name)]
    return [mask_path(STUDY, wildcards, subnetwork=name) for name in pruned]


def latency_masks(wildcards):
    """The masks whose computing time is measured, those of the first seed."""
    return [mask_path(STUDY, row) for row in grid.latency_cells(STUDY, **dict(wildcards.items()))]


def controls(wildcards):
    """The controls of one (model, method), each mask with the one that it is compared with."""
    if STUDY.methods[wildcards.method].borrows_sizes(wildcards.model):
        return []
    pairs = [
        (mask_path(STUDY, row), mask_path(STUDY, row, subnetwork=reference))
        for row in rows_of(wildcards, grid.pruned_cells(STUDY))
        if (reference := reference_of(row["subnetwork"]))
    ]
    # Equal references adjacent, so that each is read once.
    return sorted(pairs, key=lambda pair: pair[1])


def evaluated_logits(wildcards):
    """The logits of a cell, or what evaluate_pruned recorded of all."""
    if wildcards.phase == "finetuned":
        return {"logits": f"{PATHS.finetuned}/logits.safetensors".format(**wildcards)}
    if wildcards.phase == "retrained":
        logits = f"{RETRAINED}/logits.safetensors".format(**wildcards)
        return {"logits": logits, "mask": mask_of(wildcards)}
    # One job evaluates all subnetworks of a method. When it runs for one more of them, it leaves the
    # others as they are, so a cell that is done waits for nothing but its mask and model.
    # Of a cell whose params have changed Snakemake must see that its input is made again.
    pruned = f"{CELL}/evaluate/{{method}}/pruned.json".format(**wildcards)
    now = {
        "settings": params.evaluate_params(STUDY, wildcards.task, wildcards.phase),
        "torch_threads": TORCH_THREADS,
        "step": stage("evaluate"),
    }
    done = made_with(f"{EVALUATED}/provenance.json".format(**wildcards), now)
    return {
        "pruned": ancient(pruned) if done else pruned,
        "mask": mask_of(wildcards),
        "full": f"{PATHS.finetuned}/provenance.json".format(**wildcards),
    }


def evaluated_files(wildcards):
    """The weights of a cell, and its mask unless it is the full model."""
    trained = RETRAINED if wildcards.phase == "retrained" else PATHS.finetuned
    files = {"model": f"{trained}/model.safetensors".format(**wildcards)}
    return files if wildcards.method == "none" else files | {"mask": mask_of(wildcards)}


def logged_files(wildcards):
    """What a training has left that experiment trackers show: history, record and scores."""
    full = wildcards.method == "none"
    trained = PATHS.finetuned if full else RETRAINED
    phases = ["finetuned"] if full else grid.phases_of(wildcards.subnetwork)
    return {
        "history": f"{trained}/history.csv".format(**wildcards),
        "training": f"{trained}/provenance.json".format(**wildcards),
        "metrics": expand(f"{EVALUATED}/metrics.json", phase=phases, **dict(wildcards.items())),
    }


# --- inputs of tables and figures ---


def rows_of(wildcards, rows):
    """The cells of a model's full models, and of its method."""
    return [
        row
        for row in rows
        if row["model"] == wildcards.model
        and row["method"] in ("none", wildcards.method)
        and row["task"] in STUDY.methods[wildcards.method].tasks
    ]


def metrics_on(wildcards):
    """Scores on a task that is not trained on: of the full models, then of a method."""
    rows = rows_of(wildcards, grid.evaluate_on_rows(STUDY))
    wanted = [row for row in rows if row["eval_task"] == wildcards.eval_task]
    return targets(f"{EVALUATED_ON}/metrics.json", wanted)


def of_all_tasks(template, condition=lambda method: True, also=None):
    """A file of every task and seed of one (model, method), tasks first.

    In a partial run of those that have it, and the file `also`.
    """
    needed = [path for path in (template, also) if path]

    def files(wildcards):
        if not condition(STUDY.methods[wildcards.method]):
            return []
        tasks, seeds = grid.block(STUDY, wildcards.model, wildcards.method, *needed)
        return expand(template, task=tasks, seed=seeds, allow_missing=True)

    return files


def predictions_of_method(wildcards):
    """The predictions of the full models and of a method's subnetworks."""
    rows = rows_of(wildcards, grid.evaluate_rows(STUDY))
    return targets(f"{EVALUATED}/predictions.parquet", rows)


def predictions_of_one_size(wildcards):
    """The predictions of the full models, and of subnetworks of methods that have one size."""
    methods = grid.methods_of_one_size(STUDY, wildcards.model)
    rows = [
        row
        for row in grid.evaluate_rows(STUDY)
        if row["model"] == wildcards.model
        and row["method"] in ("none", *methods)
        and (row["method"] == "none" or Subnetwork.parse(row["subnetwork"]).kept is not None)
    ]
    return targets(f"{EVALUATED}/predictions.parquet", rows)


def transferred_masks(wildcards):
    """The good masks from elsewhere, each cell's own of the same sizes, and random ones."""
    rows = [(row, Subnetwork.parse(row["subnetwork"])) for row in grid.retrain_rows(STUDY)]
    rows = [
        (row, named)
        for row, named in rows
        if (row["model"], row["method"]) == (wildcards.model, wildcards.method)
        and named.kind in ("good", "random", UNIFORM, LAYERWISE)
        and named.start is None
    ]
    sizes = {named.kept for _, named in rows if named.source is not None}
    return [mask_path(STUDY, row) for row, named in rows if named.kept in sizes]


good_masks_of_all_tasks = of_all_tasks(f"{MASKS}/good.safetensors")
trajectories_of_all_tasks = of_all_tasks(f"{MASKS}/search.csv")


def weights_before(wildcards):
    """The weights that fine-tuning starts from, where a method prunes single weights."""
    if STUDY.methods[wildcards.method].prunes_units:
        return []
    return ["resources/models/{model}/model.safetensors".format(**wildcards)]


def good_masks_of_family(wildcards):
    """The good masks of all methods of a family, which search on the same tasks."""
    family, mask = params.family_of(STUDY, wildcards.method), f"{MASKS}/good.safetensors"
    masks = [mask.replace("{method}", method) for method in family]
    tasks, seeds = grid.block(STUDY, wildcards.model, wildcards.method, *masks)
    return expand(mask, model=wildcards.model, method=family, task=tasks, seed=seeds)


def authors_mask(wildcards):
    """The fetched files of the authors' mask, for methods that read those."""
    if not STUDY.methods[wildcards.method].reads_authors:
        return []
    glue = STUDY.tasks[wildcards.task].glue
    return [each.path for each in authors_files()[glue, int(wildcards.seed)]]


def long_texts(wildcards):
    """The longer texts of a generated task; of others nothing."""
    if STUDY.tasks[wildcards.task].kind != "generated":
        return {}
    return {"texts": f"resources/tasks/{wildcards.task}/long/texts.parquet"}


def made(paths):
    """All of the paths; of a partial study those that there are, since its report is made last."""
    return [path for path in paths if STUDY.unfinished is None or os.path.exists(path)]


def analysis_tables(name, condition):
    """A table of every (model, method) whose method meets a condition."""
    return targets(f"{ANALYSED}/{name}.csv", figure_rows(condition))


def listed(name, label, category="Tables", caption=None):
    """A table of all methods, which is in Snakemake's own report as well."""
    caption = f"../report/{caption or name}.rst"
    labels = {"table": label}
    return report(f"{TABLES}/{name}.csv", caption=caption, category=category, labels=labels)


def latency_of(wildcards):
    """The table with how long a subnetwork takes, where the study measures it."""
    measured = wildcards.method in STUDY.analysis["latency"]
    return targets(f"{ANALYSED}/latency.csv", [wildcards] if measured else [])


def records_of(wildcards):
    """What an exported model was made from and with, the records from its beginning on."""
    made = [
        "resources/models/{model}/provenance.json",
        "resources/tasks/{task}/provenance.json",
        f"{PATHS.finetuned}/provenance.json",
    ]
    if wildcards.phase == "retrained":
        made.append(f"{RETRAINED}/provenance.json")
    return [path.format(**wildcards) for path in made]


def exported():
    """What `export` of the config asks for."""
    if STUDY.unfinished is not None:
        return []
    rows = grid.export_rows(STUDY)
    shrunk = methods_where(prunes_units)
    # Every file, so that one that is removed is made again.
    files = [
        path
        for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "README.md")
        for path in targets(f"{EXPORTED}/{name}", rows)
    ]
    files += targets(f"{EXPORTED}/model.safetensors", rows)
    files += targets(
        f"{EXPORTED}/shrunk.safetensors", [row for row in rows if row["method"] in shrunk]
    )
    return files + targets(f"{EXPORTED}/onnx/model.onnx", grid.export_rows(STUDY, onnx=True))


def exports_asked_for(wildcards):
    """The same as a target, which is pointless where the config names nothing."""
    stop_on_error(grid.require_exports, STUDY)
    return exported()


def in_every_format(*names):
    """Tables that are printed too; a file that is removed is made again."""
    return [f"{TABLES}/{name}.{kind}" for name in names for kind in ("csv", "md", "tex")]


def drawn(name, category, prefix="", caption=None, folder=FIGURES, **labels):
    """A figure as one output, its files; the last one is the sentence that its caption begins with.

    The svg is in Snakemake's own report as well.
    """
    of = {"model": "{model}"} | ({"method": "{method}"} if folder == FIGURES else {})
    svg = report(
        f"{folder}/{name}.svg",
        caption=f"../report/{caption or name}.rst",
        category=category,
        labels=of | labels,
    )
    others = [f"{folder}/{name}.{kind}" for kind in ("png", "pdf", "rst")]
    return {f"{prefix}figure": [svg, *others]}


# --- targets ---

# The figures by the rule that asks for them. The report shows all.
WANTED = {"all": [], "analyses": []}


def wants(name, rows, by="analyses", folder=FIGURES):
    """Declares a figure of some (model, method) pairs, in every format, next to its rule."""
    for kind in ("svg", "png", "pdf"):
        WANTED[by] += targets(f"{folder}/{name}.{kind}", rows)


def scored_pairs():
    """The (model, method) pairs with subnetworks that are scored."""
    return grid.distinct(grid.retrain_rows(STUDY), "model", "method")


def scored(rows):
    """The pairs that have scores: all, unless the study is partial."""
    return [row for row in rows if STUDY.unfinished is None or row in scored_pairs()]


def step_targets():
    """A small file of every step that others build on, which a study wants for itself.

    A job that fails loses its old outputs. If only tables and scores were wanted, those that were
    made of the old outputs would still be there, and the next run would take them for finished.
    A partial run makes none of them.
    """
    if STUDY.unfinished is not None:
        return []
    rows = {
        "resources/models/{model}/config.provenance.json": MODEL_ROWS,
        "resources/models/{model}/provenance.json": grid.model_rows(STUDY),
        "resources/tasks/{task}/provenance.json": grid.fetch_rows(STUDY),
        f"{TOKENS}/provenance.json": grid.tokenize_rows(STUDY),
        f"{PATHS.finetuned}/provenance.json": grid.finetune_rows(STUDY),
        f"{MASKS}/provenance.json": grid.mask_rows(STUDY),
        f"{MASKS}/{{subnetwork}}.provenance.json": grid.made_mask_rows(STUDY),
        f"{PATHS.ranked}/provenance.json": grid.ranking_rows(STUDY),
        f"{PATHS.rewound}/provenance.json": grid.rewind_rows(STUDY),
        f"{CELL}/evaluate/{{method}}/pruned.provenance.json": grid.pruned_rows(STUDY),
        f"{PATHS.super_masks}/provenance.json": grid.super_rows(STUDY),
        f"{RETRAINED}/provenance.json": grid.retrain_rows(STUDY),
        f"{CONNECTED}/provenance.json": grid.connect_rows(STUDY),
        f"{PATHS.majority}/provenance.json": grid.majority_rows(STUDY),
    }
    return [path for template, each in rows.items() for path in targets(template, each)]


def analysis_step_targets():
    """As `step_targets`, for the analyses."""
    if STUDY.unfinished is not None:
        return []

    def cells(condition):
        return [row for row in grid.mask_rows(STUDY) if condition(STUDY.methods[row["method"]])]

    rows = {
        f"{PATHS.finetuned}/magnitudes.provenance.json": cells(prunes_models_of_ours),
        f"{PATHS.finetuned}/patterns.provenance.json": cells(params.has_patterns),
        f"{TABLES}/pattern_rules.provenance.json": cells(params.has_patterns),
        f"{TABLES}/differences.csv": [{}],
    }
    return [path for template, each in rows.items() for path in targets(template, each)]


def unnamed(wildcards):
    """The folders and masks that the config does not name, and where they are listed."""
    paths = [str(path) for path in folders.unnamed(STUDY, Path())]
    return {"unnamed": paths, "results": RESULTS}
