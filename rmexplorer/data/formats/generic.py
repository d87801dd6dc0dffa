"""Files of no known format whose columns say by their names and values what they are; taken with a warning."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from rmexplorer.data.by_mapping import as_format
from rmexplorer.data.formats import Format, add
from rmexplorer.data.guess import guess
from rmexplorer.data.mapping import PROBABILITIES, ROLES, SIGNED, Mapping
from rmexplorer.problem import Problem

DECISIVE = frozenset(ROLES) - {"annotator", "group", "subset", "strength", "criterion", "model_a", "model_b", "ignore"}


def sentence(mapping: Mapping) -> str:
    """What was taken for what, in one sentence."""
    parts = [f"{column} as {role.replace('_', ' ')}" for column, role in mapping.roles.items()]
    meanings = ", ".join(f"{value} = {said}" for value, said in mapping.values.items())
    column = next(iter([*mapping.verdicts, *mapping.columns("ranks")]), None)
    rule = meanings or mapping.spoken
    return f"the columns were recognised by name: {', '.join(parts)}" + (f"; {column}: {rule}" if column and rule else "")


def _answer(mapping: Mapping) -> str:
    """How a doubt is answered on the command line."""
    rules = ""
    if mapping.columns("responses"):
        both = ("", "best_first") if mapping.columns("ranks") else ("from_zero", "from_one")
        rules = f" with rule = {' or '.join(map(json.dumps, both))}"
    elif mapping.rule in SIGNED:
        rules = f" with rule = {' or '.join(map(json.dumps, SIGNED))}" + (f" and middle = {mapping.middle:g}" if mapping.middle else "")
    elif mapping.rule in PROBABILITIES:
        rules = f" with rule = {' or '.join(map(json.dumps, PROBABILITIES))}"
    return f"write a mapping{rules} and name it with --map"


def _prepared(sample: list[dict[str, Any]]) -> tuple[Format, list[str]]:
    mapping = guess(sample)
    if mapping.missing():
        raise Problem(
            f"its columns do not say by their names which is which: there is no {mapping.missing().removeprefix('a ')}",
            "write a mapping and name it with --map, or rename them to prompt, chosen and rejected",
        )
    if mapping.doubts:
        raise Problem(f"{sentence(mapping)}, but {'; '.join(mapping.doubts)}", _answer(mapping))
    return replace(as_format(mapping, "generic"), title="columns recognised by name"), [sentence(mapping)]


def _fit(sample: list[dict[str, Any]]) -> tuple[float, str]:
    mapping = guess(sample)
    if mapping.missing():
        return 0.0, ""
    roles = set(mapping.roles.values()) & DECISIVE
    return 0.5 if mapping.doubts else len(roles) - 0.5, "; ".join(mapping.reasons)


add(
    Format(
        "generic",
        "columns recognised by name",
        (),
        lambda records, criterion: iter(()),
        fitting=_fit,
        prepare=_prepared,
    )
)
