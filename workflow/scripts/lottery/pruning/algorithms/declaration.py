"""What a pruning algorithm declares about itself. No heavy imports: every job reads declarations.

The schema of the config, the options in the docs, what the rules write, what figures show and which
claims apply are all derived from an `Algorithm`; only its own file mentions its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lottery.models.units import ALIASES, KINDS, kinds_of
from lottery.pruning.criteria import ORDERED
from lottery.pruning.subnetworks import base_name, draws

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from lottery.pruning.algorithms.search import SearchContext, SearchResult
    from lottery.pruning.masks import Mask

PRESETS = ("published", "strict")
UNITS, WEIGHTS = "units", "weights"
# Granularity -> the paper's method of that granularity, under whose name its numbers are kept.
PAPERS_METHODS = {UNITS: "structured", WEIGHTS: "magnitude"}
# Likewise of structured pruning of one kind of unit alone.
PAPERS_MODES = {("head",): "heads_only", ("mlp",): "mlps_only"}
# What an option's value may decide, see `Option.applies_to`.
STAGES = ("search", "model", "import")
# Keys of a method in the config that are no options of its algorithm.
METHOD_KEYS = (
    *("algorithm", "preset", "subnetworks", "models", "only_tasks", "sizes_from", "tasks"),
    *("kept", "kept_subnetworks", "starts", "rewind_step", "masks_from", "connectivity"),
)
BOUNDS = {
    "above": "exclusiveMinimum",
    "at_least": "minimum",
    "below": "exclusiveMaximum",
    "at_most": "maximum",
}
ID = re.compile(r"[a-z0-9_]{1,64}")

# The names of subnetworks, by how their masks come about.
SEARCHED = ("good", "good_half", "bad_half")
SAMPLED = ("random", "bad", "random_half")
SUPER = ("super_good", "super_random", "super_bad")
# The comparison of the paper, and the corrected one between halves.
SUBNETWORKS = {
    "published": ("good", "random", "bad"),
    "strict": ("good", "good_half", "random_half", "bad_half"),
}
DEFAULT_SUBNETWORKS = {
    "published": SUBNETWORKS["published"],
    "strict": ("good", "good_half", *draws("random_half", 3), "bad_half"),
}
SOURCES = {"random": "good", "bad": "good", "random_half": "good_half"}


class Values:
    """The allowed values of an option.

    Attributes:
        schema: the JSON schema of a value.
        words: the allowed values, for readers.
    """

    schema: Mapping[str, Any]
    words: str

    def normalised(self, value: Any) -> Any:
        """The one form of an allowed value, whichever way it is written."""
        return value


class Choice(Values):
    """One of some words."""

    def __init__(self, *names: str) -> None:
        self.schema = {"enum": list(names)}
        self.words = ", ".join(names)


class Number(Values):
    """A number between bounds: any of above, at_least, below, at_most."""

    kind, word = "number", "number"

    def __init__(self, **bounds: float) -> None:
        self.schema = {"type": self.kind} | {BOUNDS[name]: bounds[name] for name in bounds}
        words = [f"{name.replace('_', ' ')} {bound:g}" for name, bound in bounds.items()]
        self.words = ", ".join([self.word, *words])


class Integer(Number):
    """A whole number between bounds."""

    kind, word = "integer", "whole number"


class Switch(Values):
    """True or false."""

    schema: Mapping[str, Any] = {"type": "boolean"}
    words = "true, false"


class Text(Values):
    """A text that is not empty and matches a regular expression; `comment` says it in words."""

    words = "text"

    def __init__(self, pattern: str | None = None, comment: str | None = None) -> None:
        self.schema = {"type": "string", "minLength": 1}
        if pattern is not None:
            re.compile(pattern)  # an error names the line of the declaration
            self.schema |= {"pattern": pattern} | ({"$comment": comment} if comment else {})


PATH = Text(
    "^((?!<[a-z][a-z0-9_]*>)[^{}])*$",
    "a path without { and }, and without <word>, which Snakemake replaces",
)


class UnitKinds(Values):
    """A list of kinds of units (all, if none is given), or a word for one: both, heads, mlps."""

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds

    @property
    def schema(self) -> Mapping[str, Any]:  # type: ignore[override]  # nothing sets it
        """The JSON schema of a value; further kinds may be declared at any time."""
        kinds, aliases = self._allowed()
        comment = f"or a list of {', '.join(kinds)}, as [{kinds[0]}]"
        return {
            "if": {"type": "array"},
            "then": {"items": {"enum": list(kinds)}, "minItems": 1, "uniqueItems": True},
            "else": {"enum": aliases, "$comment": comment},
        }

    @property
    def words(self) -> str:  # type: ignore[override]  # nothing sets it
        """The allowed values."""
        kinds, aliases = self._allowed()
        return f"list of {', '.join(kinds)}; or {', '.join(aliases)}"

    def normalised(self, value: Any) -> Any:
        """The kinds in the order of `KINDS`."""
        return list(kinds_of(value))

    def _allowed(self) -> tuple[tuple[str, ...], list[str]]:
        kinds = self._kinds or tuple(KINDS)
        return kinds, [word for word, named in ALIASES.items() if set(named) <= set(kinds)]


@dataclass(frozen=True)
class Option:
    """An option of a method.

    Attributes:
        published: the value that repeats the procedure as published; None, in both presets, where
            the config must give it.
        strict: the value of the corrected procedure.
        values: the allowed values.
        help: what it means, in a sentence or two.
        applies_to: the stages whose result depends on it: "search" (the masks), "model" (what a
            model under the mask computes, in evaluation and retraining), "import".
        added: whether earlier versions lacked the option and did what its published value says. At
            that value it is no part of a rule's params, so that their results stay valid.
    """

    published: Any
    strict: Any
    values: Values
    help: str
    applies_to: str = "search"
    added: bool = False

    @property
    def required(self) -> bool:
        """Whether the config must give it."""
        return self.published is None

    def preset(self, name: str) -> Any:
        """The value in preset `name`, one of `PRESETS`."""
        value = getattr(self, name)
        return None if value is None else self.values.normalised(value)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the option, with its description."""
        defaults = "; ".join(f"{name}: {spelled(self.preset(name))}" for name in PRESETS)
        description = self.help if self.required else f"{self.help} {defaults}."
        return {"description": description} | dict(self.values.schema)


