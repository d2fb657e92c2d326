"""Pruning algorithms of the user's own: Python files that the config names under `plugins`.

A file is read once; its digest is that of the bytes that are run. So a stale bytecode file can do
no harm, and every job can tell whether it runs what was planned.
"""

from __future__ import annotations

import ast
import hashlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.abc import MetaPathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

from lottery.files import expanded
from lottery.files.errors import StudyError
from lottery.pruning.algorithms import algorithm, built_in, register
from lottery.pruning.algorithms.common import SHARED
from lottery.pruning.algorithms.declaration import PRESETS, Algorithm, Plugin, problem

# What the main process read, for the processes that it starts: JSON, file -> SHA-256.
VARIABLE = "LOTTERY_PLUGINS"
# Every job imports a plugin, and would pay for these.
HEAVY = ("torch", "transformers", "datasets", "pandas")

log = logging.getLogger(__name__)


def load_all(files: Any, root: Path) -> tuple[Plugin, ...]:
    """Loads the plugins of a study and registers their algorithms, in place of any before.

    Args:
        files: the value of `plugins` in the config; one that is no list of different texts is left
            to the schema.
        root: folder that relative paths start from.

    Raises:
        StudyError: a file cannot be used, or is not what the main process has read.
    """
    named = files if isinstance(files, list) and all(isinstance(f, str) for f in files) else []
    named = list(dict.fromkeys(named))
    register(())
    found: list[Algorithm] = []
    places: dict[str, str] = {}
    for file in named:
        place = os.path.abspath(root / expanded(file))
        if place in places:
            raise StudyError(f"plugins names one file twice: {places[place]!r} and {file!r}.")
        places[place] = file
        found += _load(file, root, taken=[*built_in(), *found])
    register(found)
    return tuple(dict.fromkeys(each.plugin for each in found))


def load(file: str, sha256: str, root: Path = Path()) -> None:
    """Loads a plugin in a job that was planned with it.

    Args:
        file: its path, as the config names it.
        sha256: of its bytes when the job was planned.
        root: folder that a relative path starts from.

    Raises:
        StudyError: the file is another one by now, or cannot be used.
    """
    register(_load(file, root, taken=built_in(), expected=sha256))


def planned(name: str, version: int, plugin: dict[str, str] | None) -> Algorithm:
    """The algorithm of a job, as it was when the job was planned.

    Args:
        name: of the algorithm.
        version: that it had.
        plugin: file and SHA-256 of the plugin that declares it; None for the workflow's own.

    Raises:
        StudyError: the plugin or the version is another one by now.
    """
    if plugin is not None:
        load(**plugin)
    declared = algorithm(name)
    if declared.version != version:
        raise StudyError(
            f"The algorithm {name} has version {declared.version}, but the run was planned with "
            f"version {version}; start the run again."
        )
    return declared


def named_plugins(plugins: Sequence[Plugin]) -> list[str]:
    """A line for each plugin of a study, with its digest, to be printed before planning."""
    return [f"plugin {plugin.file} (sha256 {plugin.sha256})" for plugin in plugins]


def announce(plugins: Sequence[Plugin]) -> None:
    """Names a study's plugins on the terminal, and to every process that this one starts.

    For the main process alone, after the study is loaded. `forget` comes before that.
    """
    for line in named_plugins(plugins):
        print(line, file=sys.stderr, flush=True)
    os.environ[VARIABLE] = json.dumps({plugin.file: plugin.sha256 for plugin in plugins})


def forget() -> None:
    """Drops what the main process may have inherited from another run."""
    os.environ.pop(VARIABLE, None)


@contextmanager
def blaming(algorithm: Algorithm) -> Iterator[None]:
    """Turns an error in a plugin's function into a sentence with file and line.

    The stack trace goes to the log. Errors of this package's own algorithms pass.

    Raises:
        StudyError: the block failed in the plugin's code, in what that code called, or in what was
            done with what it returned; of the last no line is named.
    """
    try:
        yield
    except StudyError:
        raise
    except Exception as error:
        plugin = algorithm.plugin
        if plugin is None:
            raise
        log.critical("%s", traceback.format_exc().rstrip())
        raise StudyError(sentence(plugin, error)) from error


def sentence(plugin: Plugin, error: Exception) -> str:
    """An error in a function of a plugin, with the file and, where there is one, its line."""
    line = _own_line(error, _module_name(plugin))
    where = f", line {line}" if line else ""
    return f"{plugin.file}{where}: {_words(error)}."


