"""Guesses a mapping as a person would: by the names of columns and by the values in them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from rmexplorer.data.mapping import Mapping, at, best_place, named_place, ranks_of_order, responses_of, said
from rmexplorer.data.meanings import (
    BAD,
    GOOD,
    STRENGTHS,
    TURNED,
    WINNERS,
    degree,
    is_signed,
    loser_doubt,
    meaning,
    meanings,
    names_loser,
    names_strength,
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
    "annotator annotators ann annot worker judge rater evaluator labeler labeller participant assessor reviewer voter".split()
)
FAME = ("winner", "preferred", "preference", "better", "best", "verdict", "label", "choice", "chosen")
OPINIONS = frozenset("reason reasons reasoning explanation rationale critique comment comments feedback justification note notes".split())
BESIDE = OPINIONS | frozenset(
    "round count counts time times timestamp date source type url link by language lang version batch model models tokens "
    "length hash status agreement duration seconds".split()
)
WRITERS = frozenset("model models generator llm policy bot writer".split())
TALLIES = frozenset("wins won votes win".split())
FEW = 40  # characters: names are shorter, responses mostly longer
LISTED = ("responses", "ranks", "score")
MAIN = frozenset("overall final majority gold general".split())
LETTERS = "abcdefghij"
GROUPS = frozenset("group group_id cluster parent_id post_id conversation_id thread_id document_id article_id".split())
SCORES = frozenset("score scores rating ratings reward rewards quality grade points".split())
RANKS = frozenset("rank ranks ranking rankings ranked order position sorted argsort".split())
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


def _aside(column: str) -> bool:
    """Whether a name says that the column is about a response, or what somebody thinks of it, rather than one."""
    words = set(tokens(column)) - GOOD - BAD - {side for sides in SIDES for side in sides}
    return bool(words) and words <= ABOUT | OPINIONS


def _good_and_bad(guess: _Guess) -> tuple[str, str] | None:
    """Two columns of replies of which the names differ in better and worse alone.

    Beside two sides of longer texts, a column of short ones says which of them wins.
    """
    free = guess.free(_reply)
    sided = {column for one, two, _ in _two_sides(free) for column in (one, two)}
    shortest = min((_length(guess.columns[column]) for column in sided), default=0.0)
    codes = [column for column in free if column not in sided and _length(guess.columns[column]) < min(12, shortest)]
    replies = {column: tokens(column) for column in free if column not in codes}
    found: list[tuple[str, str]] = []
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
                    found.append((good, bad))
    found = [both for both in found if not _aside(both[0])]  # better_model and worse_model are no responses
    return min(found, key=lambda both: (len(replies[both[0]]), _stem_rank(both[0]), both), default=None)


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


def _families(columns: Iterable[str]) -> list[list[str]]:
    """Columns whose names differ in one word alone, where that counts them: at least three of 1, 2, 3 or a, b, c."""
    found: dict[tuple[Any, ...], dict[int, str]] = {}
    for column in columns:
        words = tokens(column)
        for place, word in enumerate(words):
            rank = int(word) if word.isdecimal() and len(word) < 3 else LETTERS.find(word) if len(word) == 1 else -1
            if rank >= 0:
                kind = (word.isdecimal(), place, *words[:place], *words[place + 1 :])
                found.setdefault(kind, {})[rank] = column
    counted = [[numbered[rank] for rank in sorted(numbered)] for numbered in found.values() if _counts(sorted(numbered))]
    return sorted(counted, key=lambda family: (_plainness(family[0]), -len(family), family))


def _counts(ranks: list[int]) -> bool:
    return len(ranks) > 2 and ranks[0] in (0, 1) and ranks == list(range(ranks[0], ranks[0] + len(ranks)))


def _stem_rank(column: str) -> int:
    said = f"{column.lower()} {' '.join(tokens(column))}".replace("context", "")
    return next((place for place, stem in enumerate(STEMS) if stem in said), len(STEMS))


def _plainness(column: str) -> tuple[bool, int]:
    """How plainly a name says that the column holds a response; the smallest first."""
    return _aside(column), _stem_rank(column)


class _Found(NamedTuple):
    """A column that may name the winner: how much of it is understood, what its values mean, and what speaks against."""

    share: float
    column: str
    values: dict[str, str]
    rule: str = ""
    doubt: str = ""

    @property
    def clear(self) -> bool:
        """Whether nothing speaks against it."""
        return self.share >= 0.8 and not self.doubt


_SIGNED = "a negative number may favour either of the two"


def _verdict_words(column: str) -> tuple[str, ...]:
    """The words of a winner column without what tells one annotator from another: their number, and that they are one."""
    return tuple(word for word in tokens(column) if not word.isdecimal() and word not in ANNOTATORS)


def _verdict_columns(guess: _Guess) -> dict[str, list[Any]]:
    """The free columns that may name a winner by their names, the one that says so most clearly first."""
    found = {}
    for column, values in guess.columns.items():
        words = set(tokens(column))
        values = [value for value in values if value != ""]
        if column in guess.roles or not values or not (words & (WINNERS | ANNOTATORS) or names_loser(column)):
            continue
        if any(isinstance(value, list | dict) for value in values) or _is_strength(column, values):
            continue
        if words & BESIDE and not _names_model(guess, column):
            continue
        if not words & WINNERS and not names_loser(column) and not any(word.isdecimal() for word in words):
            continue  # it names the annotator, not what one of them says
        found[column] = values
    return dict(sorted(found.items(), key=lambda entry: (names_loser(entry[0]), _fame(entry[0]), entry[0])))


def _fame(column: str) -> tuple[int, int]:
    """How plainly a name says that the column holds the final winner; the smallest first."""
    words = set(tokens(column))
    plain = 0 if words & MAIN else 1 if len(words) == 1 or words & {"helpful", "helpfulness", "quality"} else 2
    return plain, min((place for place, word in enumerate(FAME) if word in words), default=len(FAME))


def _is_strength(column: str, values: list[Any]) -> bool:
    """Whether a column holds how much better the winner is: by its name, and by numbers or words of degree."""
    if not values or not names_strength(column):
        return False
    numbers = [one for value in values if (one := number(value)) is not None]
    if len(numbers) < 0.8 * len(values):
        return _mostly(values, lambda value: degree(value) is not None) and not _mostly(values, _names_side)
    return min(numbers) >= 0 or not set(tokens(column)) & WINNERS


def _names_side(value: Any) -> bool:
    return meaning(value, ("a", "b"), ("", "")) in ("first", "second")


def _repeats(guess: _Guess, column: str, pair: tuple[str, str]) -> float:
    """The share of records in which a column repeats exactly one of the two responses."""
    there = same = 0
    for record in guess.sample:
        value, one, two = (at(record, name) for name in (column, *pair))
        if isinstance(value, str) and value.strip():
            there += 1
            same += (value == one) != (value == two)
    return same / there if there else 0.0


def _names_model(guess: _Guess, column: str) -> float:
    """The share of records in which a column names one of the two models that wrote the responses; ties left out."""
    sides = [next((name for name, role in guess.roles.items() if role == side), "") for side in ("model_a", "model_b")]
    there = found = 0
    for record in guess.sample if all(sides) else ():
        value, one, two = (at(record, name) for name in (column, *sides))
        if isinstance(value, str) and value.strip() and meaning(value, ("a", "b"), ("", "")) != "tie":
            there += 1
            found += (said(value) == said(one)) != (said(value) == said(two))
    return found / there if there else 0.0


def _candidates(guess: _Guess, sides: tuple[str, str], pair: tuple[str, str]) -> list[_Found]:
    """All columns that may name the winner of two responses, with what their values mean."""
    columns = _verdict_columns(guess)
    alike: dict[tuple[str, ...], set[str]] = {}
    for column, values in columns.items():
        alike.setdefault(_verdict_words(column), set()).update(map(said, values))
    found = []
    for column, values in columns.items():
        numbers = [one for value in values if (one := number(value)) is not None]
        if len(numbers) == len(values) and is_signed(numbers):
            found.append(_Found(0.9, column, {}, "negative_first", _SIGNED))
            continue
        distinct = {said(value) for value in values}
        together = alike[_verdict_words(column)]
        known, doubt = meanings(column, together if len(together) <= 12 else distinct, sides, pair)
        share = sum(said(value) in known for value in values) / len(values)
        same = _repeats(guess, column, pair)
        model = _names_model(guess, column)
        if model > max(0.8, share) and not names_loser(column):
            found.append(_Found(model, column, {}, "by_name"))
        elif same > max(0.8, share) and not names_loser(column):
            found.append(_Found(same, column, {}, "same_text"))
        elif share > 0.5 and len(distinct) <= 12:
            doubt = doubt or ("it may name a side or repeat a response" if same > 0.8 else "")
            values_of = {value: known.get(value, "skip") for value in sorted(together if len(together) <= 12 else distinct)}
            found.append(_Found(share, column, values_of, "", doubt))
    return found


def _winner(guess: _Guess, sides: tuple[str, str], pair: tuple[str, str]) -> tuple[dict[str, str], str] | None:
    """The winner columns get their roles; their values and rule are returned, None where there is no such column."""
    found = _candidates(guess, sides, pair)
    best = max(found, key=lambda one: (one.clear, round(one.share, 1)), default=None) or _by_values(guess, sides, pair)
    if best is None:
        return None
    share, column, values_of, rule, doubt = best
    if loses := names_loser(column):
        values_of = {value: TURNED.get(side, side) for value, side in values_of.items()}
        rule, doubt = TURNED.get(rule, rule), doubt or loser_doubt(column)
    votes, others = _beside(best, found, sides)
    if column not in votes:
        guess.give(column, "winner", "its values name the one that loses" if loses else "by its name and its values")
    for vote in votes:
        guess.give(vote, "vote", "it names the winner by one annotator")
    for other in others:
        guess.give(other, "criterion", "it names the winner too, by something else")
    if doubt:
        guess.doubts.append(f"{column}: {doubt}")
    if share < 0.8:
        guess.doubts.append(f"{column}: {1 - share:.0%} of its values have no clear meaning")
    more = [one.values for one in found if one.column in (*votes, *others)]
    return {value: side for values in (*more, values_of) for value, side in sorted(values.items())}, rule


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
            return _Found(1.0, column, known, "", "only its values speak for it")
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
    sided = {column for one, two, _ in _two_sides(free) for column in (one, two)}
    sure = [column for column in free if column not in sided and not "".join(tokens(column)[-1:]).isdecimal()]
    for wanted, there in [*((wanted, sure) for wanted in PROMPTS), *((wanted, free) for wanted in PROMPTS)]:
        if whole and wanted == "user":
            continue
        near = [
            column
            for column in there
            if set(wanted.split()) <= set(tokens(column)) and not ABOUT & set(tokens(column)[-1:])
        ]
        if near:
            guess.give(min(near, key=lambda one: (len(tokens(one)), one)), "prompt", "by its name")
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
            and not {"annotator", "vote"} & taken
            and set(words) <= ANNOTATORS | {"id", "name"}
        ):
            guess.give(column, "annotator", "by its name")
        elif scalar and plain in GROUPS and "group" not in taken:
            guess.give(column, "group", "by its name: its prompts belong together")
        elif scalar and plain == "subset" and "subset" not in taken:
            guess.give(column, "subset", "by its name")


def _lists(guess: _Guess) -> str:
    """Several responses in a list with ranks, scores or the best of them, or one response a row with a score.

    Returns the rule of the mapping.
    """
    for listed in (True, False):
        replies = guess.free(_replies if listed else _reply)
        numbers = guess.free(_numbers if listed else lambda value: number(value) is not None)
        for column in sorted(replies, key=lambda one: (_stem_rank(one), one)):
            if _stem_rank(column) == len(STEMS):
                continue
            for other in sorted(numbers, key=lambda one: (len(tokens(one)), one)):
                kind = "ranks" if set(tokens(other)) & RANKS else "score" if set(tokens(other)) & SCORES else ""
                if kind and not names_strength(other) and column.rpartition(".")[0] == other.rpartition(".")[0]:
                    guess.give(column, "responses", "a list of texts" if listed else "by its name")
                    guess.give(other, kind, "by its name")
                    return _order(guess, other) if listed and kind == "ranks" else ""
            if listed and (rule := _best(guess, [column], max(map(len, guess.columns[column])))):
                guess.give(column, "responses", "a list of texts")
                return rule
    return ""


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
        _models(found, sided=False)
        if not chats:
            _prompt(found, shared)
    else:
        sided = [both for both in _two_sides(found.free(_reply)) if not _aside(both[0]) or _length(found.columns[both[0]]) > FEW]
        sided.sort(key=lambda both: (_plainness(both[0]), -_length(found.columns[both[0]]), both))
        many = _families(found.free(_reply))
        lists = sorted(found.free(_replies), key=_plainness)
        starts = [family[0] for family in many[:1]] + [one for one, _, _ in sided[:1]] + lists[:1]
        first = min(starts, key=_plainness, default="")
        if many and first == many[0][0]:
            rule = _many(found, many[0])
        elif sided and first == sided[0][0]:
            one, two, sides = sided[0]
            found.give(one, "response_a", "the names of the two differ in their side")
            found.give(two, "response_b", "the names of the two differ in their side")
            _models(found, sided=True)
            decided = None if _tallies(found, sides, (one, two)) else _winner(found, sides, (one, two))
            if decided is not None:
                values, rule = decided
            elif "score" not in found.roles.values():
                _two_scores(found, SCORES)
        else:
            _prompt(found)
            rule = _lists(found)
    if pair is None and "prompt" not in found.roles.values():
        _prompt(found)
    _how_much(found)
    _rest(found)
    order = [column for column in found.columns if found.roles.get(column, "responses") not in LISTED]
    order += [column for column, role in found.roles.items() if role in LISTED]  # in the order of their numbers
    return Mapping(
        {column: found.roles[column] for column in order}, values, rule, "", tuple(found.reasons), tuple(found.doubts)
    )


def _models(guess: _Guess, sided: bool) -> None:
    """The columns of who wrote the two responses. sided: they are A and B, else the better and the worse one."""
    short = [column for column in guess.free(lambda value: isinstance(value, str) and len(value) <= 200)
             if set(tokens(column)) & WRITERS]  # fmt: skip
    pairs = [(one, two) for one, two, _ in _two_sides(short)]
    if not sided:
        pairs = [
            (one, two)
            for one in short
            for two in short
            if set(tokens(one)) & GOOD and set(tokens(two)) & BAD and set(tokens(one)) - GOOD == set(tokens(two)) - BAD
        ]
    for one, two in sorted(pairs)[:1]:
        guess.give(one, "model_a", "by its name")
        guess.give(two, "model_b", "by its name")


def _tallies(guess: _Guess, sides: tuple[str, str], pair: tuple[str, str]) -> bool:
    """Two columns of how often each response won, where no other column names the winner without a doubt."""
    if any(one.clear for one in _candidates(guess, sides, pair)):
        return False
    _two_scores(guess, TALLIES)
    return "score" in guess.roles.values()


def _two_scores(guess: _Guess, words: frozenset[str]) -> None:
    scores = [column for column in guess.free(lambda value: number(value) is not None) if set(tokens(column)) & words]
    for one, two, _ in _two_sides(scores)[:1]:
        guess.give(one, "score", "no column names the winner; the larger score wins")
        guess.give(two, "score", "no column names the winner; the larger score wins")


def _how_much(guess: _Guess) -> None:
    """A column of how much better the winner is."""
    if "responses" in guess.roles.values() and "winner" not in guess.roles.values():
        return
    free = [column for column, values in guess.columns.items() if column not in guess.roles and _is_strength(column, values)]
    if free and {"chosen", "winner", "vote"} & set(guess.roles.values()):
        guess.give(min(free, key=_strength_rank), "strength", "by its name: how much better the winner is")


def _strength_rank(column: str) -> tuple[int, str]:
    words = set(tokens(column))
    return 2 if words & {"confidence", "certainty"} else 0 if words & STRENGTHS else 1, column


def _many(guess: _Guess, family: list[str]) -> str:
    """Three or more columns of responses get their role, and what ranks them or names the best; returns the rule."""
    for column in family:
        guess.give(column, "responses", "the names differ in their number alone")
    numeric = guess.free(lambda value: number(value) is not None)
    for role, words in (("ranks", RANKS), ("score", SCORES)):
        for other in _families(column for column in numeric if set(tokens(column)) & words):
            if len(other) == len(family) and not any(map(names_strength, other)):
                for column in other:
                    guess.give(column, role, "by its name: one for each response")
                return ""
    listed = [column for column in guess.free(_numbers) if _fits_all(guess, column, len(family))]
    for role, words in (("ranks", RANKS), ("score", SCORES)):
        for column in listed:
            if set(tokens(column)) & words:
                guess.give(column, role, "by its name")
                return _order(guess, column) if role == "ranks" else ""
    return _best(guess, family, len(family))


def _fits_all(guess: _Guess, column: str, count: int) -> bool:
    return all(len(value) == count for value in guess.columns[column] if isinstance(value, list))


def _best(guess: _Guess, columns: list[str], count: int) -> str:
    """The column that names the best of several responses gets its role; returns how it does, "" where none does.

    count: the most responses that a record has.
    """
    for column, values in _verdict_columns(guess).items():
        if names_loser(column):
            continue
        numbers = [one for value in values if (one := number(value)) is not None and one.is_integer()]
        coded = len(numbers) >= 0.8 * len(values) and 0 <= min(numbers) <= max(numbers) <= count
        for rule in ("by_name", "same_text"):
            tried = Mapping(dict.fromkeys(columns, "responses"), {}, rule)
            if _share_of_places(guess, column, tried) >= (1.0 if coded else 0.8):
                guess.give(column, "winner", "it names the best response")
                return rule
        if not coded:
            continue
        guess.give(column, "winner", "it gives the number of the best response")
        from_one = bool(named_place("1", columns, count) == 0) and len(columns) > 1
        if min(numbers) == 0 and (max(numbers) == count or from_one):
            guess.doubts.append(f"{column}: 0 may be the first response, or say that none is the best")
        elif min(numbers) > 0 and max(numbers) < count:
            guess.doubts.append(f"{column}: it may count the responses from 0 or from 1")
        return "from_one" if min(numbers) > 0 else "from_zero"
    return ""


def _share_of_places(guess: _Guess, column: str, mapping: Mapping) -> float:
    """The share of the values of a column that name one of the responses by the rule of a mapping."""
    there = named = 0
    for record in guess.sample:
        value = at(record, column)
        responses = responses_of(record, mapping.columns("responses"))
        if value in (None, Absent, "") or responses is None:
            continue
        there += 1
        named += best_place(mapping, value, responses) is not None
    return named / there if there else 0.0


def _order(guess: _Guess, column: str) -> str:
    """Whether a list of ranks holds the rank of each response, or their numbers best first: "" or "best_first".

    The two agree where each list undoes itself, as every order of two does. Else scores beside or the name decide, and
    where they do not it is asked.
    """
    lists = [value for value in guess.columns[column] if isinstance(value, list)]
    orders = [ranks_of_order(value) for value in lists]
    if None in orders or all(_ranks(value) == order for value, order in zip(lists, orders, strict=True)):
        return ""
    for scores in guess.free(_numbers):
        if set(tokens(scores)) & SCORES:
            rule = _agreeing(guess, column, scores)
            if rule is not None:
                return rule
    words = set(tokens(column))
    if words & {"index", "indices", "idx", "argsort", "sorted"}:
        return "best_first"
    if not words & {"rank", "ranks"}:
        shown = ", ".join(map(said, next(value for value in lists if _ranks(value) != ranks_of_order(value))))
        guess.doubts.append(f"{column}: {shown} may be the rank of each response, or the numbers of the responses, best first")
    return ""


def _ranks(value: list[Any]) -> list[int]:
    numbers = [int(one) for one in map(number, value) if one is not None]
    return [one - min(numbers) + 1 for one in numbers]


def _agreeing(guess: _Guess, column: str, scores: str) -> str | None:
    """The reading of an order by which the scores fall from the first to the last rank; None where neither or both do."""
    fits = {"": True, "best_first": True}
    for record in guess.sample:
        order, measured = at(record, column), at(record, scores)
        if not isinstance(order, list) or not isinstance(measured, list) or len(order) != len(measured):
            continue
        for rule, ranks in (("", _ranks(order)), ("best_first", ranks_of_order(order) or [])):
            by_rank = [number(measured[place]) or 0.0 for place in sorted(range(len(ranks)), key=ranks.__getitem__)]
            fits[rule] &= by_rank == sorted(by_rank, reverse=True)
    return next((rule for rule, fit in fits.items() if fit), None) if sum(fits.values()) == 1 else None
