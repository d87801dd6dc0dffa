"""The four preference layouts of TRL (docs/source/dataset_formats.md) and those of OpenRLHF (reward_dataset.py)."""

from __future__ import annotations

from rmexplorer.data.formats import Format, add, anything, each, text
from rmexplorer.data.shapes import Chosen, first_of
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

add(
    Format(
        "trl_explicit",
        "TRL preference, explicit prompt",
        ({"prompt": text, "chosen": text, "rejected": text},),
        each(PAIR),
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
        ({"prompt": is_messages, "chosen": is_messages, "rejected": is_messages},),
        each(PAIR),
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
