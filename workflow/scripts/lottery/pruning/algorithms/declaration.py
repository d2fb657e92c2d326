"""What a pruning algorithm declares about itself. No heavy imports: every job reads declarations.

The schema of the config, the options in the docs, what the rules write, what figures say and which
claims apply are all derived from an `Algorithm`. Nothing outside an algorithm's own file compares
its name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from lottery.models.units import ALIASES, KINDS, kinds_of

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np

    from lottery.pruning.algorithms.search_context import SearchContext, SearchResult
    from lottery.pruning.masks import Mask

PRESETS = ("published", "strict")
UNITS, WEIGHTS = "units", "weights"
# Granularity -> the paper's method of that granularity, under whose name its numbers are kept.
PAPERS_METHODS = {UNITS: "structured", WEIGHTS: "magnitude"}
# What a search may need: the fine-tuned and the pretrained model, tokens, the training recipe.
NEEDS = ("finetuned", "pretrained", "tokens", "recipe")
# What an option's value may decide, see `Option.applies_to`.
STAGES = ("search", "model", "import")
# Keys of a method in the config that are no options of its algorithm.
METHOD_KEYS = ("algorithm", "preset", "subnetworks", "models", "only_tasks", "sizes_from", "tasks")
ID = re.compile(r"[a-z0-9_]{1,64}")


class Values:
    """The values that an option may have.

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
    """A number between bounds; a bound that is None does not bind."""

    kind, word = "number", "number"

    def __init__(
        self,
        *,
        above: float | None = None,
        at_least: float | None = None,
        below: float | None = None,
        at_most: float | None = None,
    ) -> None:
        bounds = (
            ("exclusiveMinimum", "above", above),
            ("minimum", "at least", at_least),
            ("exclusiveMaximum", "below", below),
            ("maximum", "at most", at_most),
        )
        given = [bound for bound in bounds if bound[2] is not None]
        self.schema = {"type": self.kind} | {key: value for key, _, value in given}
        self.words = ", ".join([self.word, *(f"{word} {value:g}" for _, word, value in given)])


class Integer(Number):
    """A whole number between bounds."""

    kind, word = "integer", "whole number"

    def __init__(self, *, at_least: int | None = None, at_most: int | None = None) -> None:
        super().__init__(at_least=at_least, at_most=at_most)


class Switch(Values):
    """True or false."""

    schema: Mapping[str, Any] = {"type": "boolean"}
    words = "true, false"


class Text(Values):
    """A text that is not empty.

    Args:
        pattern: a regular expression that it must match.
    """

    def __init__(self, pattern: str | None = None) -> None:
        if pattern is not None:
            re.compile(pattern)  # an error names the line of the declaration
        self.schema = {"type": "string", "minLength": 1}
        self.schema |= {"pattern": pattern} if pattern is not None else {}
        self.words = "text"


class UnitKinds(Values):
    """A list of kinds of units, or a word for one: both, heads, mlps.

    Args:
        kinds: the kinds that may be named; all that there are if none is given.
    """

    def __init__(self, *kinds: str) -> None:
        self._kinds = kinds

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds that may be named."""
        return self._kinds or tuple(KINDS)

    @property
    def aliases(self) -> list[str]:
        """The words that name allowed kinds only."""
        return [word for word, kinds in ALIASES.items() if set(kinds) <= set(self.kinds)]

    @property
    def schema(self) -> Mapping[str, Any]:
        """The JSON schema of a value; kinds may be declared at any time."""
        kinds = {"items": {"enum": list(self.kinds)}, "minItems": 1, "uniqueItems": True}
        words = {
            "enum": self.aliases,
            "$comment": f"or a list of {', '.join(self.kinds)}, as [{self.kinds[0]}]",
        }
        return {"if": {"type": "array"}, "then": kinds, "else": words}

    @property
    def words(self) -> str:
        """The allowed values."""
        return f"list of {', '.join(self.kinds)}; or {', '.join(self.aliases)}"

    def normalised(self, value: Any) -> Any:
        """The kinds in the order of `KINDS`."""
        return list(kinds_of(value))


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
    """

    published: Any
    strict: Any
    values: Values
    help: str
    applies_to: str = "search"

    @property
    def required(self) -> bool:
        """Whether the config must give it."""
        return self.published is None

    def preset(self, name: str) -> Any:
        """The value in preset `name`, one of `PRESETS`."""
        value = {"published": self.published, "strict": self.strict}[name]
        return None if value is None else self.values.normalised(value)

    def schema(self) -> dict[str, Any]:
        """The JSON schema of the option, with its description."""
        defaults = "; ".join(f"{name}: {spelled(self.preset(name))}" for name in PRESETS)
        description = self.help if self.required else f"{self.help} {defaults}."
        return {"description": description} | dict(self.values.schema)


