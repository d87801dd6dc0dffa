"""What ranks several responses of an unknown file, or names the best of them."""

from __future__ import annotations

from typing import Any

from rmexplorer.data.by_mapping import best_place, models_of, ranks_of_order, responses_of
from rmexplorer.data.mapping import Mapping, at, named_place, said
from rmexplorer.data.meanings import WINNERS, meaning, names_loser, names_strength, tokens
from rmexplorer.data.seen import (
    STEMS,
    Seen,
    are_numbers,
    are_replies,
    families,
    is_reply,
    mean_length,
    mostly,
    stem_rank,
)
from rmexplorer.data.shapes import Absent, number
from rmexplorer.data.winners import SCORES, verdict_columns

FEW = 20  # characters that a response is longer than what names it
WRITERS = frozenset("model models generator generators llm policy bot writer".split())
RANKS = frozenset("rank ranks ranking rankings ranked order position sorted argsort".split())


def listed(seen: Seen) -> str:
    """Several responses in a list with ranks, scores or the best of them, or one response a row with a score.

    Returns the rule of the mapping.
    """
    for many in (True, False):
        replies = seen.free(are_replies if many else is_reply)
        numbers = seen.free(are_numbers if many else lambda value: number(value) is not None)
        for column in sorted(replies, key=lambda one: (stem_rank(one), one)):
            if stem_rank(column) == len(STEMS):
                continue
            writers = _writers(seen, [column], many)
            rule = _decided(seen, column, numbers, many, writers)
            if rule is not None:
                seen.give(column, "responses", "a list of texts" if many else "by its name")
                _give_writers(seen, writers)
                return rule
    return ""


def _decided(seen: Seen, column: str, numbers: list[str], many: bool, writers: list[str]) -> str | None:
    """What ranks or scores the responses in `column`, or names the best of them, gets its role; returns the rule, or None."""
    for other in sorted(numbers, key=lambda one: (len(tokens(one)), one)):
        kind = "ranks" if set(tokens(other)) & RANKS else "score" if set(tokens(other)) & SCORES else ""
        if kind and not names_strength(other) and column.rpartition(".")[0] == other.rpartition(".")[0]:
            seen.give(other, kind, "by its name")
            return _order(seen, other) if many and kind == "ranks" else ""
    if many and _spoken_order(seen, [column], writers):
        return "best_first"
    return _best(seen, [column], max(map(len, seen.columns[column])), writers) or None if many else None


def _writers(seen: Seen, responses: list[str], many: bool = True) -> list[str]:
    """The columns that say by their names who wrote each of several responses: one a response, a list, or one a row."""
    short = [column for column in seen.columns if column not in (*seen.roles, *responses) and set(tokens(column)) & WRITERS]
    if not many:
        return [column for column in short if mostly(seen.columns[column], lambda value: isinstance(value, str))
                and "." not in column][:1]  # fmt: skip
    if len(responses) > 1:
        plain = [column for column in short if mostly(seen.columns[column], lambda value: isinstance(value, str))]
        found = next((family for family in families(plain) if len(family) == len(responses)), None)
        if found is not None:
            return found
    for column in short:
        counts = [(responses_of(record, responses) or [], at(record, column)) for record in seen.sample]
        if mostly(counts, lambda both: isinstance(both[1], list) and len(both[0]) == len(both[1])):
            return [column]
    return []


def _give_writers(seen: Seen, writers: list[str]) -> None:
    for column in writers:
        seen.give(column, "model", "by its name: who wrote the response" + ("" if len(writers) > 1 else "s"))


def called(seen: Seen) -> tuple[dict[str, str], str]:
    """Columns of replies that another column names as the better ones, each with the value that names it (gpt_answer by
    gpt), and that other column.

    Each value but those of ties names one of them, and the names of the columns say the same besides; else none.
    """
    free = {column: set(tokens(column)) for column in seen.free(is_reply)}
    for column, values in verdict_columns(seen).items():
        spoken = sorted({said(value) for value in values if meaning(value, ("", ""), ("", "")) != "tie"})
        found, besides = {}, set()
        for value in spoken:
            words = set(tokens(value))
            named = [one for one, have in free.items() if one != column and words and words <= have]
            if len(named) == 1:
                found[named[0]] = value
                besides.add(frozenset(free[named[0]] - words))
        longer = all(mean_length(seen.columns[one]) > mean_length(values) + FEW for one in found)
        if len(found) == len(spoken) > 1 and len(besides) == 1 and longer and not names_loser(column):
            return {one: found[one] for one in seen.columns if one in found}, column
    return {}, ""


def counted(seen: Seen, family: list[str]) -> str:
    """Three or more columns of responses get their role, and what ranks them or names the best; returns the rule."""
    for column in family:
        seen.give(column, "responses", "the names differ in their number alone")
    writers = _writers(seen, family)
    _give_writers(seen, writers)
    numeric = seen.free(lambda value: number(value) is not None)
    for role, words in (("ranks", RANKS), ("score", SCORES)):
        for other in families(column for column in numeric if set(tokens(column)) & words):
            if len(other) == len(family) and not any(map(names_strength, other)):
                for column in other:
                    seen.give(column, role, "by its name: one for each response")
                return ""
    listed = [column for column in seen.free(are_numbers) if _fits_all(seen, column, len(family))]
    for role, words in (("ranks", RANKS), ("score", SCORES)):
        for column in listed:
            if set(tokens(column)) & words:
                seen.give(column, role, "by its name")
                return _order(seen, column) if role == "ranks" else ""
    return "best_first" if _spoken_order(seen, family, writers) else _best(seen, family, len(family), writers)


