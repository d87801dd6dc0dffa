"""Guesses a mapping as a person would: by the names of columns and by the values in them."""

from __future__ import annotations

from typing import Any

from rmexplorer.data.mapping import Mapping, at, said
from rmexplorer.data.meanings import BAD, GOOD, STRENGTHS, tokens
from rmexplorer.data.seen import (
    ABOUT,
    Seen,
    are_replies,
    families,
    is_aside,
    is_reply,
    mean_length,
    mostly,
    plainness,
    stem_rank,
    two_sides,
)
from rmexplorer.data.several import WRITERS, called, counted, listed
from rmexplorer.data.texts import as_messages
from rmexplorer.data.winners import ANNOTATORS, SCORES, is_strength, tallies, two_scores, winner

PROMPTS = (
    "prompt", "instruction", "question", "query", "input", "context", "conversation", "history", "post", "problem",
    "task description", "source text", "article", "document", "messages", "request", "user",
)  # fmt: skip
FEW = 40  # characters: names are shorter, responses mostly longer
LISTED = ("responses", "ranks", "score")
GROUPS = frozenset("group group_id cluster parent_id post_id conversation_id thread_id document_id article_id".split())
SYSTEMS = frozenset({"system", "system_prompt", "system_message"})


def _good_and_bad(seen: Seen) -> tuple[str, str] | None:
    """Two columns of replies of which the names differ in better and worse alone.

    Beside two sides of longer texts, a column of short ones says which of them wins.
    """
    free = seen.free(is_reply)
    sided = {column for one, two, _ in two_sides(free) for column in (one, two)}
    shortest = min((mean_length(seen.columns[column]) for column in sided), default=0.0)
    codes = [column for column in free if column not in sided and mean_length(seen.columns[column]) < min(12, shortest)]
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
    found = [both for both in found if not is_aside(both[0])]  # better_model and worse_model are no responses
    return min(found, key=lambda both: (len(replies[both[0]]), stem_rank(both[0]), both), default=None)


def _carried(seen: Seen, pair: tuple[str, str]) -> tuple[bool, bool]:
    """Whether two columns of replies are mostly chats that begin with the prompt, and whether they mostly share a start."""
    both = [(at(record, pair[0]), at(record, pair[1])) for record in seen.sample]
    turns = [(as_messages(one) or [], as_messages(two) or []) for one, two in both]
    chats = [len(one) > 1 and one[0] == two[0] for one, two in turns if two]
    heads = [one.split()[:1] == two.split()[:1] if isinstance(one, str) and isinstance(two, str) else False
             for one, two in both]  # fmt: skip
    return sum(chats) > len(both) / 2, sum(chats) + sum(heads) > len(both) / 2


def _prompt(seen: Seen, whole: bool = False) -> None:
    """The columns of the prompt. whole: the replies hold it, so only a name speaks for another one."""
    free = [
        column for column in seen.free(is_reply) if "." not in column or tokens(column)[-1:] in (("text",), ("content",))
    ]
    sided = {column for one, two, _ in two_sides(free) for column in (one, two)}
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
            seen.give(min(near, key=lambda one: (len(tokens(one)), one)), "prompt", "by its name")
            if wanted == "instruction" and "input" in free and "input" not in seen.roles:
                seen.give("input", "prompt", "it goes on with the instruction")
            return
    texts = [column for column in free if "." not in column and len(set(map(str, seen.columns[column]))) > 1]
    if seen.roles and len(texts) == 1 and not whole:
        seen.give(texts[0], "prompt", "it is the only other column of texts")
        seen.doubts.append(f"{texts[0]}: only that no other column is left speaks for it")


def _rest(seen: Seen) -> None:
    """System, annotator, group and subset by their names."""
    for column, values in seen.columns.items():
        words, plain = tokens(column), "_".join(tokens(column))
        if column in seen.roles or "." in column or not values:
            continue
        taken = set(seen.roles.values())
        scalar = mostly(values, lambda value: isinstance(value, str | int) and len(str(value)) <= 200)
        if plain in SYSTEMS and "system" not in taken:
            seen.give(column, "system", "by its name")
        elif (
            scalar
            and set(words) & ANNOTATORS
            and not {"annotator", "vote"} & taken
            and set(words) <= ANNOTATORS | {"id", "name"}
        ):
            seen.give(column, "annotator", "by its name")
        elif scalar and plain in GROUPS and "group" not in taken:
            seen.give(column, "group", "by its name: its prompts belong together")
        elif scalar and plain == "subset" and "subset" not in taken:
            seen.give(column, "subset", "by its name")


