"""The demo dataset: two responses, and a vote of each named annotator."""

from __future__ import annotations

from rmexplorer.data.formats import Format, add, record, text
from rmexplorer.data.records import Vote
from rmexplorer.data.shapes import Fields, Label, TwoResponses, code, first_of

CODES = {"a": 1, "b": -1, "tie": 0}


def _label(fields: Fields, criterion: str | None) -> Label:
    """`votes` maps an annotator to a, b or tie; `winner` is the final word on them."""
    given = fields.get("votes")
    choices = {who: code(vote, CODES) for who, vote in given.items()} if isinstance(given, dict) else {}
    votes = tuple(Vote(who, choice) for who, choice in choices.items() if choice is not None)
    return Label(code(fields.get("winner"), CODES), votes=votes)


add(Format("demo", "the demo dataset",
           ({"prompt": text, "response_a": text, "response_b": text, "winner": text, "votes": record},),
           TwoResponses(first_of("prompt"), first_of("response_a"), first_of("response_b"), _label),
           frozenset({"prompt", "response_a", "response_b", "winner", "votes"})))
