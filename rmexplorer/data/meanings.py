"""What the names and the values of columns say: which words mean better and worse, first, second and tie."""

from __future__ import annotations

import math
from typing import Any

from rmexplorer.data.shapes import number
from rmexplorer.data.tongues import words as words_of

GOOD = frozenset(
    "chosen preferred better best good accepted accept winner winning win positive pos liked superior correct".split()
)
BAD = frozenset(
    "rejected reject dispreferred nonpreferred worse worst bad refused loser losing lose lost negative neg disliked "
    "inferior incorrect unpreferred".split()
)
_WORDED = (("a", "b"), ("1", "2"), ("first", "second"), ("left", "right"), ("one", "two"))
WINNERS = frozenset(
    "winner label labels preference preferred prefers choice chosen better best verdict vote decision result pick "
    "picked selected selection judgement judgment annotation rating comparison wins won prefer likert slider".split()
)
TIES = frozenset("tie ties tied equal equally same draw both neither even undecided similar indifferent neutral equivalent".split())
COUNTERS = frozenset("id ids idx index".split())  # numbers of theirs are names, whatever their middle
PROBABLE = frozenset("p prob probs proba probability".split())
_SAID_OF = frozenset("is that than soft response answer output completion reply side model".split())  # beside a side: p_response_a
LOSERS = BAD | {"loses", "least", "less"}
_TURNING = LOSERS | {"not", "no"}  # "A is no better", "B is less preferred": the side that is named does not win
VAGUE = frozenset("bad negative neg incorrect refused disliked lost".split())
TURNED = {
    "first": "second", "second": "first", "positive_first": "negative_first", "negative_first": "positive_first",
    "probability_first": "probability_second", "probability_second": "probability_first",
}  # fmt: skip
STRENGTHS = frozenset("margin strength confidence certainty degree intensity magnitude".split())
GAPS = frozenset("diff difference gap delta".split())
SLIGHT = frozenset("slightly slight marginally marginal barely little somewhat".split())
STRONG = frozenset("much significantly significant clearly clear strongly strong far considerably substantially lot".split())


def tokens(column: str) -> tuple[str, ...]:
    """The words of a name in small letters: `betterAnswer_2` is better, answer, 2."""
    plain: list[str] = []
    for word in words_of(column):
        if plain and plain[-1] in ("non", "dis", "not", "un") and word in GOOD:
            plain[-1] = "nonpreferred"
        else:
            plain.append(word)
    return tuple(plain)


def names_loser(column: str) -> bool:
    """Whether a column says by its name that it holds the worse of two: `loser`, `worse_response`, `least_preferred`."""
    words = set(tokens(column))
    return bool(words & (BAD | {"loses"}) or (words & {"least", "less"} and words & (GOOD | WINNERS)))


def loser_doubt(column: str) -> str:
    """What speaks against taking a column that names the loser for that; empty where nothing does."""
    words = set(tokens(column))
    if words & BAD and words & GOOD:
        return "it may name the one that wins or the one that loses"
    sure = words & (LOSERS - VAGUE)
    return "" if sure else "it may say something else than which one loses"


def meaning(value: Any, sides: tuple[str, str], columns: tuple[str, str]) -> str | None:
    """What a word in the winner column says: first, second or tie; None where that is not clear."""
    text = str(value).strip("[] \t\n").lower()
    for place, column in enumerate(columns):
        if text == column.lower():
            return ("first", "second")[place]
    if text in ("a>b", "a>>b", "b<a"):
        return "first"
    if text in ("b>a", "b>>a", "a<b"):
        return "second"
    spoken = tokens(str(value))
    words = set(spoken)
    if words & TIES or words == {"no", "preference"} or text in ("a=b", "b=a", "=") or str(value).strip().lower() == "[[c]]":
        return "tie"
    if "than" in words and words & GOOD and not words & _TURNING:
        words = set(spoken[: spoken.index("than")])
    if words & _TURNING or ">" in text or "<" in text:
        return None
    found = set()
    for pair in (sides, *_WORDED):
        here = [pair[0] in words, pair[1] in words]
        if sum(here) == 1:
            found.add("first" if here[0] else "second")
    return found.pop() if len(found) == 1 else None  # "a la derecha" names no a


def degree(value: Any) -> float | None:
    """How much better words say that the winner is: 0 equal, 1 slightly, 2 better, 3 much better; None for others."""
    if not isinstance(value, str):
        return None
    words = set(tokens(value))
    if words & TIES:
        return 0.0
    if words & SLIGHT:
        return 1.0
    if words & STRONG or ">>" in value or "<<" in value:
        return 3.0
    return 2.0 if words & GOOD or ">" in value or "<" in value else None


def is_graded(value: str) -> bool:
    """Whether a word in the winner column says more than which one is better."""
    return degree(value) in (1.0, 3.0)


