"""Pruning algorithms of the user's own: Python files that the config names under `plugins`.

A file is read once; its digest is that of the bytes that are run. So a stale bytecode file can do
no harm, and every job can check that it runs what was planned.
"""

from __future__ import annotations

import ast
import hashlib
import logging
import math
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.files.errors import blaming as of_key
from lottery.files.reading import require_no_device
from lottery.models.architecture import Architecture
from lottery.models.units import KINDS
from lottery.pruning.algorithms import algorithm, built_in, register
from lottery.pruning.algorithms.declaration import UNITS, Algorithm, Plugin, problem
from lottery.pruning.algorithms.search import SearchResult, Step
from lottery.pruning.masks import Mask, UnitMask, WeightMask, body_shapes

# Every job imports a plugin, and would pay for these.
HEAVY = ("torch", "transformers", "datasets")

log = logging.getLogger(__name__)


def load_all(files: Any, root: Path) -> tuple[Plugin, ...]:
    """Loads the plugins of a study and registers their algorithms, in place of any before.

    Args:
        files: the value of `plugins` in the config; one that is no list of texts is left to the
            schema.
        root: folder that relative paths start from.
    """
    named = files if isinstance(files, list) and all(isinstance(f, str) for f in files) else []
    register(())
    found: list[Algorithm] = []
    for file in dict.fromkeys(named):
        found += _load(file, root, taken=[*built_in(), *found])
    register(found)
    return tuple(dict.fromkeys(each.plugin for each in found if each.plugin))


def planned(name: str, version: int, plugin: dict[str, str] | None) -> Algorithm:
    """The algorithm of a job, as it was when the job was planned.

    Raises:
        StudyError: the plugin (file and SHA-256; None for the workflow's own algorithms) or the
            version is another one by now.
    """
    if plugin is not None:
        register(_load(plugin["file"], Path(), built_in(), expected=plugin["sha256"]))
    declared = algorithm(name)
    if declared.version != version:
        raise StudyError(
            f"The algorithm {name} has version {declared.version}, but the run was planned with "
            f"version {version}; start the run again."
        )
    return declared


def announce(plugins: Sequence[Plugin]) -> None:
    """Names a study's plugins on the terminal."""
    for plugin in plugins:
        print(f"plugin {plugin.file} (sha256 {plugin.sha256})", file=sys.stderr, flush=True)


