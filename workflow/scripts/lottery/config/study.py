"""What a checked config means: the study, its models and its methods, every default filled in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from lottery.pruning.algorithms import Algorithm, Plugin
from lottery.pruning.algorithms.declaration import UNITS
from lottery.pruning.algorithms.imported import AUTHORS
from lottery.pruning.subnetworks import Subnetwork, base_name, is_plain
from lottery.tasks.task import Task

# Words that tables and paths have in the place of an id.
RESERVED_WORDS = ("none", "majority", "full")
# Folders of results/ that are next to those of the models.
RESERVED_MODELS = ("tables", "figures", "logs", "benchmarks", "partial", "export", "runs")


@dataclass(frozen=True)
class Model:
    """A pretrained encoder.

    Attributes:
        source: hub id, folder (as the config names it, relative to the working directory) or
            `embedded`.
        kind: what `source` is: "hub", "folder" or "embedded".
        revision: commit of a hub id, else None.
        init: "pretrained", or "random" for weights drawn at fetch.
        init_seed: seed of those weights.
    """

    id: str
    source: str
    kind: str
    revision: str | None = None
    init: str = "pretrained"
    init_seed: int = 0


@dataclass(frozen=True)
class Place:
    """Where a mask is taken from; None is that of the cell which the mask is for.

    Attributes:
        subnetwork: what is taken instead of the good one.
    """

    model: str | None = None
    task: str | None = None
    seed: int | None = None
    method: str | None = None
    subnetwork: str | None = None

    def of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The cell that a mask for `row` comes from, without its subnetwork."""
        own = {name: row[name] for name in ("model", "task", "seed", "method")}
        own["seed"] = int(own["seed"])
        return own | {name: value for name in own if (value := getattr(self, name)) is not None}


@dataclass(frozen=True)
class Method:
    """A pruning algorithm under a set of options.

    Attributes:
        declared: what its algorithm declares about itself.
        preset: where the options not set come from: "published" or "strict".
        subnetworks: what is evaluated and retrained, in the config's order.
        models: ids of the models it runs on.
        tasks: ids of the trained tasks it runs on.
        options: every option of the algorithm, resolved.
        controls: the preset whose kinds of subnetworks it has: the one that `halves` decides for,
            where the algorithm has that option, else `preset`.
        sizes_from: a model whose masks give the random masks of the other models their sizes.
        task_names: for imported masks, pairs (their name of a task, our id).
        rewind_step: the step of fine-tuning whose weights the start rewound has.
        places: where masks may be taken from, by name.
        connectivity: the subnetworks that are trained twice, "full" for the full model.
    """

    id: str
    declared: Algorithm
    preset: str
    subnetworks: tuple[str, ...]
    models: tuple[str, ...]
    tasks: tuple[str, ...]
    options: Mapping[str, Any]
    controls: str
    sizes_from: str | None = None
    task_names: tuple[tuple[str, str], ...] = ()
    rewind_step: int | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    connectivity: tuple[str, ...] = ()

    @property
    def algorithm(self) -> str:
        """The name of the algorithm."""
        return self.declared.name

    @property
    def prunes_units(self) -> bool:
        """Whether the masks are of whole units."""
        return self.declared.granularity == UNITS

    @property
    def halves(self) -> bool:
        """Whether good_half and bad_half are made as well as good."""
        return bool(self.options.get("halves", False))

    @property
    def reads_authors(self) -> bool:
        """Whether the masks are those of the paper, from the authors' repository."""
        return self.declared.imported and self.options["masks"] == AUTHORS

    @property
    def plain_subnetworks(self) -> tuple[str, ...]:
        """The subnetworks of the study itself: without a size, a start or a source."""
        return tuple(name for name in self.subnetworks if is_plain(name))

    @property
    def finds_good(self) -> bool:
        """Whether its own search finds good masks: not where all masks are cut from a ranking."""
        named = [Subnetwork.parse(name) for name in self.subnetworks]
        return self.declared.rank is None or not named or any(n.kept is None for n in named)

    def borrows_sizes(self, model: str) -> bool:
        """Whether the random masks on `model` take their sizes from another model's masks."""
        return self.sizes_from is not None and self.sizes_from != model

    def searched_model(self, model: str) -> str:
        """The model whose good masks give the sizes of the random masks on `model`."""
        return model if self.sizes_from is None else self.sizes_from

    def searched_models(self, models: Iterable[str]) -> list[str]:
        """Those of the models that the method has good masks of, also if it only takes sizes."""
        searched = {self.searched_model(model) for model in self.models}
        return [model for model in models if model in searched]

    def subnetworks_on(self, model: str) -> tuple[str, ...]:
        """The subnetworks on one model: random ones alone where nothing is searched."""
        if not self.borrows_sizes(model):
            return self.subnetworks
        return tuple(name for name in self.subnetworks if base_name(name).startswith("random"))

    def subnetworks_of(self, row: Mapping[str, Any]) -> tuple[str, ...]:
        """The subnetworks of one model, task and seed: no mask is taken from its own cell."""
        own = {**row, "method": self.id}
        return tuple(
            name
            for name in self.subnetworks_on(row["model"])
            if (source := Subnetwork.parse(name).source) is None
            or self.places[source].subnetwork is not None
            or self.places[source].of(own) != Place().of(own)
        )