def spelled(value: Any) -> str:
    """A value of an option as the config spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


# Options of every algorithm that searches down to a threshold and can make halves.
SEARCH_OPTIONS: dict[str, Option] = {
    "search_on": Option(
        "validation",
        "search_half",
        Choice("validation", "search_half", "report_half", "train_sample"),
        "The examples that the search scores - validation, one of its halves, or a fixed sample of "
        "the training data of the size of validation.",
    ),
    "threshold": Option(
        "full",
        "majority",
        Choice("full", "majority"),
        "The score a subnetwork must keep - full is keep_score x the full model's; majority is "
        "majority + keep_score x (full - majority).",
    ),
    "keep_score": Option(0.9, 0.9, Number(above=0, at_most=1), "The factor of the threshold."),
    "search_metric": Option(
        "search",
        "reported",
        Choice("search", "reported"),
        "The score of the search - search is the task's own (STS-B the mean of Pearson and "
        "Spearman), reported the one that tables show.",
    ),
    "majority": Option(
        "validation",
        "train",
        Choice("validation", "train"),
        "The labels that the majority baseline of the threshold is made from.",
    ),
    "search_batch_size": Option(64, 64, Integer(at_least=1), "Examples per batch of the search."),
    "search_order": Option(
        "file",
        "length",
        Choice("file", "length"),
        f"Order of the examples in the search; {' and '.join(ORDERED)} depend on it and require "
        "file.",
    ),
    "halves": Option(
        False,
        True,
        Switch(),
        "Whether subnetworks of exactly half of each kind of unit (or of the weights) are made, "
        "and the controls come from them.",
    ),
}
# Those of an algorithm that scores a subnetwork without a threshold.
SCORE_OPTIONS = {
    name: SEARCH_OPTIONS[name] for name in ("search_on", "search_metric", "search_batch_size")
}
# Those that decide where a search down to a threshold ends.
THRESHOLD_OPTIONS = {name: SEARCH_OPTIONS[name] for name in ("threshold", "keep_score", "majority")}
# Of every algorithm that prunes units.
EMPTIED_ATTENTION = Option(
    "drop_bias",
    "keep_bias",
    Choice("drop_bias", "keep_bias"),
    "The output bias of an attention layer that lost all its heads, in evaluation and retraining.",
    applies_to="model",
)
# The names that the workflow itself reads, so that no algorithm may use them for something else.
SHARED = SEARCH_OPTIONS | {
    "emptied_attention": EMPTIED_ATTENTION,
    "units": Option(
        ["head", "mlp"],
        ["head", "mlp"],
        UnitKinds(),
        "What is pruned - attention heads, MLPs, neurons of the MLPs, whole layers, or several of "
        "these; heads, mlps and both are words for the lists of heads and MLPs.",
    ),
    "masks": Option(
        None,
        None,
        PATH,
        "A folder {task}/seed_{seed}/head_mask.npy and mlp_mask.npy; one npz with the keys "
        "{task}/{seed}/heads and {task}/{seed}/mlps; or authors, the masks of the paper, which are "
        "fetched from the authors' repository.",
        applies_to="import",
    ),
}


@dataclass(frozen=True)
class Plugin:
    """The file that an algorithm comes from: its path as the config names it, and its digest."""

    file: str
    sha256: str


# Algorithms are compared by identity: two files may well declare the same things.
@dataclass(frozen=True, eq=False, kw_only=True)
class Algorithm:
    """A pruning algorithm; what its fields mean: docs/plugins.md, "The declaration".

    Attributes:
        sample: (kind, mask of its source, path of the fine-tuned model, random generator) -> mask.
        rank: what `cut` needs to cut masks of any size, as arrays by name.
        search_ranks: whether the search returns these arrays; then there is no `rank`.
        trains: whether the search trains models, see `SearchContext.training`.
        cut: (arrays of the ranking, path of the fine-tuned model, share of the parameters to keep,
            options) -> the mask of the nearest possible size. A mask of a smaller share is part of
            that of a larger one, but for shares that are nearly equal.
        check: (options, root of relative paths) -> what follows `methods.{id}.` in a sentence, or
            None if all is well.
        reads_pretrained: options -> whether the search reads the pretrained model.
        imported: whether the masks are read from files; then there is no search.
        paper: of `PAPERS_METHODS`.
        plugin: the file of a user's own algorithm; None for those of this package.
    """

    name: str
    summary: str
    granularity: str
    version: int
    options: Mapping[str, Option]
    subnetworks: Mapping[str, Sequence[str]]
    default_subnetworks: Mapping[str, Sequence[str]]
    sources: Mapping[str, str] = field(default_factory=dict)
    search: Callable[[SearchContext], SearchResult] | None = None
    sample: Callable[[str, Any, Path, np.random.Generator], Mask] | None = None
    rank: Callable[[SearchContext], Mapping[str, np.ndarray]] | None = None
    search_ranks: bool = False
    trains: bool = False
    cut: Callable[[Mapping[str, np.ndarray], Path, float, Mapping[str, Any]], Mask] | None = None
    check: Callable[[Mapping[str, Any], Path], str | None] | None = None
    reads_pretrained: Callable[[Mapping[str, Any]], bool] | None = None
    to_threshold: bool = False
    importance: bool = False
    prunes_to_half: bool = False
    units: Sequence[str] = ()
    imported: bool = False
    paper: str | None = None
    plugin: Plugin | None = None

    def recorded(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """The options of a method that belong to the params of its rules."""
        return {
            name: value
            for name, value in options.items()
            if not self.options[name].added or value != self.options[name].preset("published")
        }

    def complete(self, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """All options of a method, from those that `recorded` gives."""
        added = {name: option for name, option in self.options.items() if option.added}
        return {name: option.preset("published") for name, option in added.items()} | {**recorded}

    def prunes(self, kind: str, options: Mapping[str, Any]) -> bool:
        """Whether a method with these options can prune units of a kind."""
        return kind in self.kinds(options)

    def kinds(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """The kinds of units that a method with these options prunes; none for weights."""
        return tuple(options.get("units", self.units))


def problem(declared: Algorithm) -> str | None:
    """What is wrong with a declaration, in words that follow the algorithm's name; None if nothing.

    Each field may be of any type, so this can also fail with the error of a wrong type.
    """
    checks = (_of_fields, _of_functions, _of_options, _of_subnetworks)
    return next((sentence for check in checks for sentence in check(declared)), None)


def _of_fields(a: Algorithm) -> Iterator[str]:
    """What is wrong with a field by itself."""
    function = (lambda value: value is None or callable(value), "a function or None")
    flag = (lambda value: isinstance(value, bool), "True or False")
    kinds = _tuple_of(SEARCHED + SAMPLED + SUPER * (a.granularity == UNITS))
    allowed = {
        "name": (_is_id, "1 to 64 lower-case letters, digits and underscores"),
        "summary": (_is_text, "a sentence"),
        "granularity": (lambda value: value in PAPERS_METHODS, " or ".join(PAPERS_METHODS)),
        "version": (lambda value: type(value) is int and value >= 1, "a whole number from 1"),
        "units": _tuple_of(tuple(KINDS)),
        "subnetworks": (
            lambda value: all(kinds[0](value[preset]) for preset in PRESETS),
            f"for each preset {kinds[1]}",
        ),
        "default_subnetworks": (
            lambda value: not any(isinstance(value[preset], str) for preset in PRESETS),
            "for each preset a tuple of subnetworks",
        ),
        "sources": (
            lambda value: set(value) <= set(SAMPLED) and set(value.values()) <= set(SEARCHED[:2]),
            f"a dict from some of {', '.join(SAMPLED)} to good or good_half",
        ),
        **dict.fromkeys(("search", "sample", "rank", "cut", "check", "reads_pretrained"), function),
        **dict.fromkeys(
            (
                *("to_threshold", "importance", "prunes_to_half"),
                *("search_ranks", "trains", "imported"),
            ),
            flag,
        ),
    }
    for name, (is_allowed, words) in allowed.items():
        value = getattr(a, name)
        try:
            fits = is_allowed(value)
        except (TypeError, KeyError, AttributeError):
            fits = False
        if not fits:
            yield f"has {name}={value!r}; it must be {words}"


def _of_functions(a: Algorithm) -> Iterator[str]:
    if a.imported and a.search:
        yield "has a search, though its masks are imported"
    if not a.imported and not a.search:
        yield "has no search: give a function search(context) -> SearchResult"
    if bool(a.cut) != bool(a.rank or a.search_ranks):
        yield "must have both cut and a ranking (rank, or search_ranks), or neither"
    if a.rank and a.search_ranks:
        yield "has a function rank, though its search ranks"
    if a.sources and not a.sample:
        yield "has sources of controls, but no function sample that draws them"
    if a.granularity == UNITS and not a.units:
        yield f"prunes units but names no kind; allowed are {', '.join(KINDS)}"
    if a.granularity == WEIGHTS and a.units:
        yield "prunes single weights, so it must name no kind of unit"
    if a.granularity == WEIGHTS and a.importance:
        yield "prunes single weights, so it has no importances of units"
    if a.paper not in (None, PAPERS_METHODS[a.granularity]):
        allowed = PAPERS_METHODS[a.granularity]
        yield f"has {a.paper!r} as paper; allowed are None and {allowed!r}"


def _of_options(a: Algorithm) -> Iterator[str]:
    for name, option in a.options.items():
        if not isinstance(option, Option) or not isinstance(option.values, Values):
            yield f"has {name!r} among its options, which is no Option with allowed values"
        if not _is_id(name):
            yield f"has an option {name!r}, whose name is no id"
        if name in METHOD_KEYS:
            yield f"has an option {name}, which is a key of every method; give it another name"
        if name in SHARED and not _alike(option.values, SHARED[name].values):
            yield f"redefines the option {name}, a name that the workflow reads; rename it"
        if not _is_text(option.help):
            yield f"has an option {name} without help: a sentence that explains what it means"
        if option.applies_to not in STAGES:
            allowed = ", ".join(STAGES)
            yield f"has an option {name} that applies to {option.applies_to!r}; allowed: {allowed}"
        if (option.published is None) != (option.strict is None):
            yield f"has an option {name} with a default under one preset only"
        for preset in PRESETS if not option.required else ():
            value = getattr(option, preset)
            if not _is_valid(value, option.values):
                allowed = option.values.words
                yield f"has the option {name} with {value!r} under {preset}; allowed: {allowed}"
    wanted = ["search_on", "search_metric"] * (not a.imported)
    wanted += list(THRESHOLD_OPTIONS) * a.to_threshold
    wanted += ["halves"] * a.prunes_to_half
    wanted += ["emptied_attention"] * (a.granularity == UNITS)
    wanted += ["masks"] * a.imported
    for name in wanted:
        if name not in a.options:
            yield f"lacks the option {name} (lottery.pruning.algorithms has it)"


def _of_subnetworks(a: Algorithm) -> Iterator[str]:
    for preset in PRESETS:
        kinds = a.subnetworks[preset]
        if "good" not in kinds:
            yield f"has no subnetwork good under preset {preset}"
        halves = [name for name in (*kinds, *a.sources.values()) if name.endswith("_half")]
        if halves and "halves" not in a.options:
            yield f"has the subnetwork {halves[0]}, but no option halves"
        for name in kinds:
            if name in SAMPLED and name not in a.sources:
                yield f"does not declare in sources from which mask {name} is drawn"
        # Further draws are checked where a method lists them.
        for name in a.default_subnetworks[preset]:
            if name not in kinds and base_name(name) not in kinds:
                yield f"has {name} in default_subnetworks, but not in subnetworks"


def _tuple_of(known: Sequence[str]) -> tuple[Callable[[Any], bool], str]:
    words = f"a tuple of some of {', '.join(known)}"
    return lambda value: not isinstance(value, str) and set(value) <= set(known), words


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(ID.fullmatch(value))


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _alike(values: Values, others: Values) -> bool:
    """Whether two options take the same values; an algorithm may prune fewer kinds of units."""
    if isinstance(others, UnitKinds):
        return isinstance(values, UnitKinds)
    return values.schema == others.schema


def _is_valid(value: Any, values: Values) -> bool:
    from jsonschema import Draft202012Validator

    value = list(value) if isinstance(value, tuple) else value
    return Draft202012Validator(values.schema).is_valid(value)
