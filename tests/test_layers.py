"""The data walks down a stair and never back up: who may import whom."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import rmexplorer

PACKAGE = Path(rmexplorer.__file__).parent
FLOORS = [
    {"problem", "job", "registry", "paths", "cache", "statistics", "wording", "worker", "display", "late"},
    {"data"}, {"encoders"}, {"reward"}, {"analysis"}, {"workflows", "project", "report"}, {"app"}, {"gui"}, {"cli"},
    {"__main__"},
]
# Folders whose modules are leaves, and the modules in them that are no leaves but what their leaves share.
LEAF_FOLDERS: dict[str, set[str]] = {
    "data.containers": set(), "data.formats": set(), "encoders": set(), "reward.sources": set(), "analysis": {"cloud"},
    "app.commands": set(), "gui.panes": set(),
}
# Late on purpose: they are slow to load, and most commands do without.
LATE = {
    "sklearn", "scipy", "torch", "polars", "PySide6", "pyqtgraph", "rmexplorer.gui", "python_calamine", "rensa", "py3langid",
    "charset_normalizer", "rmexplorer.reward.step",
}  # fmt: skip
# The command line loads what a command needs when it is called: --help answers within 0.3 s. It is itself loaded when
# Ctrl+C is looked after.
LATE_IN_CLI = {"rmexplorer"}
QT = {"PySide6", "shiboken6", "pyqtgraph"}


def is_for_typing(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING")


def imports(node: ast.AST, hidden: bool = False, typing: bool = False) -> Iterator[tuple[str, bool, bool]]:
    """(what is imported, inside a function?, for type checkers alone?) of all imports under `node`."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ImportFrom):
            assert child.level == 0 and child.module, f"imports are absolute, not: {ast.unparse(child)}"
            for alias in child.names:
                yield f"{child.module}.{alias.name}", hidden, typing
        elif isinstance(child, ast.Import):
            for alias in child.names:
                yield alias.name, hidden, typing
        inside = hidden or isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        yield from imports(child, inside, typing or is_for_typing(child))


def module_name(file: Path) -> str:
    parts = ("rmexplorer", *file.relative_to(PACKAGE).with_suffix("").parts)
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def is_under(module: str, roots: set[str]) -> bool:
    return any(module == root or module.startswith(root + ".") for root in roots)


FILES = {module_name(file): file for file in sorted(PACKAGE.rglob("*.py"))}
IMPORTS = {name: list(imports(ast.parse(file.read_text("utf-8")))) for name, file in FILES.items()}


def own(imported: str) -> str | None:
    """The module of the package that an import loads, None for one from elsewhere."""
    module = imported if imported in FILES else imported.rpartition(".")[0]
    return module if module in FILES else None


def floor(module: str) -> int:
    top = module.removeprefix("rmexplorer").strip(".").split(".")[0]
    return next((level for level, names in enumerate(FLOORS) if top in names), -1)


def leaf(module: str) -> tuple[str, str] | None:
    """(folder, leaf) of a module that is a leaf or part of one."""
    for folder, shared in LEAF_FOLDERS.items():
        if module.startswith(f"rmexplorer.{folder}."):
            name = module.removeprefix(f"rmexplorer.{folder}.").split(".")[0]
            return None if name in shared else (folder, name)
    return None


@pytest.mark.parametrize("module", FILES)
def test_that_a_module_keeps_to_its_floor(module: str) -> None:
    assert module == "rmexplorer" or floor(module) >= 0, f"{module} stands on no floor; name it in FLOORS"
    for imported, hidden, _ in IMPORTS[module]:
        other = own(imported)
        if other is not None:
            assert floor(other) <= floor(module), f"{module} imports upward: {imported}"
            ours, theirs = leaf(module), leaf(other)
            if theirs is not None and ours != theirs:
                assert ours is None or ours[0] != theirs[0], f"{module} imports a sibling leaf: {imported}"
                folder = f"rmexplorer.{theirs[0]}"
                assert not is_under(module, {folder}), f"{module} is shared by leaves and imports one: {imported}"
        assert not is_under(imported, QT) or is_under(module, {"rmexplorer.app", "rmexplorer.gui"}), \
            f"{module} is below the desk and imports {imported}"
        late = LATE | (LATE_IN_CLI if module in ("rmexplorer.cli", "rmexplorer.__main__") else set())
        assert not hidden or is_under(imported, late), f"{module} hides an import in a function: {imported}"


def test_that_imports_make_no_ring() -> None:
    graph = {module: {other for imported, hidden, typing in found if not (hidden or typing)
                      for other in [own(imported)] if other not in (None, module)}
             for module, found in IMPORTS.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"a ring: {' -> '.join(error.args[1])}")