@dataclass(frozen=True)
class Plugin:
    """The file that an algorithm comes from.

    Attributes:
        file: its path, as the config names it.
        sha256: of its bytes, 64 hexadecimal digits.
    """

    file: str
    sha256: str


# Algorithms are compared by identity: two files may well declare the same things.
@dataclass(frozen=True, eq=False, kw_only=True)
class Algorithm:
    """A pruning algorithm.

    Attributes:
        name: the word that `algorithm` has in the config.
        summary: what it does, in a sentence.
        granularity: "units" (masks of whole units) or "weights" (masks of single weights).
        version: of its search; a higher one runs the searches again.
        options: by name, in the order in which they are shown.
        subnetworks: by preset, the kinds that a method may list; of `random` and `random_half` also
            further draws, as random_2.
        default_subnetworks: by preset, those of a method that lists none.
        sources: a control that is drawn (random, bad, random_half) -> the mask it is drawn from:
            good or good_half.
        search: finds the good subnetwork; None where masks are imported.
        sample: draws a control: (kind, mask of its source, path of the fine-tuned model, random
            generator) -> mask. None where no control is drawn.
        check: says what no single option decides: (options, root of relative paths) -> what
            follows `methods.{id}.` in a sentence, or None if all is well.
        to_threshold: whether the search goes on until the score falls below a threshold.
        importance: whether the search returns importances of units.
        walks_to_half: whether the halves take steps of their own, which halves.csv shows.
        units: the kinds of units (`models.units.KINDS`) that it can prune; none for weights.
        imported: whether the masks are read from files.
        needs: what the search needs, of `NEEDS`.
        paper: the paper's method that preset published repeats, of `PAPERS_METHODS`.
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
    sample: Callable[[str, Mask, Path, np.random.Generator], Mask] | None = None
    check: Callable[[Mapping[str, Any], Path], str | None] | None = None
    to_threshold: bool = False
    importance: bool = False
    walks_to_half: bool = False
    units: Sequence[str] = ()
    imported: bool = False
    needs: frozenset[str] = frozenset({"finetuned", "tokens"})
    paper: str | None = None
    plugin: Plugin | None = None

    def prunes(self, kind: str, options: Mapping[str, Any]) -> bool:
        """Whether a method with these options can prune units of a kind."""
        return kind in options.get("units", self.units)


def spelled(value: Any) -> str:
    """A value of an option as the config spells it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value)


# The names of subnetworks, by how their masks come about.
SEARCHED = ("good", "good_half", "bad_half")
SAMPLED = ("random", "bad", "random_half")
SUPER = ("super_good", "super_random", "super_bad")


