"""One digest per stage of the code that it runs, and the record of what was decided about it.

Snakemake does not see an edit of the library, so somebody has to raise the version of a stage when
an edit changes what the stage writes. `stages.json` holds the version and the digest of each stage
as they were when this was last decided, and a test compares them with the code. After a decision:

    python tests/stage_digests.py

records the code as it is now, and says for each stage that changed whether its version was raised
or kept, and which functions, classes and constants differ.

A stage is a step, or `search:{algorithm}`: the search and the controls of one built-in algorithm,
which steps find by name. Its code is its function and all that this uses: the definitions at the
top level of the library's modules that its names and attributes (`files.write_csv`) lead to, and
what those use in turn. A class counts with all its methods. Annotations lead nowhere.
"""

from __future__ import annotations

import ast
import hashlib
import io
import json
import subprocess
import symtable
import sys
import tarfile
from collections.abc import Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
RECORD = ROOT / "tests" / "stages.json"

# How a job is run and a run is planned, whatever it computes, and how an algorithm is found by its
# name: nothing in these changes what a stage writes.
LEFT_OUT = {
    "lottery.pruning.algorithms",  # the package's own functions; its modules count
    *(
        f"lottery.{name}"
        for name in (
            "files.errors",
            "files.workflow",
            "planning.hooks",
            "pruning.algorithms.plugins",
            "runtime.bundled",
            "runtime.gpu_lease",
            "runtime.job",
            "runtime.progress",
            "runtime.provenance",
            "runtime.stages",
        )
    ),
}
FIRST_VERSION = 3  # of an algorithm whose module declares none
SIDE_EFFECTS = "<module>"  # stands for the top-level statements of a module that bind no name

DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)

Symbol = tuple[str, str]  # module and name