def _spoken_order(seen: Seen, columns: list[str], writers: list[str]) -> bool:
    """A column that lists the letters, names or models of the responses best first gets its role; whether there is one."""
    mapping = Mapping({**dict.fromkeys(columns, "responses"), **dict.fromkeys(writers, "model")})
    for column, values in seen.columns.items():
        if column in seen.roles or not set(tokens(column)) & (RANKS | WINNERS):
            continue
        fits = 0
        for record in seen.sample:
            order, responses = at(record, column), responses_of(record, columns)
            if isinstance(order, list | str) and order and not are_numbers(order) and responses is not None:
                models = models_of(mapping, record, len(responses))
                fits += ranks_of_order(order, columns, len(responses), models) is not None
        if fits >= 0.8 * len(values) > 0:
            seen.give(column, "ranks", "it names the responses, best first")
            return True
    return False


def _fits_all(seen: Seen, column: str, count: int) -> bool:
    return all(len(value) == count for value in seen.columns[column] if isinstance(value, list))


def _best(seen: Seen, columns: list[str], count: int, writers: list[str]) -> str:
    """The column that names the best of several responses gets its role; returns how it does, "" where none does.

    count: the most responses that a record has.
    """
    for column, values in verdict_columns(seen, writers).items():
        if names_loser(column):
            continue
        numbers = [one for value in values if (one := number(value)) is not None and one.is_integer()]
        coded = len(numbers) >= 0.8 * len(values) and 0 <= min(numbers) <= max(numbers) <= count
        for rule in ("by_name", "same_text"):
            tried = Mapping({**dict.fromkeys(columns, "responses"), **dict.fromkeys(writers, "model")}, {}, rule)
            if _share_of_places(seen, column, tried) >= (1.0 if coded else 0.8):
                seen.give(column, "winner", "it names the best response")
                return rule
        if not coded:
            continue
        seen.give(column, "winner", "it gives the number of the best response")
        from_one = bool(named_place("1", columns, count) == 0) and len(columns) > 1
        if min(numbers) == 0 and (max(numbers) == count or from_one):
            seen.doubts.append(f"{column}: 0 may be the first response, or say that none is the best")
        elif min(numbers) > 0 and max(numbers) < count:
            seen.doubts.append(f"{column}: it may count the responses from 0 or from 1")
        return "from_one" if min(numbers) > 0 else "from_zero"
    return ""


def _share_of_places(seen: Seen, column: str, mapping: Mapping) -> float:
    """The share of the values of a column that name one of the responses by the rule of a mapping."""
    there = named = 0
    for record in seen.sample:
        value = at(record, column)
        responses = responses_of(record, mapping.columns("responses"))
        if value in (None, Absent, "") or responses is None:
            continue
        there += 1
        named += best_place(mapping, value, responses, models_of(mapping, record, len(responses))) is not None
    return named / there if there else 0.0


def _order(seen: Seen, column: str) -> str:
    """Whether a list of ranks holds the rank of each response, or their numbers best first: "" or "best_first".

    The two agree where each list undoes itself, as every order of two does. Else scores beside or the name decide, and
    where they do not it is asked.
    """
    lists = [value for value in seen.columns[column] if isinstance(value, list)]
    orders = [ranks_of_order(value, [], len(value)) for value in lists]
    if None in orders or all(_ranks(value) == order for value, order in zip(lists, orders, strict=True)):
        return ""
    for scores in seen.free(are_numbers):
        if set(tokens(scores)) & SCORES:
            rule = _agreeing(seen, column, scores)
            if rule is not None:
                return rule
    words = set(tokens(column))
    if words & {"index", "indices", "idx", "argsort", "sorted"}:
        return "best_first"
    if not words & {"rank", "ranks"}:
        shown = ", ".join(map(said, next(value for value in lists if _ranks(value) != ranks_of_order(value, [], len(value)))))
        seen.doubts.append(f"{column}: {shown} may be the rank of each response, or the numbers of the responses, best first")
    return ""


def _ranks(value: list[Any]) -> list[int]:
    numbers = [int(one) for one in map(number, value) if one is not None]
    return [one - min(numbers) + 1 for one in numbers]


def _agreeing(seen: Seen, column: str, scores: str) -> str | None:
    """The reading of an order by which the scores fall from the first to the last rank; None where neither or both do."""
    fits = {"": True, "best_first": True}
    for record in seen.sample:
        order, measured = at(record, column), at(record, scores)
        if not isinstance(order, list) or not isinstance(measured, list) or len(order) != len(measured):
            continue
        for rule, ranks in (("", _ranks(order)), ("best_first", ranks_of_order(order, [], len(order)) or [])):
            by_rank = [number(measured[place]) or 0.0 for place in sorted(range(len(ranks)), key=ranks.__getitem__)]
            fits[rule] &= by_rank == sorted(by_rank, reverse=True)
    return next((rule for rule, fit in fits.items() if fit), None) if sum(fits.values()) == 1 else None