@dataclass(frozen=True)
class Export:
    """An entry of `export`: the cells that it names, and how they are written.

    Attributes:
        cells: wildcard -> what it may be: model, task, seed, method, subnetwork and phase. The full
            model is that of a model, task and seed, whatever the methods and phases are.
        onnx: whether an ONNX graph is written as well.
    """

    cells: Mapping[str, tuple[Any, ...]]
    onnx: bool = False

    def names(self, row: Mapping[str, Any]) -> bool:
        """Whether a cell is among those that it names."""
        full = row["subnetwork"] == "full"
        keys = [key for key in self.cells if not full or key not in ("method", "phase")]
        return all(row[key] in self.cells[key] for key in keys)


@dataclass(frozen=True)
class Study:
    """A whole study, checked, with nothing left to default; mappings are in the config's order.

    Attributes:
        tasks: evaluation-only ones included.
        training: options of fine-tuning and retraining per trained task.
        evaluation, compute, analysis: the sections of the config.
        glue_folder: local folder of the GLUE presets; None takes them from the hub.
        results: folder of everything that the study makes, but for models and tasks.
        keep_retrained: whether the weights of retrained subnetworks stay.
        logging: the formats in which runs are logged for experiment trackers.
        plugins: the files of the user's own algorithms.
        data_warnings: what warnings about the data do: "warn", or "error".
        exports: what is written for use outside the study.
        unfinished: of a partial study, the files that its steps have not made (any more); None
            where the whole study is meant.
    """

    models: Mapping[str, Model]
    tasks: Mapping[str, Task]
    training: Mapping[str, Mapping[str, Any]]
    seeds: tuple[int, ...]
    methods: Mapping[str, Method]
    evaluation: Mapping[str, Any]
    compute: Mapping[str, Any]
    analysis: Mapping[str, Any]
    glue_folder: str | None = None
    results: str = "results"
    keep_retrained: bool = True
    logging: tuple[str, ...] = ()
    plugins: tuple[Plugin, ...] = ()
    data_warnings: str = "warn"
    exports: tuple[Export, ...] = ()
    unfinished: frozenset[str] | None = None

    @property
    def trained_tasks(self) -> tuple[str, ...]:
        """Ids of the tasks that models are trained on: all but the evaluation-only ones."""
        return tuple(task.id for task in self.tasks.values() if task.evaluate_with is None)

    @property
    def evaluation_only_tasks(self) -> tuple[str, ...]:
        """Ids of the tasks that models of another task are evaluated on."""
        return tuple(task.id for task in self.tasks.values() if task.evaluate_with is not None)

    def trains(self, model: str, task: str) -> bool:
        """Whether models are fine-tuned on a task, or all that is done there is to read masks.

        A method reads masks and does no more where they are imported and no subnetwork is listed.
        """
        methods = [
            method
            for method in self.methods.values()
            if model in (*method.models, method.sizes_from) and task in method.tasks
        ]
        return not methods or any(
            not method.declared.imported or method.subnetworks_on(model) for method in methods
        )

    def methods_of(self, algorithm: str) -> tuple[str, ...]:
        """Ids of the methods of one algorithm."""
        return tuple(m.id for m in self.methods.values() if m.algorithm == algorithm)
