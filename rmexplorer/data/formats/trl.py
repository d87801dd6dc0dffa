"""The four preference layouts of TRL (docs/source/dataset_formats.md) and those of OpenRLHF (reward_dataset.py)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, each, text
from rmexplorer.data.records import Record, Skip
from rmexplorer.data.shapes import MOST_PAIRS, Chosen, first_of
from rmexplorer.data.texts import is_messages

USED = frozenset(
    {
        "prompt",
        "chosen",
        "rejected",
        "margin",
        "system",
        "chat_template_kwargs",
        "tools",
        "messages",
        "chosen_model",
        "rejected_model",
        "score_chosen",
        "score_rejected",
        "chosen_score",
        "rejected_score",
        "chosen_rating",
        "rejected_rating",
        "chosen-rating",
        "rejected-rating",
    }
)
SCORES = (("scores_chosen", "scores_rejected"),)
LABEL_SCORES = (
    ("score_chosen", "score_rejected"),
    ("chosen_score", "rejected_score"),
    ("chosen_rating", "rejected_rating"),
    ("chosen-rating", "rejected-rating"),
)
PAIR = Chosen(first_of("prompt"), first_of("chosen"), first_of("rejected"), rewards=SCORES, label_scores=LABEL_SCORES)


def _several(value: Any) -> bool:
    """A list of texts or chats rather than one chat."""
    if not isinstance(value, list) or not value or is_messages(value):
        return False
    return all(item is None or isinstance(item, str) or is_messages(item) for item in value)


def _replies(value: Any) -> bool:
    return text(value) or is_messages(value) or _several(value)


def _pairs(record: Record) -> Iterator[Outcome]:
    """The comparison of a record; each chosen with each rejected one where it has lists of them, chosen-major."""
    fields = record.value
    both = [fields.get("chosen"), fields.get("rejected")]
    if not any(_several(value) or value == [] for value in both):
        yield from PAIR(record)
        return
    chosen, rejected = (value if _several(value) or value == [] else [value] for value in both)
    if not chosen or not rejected:
        yield Skip(record, "single_response" if chosen or rejected else "missing_response")
    elif len(chosen) * len(rejected) > MOST_PAIRS:
        yield Skip(record, "too_many_responses", f"{len(chosen)} chosen and {len(rejected)} rejected responses")
    else:
        for good in chosen:
            for bad in rejected:
                yield from PAIR(record._replace(value={**fields, "chosen": good, "rejected": bad}))


add(
    Format(
        "trl_explicit",
        "TRL preference, explicit prompt",
        (
            {"prompt": text, "chosen": text, "rejected": text},
            {"prompt": text, "chosen": _replies, "rejected": _several},
            {"prompt": text, "chosen": _several, "rejected": _replies},
        ),
        each(_pairs),
        USED,
        columns=("prompt", "chosen", "rejected"),
        label_scores=LABEL_SCORES,
    )
)
add(
    Format(
        "trl_implicit",
        "TRL preference, prompt within both texts",
        ({"chosen": text, "rejected": text},),
        each(PAIR),
        USED,
        vague=True,
    )
)
add(
    Format(
        "trl_conv_explicit",
        "TRL preference chats, explicit prompt",
        (
            {"prompt": is_messages, "chosen": is_messages, "rejected": is_messages},
            {"prompt": is_messages, "chosen": _replies, "rejected": _several},
            {"prompt": is_messages, "chosen": _several, "rejected": _replies},
        ),
        each(_pairs),
        USED,
    )
)
add(
    Format(
        "trl_conv_implicit",
        "TRL preference chats, prompt within both",
        ({"chosen": is_messages, "rejected": is_messages},),
        each(PAIR),
        USED,
        vague=True,
    )
)

OPENRLHF = Chosen(
    first_of("prompt", "question"),
    first_of("chosen", "response_chosen"),
    first_of("rejected", "response_rejected"),
    rewards=SCORES,
    label_scores=LABEL_SCORES,
)
add(
    Format(
        "openrlhf",
        "OpenRLHF reward data",
        (
            {"question": text, "response_chosen": text, "response_rejected": text},
            {"prompt": text, "response_chosen": text, "response_rejected": text},
            {"prompt": is_messages, "chosen": is_messages, "rejected": is_messages, "margin": anything},
            {"chosen": is_messages, "rejected": is_messages},
        ),
        each(OPENRLHF),
        USED | {"question", "response_chosen", "response_rejected"},
        bonus=-0.05,
    )
)
