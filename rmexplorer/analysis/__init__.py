"""Analyses: rewards in, results out. Each is a pure function from named columns to a frozen dataclass.

Columns are filled in by parameter name; COLUMNS is their whole vocabulary and rmexplorer.workflows.columns their one
source. Columns of pairs may all be masked alike, which is how a selection, a split or a subset is analysed.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from rmexplorer.registry import Registry

PAIR_COLUMNS = {
    "margin": "(pairs,) float: reward of the chosen minus reward of the rejected response",
    "reward_chosen": "(pairs,) float: reward of the chosen response",
    "reward_rejected": "(pairs,) float: reward of the rejected response",
    "prompt": "(pairs,) int: the prompt of the pair, the unit of the bootstrap",
    "chars_chosen": "(pairs,) int: characters of the stripped chosen text",
    "chars_rejected": "(pairs,) int: characters of the stripped rejected text",
    "words_chosen": "(pairs,) int: words of the chosen text",
    "words_rejected": "(pairs,) int: words of the rejected text",
    "length_gap": "(pairs,) float: log(1 + chars_chosen) - log(1 + chars_rejected)",
    "subset": "(pairs,) str: source or subset of the pair, '' where the file names none",
    "style_chosen": "(pairs, features) float32: surface features of the chosen response",
    "style_rejected": "(pairs, features) float32: surface features of the rejected response",
    "response_chosen": "(pairs,) int: row of the chosen response in Dataset.responses",
    "response_rejected": "(pairs,) int: row of the rejected response in Dataset.responses",
    "pair": "(pairs,) int: row of Dataset.pairs",
}
COLUMNS = {**PAIR_COLUMNS, "style_names": "(features,) names of the surface features"}

Function = TypeVar("Function", bound=Callable[..., Any])
ANALYSES: Registry[Callable[..., Any]] = Registry("analysis", "rmexplorer.analysis")


def analysis(function: Function) -> Function:
    """Register a pure function under its own name; a parameter that is no column must have a default.

    Only decided pairs reach an analysis (ties have no chosen response).
    """
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name not in COLUMNS and parameter.default is inspect.Parameter.empty:
            raise TypeError(f"{function.__name__}: {parameter.name!r} is neither a column nor a setting")
    ANALYSES.add(function.__name__, function)
    return function