@contextmanager
def blaming(algorithm: Algorithm) -> Iterator[None]:
    """Turns an error in a plugin's function, or with what it returned, into a sentence.

    The stack trace goes to the log. Errors of this package's own algorithms pass.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        if algorithm.plugin is None:
            raise
        log.critical("%s", traceback.format_exc().rstrip())
        raise StudyError(sentence(algorithm.plugin, error)) from error


def sentence(plugin: Plugin, error: BaseException) -> str:
    """An error in the code of a plugin, with the file and, where there is one, its line."""
    name = _module_name(plugin)
    frames = traceback.walk_tb(error.__traceback__)
    lines = [line for frame, line in frames if frame.f_globals.get("__name__") == name]
    where = f", line {lines[-1]}" if lines else ""
    return f"{plugin.file}{where}: {_words(error)}."


def _load(
    file: str, root: Path, taken: Sequence[Algorithm], expected: str | None = None
) -> list[Algorithm]:
    """The declarations of a file, none of whose names may be taken."""
    path = root / expanded(file)
    if path.suffix != ".py":
        raise StudyError(f"plugins names {file!r}; allowed are Python files, as my_pruner.py.")
    with of_key("plugins"):
        require_no_device(path)
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"plugins names {file!r}, which cannot be read ({reason}).") from error
    plugin = Plugin(file, hashlib.sha256(source).hexdigest())
    if expected not in (None, plugin.sha256):
        raise StudyError(
            f"The plugin {file} has changed since the run was planned (sha256 then "
            f"{expected[:12]}..., now {plugin.sha256[:12]}...); start the run again."
        )
    values = [v for v in vars(_run(source, path, plugin)).values() if isinstance(v, Algorithm)]
    declared = [value for value in dict.fromkeys(values) if value not in built_in()]
    if not declared:
        raise StudyError(
            f"The plugin {file} declares no algorithm: it needs a variable that holds an Algorithm."
        )
    owners = {each.name: each.plugin.file if each.plugin else None for each in taken}
    for each in declared:
        _check(each, file, owners)
        owners[each.name] = file
    return [replace(each, plugin=plugin) for each in declared]


def _run(source: bytes, path: Path, plugin: Plugin) -> ModuleType:
    """Executes a plugin as a module of its own."""
    try:
        tree = ast.parse(source, str(path))
        code = compile(source, str(path), "exec", dont_inherit=True)
    except (SyntaxError, ValueError) as error:  # a null byte is a ValueError
        line = getattr(error, "lineno", None)
        where, reason = f", line {line}" if line else "", getattr(error, "msg", error)
        raise StudyError(
            f"The plugin {plugin.file}{where} is no valid Python: {reason}."
        ) from error
    for line, name in _imports(tree):
        if _is_local(name.split(".")[0], path.parent):
            raise StudyError(
                f"The plugin {plugin.file}, line {line} imports {name}, a file next to it; "
                "a plugin is one file."
            )
    module = ModuleType(_module_name(plugin))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    guard = _HeavyImports()
    sys.meta_path.insert(0, guard)
    try:
        exec(code, vars(module))  # the one declared way to run a user's own code
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        del sys.modules[module.__name__]
        raise StudyError(f"The plugin {sentence(plugin, error)}") from error
    finally:
        sys.meta_path.remove(guard)
    return module


def _module_name(plugin: Plugin) -> str:
    stem = re.sub(r"\W", "_", Path(plugin.file).stem)
    return f"lottery_plugin_{stem}_{plugin.sha256[:16]}"


def _imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """The line and name of each import; the name of a relative one begins with dots."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.lineno, "." * node.level + (node.module or "")


def _is_local(name: str, folder: Path) -> bool:
    """Whether a module is a file or a package in a folder; the name is empty if it is relative."""
    if not name:
        return True
    if name == "lottery" or name in sys.stdlib_module_names:
        return False
    return (folder / f"{name}.py").exists() or any((folder / name).glob("*.py"))


class _HeavyImports(MetaPathFinder):
    """Rejects heavy imports of a plugin, also by way of another module, while it is read."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in HEAVY:
            raise RuntimeError(
                f"this imports {name}, which would slow every job; import inside the function "
                "that needs it"
            )


def _check(declared: Algorithm, file: str, owners: dict[str, str | None]) -> None:
    """Rejects a wrong declaration, or one whose name another one has."""
    try:
        found = problem(declared)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        found = f"is not declared as it should be ({_words(error)})"
    if not found and declared.name in owners:
        owner = owners[declared.name]
        owner = "the same file" if owner == file else owner or "the workflow itself"
        found = f"has the name of an algorithm of {owner}; give it another one"
    if found:
        raise StudyError(f"The plugin {file}: algorithm {declared.name!r} {found}.")


def _words(error: BaseException) -> str:
    """An error in a line, without a full stop."""
    message = " ".join(str(error).split())[:300].rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__


# Checks of what the functions of a plugin return, before anything is written: a mask that does not
# fit its declaration would silently give wrong verdicts.


def check(declared: Algorithm, function: str, problems: Iterator[str]) -> None:
    """Rejects what a function of a plugin returned if there is a problem with it."""
    if declared.plugin and (wrong := next(problems, None)):
        raise StudyError(f"{declared.plugin.file}: {function} returned {wrong}.")


def of_search(
    declared: Algorithm,
    options: Mapping[str, Any],
    found: Any,
    wanted: list[str],
    architecture: Architecture,
) -> Iterator[str]:
    """Yields how a search's result, masks of the `wanted` subnetworks, is not as declared."""
    if not isinstance(found, SearchResult):
        yield f"{_shown(found)}; it must be a SearchResult"
    if not isinstance(found.masks, Mapping):
        yield f"{_shown(found.masks)} as masks; it must be a dict by subnetwork"
    for name in ("trajectory", "halves"):
        for number, step in enumerate(getattr(found, name)):
            for wrong in _of_step(step):
                yield f"{wrong}, in {name}[{number}]"
    if declared.to_threshold and not found.trajectory:
        yield "an empty trajectory, though it searches down to a threshold"
    if declared.prunes_to_half and options["halves"] and not found.halves:
        yield "no halves, though it declares prunes_to_half"
    for name in ("path", "importance"):
        for key, array in getattr(found, name).items():
            if not isinstance(array, np.ndarray) or array.dtype.kind not in "biuf":
                yield f"{_shown(array)} as {name}[{key!r}]; it must be an array of numbers"
    pruned = declared.kinds(options) if declared.granularity == UNITS else ()
    for kind in pruned:
        array, steps = found.path.get(KINDS[kind].array), len(found.trajectory)
        if array is None or len(array) != steps:
            rows = "none" if array is None else f"{len(array)} rows"
            yield f"{rows} as path[{KINDS[kind].array!r}] for {steps} steps of the trajectory"
    returned = {"importance": declared.importance, "ranking": declared.search_ranks}
    for name, is_declared in returned.items():
        if is_declared != bool(getattr(found, name)):
            yield f"{'no ' if is_declared else ''}{name}, against its declaration"
    for name in wanted:
        if name not in found.masks:
            yield f"no masks[{name!r}]"
        mask, where = found.masks[name], f"masks[{name!r}]"
        yield from of_mask(mask, where, declared, architecture)
        if declared.granularity == UNITS:
            emptied = options["emptied_attention"]
            for unit, array in mask.units.items():
                if not array.all() and unit not in pruned:
                    yield f"{where} that prunes units of kind {unit}; allowed: {', '.join(pruned)}"
            if mask.emptied_attention != emptied:
                yield (
                    f"{where} with emptied_attention {mask.emptied_attention!r}, where the "
                    f"method's option is {emptied!r}"
                )


