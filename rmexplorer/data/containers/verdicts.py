"""Text files with one verdict a line, such as FairEval's human.txt: a few words in capitals, again and again."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rmexplorer.data.containers import CONTAINERS, Container, Row, Table, looks_like_text, spread, text_bytes
from rmexplorer.data.unpack import Member

_WORD = re.compile(r"[A-Z][A-Z0-9_.\-]*$")


class Verdicts(Table):
    """The lines of the file as records {verdict: word}."""

    def __init__(self, words: list[tuple[int, str]]) -> None:
        super().__init__(len(words))
        self._words = words

    def sample(self, count: int) -> list[dict[str, Any]]:
        return [{"verdict": self._words[place][1]} for place in spread(len(self._words), count)]

    def rows(self) -> Iterator[Row]:
        for line, word in self._words:
            self.done += 1
            yield Row({"verdict": word}, line)


def _words(data: bytes) -> list[tuple[int, str]]:
    lines = text_bytes(data).decode("utf-8", "replace").splitlines()
    return [(line, word.strip()) for line, word in enumerate(lines, 1) if word.strip()]


def recognises(head: bytes) -> bool:
    """Text of which each line is one of at most eight words in capitals."""
    if not looks_like_text(head):
        return False
    words = [word for _, word in _words(head)]
    return len(words) > 1 and len(set(words)) <= min(8, len(words)) and all(_WORD.match(word) for word in words[:-1])


CONTAINERS.add("verdicts", Container("verdicts", recognises, lambda member: open_verdicts(member), order=60))


def open_verdicts(member: Member) -> Table:
    """Open a file of verdicts."""
    return Verdicts(_words(member.data))
