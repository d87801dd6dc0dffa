"""FairEval: questions, the answers of two models and human verdicts in files of a folder, joined by question."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from rmexplorer.data.formats import Format, Outcome, add, anything, text
from rmexplorer.data.records import Comparison, Record, Skip
from rmexplorer.data.shapes import name
from rmexplorer.data.texts import Text, reply_text

VERDICT = ("verdict", "_line_of_human_txt")


def _capitals(value: Any) -> bool:
    """One word in capitals, as the lines of human.txt are."""
    return isinstance(value, str) and re.fullmatch(r"[A-Z0-9_.\-]{1,40}", value) is not None


def _plain(said: str) -> str:
    """Letters and digits alone."""
    return re.sub(r"[^a-z0-9]", "", said.lower())


def _read(records: Iterable[Record], criterion: str | None) -> Iterator[Outcome]:
    questions: list[Record] = []
    answers: dict[str, dict[object, Record]] = {}
    verdicts: list[str] = []
    for record in records:
        fields = record.value
        if "answer_id" in fields or "model_id" in fields:
            answers.setdefault(f"{record.member} {fields.get('model_id')}", {})[name(fields.get("question_id"))] = record
        elif any(key in fields for key in VERDICT):
            verdicts.append(str(next(fields[key] for key in VERDICT if key in fields)))
        else:
            questions.append(record)
    sides = list(answers)[:2]
    words = list(dict.fromkeys(word for word in verdicts if word.upper() != "TIE"))
    codes = _codes(words, sides)
    for place, question in enumerate(questions):
        found = [answers[side].get(name(question.value.get("question_id"))) for side in sides]
        replies = [record for record in found if record is not None]
        if len(replies) < 2:
            yield Skip(question, "single_response" if replies else "missing_response")
            continue
        said = verdicts[place] if place < len(verdicts) else ""
        prompt = question.value.get("text")
        yield Comparison(
            question,
            Text(prompt) if isinstance(prompt, str) else None,
            reply_text(replies[0].value.get("text")),
            reply_text(replies[1].value.get("text")),
            winner=0 if said.upper() == "TIE" else codes.get(said),
            model_first=name(replies[0].value.get("model_id")),
            model_second=name(replies[1].value.get("model_id")),
        )


def _codes(words: list[str], sides: list[str]) -> dict[str, int]:
    """Which verdict names which answers: by name; the word that fits no name takes the side that is left."""
    codes: dict[str, int] = {}
    for word in words:
        for side, winner in zip(sides, (1, -1), strict=False):
            if _plain(word) in _plain(side) and winner not in codes.values():
                codes[word] = winner
    if len(words) == 2 and len(codes) == 1:
        rest = next(word for word in words if word not in codes)
        codes[rest] = -next(iter(codes.values()))
    return codes


add(
    Format(
        "faireval",
        "FairEval",
        (
            {"question_id": anything, "text": text, "category": text},
            {"answer_id": anything, "model_id": text, "question_id": anything, "text": text},
            {"verdict": _capitals},
            {"_line_of_human_txt": _capitals},
        ),
        _read,
        frozenset({"question_id", "text", "answer_id", "model_id", "metadata", *VERDICT, "subset"}),
    )
)