def problem(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    """What is wrong with a declaration, in words that follow the algorithm's name; None if nothing.

    Args:
        declared: the declaration.
        shared: options that the workflow itself reads (`algorithms.common.SHARED`): by
            these names, no others may go.
    """
    checks = (_facts, _functions, _units, _options, _subnetworks)
    return next((found for check in checks if (found := check(declared, shared))), None)


def _facts(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    if not isinstance(declared.name, str) or not ID.fullmatch(declared.name):
        return "has a name that is no id: 1 to 64 lower-case letters, digits and underscores"
    if not isinstance(declared.summary, str) or not declared.summary.strip():
        return "has no summary"
    if declared.granularity not in PAPERS_METHODS:
        return f"has the granularity {declared.granularity!r}; allowed are units and weights"
    version = declared.version
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        return f"has the version {version!r}; it must be a whole number from 1"
    if isinstance(declared.needs, str):
        return f"needs {declared.needs!r}; it must be a set of {', '.join(NEEDS)}"
    if unknown := [name for name in declared.needs if name not in NEEDS]:
        return f"needs {unknown[0]!r}; allowed are {', '.join(NEEDS)}"
    for name in ("to_threshold", "importance", "walks_to_half", "imported"):
        if not isinstance(getattr(declared, name), bool):
            return f"has {name}={getattr(declared, name)!r}; it must be True or False"
    if declared.paper is not None and declared.paper != PAPERS_METHODS[declared.granularity]:
        allowed = PAPERS_METHODS[declared.granularity]
        return f"has {declared.paper!r} as paper; allowed are None and {allowed!r}"
    return None


def _functions(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    if declared.imported and declared.search is not None:
        return "has a search, though its masks are imported"
    if not declared.imported and not callable(declared.search):
        return "has no search: give a function search(context) -> SearchResult"
    if declared.sources and not callable(declared.sample):
        return "has sources of controls, but no function sample that draws them"
    if declared.check is not None and not callable(declared.check):
        return "has a check that is no function"
    return None


def _units(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    if isinstance(declared.units, str):
        return f"has the units {declared.units!r}; it must be a tuple of kinds of units"
    if unknown := [kind for kind in declared.units if kind not in KINDS]:
        return f"has the unknown kind of unit {unknown[0]!r}; allowed are {', '.join(KINDS)}"
    if declared.granularity == UNITS and not declared.units:
        return f"prunes units but names no kind; allowed are {', '.join(KINDS)}"
    if declared.granularity == WEIGHTS and declared.units:
        return "prunes single weights, so it must name no kind of unit"
    if declared.granularity == WEIGHTS and declared.importance:
        return "prunes single weights, so it has no importances of units"
    return None


def _options(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    for name, option in declared.options.items():
        if not isinstance(option, Option) or not isinstance(option.values, Values):
            return f"has {name!r} among its options, which is no Option with allowed values"
        if not isinstance(name, str) or not ID.fullmatch(name):
            return f"has an option {name!r}, whose name is no id"
        if name in METHOD_KEYS:
            return f"has an option {name}, which is a key of every method; give it another name"
        if name in shared and not _alike(option.values, shared[name].values):
            return f"has an option {name} of its own, a name that the workflow reads; rename it"
        if not isinstance(option.help, str) or not option.help.strip():
            return f"has an option {name} without help: a sentence that says what it means"
        if option.applies_to not in STAGES:
            allowed = ", ".join(STAGES)
            return f"has an option {name} that applies to {option.applies_to!r}; allowed: {allowed}"
        if (option.published is None) != (option.strict is None):
            return f"has an option {name} with a default under one preset only"
    wanted = ["search_on", "search_metric"] * (not declared.imported)
    wanted += ["threshold", "keep_score", "majority"] * declared.to_threshold
    wanted += ["halves"] * declared.walks_to_half
    wanted += ["emptied_attention"] * (declared.granularity == UNITS)
    wanted += ["masks"] * declared.imported
    if missing := [name for name in wanted if name not in declared.options]:
        return f"lacks the option {missing[0]} (lottery.pruning.algorithms.common has it)"
    return None


def _alike(values: Values, others: Values) -> bool:
    """Whether two options take the same values; an algorithm may prune fewer kinds of units."""
    if isinstance(others, UnitKinds):
        return isinstance(values, UnitKinds)
    return values.schema == others.schema


def _subnetworks(declared: Algorithm, shared: Mapping[str, Option]) -> str | None:
    known = SEARCHED + SAMPLED + SUPER * (declared.granularity == UNITS)
    for preset in PRESETS:
        for what in ("subnetworks", "default_subnetworks"):
            names = getattr(declared, what)
            if not isinstance(names, Mapping) or isinstance(names.get(preset, ""), str):
                return f"has no {what} under preset {preset}"
        allowed = declared.subnetworks[preset]
        if unknown := [name for name in allowed if name not in known]:
            return f"has the subnetwork {unknown[0]!r}; allowed are {', '.join(known)}"
        if "good" not in allowed:
            return f"has no subnetwork good under preset {preset}"
        halves = [name for name in allowed if name.endswith("_half")]
        if halves and "halves" not in declared.options:
            return f"has the subnetwork {halves[0]}, but no option halves"
        for name in allowed:
            if name in SAMPLED and name not in declared.sources:
                return f"does not say in sources from which mask {name} is drawn"
        # Further draws are checked where a method lists them.
        for name in declared.default_subnetworks[preset]:
            if name not in allowed and re.sub(r"_\d+$", "", name) not in allowed:
                return f"has {name} in default_subnetworks, but not in subnetworks"
    for name, source in declared.sources.items():
        if name not in SAMPLED:
            return f"has {name!r} in sources; only {', '.join(SAMPLED)} are drawn"
        if source not in ("good", "good_half"):
            return f"draws {name} from {source!r}; allowed are good and good_half"
        if source == "good_half" and "halves" not in declared.options:
            return f"draws {name} from good_half, but has no option halves"
    return None
