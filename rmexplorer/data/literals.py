"""Lists and dicts as Python prints them, which is what `DataFrame.to_csv` of pandas leaves in a cell."""

from __future__ import annotations

import ast
import re
import warnings
from typing import Any

MOST_CHARACTERS = 1 << 24
MOST_TOKENS = 200_000
MOST_DEPTH = 60
_TOKEN = re.compile(
    r"(?P<space>\s+)"
    r"|(?P<text>'[^'\\\n]*(?:\\.[^'\\\n]*)*'|\"[^\"\\\n]*(?:\\.[^\"\\\n]*)*\")"
    r"|(?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?![\w.]))"
    r"|(?P<word>-?[A-Za-z_][\w.]*)"
    r"|(?P<open>[\[({])|(?P<close>[\])}])|(?P<mark>[,:=])",
    re.DOTALL,
)
_PLAIN = {"True": "True", "False": "False", "None": "None"} | dict.fromkeys(
    ("nan", "NaN", "NaT", "inf", "-inf", "-nan"), "None"
)
_WRAPS = re.compile(r"array|list|Timestamp|(?:np|numpy)\.\w+")


def literal(text: str) -> list[Any] | dict[str, Any] | None:
    """The list or dict that a text holds as Python or numpy prints it; None where it holds none or is cut off by `...`.

    numpy puts no commas between the entries of an array, and Python would then join two texts to one: they are put
    back. `array(…, dtype=…)`, `list(…)` and `np.float64(…)` are what they hold; nan is None. Nothing is evaluated.
    """
    if len(text) > MOST_CHARACTERS:
        return None
    plain = _rewritten(text)
    if plain is None:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python complains about a `\d` within a text
            found = ast.literal_eval(plain)
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        return None
    return _jsonlike(found) if isinstance(found, list | dict) else None


def _rewritten(text: str) -> str | None:
    """The text as a Python literal: commas where numpy leaves them out, wrappers left out; None where it is none."""
    parts: list[str] = []
    depth: list[str] = []
    place, count, ended, wraps = 0, 0, False, False
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None or count == MOST_TOKENS or len(depth) > MOST_DEPTH:
            return None
        place, kind, said = token.end(), token.lastgroup, token.group()
        if kind == "space":
            continue
        count += 1
        if wraps and said != "(":
            return None  # a name that is not called
        if ended and kind in ("text", "number", "word", "open"):
            parts.append(",")
        if kind == "word":
            if said in _PLAIN:
                parts.append(_PLAIN[said])
            elif _WRAPS.fullmatch(said):
                wraps = True
            else:
                return None
            ended = not wraps
        elif kind == "open":
            depth.append("wrap" if wraps else said)
            parts.append("" if wraps else said)
            ended = wraps = False
        elif kind == "close":
            if not depth:
                return None
            parts.append("" if depth.pop() == "wrap" else said)
            ended = True
        elif kind == "mark" and depth[-1:] == ["wrap"]:
            end = _call_end(text, place)  # dtype=object, shape=(3,)
            if end is None:
                return None
            place, ended = end, True
            depth.pop()
        else:
            if said == "=":
                return None
            parts.append(said)
            ended = kind != "mark"
    return None if depth or wraps else " ".join(parts)


def _call_end(text: str, place: int) -> int | None:
    """Where the arguments after the first end, behind the bracket that closes the call."""
    inner = 1
    while inner:
        token = _TOKEN.match(text, place)
        if token is None:
            return None
        place = token.end()
        inner += (token.lastgroup == "open") - (token.lastgroup == "close")
    return place


def _jsonlike(value: Any) -> Any:
    """The same with lists for tuples and sets, and with texts for keys."""
    if isinstance(value, list | tuple | set):
        return [_jsonlike(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _jsonlike(item) for key, item in value.items()}
    return value
