"""Which columns of an unknown file name the better of two responses, by what they are called and what is in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from rmexplorer.data.by_mapping import choice
from rmexplorer.data.mapping import MODELS, PROBABILITIES, Mapping, at, said
from rmexplorer.data.meanings import (
    TIES,
    TURNED,
    WINNERS,
    degree,
    loser_doubt,
    meaning,
    meanings,
    names_loser,
    names_probability,
    names_strength,
    scale,
    tokens,
)
from rmexplorer.data.seen import OPINIONS, Seen, mostly, two_sides
from rmexplorer.data.shapes import number

ANNOTATORS = frozenset(
    "annotator annotators ann annot worker judge rater evaluator labeler labeller participant assessor reviewer voter".split()
)
FAME = ("winner", "preferred", "preference", "better", "best", "verdict", "label", "choice", "chosen")
BESIDE = OPINIONS | frozenset(
    "round count counts time times timestamp date source type url link by language lang version batch model models tokens "
    "length hash status agreement duration seconds".split()
)
TALLIES = frozenset("wins won votes win".split())
SCORES = frozenset("score scores rating ratings reward rewards quality grade points".split())
MAIN = frozenset("overall final majority gold general".split())


class _Found(NamedTuple):
    """A column that may name the winner: how much of it is understood, what its values mean, and what speaks against."""

    share: float
    column: str
    values: dict[str, str]
    rule: str = ""
    doubt: str = ""
    middle: float = 0.0

    @property
    def clear(self) -> bool:
        """Whether nothing speaks against it."""
        return self.share >= 0.8 and not self.doubt


def _verdict_words(column: str) -> tuple[str, ...]:
    """The words of a winner column without what tells one annotator from another: their number, and that they are one."""
    return tuple(word for word in tokens(column) if not word.isdecimal() and word not in ANNOTATORS)


def verdict_columns(seen: Seen, writers: Sequence[str] = ()) -> dict[str, list[Any]]:
    """The free columns that may name a winner by their names, the one that says so most clearly first.

    writers: the columns of who wrote each of several responses.
    """
    found = {}
    for column, values in seen.columns.items():
        words = set(tokens(column))
        values = [value for value in values if value != ""]
        if column in (*seen.roles, *writers) or not values:
            continue
        if not (words & (WINNERS | ANNOTATORS) or names_loser(column) or names_probability(column)):
            continue
        if any(isinstance(value, list | dict) for value in values) or is_strength(column, values):
            continue
        if words & BESIDE and not _names_model(seen, column, writers):
            continue
        plain = words & WINNERS or names_loser(column) or names_probability(column)
        if not plain and not any(word.isdecimal() for word in words):
            continue  # it names the annotator, not what one of them says
        found[column] = values
    return dict(sorted(found.items(), key=lambda entry: (names_loser(entry[0]), _fame(entry[0]), entry[0])))


def _fame(column: str) -> tuple[int, int]:
    """How plainly a name says that the column holds the final winner; the smallest first."""
    words = set(tokens(column))
    plain = 0 if words & MAIN else 1 if len(words) == 1 or words & {"helpful", "helpfulness", "quality"} else 2
    return plain, min((place for place, word in enumerate(FAME) if word in words), default=len(FAME))


def is_strength(column: str, values: list[Any]) -> bool:
    """Whether a column holds how much better the winner is: by its name, and by numbers or words of degree."""
    if not values or not names_strength(column):
        return False
    numbers = [one for value in values if (one := number(value)) is not None]
    if len(numbers) < 0.8 * len(values):
        return mostly(values, lambda value: degree(value) is not None) and not mostly(values, _names_side)
    return min(numbers) >= 0 or not set(tokens(column)) & WINNERS


def _names_side(value: Any) -> bool:
    return meaning(value, ("a", "b"), ("", "")) in ("first", "second")


def _repeats(seen: Seen, column: str, pair: tuple[str, str]) -> float:
    """The share of records in which a column repeats exactly one of the two responses."""
    there = same = 0
    for record in seen.sample:
        value, one, two = (at(record, name) for name in (column, *pair))
        if isinstance(value, str) and value.strip():
            there += 1
            same += (value == one) != (value == two)
    return same / there if there else 0.0


def _names_model(seen: Seen, column: str, writers: Sequence[str] = ()) -> float:
    """The share of records in which a column names one of the models that wrote the responses; ties left out."""
    sides = writers or [next((name for name, role in seen.roles.items() if role == side), "") for side in MODELS]
    there = found = 0
    for record in seen.sample if all(sides) else ():
        value, *names = (at(record, name) for name in (column, *sides))
        names = names[0] if len(names) == 1 and isinstance(names[0], list) else names
        if isinstance(value, str) and value.strip() and meaning(value, ("a", "b"), ("", "")) != "tie":
            there += 1
            found += [said(name) for name in names].count(said(value)) == 1
    return found / there if there else 0.0


def _candidates(seen: Seen, sides: tuple[str, str], pair: tuple[str, str]) -> list[_Found]:
    """All columns that may name the winner of two responses, with what their values mean."""
    columns = verdict_columns(seen)
    scores = {one for pair in two_sides(_numeric(seen, SCORES)) for one in pair[:2] if not set(tokens(one)) & ANNOTATORS}
    alike: dict[tuple[str, ...], set[str]] = {}
    for column, values in columns.items():
        alike.setdefault(_verdict_words(column), set()).update(map(said, values))
    found = []
    for column, values in columns.items():
        numbers = [one for value in values if (one := number(value)) is not None]
        of_one = column in scores and not names_probability(column)  # rating_a says how good A is, not which is better
        if not of_one and len(numbers) == len(values) and (read := scale(column, numbers, sides, pair)) is not None:
            rule, middle, doubt = read
            found.append(_Found(0.9, column, {}, rule, doubt, middle))
            continue
        distinct = {said(value) for value in values}
        together = alike[_verdict_words(column)]
        known, doubt = meanings(column, together if len(together) <= 12 else distinct, sides, pair)
        share = sum(said(value) in known for value in values) / len(values)
        same = _repeats(seen, column, pair)
        model = _names_model(seen, column)
        if model > max(0.8, share) and not names_loser(column):
            found.append(_Found(model, column, {}, "by_name"))
        elif same > max(0.8, share) and not names_loser(column):
            found.append(_Found(same, column, {}, "same_text"))
        elif share > 0.5 and len(distinct) <= 12:
            doubt = doubt or ("it may name a side or repeat a response" if same > 0.8 else "")
            values_of = {value: known.get(value, "skip") for value in sorted(together if len(together) <= 12 else distinct)}
            found.append(_Found(share, column, values_of, "", doubt))
    return found


def winner(seen: Seen, sides: tuple[str, str], pair: tuple[str, str]) -> tuple[dict[str, str], str, float] | None:
    """The winner columns get their roles; their values, rule and middle are returned, None where there is no such column."""
    found = _candidates(seen, sides, pair)
    best = max(found, key=lambda one: (one.clear, round(one.share, 1)), default=None) or _by_values(seen, sides, pair)
    if best is None:
        return None
    share, column, values_of, rule, doubt, middle = best
    if loses := names_loser(column):
        values_of = {value: TURNED.get(side, side) for value, side in values_of.items()}
        rule, doubt = TURNED.get(rule, rule), doubt or loser_doubt(column)
    votes, others = _beside(best, found, sides)
    if column not in votes:
        seen.give(column, "winner", "its values name the one that loses" if loses else "by its name and its values")
    for vote in votes:
        seen.give(vote, "vote", "it names the winner by one annotator")
    for other in others:
        seen.give(other, "criterion", "it names the winner too, by something else")
    if doubt:
        seen.doubts.append(f"{column}: {doubt}")
    if rule in PROBABILITIES and (ties := [one for one in seen.columns if names_probability(one) and set(tokens(one)) & TIES]):
        seen.doubts.append(f"{column}: {ties[0]} is there too, so less than 0.5 may still be the most of the three")
    seen.doubts += [
        f"{column}: {one.column} names another winner in {differ} of {both} records"
        for one in found
        if one.clear and one.column not in (column, *votes, *others)
        for differ, both in [_apart(seen, best, one, pair)]
        if differ > 0.1 * both
    ]
    if share < 0.8:
        seen.doubts.append(f"{column}: {1 - share:.0%} of its values have no clear meaning")
    more = [one.values for one in found if one.column in (*votes, *others)]
    return {value: side for values in (*more, values_of) for value, side in sorted(values.items())}, rule, middle


def _apart(seen: Seen, one: _Found, two: _Found, pair: tuple[str, str]) -> tuple[int, int]:
    """In how many records two columns name different winners, and in how many both name one."""
    roles = {pair[0]: "response_a", pair[1]: "response_b"}
    roles.update((column, role) for column, role in seen.roles.items() if role in MODELS)
    readings = []
    for found in (one, two):
        turned = names_loser(found.column)
        values = {value: TURNED.get(side, side) if turned else side for value, side in found.values.items()}
        readings.append((Mapping({**roles, found.column: "winner"}, values, found.rule, middle=found.middle), found.column))
    differ = both = 0
    for record in seen.sample:
        named = [choice(mapping, record, column, at(record, pair[0]), at(record, pair[1])) for mapping, column in readings]
        if all(named):
            both += 1
            differ += named[0] != named[1]
    return differ, both


def _beside(best: _Found, found: list[_Found], sides: tuple[str, str]) -> tuple[list[str], list[str]]:
    """The columns that name the winner as the best one does: by an annotator each, and by another criterion."""
    alike = [
        one
        for one in found
        if one.clear == best.clear
        and one.rule == best.rule == ""
        and not names_loser(one.column)
        and all(best.values.get(value, side) == side for value, side in one.values.items())
    ]
    if best not in alike:
        return [], []
    kind = _verdict_words(best.column)
    same = [one.column for one in alike if _verdict_words(one.column) == kind]
    votes = [column for column in same if tokens(column) != kind]
    numbers = [word for column in votes for word in tokens(column) if word.isdecimal()]
    marked = any(set(tokens(column)) & ANNOTATORS for column in votes)
    coded = all(value.isdecimal() for value in best.values)
    if len(votes) < 2 or (coded and not marked and sorted(numbers) == sorted(sides)):
        votes = []  # label_1 and label_2 beside response_1 and response_2 say something of each
    others = [one.column for one in alike if one.column not in (*votes, best.column) and _verdict_words(one.column) != kind]
    return votes, others if best.clear else []


def _by_values(seen: Seen, sides: tuple[str, str], pair: tuple[str, str]) -> _Found | None:
    """A column of any name, in whatever language, whose few values all name a side."""
    for column, values in seen.columns.items():
        distinct = {said(value) for value in values if isinstance(value, str)}
        if (
            column in seen.roles
            or names_loser(column)
            or not distinct
            or len(distinct) > 6
            or not mostly(values, lambda v: isinstance(v, str))
        ):
            continue
        known = {value: clear for value in distinct if (clear := meaning(value, sides, pair)) is not None}
        if known.keys() == distinct and {"first", "second"} & set(known.values()):
            return _Found(1.0, column, known, "", "only its values speak for it")
    return None


def tallies(seen: Seen, sides: tuple[str, str], pair: tuple[str, str]) -> bool:
    """Two columns of how often each response won, where no other column names the winner without a doubt."""
    if any(one.clear for one in _candidates(seen, sides, pair)):
        return False
    two_scores(seen, TALLIES)
    return "score" in seen.roles.values()


def _numeric(seen: Seen, words: frozenset[str]) -> list[str]:
    return [column for column in seen.free(lambda value: number(value) is not None) if set(tokens(column)) & words]


def two_scores(seen: Seen, words: frozenset[str]) -> None:
    for one, two, _ in two_sides(_numeric(seen, words))[:1]:
        seen.give(one, "score", "no column names the winner; the larger score wins")
        seen.give(two, "score", "no column names the winner; the larger score wins")
