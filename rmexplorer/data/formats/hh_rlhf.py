"""Anthropic HH-RLHF: two whole transcripts a record (github.com/anthropics/hh-rlhf), and Docta's reports on it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, each, text
from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.data.texts import Split, Text, split_transcripts


def transcript(value: Any) -> bool:
    """A string that begins with a role tag, as a whole conversation does."""
    return isinstance(value, str) and (value.lstrip("\n").startswith("Human:") or value.startswith("\n\nAssistant:"))


def _pair(record: Record) -> Iterator[Outcome]:
    chosen, rejected = record.value.get("chosen"), record.value.get("rejected")
    if not isinstance(chosen, str) or not isinstance(rejected, str):
        yield Skip(record, "missing_response")
        return
    prompt = record.value.get("prompt")
    within = not isinstance(prompt, str) or all(
        whole.strip().startswith(prompt.strip()) for whole in (chosen, rejected)
    )
    cut = split_transcripts(chosen, rejected) if within else Split(Text(str(prompt)), Text(chosen), Text(rejected))
    yield Comparison(record, *cut, winner=1)


USED = frozenset({"chosen", "rejected", "prompt"})
add(
    Format(
        "hh_rlhf",
        "Anthropic HH-RLHF transcripts",
        (
            {"chosen": transcript, "rejected": transcript},
            {"prompt": text, "chosen": transcript, "rejected": transcript},
        ),
        each(_pair),
        USED,
        bonus=1.0,
    )
)
add(
    Format(
        "docta",
        "Docta label-noise report on HH-RLHF",
        ({"chosen": transcript, "rejected": transcript, "suggest_confidence": lambda value: True},),
        each(_pair),
        USED,
        bonus=1.0,
    )
)