class Library:
    """The sources of the library, and what its definitions use.

    Args:
        sources: module -> Python code.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        self._modules = {name: _Module(code) for name, code in sources.items()}
        self._uses: dict[Symbol, set[Symbol]] = {}

    @classmethod
    def in_folder(cls, scripts: Path = SCRIPTS) -> Library:
        """The library below a folder."""
        paths = sorted((scripts / "lottery").rglob("*.py"))
        return cls(
            {
                _module_name(path.relative_to(scripts).as_posix()): path.read_text(encoding="utf-8")
                for path in paths
            }
        )

    @classmethod
    def at_record(cls) -> Library | None:
        """The library of the commit that last changed the record; None without git."""
        folder = SCRIPTS.relative_to(ROOT).as_posix()
        log = ("log", "-1", "--format=%H", "--", RECORD.relative_to(ROOT).as_posix())
        try:
            commit = _git(*log).decode().strip()
            archive = _git("archive", "--format=tar", commit, f"{folder}/lottery")
            with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
                sources = {
                    _module_name(member.name.removeprefix(f"{folder}/")): tar.extractfile(member)
                    .read()
                    .decode()
                    for member in tar
                    if member.name.endswith(".py")
                }
            return cls(sources)
        except (OSError, subprocess.CalledProcessError, SyntaxError):
            return None

    def stages(self) -> dict[str, str]:
        """Version and digest of each stage, as `3 a1b2c3d4e5f6`."""
        return {
            stage: f"{version} {_digest_of_all(self.symbols(stage))}"
            for stage, version in sorted(self._versions.items())
        }

    def symbols(self, stage: str) -> dict[str, str]:
        """The code of a stage: qualified name -> digest. Empty if there is no such stage."""
        if stage not in self._versions:
            return {}
        kind, _, last = stage.rpartition(":")
        module = f"lottery.pruning.algorithms.{last}" if kind else f"lottery.steps.{last}"
        names = self._modules[module].functions_of_algorithm() if kind else [last]
        waiting = [symbol for name in names for symbol in self._lookup(module, name, (), stage)]
        found: dict[str, str] = {}
        while waiting:
            module, name = symbol = waiting.pop()
            key = f"{module}.{name}"
            if module in LEFT_OUT or key in found:
                continue
            found[key] = self._modules[module].digest(name)
            if symbol not in self._uses:
                self._uses[symbol] = self._used(module, name)
            waiting += self._uses[symbol]
        return found

    @cached_property
    def _versions(self) -> dict[str, int]:
        versions: dict[str, int] = {}
        for name, module in self._modules.items():
            package, _, last = name.rpartition(".")
            if package == "lottery.steps" and (version := module.constant("VERSION")) is not None:
                versions[last] = version
            elif package == "lottery.pruning.algorithms" and module.declares_algorithm():
                versions[f"search:{last}"] = module.version_of_algorithm()
        return versions

    def _used(self, module: str, name: str) -> set[Symbol]:
        """The definitions that one leads to."""
        here = self._modules[module]
        found = {(module, SIDE_EFFECTS)} if here.definitions.get(SIDE_EFFECTS) else set()
        for statement in here.definitions.get(name, ()):
            chains, local, known = _names(statement)
            for first, attributes in chains:
                for target in local.get(first, ()):
                    found.update(self._follow(target, attributes, module))
                if first in known and first not in local:
                    found.update(self._lookup(module, first, attributes, module))
        return found

    def _lookup(
        self, module: str, name: str, attributes: tuple[str, ...], user: str
    ) -> Iterator[Symbol]:
        """What a name of a module leads to; nothing for one that Python itself defines."""
        here = self._modules[module]
        if name in here.definitions:
            yield module, name
        for target in here.imports.get(name, ()):
            if not self._is_ours(target):
                yield module, name  # under this name another package's function may come
            else:
                yield from self._follow(target, attributes, user)

    def _follow(self, target: str, attributes: tuple[str, ...], user: str) -> Iterator[Symbol]:
        """What an imported name leads to, with the attributes that are read of it."""
        if not self._is_ours(target):
            return
        module, *rest = target, *attributes
        above: list[str] = []
        while module not in self._modules:  # `from module import name`
            module, _, name = module.rpartition(".")
            above.insert(0, name)
        path = [*above, *rest]
        while path and path[0] not in self._modules[module].names():
            if (inner := f"{module}.{path[0]}") not in self._modules:
                raise LookupError(f"{module} has no {path[0]}, which {user} uses")
            module, path = inner, path[1:]
        if path:
            yield from self._lookup(module, path[0], tuple(path[1:]), user)
        else:  # the module as a value: any of it may be used
            for name in self._modules[module].names():
                yield from self._lookup(module, name, (), user)

    def _is_ours(self, target: str) -> bool:
        return target.split(".")[0] == "lottery"


class _Module:
    """A module: what its names are bound to. It is parsed when that is first asked."""

    def __init__(self, code: str) -> None:
        self._code = code

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        return _bindings(self._code)[0]

    @cached_property
    def imports(self) -> dict[str, list[str]]:
        return _bindings(self._code)[1]

    def names(self) -> set[str]:
        return (self.definitions.keys() | self.imports.keys()) - {SIDE_EFFECTS}

    def digest(self, name: str) -> str:
        """Of a definition, or of what a name is imported as."""
        parts = [_code(statement) for statement in self.definitions.get(name, ())]
        return _sha256("\n".join([*parts, *self.imports.get(name, ())]))

    def constant(self, name: str) -> int | None:
        """A whole number at the top level."""
        for statement in self.definitions.get(name, ()):
            value = getattr(statement, "value", None)
            if isinstance(value, ast.Constant) and isinstance(value.value, int):
                return value.value
        return None

    def declares_algorithm(self) -> bool:
        return bool({"ALGORITHM", "OPTIONS"} & self.definitions.keys())

    def version_of_algorithm(self) -> int:
        version = self._declared("version")
        return version.value if isinstance(version, ast.Constant) else FIRST_VERSION

    def functions_of_algorithm(self) -> list[str]:
        """Its functions. What else a declaration says is in params, or asks for no run."""
        if "ALGORITHM" not in self.definitions:
            return [name for name in ("search", "sample") if name in self.names()]
        values = (self._declared("search"), self._declared("sample"))
        given = [each for each in values if each and not isinstance(each, ast.Constant)]  # None
        return [each.id if isinstance(each, ast.Name) else "ALGORITHM" for each in given]

    def _declared(self, keyword: str) -> ast.expr | None:
        for statement in self.definitions.get("ALGORITHM", ()):
            for each in getattr(getattr(statement, "value", None), "keywords", ()):
                if each.arg == keyword:
                    return each.value
        return None


@cache
def _bindings(code: str) -> tuple[dict[str, list[ast.stmt]], dict[str, list[str]]]:
    """What binds the names of a module: statements, and what is imported."""
    definitions: dict[str, list[ast.stmt]] = {}
    imports: dict[str, list[str]] = {}
    for statement in _Bare().visit(ast.parse(code)).body:
        if not isinstance(statement, DEFINITIONS):
            for name, targets in _imports(statement).items():
                imports.setdefault(name, []).extend(targets)
        for name in _bound(statement) or ([] if _only_imports(statement) else [SIDE_EFFECTS]):
            definitions.setdefault(name, []).append(statement)
    return definitions, imports


def _bound(statement: ast.stmt | ast.ExceptHandler) -> set[str]:
    """The names that a statement defines or, like `TABLE["key"] = value`, changes."""
    if isinstance(statement, DEFINITIONS):
        return {statement.name}
    targets = [*getattr(statement, "targets", ()), getattr(statement, "target", None)]
    names = set()
    while targets:
        target = targets.pop()
        if isinstance(target, ast.Name):
            names.add(target.id)
        elif isinstance(target, ast.Subscript | ast.Attribute | ast.Starred):
            targets.append(target.value)
        elif isinstance(target, ast.Tuple | ast.List):
            targets += target.elts
    for child in ast.iter_child_nodes(statement):
        if isinstance(child, ast.stmt | ast.ExceptHandler):
            names |= _bound(child)
    return names


class _Bare(ast.NodeTransformer):
    """Takes docstrings and annotations away; those of fields stay, as text."""

    def visit_Expr(self, node: ast.Expr) -> ast.stmt:
        documents = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return ast.copy_location(ast.Pass(), node) if documents else self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.stmt:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.stmt:
        for each in node.body:
            if isinstance(each, ast.AnnAssign):
                each.annotation = ast.Constant(_spelled(each.annotation))
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        if isinstance(node.annotation, ast.Constant):  # a field
            return self.generic_visit(node)
        if node.value is None:
            return ast.copy_location(ast.Pass(), node)
        assigned = ast.Assign(targets=[node.target], value=node.value)
        return self.generic_visit(ast.copy_location(assigned, node))


def _only_imports(statement: ast.stmt) -> bool:
    kinds = (ast.Import, ast.ImportFrom, ast.Pass, ast.If)
    return all(
        isinstance(each, kinds) for each in ast.walk(statement) if isinstance(each, ast.stmt)
    )


def _imports(statement: ast.stmt) -> dict[str, list[str]]:
    """What a statement imports: name that is bound -> what it stands for."""
    found: dict[str, list[str]] = {}
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            for each in node.names:
                name = each.asname or each.name.split(".")[0]
                target = each.name if each.asname else name
                found.setdefault(name, []).append(target)
        elif isinstance(node, ast.ImportFrom):
            for each in node.names:
                found.setdefault(each.asname or each.name, []).append(f"{node.module}.{each.name}")
    return found


@cache
def _names(
    statement: ast.stmt,
) -> tuple[set[tuple[str, tuple[str, ...]]], dict[str, list[str]], set[str]]:
    """Names that a statement reads, with attributes; those it imports itself; global ones."""
    return set(_chains(statement)), _imports(statement), _globals(statement)


@cache
def _code(statement: ast.stmt) -> str:
    return _spelled(statement)


def _globals(statement: ast.stmt) -> set[str]:
    """The names that a statement looks up at the top level of its module."""
    top = symtable.symtable(ast.unparse(statement), "library", "exec")
    found = {each.get_name() for each in top.get_symbols() if each.is_referenced()}
    waiting = list(top.get_children())
    while waiting:
        table = waiting.pop()
        found |= {each.get_name() for each in table.get_symbols() if each.is_global()}
        waiting += table.get_children()
    return found


def _chains(node: ast.AST) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The names of a syntax tree, each with the attributes read of it: `a.b.c` -> a, (b, c)."""
    attributes: list[str] = []
    inner = node
    while isinstance(inner, ast.Attribute):
        attributes.insert(0, inner.attr)
        inner = inner.value
    if isinstance(inner, ast.Name):
        yield inner.id, tuple(attributes)
        return
    for child in ast.iter_child_nodes(inner):
        yield from _chains(child)