def _load(
    file: str, root: Path, taken: Sequence[Algorithm], expected: str | None = None
) -> list[Algorithm]:
    """The declarations of a file, none of whose names may be taken."""
    path = root / expanded(file)
    if path.suffix != ".py":
        raise StudyError(f"plugins names {file!r}; allowed are Python files, as my_pruner.py.")
    try:
        source = path.read_bytes()
    except (OSError, ValueError) as error:  # a path with a null byte is a ValueError
        reason = getattr(error, "strerror", None) or error
        raise StudyError(f"plugins names {file!r}, which cannot be read ({reason}).") from error
    plugin = Plugin(file, hashlib.sha256(source).hexdigest())
    announced = json.loads(os.environ.get(VARIABLE) or "{}")
    for planned in (expected, announced.get(file)):
        if planned not in (None, plugin.sha256):
            raise StudyError(
                f"The plugin {file} has changed since the run was planned (sha256 then "
                f"{planned[:12]}..., now {plugin.sha256[:12]}...); start the run again."
            )
    module = _run(source, path, plugin)
    ours = {id(each) for each in built_in()}
    declared = {
        id(value): value
        for value in vars(module).values()
        if isinstance(value, Algorithm) and id(value) not in ours
    }
    if not declared:
        raise StudyError(
            f"The plugin {file} declares no algorithm: it needs a variable that holds an Algorithm."
        )
    names = {each.name: each.plugin for each in taken}
    for each in declared.values():
        _check(each, file, names)
        names[each.name] = plugin
    return [replace(each, plugin=plugin) for each in declared.values()]


def _run(source: bytes, path: Path, plugin: Plugin) -> ModuleType:
    """Executes a plugin as a module of its own."""
    try:
        tree = ast.parse(source, str(path))
        _check_imports(tree, path.parent, plugin.file)
        code = compile(source, str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        where = f", line {error.lineno}" if error.lineno else ""
        raise StudyError(
            f"The plugin {plugin.file}{where} is no valid Python: {error.msg}."
        ) from error
    except ValueError as error:  # a null byte
        raise StudyError(f"The plugin {plugin.file} is no valid Python: {error}.") from error
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
        line = _own_line(error, module.__name__)
        where = f", line {line}" if line else ""
        raise StudyError(f"The plugin {plugin.file}{where}: {_words(error)}.") from error
    finally:
        sys.meta_path.remove(guard)
    return module


def _module_name(plugin: Plugin) -> str:
    stem = re.sub(r"\W", "_", Path(plugin.file).stem)
    return f"lottery_plugin_{stem}_{plugin.sha256[:16]}"


def _check_imports(tree: ast.Module, folder: Path, file: str) -> None:
    """Rejects imports of files next to the plugin, and heavy ones when it is read."""
    in_functions = _inside_functions(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in names:
            first = name.split(".")[0]
            if not first or _is_local(first, folder):
                raise StudyError(
                    f"The plugin {file}, line {node.lineno} imports {name}, which lies next to it; "
                    "a plugin is one file."
                )
            if first in HEAVY and node not in in_functions:
                raise StudyError(
                    f"The plugin {file}, line {node.lineno} imports {first}, which would slow "
                    "every job; import it inside the function that needs it."
                )


def _is_local(name: str, folder: Path) -> bool:
    """Whether a module is a file or a package in a folder."""
    if name == "lottery" or name in sys.stdlib_module_names:
        return False
    return (folder / f"{name}.py").exists() or any((folder / name).glob("*.py"))


def _inside_functions(tree: ast.Module) -> set[ast.AST]:
    """The nodes that do not run when the file is read: of functions, and for type checkers."""
    inside: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or (
            isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        ):
            inside.update(each for below in node.body for each in ast.walk(below))
    return inside


class _HeavyImports(MetaPathFinder):
    """Rejects what a plugin imports by way of another module while it is read."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name in HEAVY:
            raise RuntimeError(
                f"this imports {name} in turn, which would slow every job; import it inside the "
                "function that needs it"
            )


def _check(declared: Algorithm, file: str, names: dict[str, Plugin | None]) -> None:
    """Rejects a declaration that nothing could be made of."""
    # Each of them may be of any type: it is the user's.
    try:
        found = problem(declared, SHARED) or _bad_default(declared)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        found = f"is not declared as it should be ({_words(error)})"
    if found:
        raise StudyError(f"The plugin {file}: algorithm {declared.name!r} {found}.")
    if declared.name in names:
        other = names[declared.name]
        where = "of the workflow itself"
        if other:
            where = f"of {other.file}" if other.file != file else "of the same file"
        raise StudyError(
            f"The plugin {file}: algorithm {declared.name!r} has the name of an algorithm {where}; "
            "give it another one."
        )


def _bad_default(declared: Algorithm) -> str | None:
    """The first default that is no allowed value."""
    from jsonschema import Draft202012Validator

    for name, option in declared.options.items():
        validator = Draft202012Validator(option.values.schema)
        for preset in PRESETS if not option.required else ():
            value = {"published": option.published, "strict": option.strict}[preset]
            value = list(value) if isinstance(value, tuple) else value
            if not validator.is_valid(value):
                allowed = option.values.words
                return f"has the option {name} with {value!r} under {preset}; allowed: {allowed}"
    return None


def _own_line(error: BaseException, module: str) -> int | None:
    """The line of a module at which an error came up, the innermost one."""
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_globals.get("__name__") == module
    ]
    return lines[-1] if lines else None


def _words(error: BaseException) -> str:
    """An error in a line, without a full stop."""
    message = " ".join(str(error).split())[:300].rstrip(".")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