def of_sample(
    declared: Algorithm, kind: str, mask: Any, source: Mask, architecture: Architecture
) -> Iterator[str]:
    """Yields how a control does not fit the model or the size of its source."""
    yield from of_mask(mask, "a mask", declared, architecture)
    if mask.counts() != source.counts():
        yield (
            f"for {kind} a mask that keeps {_listed(mask.counts())}, where its source keeps "
            f"{_listed(source.counts())}; a control has the size of what it is compared with"
        )
    if declared.granularity == UNITS and mask.metadata() != source.metadata():
        yield (
            f"for {kind} a mask with {_listed(mask.metadata())}, where its source has "
            f"{_listed(source.metadata())}; take it from source.with_units(...)"
        )


def _of_step(step: Any) -> Iterator[str]:
    if not isinstance(step, Step):
        yield f"{_shown(step)}, which is no Step"
    for name in ("score", "threshold", "kept_fraction"):
        value = getattr(step, name)
        undefined = value is None and name != "kept_fraction"
        number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
        if not undefined and not (number and math.isfinite(value)):
            yield f"{name}={value!r}, which is no number"
    if not 0 <= step.kept_fraction <= 1:
        yield f"kept_fraction={step.kept_fraction!r}, which is no share"


def of_mask(mask: Any, name: str, declared: Algorithm, architecture: Architecture) -> Iterator[str]:
    """Yields how a mask is not of the declared granularity or does not fit the model."""
    kind = UnitMask if declared.granularity == UNITS else WeightMask
    if not isinstance(mask, kind):
        granularity = declared.granularity
        yield f"{_shown(mask)} as {name}; its granularity is {granularity}: {kind.__name__}"
    if kind is WeightMask:
        arrays, shapes = mask.parameters, body_shapes(architecture)
        if mask.shapes != shapes:
            yield f"{name} with other parameters or shapes than the body of the model has"
    else:
        arrays = mask.units
        shapes = {unit: KINDS[unit].shape(architecture) for unit in arrays}
    for part, array in arrays.items():
        if array.shape != shapes[part] or array.dtype != bool:
            found = f"{array.dtype} {list(array.shape)}"
            yield f"{name} with {found} of {part}; it must be bool {list(shapes[part])}"


def _listed(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())


def _shown(value: Any) -> str:
    return "None" if value is None else f"a value of type {type(value).__name__}"
