"""What the analyses of masks read, and of which methods."""

from lottery.pruning.algorithms.imported import mask_files


def methods_where(condition):
    """The ids of the methods that meet a condition."""
    return [method.id for method in STUDY.methods.values() if condition(method)]


def prunes_units(method):
    """Whether the masks are of whole units."""
    return method.prunes_units


def leaves_importances(method):
    """Whether the searches leave importance.npz."""
    return method.declared.importance


def prunes_models_of_ours(method):
    """Whether units of our fine-tuned models are pruned; masks made elsewhere may have none here."""
    return method.prunes_units and not method.declared.imported


def good_masks_of_family(wildcards):
    """The good masks of all methods of a family, method by method."""
    family = params.family_of(STUDY, wildcards.method)
    return [
        path
        for method in family
        for path in expand(
            f"{MASKS}/good.safetensors",
            model=wildcards.model,
            task=STUDY.methods[method].tasks,
            seed=STUDY.seeds,
            method=method,
        )
    ]


def good_halves_of_all_tasks(wildcards):
    """The good halves of one (model, method), tasks first; none where it makes none."""
    if not STUDY.methods[wildcards.method].halves:
        return []
    return files_of_all_tasks(wildcards, "good_half.safetensors")


def paths_of_all_tasks(wildcards):
    """The masks of every step of the searches of one (model, method), tasks first."""
    return files_of_all_tasks(wildcards, "path.npz")


def importances_of_all_tasks(wildcards):
    """The importances of one (model, method), tasks first."""
    return files_of_all_tasks(wildcards, "importance.npz")


def magnitudes_of_all_tasks(wildcards):
    """The units' magnitudes of the fine-tuned models that a method's masks belong to."""
    tasks = STUDY.methods[wildcards.method].tasks
    return expand(
        f"{CELL}/finetune/magnitudes.npz", task=tasks, seed=STUDY.seeds, allow_missing=True
    )


def patterns_of_all_tasks(wildcards):
    """The patterns of the fine-tuned models that a method's masks belong to."""
    tasks = STUDY.methods[wildcards.method].tasks
    return expand(f"{CELL}/finetune/patterns.npz", task=tasks, seed=STUDY.seeds, allow_missing=True)


def has_several_seeds(method):
    """Whether agreement over seeds is defined."""
    return len(STUDY.seeds) > 1


def analysis_tables(name, condition):
    """A table of every (model, method) whose method meets a condition."""
    return targets(f"{ANALYSED}/{name}.csv", figure_rows(condition))


def claim_evidence():
    """What the claims are judged by: scores, the tables of other analyses, the published numbers."""
    return params.baseline_files(STUDY) | {
        "scores": f"{TABLES}/scores.csv",
        "differences": f"{TABLES}/differences.csv",
        "stability": analysis_tables("stability", has_several_seeds),
        "importance": analysis_tables("importance_histograms", leaves_importances),
        "task_overlap": analysis_tables("task_overlap", prunes_units),
        "patterns": analysis_tables("patterns", params.has_patterns),
    }


def imported_files(wildcards):
    """What a mask is read from: the npz, or its two files; the folder where one is missing.

    So a missing seed is told by the step, which knows what there is, not by Snakemake.
    """
    settings = params.import_params(STUDY, wildcards.method, wildcards.task)
    place = Path(settings["masks"]).expanduser()
    if not place.is_dir():
        return own([str(place)])
    found = mask_files(place, settings["task_name"], wildcards.seed)
    complete = all(map(Path.is_file, found))
    return own([str(path) for path in found] if complete else [str(place)])


def analysis_step_targets():
    """As `step_targets`, for the analyses."""
    conditions = {
        "magnitudes": prunes_models_of_ours,
        "patterns": params.has_patterns,
    }
    cells = [
        path
        for name, condition in conditions.items()
        for row in figure_rows(condition)
        for path in expand(
            f"{CELL}/finetune/{name}.provenance.json",
            model=row["model"],
            task=STUDY.methods[row["method"]].tasks,
            seed=STUDY.seeds,
        )
    ]
    classifier = [f"{TABLES}/pattern_classifier.provenance.json"]
    learned = classifier if figure_rows(params.has_patterns) else []
    return [*dict.fromkeys(cells), *learned, f"{TABLES}/differences.csv"]
