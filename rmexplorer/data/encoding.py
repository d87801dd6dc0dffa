"""Texts that are not UTF-8: which encoding they are most likely in."""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Iterable

SAMPLE = 1 << 16
SEARCH = 1 << 24
WESTERN = "cp1252"
FEWEST = 3  # different bytes beyond ASCII that say something of the language: a pound sign alone does not
# Names that people know, in the order in which they are believed where two fit equally.
NAMES = {
    WESTERN: "Windows-1252",
    "cp1250": "Windows-1250",
    "cp1251": "Windows-1251",
    "gb18030": "GB18030",
    "cp932": "Shift-JIS",
    "big5": "Big5",
    "euc_jp": "EUC-JP",
    "cp949": "CP949",
    "koi8_r": "KOI8-R",
    "cp1253": "Windows-1253",
    "cp1254": "Windows-1254",
    "cp1255": "Windows-1255",
    "cp1256": "Windows-1256",
}
_NO_PART = re.compile(rb"[\s!-/](?=[^\s!-/]*$)")


def unmarked(head: bytes) -> str:
    """The encoding of two or four bytes a letter that first bytes without a byte order mark are in; "" where none fits.

    The first letter is ASCII, as it is in JSON and nearly every head of a table.
    """
    for zeros, encoding in _WIDE:
        if len(head) < len(zeros) or any((byte == 0) != zero for byte, zero in zip(head, zeros, strict=False)):
            continue
        try:
            text = codecs.getincrementaldecoder(encoding)().decode(head)
        except UnicodeDecodeError:
            continue
        strange = sum(not (letter.isprintable() or letter.isspace()) for letter in text)
        if "\0" not in text and strange <= len(text) // 100:
            return encoding
    return ""


_WIDE = (
    ((False, True, True, True), "utf-32-le"),
    ((True, True, True, False), "utf-32-be"),
    ((False, True), "utf-16-le"),
    ((True, False), "utf-16-be"),
)


def decoded(data: bytes) -> tuple[str, str]:
    """The text of bytes, and the name of the encoding that was assumed; "" for UTF-8."""
    try:
        return data.decode("utf-8"), ""
    except UnicodeDecodeError as error:
        stream = io.BytesIO(data)
        stream.seek(max(data.rfind(b"\n", 0, error.start) + 1, error.start - SAMPLE // 2))
        encoding = encoding_of(stream)
        return data.decode(encoding, "replace"), NAMES[encoding]


def encoding_of(lines: Iterable[bytes]) -> str:
    """The likely encoding of those lines that are not UTF-8, judged by a sample of them."""
    kept: list[bytes] = []
    size = searched = 0
    for line in lines:
        try:
            line.decode("utf-8")
        except UnicodeDecodeError as error:
            part = line[max(0, error.start - SAMPLE // 2) :][:SAMPLE]
            if len(part) < len(line) and (end := _NO_PART.search(part)):
                part = part[: end.end()]
            kept.append(part)
            size += len(part)
        searched += len(line) if kept else 0
        if size >= SAMPLE or searched >= SEARCH:
            break
    return _likely(b"\n".join(kept)) if kept else WESTERN


def _likely(sample: bytes) -> str:
    """The encoding in which a sample reads best; Windows-1252 where none reads better."""
    if len({byte for byte in sample if byte >= 0x80}) < FEWEST:
        return WESTERN
    import charset_normalizer

    order = list(NAMES)
    best, least = WESTERN, 1.0
    for match in charset_normalizer.from_bytes(sample, cp_isolation=order):
        same = [name for name in match.could_be_from_charset if name in NAMES]
        name = min(same or [match.encoding], key=order.index)
        strange = match.chaos - match.coherence + 0.001 * order.index(name)
        if strange < least:
            best, least = name, strange
    text = sample.decode(best, "replace")
    return next(name for name in NAMES if sample.decode(name, "replace") == text)  # the best known that gives this text
