"""The demo dataset: two responses, and a column for the vote of each annotator."""

from __future__ import annotations

from rmexplorer.data.formats import Format, add, text
from rmexplorer.data.records import Vote
from rmexplorer.data.shapes import Fields, Label, TwoResponses, code, first_of

CODES = {"a": 1, "b": -1, "tie": 0}
PREFIX = "vote_"


def _label(fields: Fields, criterion: str | None) -> Label:
    """`vote_NAME` is what an annotator chose, a, b or tie; `winner` is the final word on the votes."""
    choices = {key.removeprefix(PREFIX): code(value, CODES) for key, value in fields.items() if key.startswith(PREFIX)}
    votes = tuple(Vote(who, choice) for who, choice in choices.items() if choice is not None)
    return Label(code(fields.get("winner"), CODES), votes=votes)


# The votes are no `used` fields: as columns they become facets, in which a careless annotator shows.
add(
    Format(
        "demo",
        "the demo dataset",
        (
            {
                "prompt": text,
                "response_a": text,
                "response_b": text,
                "winner": text,
                "vote_ada": text,
                "vote_ben": text,
                "vote_cleo": text,
            },
        ),
        TwoResponses(first_of("prompt"), first_of("response_a"), first_of("response_b"), _label),
        frozenset({"prompt", "response_a", "response_b", "winner"}),
    )
)