def _spelled(node: object) -> str:
    """A syntax tree as text, the same under every version of Python: empty fields are left out."""
    if isinstance(node, list):
        parts = (_spelled(each) for each in node if not isinstance(each, ast.Pass))
        return f"[{','.join(parts)}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = (
        f"{name}={_spelled(value)}"
        for name, value in ast.iter_fields(node)
        if value is not None and value != []
    )
    return f"{type(node).__name__}({','.join(fields)})"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _digest_of_all(symbols: Mapping[str, str]) -> str:
    return _sha256("\n".join(f"{name} {digest}" for name, digest in sorted(symbols.items())))


def _module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _git(*words: str) -> bytes:
    return subprocess.run(("git", *words), cwd=ROOT, check=True, capture_output=True).stdout


def changes(recorded: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The stages whose version or code differs from the record, sorted."""
    return sorted(
        stage for stage in recorded.keys() | now.keys() if recorded.get(stage) != now.get(stage)
    )


def read_record() -> dict[str, str]:
    """What was recorded: stage -> version and digest."""
    return json.loads(RECORD.read_text(encoding="utf-8")) if RECORD.exists() else {}


def write_record(now: Mapping[str, str]) -> None:
    """Writes the record, one line per stage."""
    RECORD.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def describe(recorded: Mapping[str, str], library: Library) -> list[str]:
    """A line per stage that changed: what became of its version, and what of its code differs.

    The code that was recorded is looked up in git; where it is not found there, a line has the
    stage and its version alone.
    """
    now = library.stages()
    changed = changes(recorded, now)
    before = Library.at_record() if changed else None
    known = before.stages() if before else {}
    lines = []
    for stage in changed:
        line = f"{stage}: {_decision(recorded.get(stage), now.get(stage))}"
        if stage in now and stage in known and known[stage] == recorded.get(stage):
            different = _different(before.symbols(stage), library.symbols(stage))
            line += f" ({', '.join(different) or 'the version alone'})"
        lines.append(line)
    return lines


def _different(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    names = sorted(before.keys() | now.keys())
    return [
        f"{name.removeprefix('lottery.')}" for name in names if before.get(name) != now.get(name)
    ]


def _decision(before: str | None, now: str | None) -> str:
    if before is None or now is None:
        return "gone" if now is None else "new"
    old, new = before.split()[0], now.split()[0]
    return f"version {old} kept" if old == new else f"version {old} -> {new}, runs again"


def main() -> None:
    """Records the code as it is now, and says what that decides."""
    library = Library.in_folder()
    for line in describe(read_record(), library):
        print(line)
    write_record(library.stages())


if __name__ == "__main__":
    sys.exit(main())