def guess(sample: list[dict[str, Any]]) -> Mapping:
    """A mapping for records of a file, with a reason for each role; `missing()` says what could not be found.

    Doubts are to be shown to a person: on the command line a mapping with doubts is not used.
    """
    found = Seen(sample)
    values: dict[str, str] = {}
    rule, middle = "", 0.0
    pair = _good_and_bad(found)
    if pair is not None:
        for column, role in zip(pair, ("chosen", "rejected"), strict=True):
            found.give(column, role, "the names of the two differ in better and worse")
        chats, shared = _carried(found, pair)
        _models(found, sided=False)
        if not chats:
            _prompt(found, shared)
    else:
        sided = [both for both in two_sides(found.free(is_reply)) if not is_aside(both[0]) or mean_length(found.columns[both[0]]) > FEW]
        sided.sort(key=lambda both: (plainness(both[0]), -mean_length(found.columns[both[0]]), both))
        many = families(found.free(is_reply))
        lists = sorted(found.free(are_replies), key=plainness)
        starts = [family[0] for family in many[:1]] + [one for one, _, _ in sided[:1]] + lists[:1]
        first = min(starts, key=plainness, default="")
        named, by = ({}, "") if starts else called(found)
        if len(named) > 2:
            rule = counted(found, list(named))
        elif named:
            values = _by_their_names(found, named, by)
        elif many and first == many[0][0]:
            rule = counted(found, many[0])
        elif sided and first == sided[0][0]:
            one, two, sides = sided[0]
            found.give(one, "response_a", "the names of the two differ in their side")
            found.give(two, "response_b", "the names of the two differ in their side")
            _models(found, sided=True)
            decided = None if tallies(found, sides, (one, two)) else winner(found, sides, (one, two))
            if decided is not None:
                values, rule, middle = decided
            elif "score" not in found.roles.values():
                two_scores(found, SCORES)
        else:
            _prompt(found)
            rule = listed(found)
    if pair is None and "prompt" not in found.roles.values():
        _prompt(found)
    _how_much(found)
    _rest(found)
    order = [column for column in found.columns if found.roles.get(column, "responses") not in LISTED]
    order += [column for column, role in found.roles.items() if role in LISTED]  # in the order of their numbers
    return Mapping(
        {column: found.roles[column] for column in order}, values, rule, "", tuple(found.reasons), tuple(found.doubts), middle
    )


def _by_their_names(seen: Seen, named: dict[str, str], by: str) -> dict[str, str]:
    """Two columns that a third one names get their roles; returns what its values mean. named, by: as `called` gives them."""
    meant = {}
    for (response, value), side, role in zip(named.items(), ("first", "second"), ("response_a", "response_b"), strict=True):
        seen.give(response, role, f"{by} names it")
        meant[value] = side
    seen.give(by, "winner", "its values name the two columns")
    return {value: meant.get(value, "tie") for value in sorted({said(value) for value in seen.columns[by] if value != ""})}


def _models(seen: Seen, sided: bool) -> None:
    """The columns of who wrote the two responses. sided: they are A and B, else the better and the worse one."""
    short = [column for column in seen.free(lambda value: isinstance(value, str) and len(value) <= 200)
             if set(tokens(column)) & WRITERS]  # fmt: skip
    pairs = [(one, two) for one, two, _ in two_sides(short)]
    if not sided:
        pairs = [
            (one, two)
            for one in short
            for two in short
            if set(tokens(one)) & GOOD and set(tokens(two)) & BAD and set(tokens(one)) - GOOD == set(tokens(two)) - BAD
        ]
    for one, two in sorted(pairs)[:1]:
        seen.give(one, "model_a", "by its name")
        seen.give(two, "model_b", "by its name")


def _how_much(seen: Seen) -> None:
    """A column of how much better the winner is."""
    if "responses" in seen.roles.values() and "winner" not in seen.roles.values():
        return
    free = [column for column, values in seen.columns.items() if column not in seen.roles and is_strength(column, values)]
    if free and {"chosen", "winner", "vote"} & set(seen.roles.values()):
        seen.give(min(free, key=_strength_rank), "strength", "by its name: how much better the winner is")


def _strength_rank(column: str) -> tuple[int, str]:
    words = set(tokens(column))
    return 2 if words & {"confidence", "certainty"} else 0 if words & STRENGTHS else 1, column
