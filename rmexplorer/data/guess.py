"""Guesses a mapping as a person would: by the names of columns and by the values in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rmexplorer.data.mapping import Mapping, at, said
from rmexplorer.data.meanings import (
    BAD,
    GOOD,
    TURNED,
    WINNERS,
    is_signed,
    loser_doubt,
    meaning,
    meanings,
    names_loser,
    tokens,
)
from rmexplorer.data.shapes import Absent, number
from rmexplorer.data.texts import as_messages, is_messages

PROMPTS = (
    "prompt", "instruction", "question", "query", "input", "context", "conversation", "history", "post", "problem",
    "task description", "source text", "article", "document", "messages", "request", "user",
)  # fmt: skip
STEMS = (
    "response", "answer", "output", "completion", "reply", "generation", "candidate", "summary", "text", "translation",
    "continuation", "story", "message", "assistant", "conversation", "option", "model",
)  # fmt: skip
SIDES = (("a", "b"), ("1", "2"), ("0", "1"), ("first", "second"), ("left", "right"), ("one", "two"), ("x", "y"))
ANNOTATORS = frozenset(
    "annotator worker judge rater evaluator labeler labeller participant assessor reviewer voter".split()
)
GROUPS = frozenset("group group_id cluster parent_id post_id conversation_id thread_id document_id article_id".split())
SCORES = frozenset("score scores rating ratings reward rewards quality grade points".split())
RANKS = frozenset("rank ranks ranking rankings order position".split())
SYSTEMS = frozenset({"system", "system_prompt", "system_message"})
ABOUT = frozenset(
    "id ids uid uuid hash key index type kind source src url uri link category topic domain tag name model language lang "
    "date time timestamp length tokens dataset".split()
)


def _columns(sample: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """The values that are there of each column, and of the fields within records and lists of records."""
    paths: dict[str, None] = {}
    for record in sample:
        for key, value in record.items():
            paths[key] = None
            inner = value if isinstance(value, dict) else None
            if isinstance(value, list) and value and isinstance(value[0], dict) and not is_messages(value):
                inner = value[0]
            if inner is not None and not is_messages(value):
                paths.update((f"{key}.{name}", None) for name in inner)
    found = {path: [at(record, path) for record in sample] for path in paths}
    return {path: [v for v in values if v is not None and v is not Absent] for path, values in found.items()}


def _mostly(values: list[Any], test: Any) -> bool:
    return bool(values) and sum(map(test, values)) >= 0.8 * len(values)


def _reply(value: Any) -> bool:
    return isinstance(value, str) or is_messages(value)


def _replies(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and not is_messages(value) and all(_reply(item) for item in value)


def _numbers(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(item is None or number(item) is not None for item in value)


def _length(values: list[Any]) -> float:
    return sum(len(value) if isinstance(value, str) else 200 for value in values) / max(1, len(values))


class _Guess:
    """Collects roles with the reason of each."""

    def __init__(self, sample: list[dict[str, Any]]) -> None:
        self.sample = sample
        self.columns = _columns(sample)
        self.roles: dict[str, str] = {}
        self.reasons: list[str] = []
        self.doubts: list[str] = []

    def give(self, column: str, role: str, why: str) -> None:
        """Give a column a role."""
        self.roles[column] = role
        self.reasons.append(f"{column} is the {role.replace('_', ' ')}: {why}")

    def free(self, test: Any) -> list[str]:
        """The columns without a role whose values mostly pass a test."""
        return [column for column, values in self.columns.items() if column not in self.roles and _mostly(values, test)]


def _good_and_bad(guess: _Guess) -> tuple[str, str] | None:
    """Two columns of replies of which the names differ in better and worse alone.

    Beside two sides of longer texts, a column of short ones says which of them wins.
    """
    free = guess.free(_reply)
    sided = {column for one, two, _ in _two_sides(free) for column in (one, two)}
    shortest = min((_length(guess.columns[column]) for column in sided), default=0.0)
    codes = [column for column in free if column not in sided and _length(guess.columns[column]) < min(12, shortest)]
    replies = {column: tokens(column) for column in free if column not in codes}
    for good, words in replies.items():
        for place, word in enumerate(words):
            if word not in GOOD and word != "j":
                continue
            bad_words = BAD if word in GOOD else {"k"}
            for bad, others in replies.items():
                if bad == good:
                    continue
                odd = [word for word in others if word in bad_words]
                if odd and sorted([*words[:place], *words[place + 1 :]]) == sorted(w for w in others if w != odd[0]):
                    return good, bad
    return None


def _two_sides(columns: Iterable[str]) -> list[tuple[str, str, tuple[str, str]]]:
    """Pairs of columns whose names differ in their side alone."""
    named = {column: tokens(column) for column in columns}
    found = []
    for one, words in named.items():
        for two, others in named.items():
            if one == two or len(words) != len(others):
                continue
            apart = [(a, b) for a, b in zip(words, others, strict=True) if a != b]
            if len(apart) == 1 and apart[0] in SIDES:
                found.append((one, two, apart[0]))
    return found


def _stem_rank(column: str) -> int:
    return next((place for place, stem in enumerate(STEMS) if stem in column.lower()), len(STEMS))


_Found = tuple[float, str, dict[str, str], str, str]
_NOTHING: _Found = (0.0, "", {}, "", "")
_SIGNED = "a negative number may favour either of the two"


def _winner(guess: _Guess, sides: tuple[str, str], pair: tuple[str, str]) -> tuple[dict[str, str], str] | None:
    """The winner column gets its role; its values and rule are returned, None where there is no such column."""
    best: _Found | None = None
    for column, values in sorted(guess.columns.items(), key=lambda entry: names_loser(entry[0])):
        words = set(tokens(column))
        if column in guess.roles or not values or not (words & WINNERS or names_loser(column)):
            continue
        if any(isinstance(value, list | dict) for value in values):
            continue
        distinct = {said(value) for value in values}
        signed = [number(value) for value in values if number(value) is not None]
        if len(signed) == len(values) and is_signed([one for one in signed if one is not None]):
            best = max(best or _NOTHING, (0.9, column, {}, "negative_first", _SIGNED), key=lambda found: found[0])
            continue
        texts = [guess.columns[one] for one in pair]
        if len(distinct) > 12:
            both = {value for values in texts for value in values if isinstance(value, str)}
            same = sum(value in both for value in values) / len(values)
            if same > 0.8 and not names_loser(column):
                best = max(
                    best or (0.0, "", {}, "", ""), (same, column, {}, "same_text", ""), key=lambda found: found[0]
                )
            continue
        known, doubt = meanings(column, distinct, sides, pair)
        share = sum(said(value) in known for value in values) / len(values)
        if share > 0.5 and (best is None or share > best[0]):
            best = (share, column, {value: known.get(value, "skip") for value in sorted(distinct)}, "", doubt)
    best = best if best is not None and best[1] else _by_values(guess, sides, pair)
    if best is None:
        return None
    share, column, values_of, rule, doubt = best
    if loses := names_loser(column):
        values_of = {value: TURNED.get(side, side) for value, side in values_of.items()}
        rule, doubt = TURNED.get(rule, rule), doubt or loser_doubt(column)
    guess.give(column, "winner", "its values name the one that loses" if loses else "by its name and its values")
    if doubt:
        guess.doubts.append(f"{column}: {doubt}")
    if share < 0.8:
        guess.doubts.append(f"{column}: {1 - share:.0%} of its values have no clear meaning")
    return values_of, rule


def _by_values(guess: _Guess, sides: tuple[str, str], pair: tuple[str, str]) -> _Found | None:
    """A column of any name, in whatever language, whose few values all name a side."""
    for column, values in guess.columns.items():
        distinct = {said(value) for value in values if isinstance(value, str)}
        if (
            column in guess.roles
            or names_loser(column)
            or not distinct
            or len(distinct) > 6
            or not _mostly(values, lambda v: isinstance(v, str))
        ):
            continue
        known = {value: clear for value in distinct if (clear := meaning(value, sides, pair)) is not None}
        if known.keys() == distinct and {"first", "second"} & set(known.values()):
            return 1.0, column, known, "", "only its values speak for it"
    return None


def _carried(guess: _Guess, pair: tuple[str, str]) -> tuple[bool, bool]:
    """Whether two columns of replies are mostly chats that begin with the prompt, and whether they mostly share a start."""
    both = [(at(record, pair[0]), at(record, pair[1])) for record in guess.sample]
    turns = [(as_messages(one) or [], as_messages(two) or []) for one, two in both]
    chats = [len(one) > 1 and one[0] == two[0] for one, two in turns if two]
    heads = [one.split()[:1] == two.split()[:1] if isinstance(one, str) and isinstance(two, str) else False
             for one, two in both]  # fmt: skip
    return sum(chats) > len(both) / 2, sum(chats) + sum(heads) > len(both) / 2


def _prompt(guess: _Guess, whole: bool = False) -> None:
    """The columns of the prompt. whole: the replies hold it, so only a name speaks for another one."""
    free = [
        column for column in guess.free(_reply) if "." not in column or tokens(column)[-1:] in (("text",), ("content",))
    ]
    for wanted in PROMPTS:
        if whole and wanted == "user":
            continue
        exact = [column for column in free if " ".join(tokens(column)) == wanted]
        near = [
            column
            for column in free
            if set(wanted.split()) <= set(tokens(column)) and not ABOUT & set(tokens(column)[-1:])
        ]
        if exact or near:
            guess.give((exact or near)[0], "prompt", "by its name")
            if wanted == "instruction" and "input" in free and "input" not in guess.roles:
                guess.give("input", "prompt", "it goes on with the instruction")
            return
    texts = [column for column in free if "." not in column and len(set(map(str, guess.columns[column]))) > 1]
    if guess.roles and len(texts) == 1 and not whole:
        guess.give(texts[0], "prompt", "it is the only other column of texts")
        guess.doubts.append(f"{texts[0]}: only that no other column is left speaks for it")


def _rest(guess: _Guess) -> None:
    """System, annotator, group and subset by their names."""
    for column, values in guess.columns.items():
        words, plain = tokens(column), "_".join(tokens(column))
        if column in guess.roles or "." in column or not values:
            continue
        taken = set(guess.roles.values())
        scalar = _mostly(values, lambda value: isinstance(value, str | int) and len(str(value)) <= 200)
        if plain in SYSTEMS and "system" not in taken:
            guess.give(column, "system", "by its name")
        elif (
            scalar
            and set(words) & ANNOTATORS
            and "annotator" not in taken
            and set(words) <= ANNOTATORS | {"id", "name"}
        ):
            guess.give(column, "annotator", "by its name")
        elif scalar and plain in GROUPS and "group" not in taken:
            guess.give(column, "group", "by its name: its prompts belong together")
        elif scalar and plain == "subset" and "subset" not in taken:
            guess.give(column, "subset", "by its name")


def _lists(guess: _Guess) -> bool:
    """Several responses in a list with ranks or scores, or one response a row with a score."""
    for listed in (True, False):
        replies = guess.free(_replies if listed else _reply)
        numbers = guess.free(_numbers if listed else lambda value: number(value) is not None)
        for column in sorted(replies, key=_stem_rank):
            if _stem_rank(column) == len(STEMS):
                continue
            for other in numbers:
                kind = "ranks" if set(tokens(other)) & RANKS else "score" if set(tokens(other)) & SCORES else ""
                if kind and column.rpartition(".")[0] == other.rpartition(".")[0]:
                    guess.give(column, "responses", "a list of texts" if listed else "by its name")
                    guess.give(other, kind, "by its name")
                    return True
    return False


def guess(sample: list[dict[str, Any]]) -> Mapping:
    """A mapping for records of a file, with a reason for each role; `missing()` says what could not be found.

    Doubts are to be shown to a person: on the command line a mapping with doubts is not used.
    """
    found = _Guess(sample)
    values: dict[str, str] = {}
    rule = ""
    pair = _good_and_bad(found)
    if pair is not None:
        for column, role in zip(pair, ("chosen", "rejected"), strict=True):
            found.give(column, role, "the names of the two differ in better and worse")
        chats, shared = _carried(found, pair)
        if not chats:
            _prompt(found, shared)
    else:
        sided = _two_sides(found.free(_reply))
        sided.sort(key=lambda both: (_stem_rank(both[0]), -_length(found.columns[both[0]])))
        for one, two, sides in sided[:1]:
            found.give(one, "response_a", "the names of the two differ in their side")
            found.give(two, "response_b", "the names of the two differ in their side")
            decided = _winner(found, sides, (one, two))
            if decided is not None:
                values, rule = decided
            else:
                _two_scores(found)
        if not sided:
            _prompt(found)
            _lists(found)
    if pair is None and "prompt" not in found.roles.values():
        _prompt(found)
    _rest(found)
    order = [column for column in found.columns if column in found.roles]
    return Mapping(
        {column: found.roles[column] for column in order}, values, rule, "", tuple(found.reasons), tuple(found.doubts)
    )


def _two_scores(guess: _Guess) -> None:
    scores = [column for column in guess.free(lambda value: number(value) is not None) if set(tokens(column)) & SCORES]
    for one, two, _ in _two_sides(scores)[:1]:
        guess.give(one, "score", "no column names the winner; the larger score wins")
        guess.give(two, "score", "no column names the winner; the larger score wins")