def names_strength(column: str) -> bool:
    """Whether a column says by its name that it holds how much better the winner is: `margin`, `score_diff`."""
    words = set(tokens(column))
    return bool(words & STRENGTHS or words & GAPS)


def _numbered(column: str, values: set[str], sides: tuple[str, str]) -> tuple[dict[str, str], str]:
    """The meanings of numbers by the names of the two columns, and a doubt where they could mean something else."""
    if "2" in values and values <= {"0", "1", "2", "1.5"} and sides != ("0", "1"):
        counted = sides == ("1", "2") or "0" not in values or "annotator" in tokens(column)  # as PandaLM has them
        doubt = "" if counted else "0 may be a tie, or the first where 1 is the second and 2 a tie"
        return {"1": "first", "2": "second", "0": "tie", "1.5": "tie"}, doubt
    if values == {"1", "2", "3"}:
        return {"1": "first", "2": "second", "3": "tie"}, "3 may be a tie, or the second where 2 is a tie"
    if values <= {"0", "1", "-1", "2"} and "0" in values and sides == ("0", "1"):
        return {"0": "first", "1": "second", "-1": "tie", "2": "tie"}, ""
    return {"0": "first", "1": "second", "-1": "tie"}, "the numbers may count from 0, or say whether the first wins"


def is_signed(numbers: list[float]) -> bool:
    """Whether these are grades on both sides of zero rather than codes."""
    return min(numbers) < 0 < max(numbers) and (min(numbers) < -1 or max(numbers) > 2 or len(set(numbers)) > 4)


def names_probability(column: str) -> bool:
    """Whether a column says by its name that it holds how probable it is that one side is better: `prob_a`, `p_first`."""
    words = set(tokens(column))
    spoken = PROBABLE | WINNERS | LOSERS | GOOD | TIES | _SAID_OF
    return bool(words & PROBABLE) and all(word in spoken or len(word) == 1 or word in ("first", "second", "left", "right")
                                          for word in words)  # fmt: skip


def middle_of(numbers: list[float]) -> float | None:
    """The middle of the scale that numbers lie on, from one response to the other; None where they may be codes.

    0 where there are negative ones, 0.5 of shares, 4 of 1 to 7, 50 of 0 to 100.
    """
    if not numbers or min(numbers) < 0:
        return 0.0 if numbers and is_signed(numbers) else None
    low, high, whole = min(numbers), max(numbers), all(one.is_integer() for one in numbers)
    if high <= 1:
        return None if whole else 0.5
    if whole and len(set(numbers)) <= 3 and high <= 4:
        return None
    top = 100 if 10 < high <= 100 else math.ceil(high)
    return ((1 if low >= 1 and top < 100 else 0) + top) / 2


def scale(column: str, numbers: list[float], sides: tuple[str, str], pair: tuple[str, str]) -> tuple[str, float, str] | None:
    """The rule of a mapping for numbers between two responses, the middle of their scale, and a doubt; None for codes."""
    middle = middle_of(numbers)
    if names_probability(column) and min(numbers) >= 0 and max(numbers) <= 1:
        named = meaning(" ".join(word for word in tokens(column) if word not in PROBABLE | WINNERS | LOSERS | GOOD), sides, pair)
        if named == "tie":
            return None
        doubt = "" if named else "it does not say which response is better with this probability"
        return "probability_second" if named == "second" else "probability_first", 0.0, doubt
    if middle is None or set(tokens(column)) & COUNTERS:
        return None
    if max(numbers) <= 1 and middle:
        return "probability_first", 0.0, "a number of 1 may favour either of the two"
    if not middle:
        return "negative_first", middle, "a negative number may favour either of the two"
    return "negative_first", middle, f"a number below {middle:g}, the middle of its scale, may favour either of the two"


def meanings(
    column: str, distinct: set[str], sides: tuple[str, str], pair: tuple[str, str]
) -> tuple[dict[str, str], str]:
    """The meanings of the values of a winner column that are known, and a doubt."""
    verdicts = {value for value in distinct if meaning(value, sides, pair) != "tie"}
    if verdicts and verdicts <= {"true", "false", "yes", "no"}:
        side = meaning(" ".join(word for word in tokens(column) if word not in WINNERS | LOSERS), sides, pair)
        if side not in ("first", "second"):
            doubt, side = "it does not say who wins by yes", "first"
        else:
            doubt = ""
        other = "second" if side == "first" else "first"
        return {
            "true": side,
            "yes": side,
            "false": other,
            "no": other,
            **dict.fromkeys(distinct - verdicts, "tie"),
        }, doubt
    if all(number(value) is not None for value in distinct):
        return _numbered(column, distinct, sides)
    return {value: clear for value in distinct if (clear := meaning(value, sides, pair)) is not None}, ""
