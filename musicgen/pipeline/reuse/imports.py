"""Transitive imports of modules within the package, found by parsing."""

import ast
import hashlib
import importlib.util
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from threading import Lock

PACKAGE = Path(__file__).resolve().parents[2]
# Weights do not depend on folder, loggers, status and foreseen times; pieces are compared by their slices.
NOT_FOLLOWED = (
    *("musicgen.pipeline.context", "musicgen.pipeline.report_progress"),
    *("musicgen.data.prepare", "musicgen.measure.extent"),
)
_ONE_AT_A_TIME = Lock()  # in Python 3.11 threads that parse at once fail with "recursion depth mismatch"


def code_digest(modules: Iterable[str]) -> str:
    """Compute the SHA-256 of the code of modules and their imports, as the first 16 hex digits.

    Ignores comments, docstrings and formatting.

    Args:
        modules: Dotted names; of the user's modules, only their imports from the package count.
    """
    lines = [f"{name} {_parsed(name).digest}" for name in sorted(closure(modules))]
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def closure(modules: Iterable[str]) -> frozenset[str]:
    """Collect modules of the package and their transitive imports.

    Args:
        modules: Dotted names.
    """
    found: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        if name not in found and name not in NOT_FOLLOWED and source_of(name):
            found.add(name)
            waiting.extend(_parsed(name).imports)
    return frozenset(name for name in found if is_ours(name))


@dataclass(frozen=True)
class _Parsed:
    imports: frozenset[str]
    digest: str


@cache
def _parsed(module: str) -> _Parsed:
    path = source_of(module)
    assert path is not None, f"{module} has no source"
    with _ONE_AT_A_TIME:
        tree = ast.parse(path.read_bytes())
    named = frozenset(name for name in _imported(tree) if is_ours(name) and source_of(name))
    return _Parsed(named, code_of(tree))


def code_of(tree: ast.Module) -> str:
    """Hash a syntax tree without docstrings; it contains neither comments nor formatting."""
    for node in ast.walk(tree):
        has_body = isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        if has_body and ast.get_docstring(node, clean=False) is not None:
            del node.body[0]
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest()


def _imported(tree: ast.AST) -> Iterator[str]:
    """List the imports of a source, including those in functions, except `TYPE_CHECKING` ones."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            waiting.extend(node.orelse)
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        waiting.extend(ast.iter_child_nodes(node))


def is_ours(module: str) -> bool:
    """Check whether a dotted name is in this package."""
    return module.split(".")[0] == PACKAGE.name


@cache
def source_of(module: str) -> Path | None:
    """Locate the source of a module; None if there is none, as for names inside modules."""
    if is_ours(module):
        path = PACKAGE.joinpath(*module.split(".")[1:])
        candidates = (path / "__init__.py", path.with_suffix(".py"))
        return next((file for file in candidates if file.is_file()), None)
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
