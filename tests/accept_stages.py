"""What the code of each stage is, and the record of what has been decided about it.

Snakemake does not see an edit of the library, so the version of a stage (lottery/versions.py) has
to be raised where an edit changes what the stage writes. `stages.json` records the code that was
there when this was last decided; a test compares. After deciding, record it:

    python tests/accept_stages.py

It says for every stage whose code has changed whether its version was raised or kept.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
RECORD = ROOT / "tests" / "stages.json"

# How a job is run, whatever it computes: nothing in these changes what a stage writes.
OF_EVERY_JOB = ("errors", "job", "device", "visible", "provenance", "progress", "versions")

Record = dict[str, dict[str, Any]]


def stages(versions: dict[str, int]) -> Record:
    """Version and code of each stage.

    Args:
        versions: stage -> version.

    Returns:
        stage -> {"version", "code"}; `code` maps each module that the stage reaches, its script
        among them, to a digest of what the module does.
    """
    scripts = {
        stage: script
        for pattern, script in _rules()
        for stage in versions
        if re.fullmatch(pattern, stage)
    }
    return {
        stage: {"version": version, "code": _code(stage, scripts[stage])}
        for stage, version in versions.items()
        if stage in scripts
    }


def changes(recorded: Record, now: Record) -> dict[str, list[str]]:
    """The stages whose code or version differs from the record, each with the modules that do."""
    return {
        stage: _different(recorded.get(stage, {}), now.get(stage, {}))
        for stage in sorted(recorded.keys() | now.keys())
        if recorded.get(stage) != now.get(stage)
    }


def digest(source: str) -> str:
    """A digest of Python code that comments, docstrings and layout do not change."""
    told = _told(ast.parse(source))
    return hashlib.sha256(told.encode()).hexdigest()[:12]


def read_record() -> Record:
    """What was recorded; modules stand once in the file, each with its digest."""
    if not RECORD.exists():
        return {}
    stored = json.loads(RECORD.read_text(encoding="utf-8"))
    return {
        stage: {
            "version": entry["version"],
            "code": {module: stored["modules"][module] for module in entry["modules"]},
        }
        for stage, entry in stored["stages"].items()
    }


def write_record(now: Record) -> None:
    """Writes the record."""
    modules = {name: code for entry in now.values() for name, code in entry["code"].items()}
    stored = {
        "modules": dict(sorted(modules.items())),
        "stages": {
            stage: {"version": entry["version"], "modules": sorted(entry["code"])}
            for stage, entry in sorted(now.items())
        },
    }
    RECORD.write_text(json.dumps(stored, indent=1) + "\n", encoding="utf-8")


def _rules() -> list[tuple[str, str]]:
    """A pattern of stages and the script of each rule that has a version."""
    found = []
    for path in sorted((ROOT / "workflow" / "rules").glob("*.smk")):
        for block in re.split(r"^ *rule\b", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
            stage = re.search(r'stage_version\(f?"([^"]+)"\)', block)
            script = re.search(r'"\.\./scripts/(\w+)\.py"', block)
            if stage and script:
                found.append((re.sub(r"\{\w+\}", r"\\w+", stage[1]), script[1]))
    return found


def _code(stage: str, script: str) -> dict[str, str]:
    """The modules that a stage reaches, each with its digest."""
    path = SCRIPTS / f"{script}.py"
    step = next(
        node.args[0].value
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run"
    )
    own, imported = _read(path)
    found = {f"scripts/{script}": own}
    waiting = [f"lottery.steps.{step}", *imported]
    while waiting:
        module = waiting.pop()
        source = _file(module)
        if module in found or source is None or module.split(".")[1] in OF_EVERY_JOB:
            continue
        found[module], imported = _read(source)
        waiting += imported
        if module == "lottery.algorithms":
            waiting += _algorithms(stage)
    return dict(sorted(found.items()))


@cache
def _read(path: Path) -> tuple[str, tuple[str, ...]]:
    """Digest and imports of a file."""
    text = path.read_text(encoding="utf-8")
    return digest(text), _imports(ast.parse(text))


def _algorithms(stage: str) -> list[str]:
    """The algorithms that a stage may look up by name: a search its own, others any."""
    names = [path.stem for path in (SCRIPTS / "lottery" / "algorithms").glob("[a-z]*.py")]
    own = [name for name in names if stage == f"search_{name}"]
    return [f"lottery.algorithms.{name}" for name in own or names]


def _imports(tree: ast.AST) -> tuple[str, ...]:
    """The library's modules that a module imports, inside functions too, and their packages."""
    names = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    parts = [name.split(".") for name in names if name.startswith("lottery.")]
    return tuple(sorted({".".join(part[:n]) for part in parts for n in range(2, len(part) + 1)}))


def _file(module: str) -> Path | None:
    """The file of a module; None for a name that is none."""
    path = SCRIPTS.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_name(path.name + ".py"))
    return next((each for each in candidates if each.is_file()), None)


def _told(node: object) -> str:
    """A syntax tree as text, the same under every version of Python: empty fields are left out."""
    if isinstance(node, list):
        return "[" + ",".join(map(_told, node)) + "]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = []
    for name, value in ast.iter_fields(node):
        documented = name == "body" and isinstance(value, list) and _documents(node, value)
        told = value[1:] if documented else value
        if told is not None and told != []:
            fields.append(f"{name}={_told(told)}")
    return f"{type(node).__name__}({','.join(fields)})"


def _documents(node: ast.AST, body: list[ast.stmt]) -> bool:
    """Whether a body begins with a docstring."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    first = body[0] if body and isinstance(node, documented) else None
    return (
        isinstance(first, ast.Expr)
        and isinstance(first.value, ast.Constant)
        and isinstance(first.value.value, str)
    )


def _different(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    old, new = before.get("code", {}), now.get("code", {})
    return sorted(name for name in old.keys() | new.keys() if old.get(name) != new.get(name))


def _decision(before: dict[str, Any], now: dict[str, Any]) -> str:
    if not before or not now:
        return "new" if now else "gone"
    if before["version"] == now["version"]:
        return f"version {now['version']} kept: results that exist stay"
    return f"version {before['version']} -> {now['version']}: runs again"


def main() -> None:
    """Records the code as it is now, and says what that decides."""
    sys.path.insert(0, str(SCRIPTS))
    from lottery.versions import STAGES

    recorded, now = read_record(), stages(STAGES)
    for stage, modules in changes(recorded, now).items():
        print(f"{stage}: {_decision(recorded.get(stage, {}), now.get(stage, {}))}")
        if stage in recorded and stage in now:
            print(f"    changed: {', '.join(modules) or 'the version alone'}")
    write_record(now)


if __name__ == "__main__":
    main()
