"""JSON lines (broken lines are counted, not fatal), JSON text sequences (RFC 7464) and JSON documents, under whatever name."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import orjson

from rmexplorer.data.containers import (
    CONTAINERS,
    Container,
    Row,
    Table,
    load_json,
    looks_like_text,
    spread,
    text_bytes,
)
from rmexplorer.data.encoding import NAMES, decoded, encoding_of
from rmexplorer.data.texts import encodable, is_messages
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

MARK = b"\xef\xbb\xbf"
SEPARATOR = b"\x1e"
WINDOW = 1 << 20
LARGEST_DOCUMENT = 1 << 30  # bytes; what is larger and begins with a broken line is taken for lines


class JsonLines(Table):
    """Lines of JSON objects, read as they are needed."""

    in_bytes = True

    def __init__(self, member: Member) -> None:
        super().__init__(member.size)
        self._member, self._name = member, member.name
        self._assumed = ""

    def sample(self, count: int) -> list[dict[str, Any]]:
        records: list[dict[str, Any]] = []
        large = self.size > 1 << 20
        for start in (0, self.size // 2, self.size * 3 // 4) if large else (0,):
            lines = (text_bytes(line) for _, line in islice(self._lines(start), 50 * count))
            found = (value for line in lines if (value := _parsed(self._text(line), _load_line)) is not None)
            records += islice(found, count if large else 3 * count)
        return records

    def _lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        """The records as text with the lines on which they begin, from the first one that begins after `start` bytes."""
        with self._member.stream() as stream:
            stream.seek(start)
            if start:
                stream.readline()
            yield from enumerate(stream, 1)

    def _text(self, line: bytes) -> bytes | str:
        """A line, decoded where it is not UTF-8, as all such lines of the file are."""
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            self._assumed = self._assumed or encoding_of(line for _, line in self._lines())
            return line.decode(self._assumed, "replace")
        return line

    def rows(self) -> Iterator[Row]:
        self.done = foreign = 0
        for number, line in self._lines():
            self.done += len(line)
            if number == 1 and line.startswith(MARK):
                line = line[len(MARK) :]
            if not line or line.isspace():
                continue
            try:
                value = orjson.loads(line)
            except orjson.JSONDecodeError:
                text = self._text(line)
                foreign += isinstance(text, str)
                try:
                    value = _load_line(text)
                except ValueError as error:
                    yield Row(None, number, f"Line {number} is not JSON ({error}).")
                    continue
            if isinstance(value, dict):
                yield Row(value, number)
            else:
                yield Row(None, number, f"Line {number} is not a JSON object.")
        if foreign:
            said = "lines are" if foreign > 1 else "line is"
            warning = f"{self._name}: {foreign} {said} not UTF-8 and read as {NAMES[self._assumed]}"
            self.warnings += [warning] if warning not in self.warnings else []


class JsonSequence(JsonLines):
    """JSON texts that each begin with a record separator and may go over several lines; a broken one is counted."""

    def _lines(self, start: int = 0) -> Iterator[tuple[int, bytes]]:
        line, held = 1, list[bytes]()  # joined at the end of a text: it may be as long as the file
        with self._member.stream() as stream:
            stream.seek(start)
            while block := stream.read(WINDOW):
                end, *begun = block.split(SEPARATOR)
                held.append(end)
                for next_one in begun:
                    text = b"".join(held)
                    if not start:
                        yield line, text
                    start = 0  # the first text after a jump may begin before it
                    line += text.count(b"\n")
                    held = [next_one]
        yield line, b"".join(held)


class Document(Table):
    """The records of one JSON document; they have no lines."""

    def __init__(self, records: list[Any], warnings: list[str]) -> None:
        super().__init__(len(records))
        self._records, self.warnings = records, warnings

    def sample(self, count: int) -> list[dict[str, Any]]:
        chosen = (self._records[row] for row in spread(len(self._records), count))
        return [record for record in chosen if isinstance(record, dict)]

    def rows(self) -> Iterator[Row]:
        for number, record in enumerate(self._records, 1):
            self.done = number
            if isinstance(record, dict):
                yield Row(record, None)
            else:
                yield Row(None, None, f"Record {number} is not a JSON object.")


def _load_line(line: bytes | str) -> Any:
    """The JSON of a line, also of one that ends in the comma of a list. Raises ValueError."""
    try:
        return load_json(line)
    except ValueError:
        text = line.rstrip()
        if text[-1:] not in (b",", ","):
            raise
        return load_json(text[:-1])


def _parsed(line: bytes | str, load: Callable[[bytes | str], Any] = load_json) -> dict[str, Any] | None:
    try:
        value = load(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def recognises(head: bytes) -> bool:
    """Text that begins as JSON, or has a JSON object among its first lines."""
    if not looks_like_text(head):
        return False
    text = text_bytes(head).lstrip()
    if text[:1] in (b"[", b"{", SEPARATOR):
        return True
    return any(_parsed(line) is not None for line in text.split(b"\n")[:20] if line.strip())


def open_json(member: Member) -> Table:
    """Open JSON lines, a JSON text sequence or one JSON document."""
    if member.head.startswith((b"\xff\xfe", b"\xfe\xff")):
        turned = text_bytes(member.data)
        member = Member(member.name, turned[: len(member.head)], None, turned)
    if text_bytes(member.head).lstrip().startswith(SEPARATOR):
        return JsonSequence(member)
    with member.stream() as stream:
        first = next((line for line in stream if not text_bytes(line).isspace()), b"")
        rest = stream.read(WINDOW)
    plain, encoding = decoded(first) if len(first) <= WINDOW else ("", "")
    if encoding:  # in Shift-JIS a letter may end in a backslash, which hides the quotation mark after it
        first, rest = plain.encode(), rest.decode(encoding_of([first]), "replace").encode()
    first = text = text_bytes(first).lstrip()
    if text[:1] == b"[":
        whole = not _parsed_list_line(first, rest)
    elif text[:1] == b"{":
        record = _parsed(first)
        alone = not rest.strip()
        whole = not _any_line(rest) or _is_json(member) if record is None else alone and _records(record)[0] != [record]
    else:
        whole = False
    if not whole:
        return JsonLines(member)
    plain, encoding = decoded(text_bytes(member.data))
    records, said = _whole(plain)
    table = Document(records, [f"{member.name}: {one}" for one in said])
    if encoding:
        table.warnings.append(f"{member.name} is not UTF-8; it was read as {encoding}")
    return table


def _parsed_list_line(first: bytes, rest: bytes) -> bool:
    """Whether this is JSON lines of lists rather than one list (then each line is counted as a bad record)."""
    if not rest.strip():
        return False
    try:
        return isinstance(load_json(first), list)
    except ValueError:
        return False


def _any_line(rest: bytes) -> bool:
    return any(_parsed(line) is not None for line in rest.split(b"\n")[:50] if line.strip()[:1] == b"{")


def _is_json(member: Member) -> bool:
    """Whether a file is one JSON document, whose inner lines may look like JSON lines."""
    if member.size > LARGEST_DOCUMENT:
        return False
    try:
        load_json(text_bytes(member.data))
    except ValueError:
        return False
    return True


def _documents(text: str) -> list[Any]:
    """The JSON values of a text one after the other, with blanks or commas between them, and last the text of what is
    none; an empty list where it holds fewer than two."""
    found: list[Any] = []
    decoder, place = json.JSONDecoder(), 0
    while (start := _BETWEEN.match(text, place)) and (place := start.end()) < len(text):
        try:
            value, place = decoder.raw_decode(text, place)
        except (ValueError, RecursionError):
            return [*found, text[place:]] if len(found) > 1 else []
        found.append(encodable(value))
    return found if len(found) > 1 else []


def _whole(text: str) -> tuple[list[Any], list[str]]:
    try:
        value = load_json(text)
    except ValueError as error:
        if documents := _documents(text):
            read = [_records(one) if isinstance(one, list | dict) else ([one], []) for one in documents]
            return [record for records, _ in read for record in records], [said for _, more in read for said in more]
        raise Problem(
            f"this is not whole JSON ({error})", "fetch it again, or mend it where the message says"
        ) from error
    return _records(value)


def _records(value: Any) -> tuple[list[Any], list[str]]:
    """The records of a JSON document, and what is to be said of them.

    They are a list, a list under `data` or the like, several splits, a dict of columns, a dict of records, or one.
    """
    if isinstance(value, list):
        return value, []
    listed = {key: item for key, item in value.items() if _is_listed(item)}
    splits = [key for key in listed if _SPLIT.match(key)]
    used = next(([key] for key in _HOLDERS if key in listed), splits)
    if used:
        found = listed[used[0]]
        if len(used) > 1:
            found = [{**record, "subset": record.get("subset", key)} for key in used for record in listed[key]]
        more = [key for key in listed if key not in used and set(listed[key][0]) == set(listed[used[0]][0])]
        said = [f"the {len(listed[key])} records under {key} are not read; give them a file of their own" for key in more]
        return _unwrapped(found, value, said)
    columns = list(value.values())
    if (
        len(columns) > 1
        and all(isinstance(column, list) for column in columns)
        and len({len(c) for c in columns}) == 1
        and not any(map(is_messages, columns))
    ):
        return [dict(zip(value, row, strict=True)) for row in zip(*columns, strict=True)], []
    if (
        len(columns) > 1
        and all(isinstance(record, dict) and set(record) == set(columns[0]) for record in columns)
        and len(columns[0]) > 1
    ):
        return [{"key": key, **record} for key, record in value.items()], []
    return [value], []


def _is_listed(value: Any) -> bool:
    """Whether this is a list of records rather than a chat."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) for item in value)
        and not is_messages(value)
    )


def _unwrapped(records: list[Any], value: dict[str, Any], said: list[str]) -> tuple[list[Any], list[str]]:
    """Records as an answer of the Hub's rows API wraps them: the row within, cut cells and missing rows said."""
    if not all(isinstance(record.get("row"), dict) and _WRAP.issuperset(record) for record in records):
        return records, said
    cut = sum(bool(record.get("truncated_cells")) for record in records)
    if cut:
        said = [*said, f"the Hub cut off texts in {cut} of {len(records)} rows; fetch the dataset itself"]
    total = value.get("num_rows_total")
    if isinstance(total, int) and total > len(records):
        said = [*said, f"this answer of the Hub holds {len(records)} of {total} rows"]
    return [record["row"] for record in records], said


_BETWEEN = re.compile(r"[\s,]*")
_HOLDERS = ("data", "rows", "records", "examples", "instances")
_SPLIT = re.compile(r"(train(ing)?|test|val|valid(ation)?|dev|eval(uation)?|held_?out)(?![a-z])", re.IGNORECASE)
_WRAP = frozenset({"row_idx", "row", "truncated_cells"})

CONTAINERS.add("json", Container("json", recognises, open_json, order=20))
