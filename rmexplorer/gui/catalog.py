"""What panes there are, read from their source without importing them: the first window needs their names, not their plots."""

from __future__ import annotations

import ast
import pkgutil
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from rmexplorer.gui import panes

GROUPS = ("Build", "Inspect", "Use")


@dataclass(frozen=True)
class PaneCard:
    """What rail and palette show of a pane: the literals that its class declares."""

    name: str
    title: str
    question: str
    icon: str
    group: str = "Inspect"
    order: int = 0


@cache
def catalog() -> tuple[PaneCard, ...]:
    """The cards of all panes in rail order; those without a group (Welcome) come last."""
    cards = [card for leaf in pkgutil.iter_modules(panes.__path__) for card in _declared(Path(panes.__path__[0]) / f"{leaf.name}.py")]
    return tuple(sorted(cards, key=lambda card: (GROUPS.index(card.group) if card.group in GROUPS else len(GROUPS), card.order)))


def _declared(file: Path) -> list[PaneCard]:
    known = {field.name for field in fields(PaneCard)}
    cards = []
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and any(isinstance(mark, ast.Name) and mark.id == "pane" for mark in node.decorator_list):
            values: dict[str, Any] = {}
            for statement in node.body:
                if isinstance(statement, ast.Assign):
                    values.update((name, value) for name, value in _pairs(statement) if name in known)
            cards.append(PaneCard(**values))
    return cards


def _pairs(statement: ast.Assign) -> list[tuple[str, Any]]:
    """Names and literal values of `a = 1` and `a, b = 1, 2`; anything else is left out."""
    target = statement.targets[0]
    try:
        value = ast.literal_eval(statement.value)
    except ValueError:
        return []
    if isinstance(target, ast.Name):
        return [(target.id, value)]
    if isinstance(target, ast.Tuple) and isinstance(value, tuple):
        return [(one.id, part) for one, part in zip(target.elts, value, strict=True) if isinstance(one, ast.Name)]
    return []
