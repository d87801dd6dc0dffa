"""What a compressed file or an archive holds, within limits; and what is never opened."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from rmexplorer.data.suffixes import DATA_SUFFIXES
from rmexplorer.problem import Problem

_CHUNK = 1 << 20
_ZSTD_STEP = 1 << 12
_ZSTD = b"\x28\xb5\x2f\xfd"
_ZIP = b"PK\x03\x04"
_NO_DATA = {
    "readme",
    "license",
    "licence",
    "license_note",
    "licence_note",
    "notice",
    "changelog",
    "citation",
    "contributing",
    "dataset_infos",
    "dataset_info",
    "dataset_dict",
    "state",
    "dataset_card",
    "copying",
    "authors",
    "manifest",
}


HEAD = 1 << 16
MOST_STATE = 1 << 20


@dataclass(frozen=True)
class Member:
    """One data file: the name shown to people, its first bytes (none: it is empty), and its path or its bytes unpacked.

    part: the sheet or table of it that a person named.
    """

    name: str
    head: bytes
    path: Path | None = None
    unpacked: bytes = b""
    part: str = ""

    def stream(self) -> IO[bytes]:
        """All bytes as an open stream; raises Problem where the disk fails."""
        if self.path is None:
            return io.BytesIO(self.unpacked)
        try:
            return self.path.open("rb")
        except OSError as error:
            raise Problem(f"{self.path}: cannot be read ({error.strerror or error})", "check the disk") from error

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self.unpacked) if self.path is None else self.path.stat().st_size

    @property
    def data(self) -> bytes:
        """All bytes; raises Problem where the disk fails."""
        return self.unpacked if self.path is None else file_bytes(self.path)


def is_data(name: str) -> bool:
    """Whether a file of a folder or an archive counts as data, by its path."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or any(part == ".." or part == "__MACOSX" or part.startswith(".") for part in path.parts):
        return False
    return path.suffix.lower() in DATA_SUFFIXES and path.name.split(".")[0].lower() not in _NO_DATA


def file_bytes(path: Path, count: int = -1) -> bytes:
    """The first `count` bytes of a file, all by default; raises Problem where it cannot be read."""
    try:
        with path.open("rb") as stream:
            return stream.read(count)
    except FileNotFoundError as error:
        raise Problem(f"{path}: there is no such file", "check the path for a slip") from error
    except PermissionError as error:
        raise Problem(f"{path}: no permission to read this file", "change its permissions or copy it") from error
    except ValueError as error:
        raise Problem(f"{path!r} is no name of a file", "check the path for a slip") from error
    except OSError as error:
        raise Problem(f"{path}: cannot be read ({error.strerror or error})", "check the path and the disk") from error


def is_packed(head: bytes) -> bool:
    """Whether these are the first bytes of a compressed file or an archive."""
    return head.startswith((_ZIP, *(magic for magic, _, _ in _PACKERS))) or head[257:262] == b"ustar"


def unpack(name: str, data: bytes, shown: str, limit: int, depth: int = 0) -> Iterator[Member]:
    """The data files in the bytes of a file: itself, or what it holds where it is packed, up to `limit` bytes.

    Raises Problem for what is damaged, locked, too large, nested too deeply, or would run code.
    """
    if depth > 3:
        raise Problem(f"{shown}: archives are packed within archives more than three deep", "unpack it by hand first")
    refuse_unsafe(data, shown)
    for magic, suffixes, opener in _PACKERS:
        if data.startswith(magic):
            inner = _decompress(opener, data, shown, limit)
            stem = name[: -len(PurePosixPath(name).suffix)] if name.lower().endswith(suffixes) else name
            yield from unpack(stem, inner, shown, limit, depth + 1)
            return
    if data.startswith(_ZIP):
        yield from _zip(name, data, shown, limit, depth)
    elif data[257:262] == b"ustar":
        yield from _tar(data, shown, limit, depth)
    else:
        yield Member(name, data[:HEAD], None, data)


def refuse_unsafe(data: bytes, shown: str) -> None:
    """Raise a Problem for pickles, which can run code, and for pointers to data that is elsewhere."""
    if data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05":
        raise Problem(
            f"{shown}: this is a Python pickle, which can run code when it is opened; it was not opened",
            "save the data as JSONL, CSV or parquet",
        )
    if data.startswith(b"version https://git-lfs"):
        raise Problem(
            f"{shown}: this is a Git LFS pointer, not the data itself", "run `git lfs pull` and open it again"
        )


def _said(error: BaseException) -> str:
    """What an error says, in one line."""
    return " ".join(str(error).split())[:200].rstrip(":")


def _decompress(opener: Callable[[io.BytesIO], Any], data: bytes, shown: str, limit: int) -> bytes:
    try:
        with opener(io.BytesIO(data)) as stream:
            return _take(stream, shown, limit)
    except (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError) as error:
        raise Problem(
            f"{shown}: this compressed file is damaged or cut off ({_said(error)})", "fetch it again"
        ) from error


def _take(stream: IO[bytes], shown: str, limit: int) -> bytes:
    """All bytes of a stream, in one piece, up to the limit."""
    chunks, size = [], 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise _too_large(shown, limit)
        chunks.append(chunk)
    if not size:
        raise Problem(f"{shown}: this file is empty once unpacked", "choose a file with at least one record")
    return b"".join(chunks)


class _Streams:
    """Compressed streams one after the other, with zeros between them; anything else there is damage, where LZMAFile and
    BZ2File would end without a word."""

    def __init__(self, source: io.BytesIO, decoder: Callable[[], Any]) -> None:
        self._source, self._new = source, decoder
        self._decoder = decoder()

    def __enter__(self) -> _Streams:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()

    def read(self, count: int) -> bytes:
        """Up to `count` bytes, none at the end."""
        while not self._decoder.eof or self._next():
            packed = self._source.read(_CHUNK) if self._decoder.needs_input else b""
            if self._decoder.needs_input and not packed:
                raise EOFError("it ends before the end-of-stream marker was reached")
            plain: bytes = self._decoder.decompress(packed, count)
            if plain:
                return plain
        return b""

    def _next(self) -> bool:
        """Begin the next stream; False where there is none."""
        packed = self._decoder.unused_data
        while not (begun := packed.lstrip(b"\0")):
            packed = self._source.read(_CHUNK)
            if not packed:
                return False
        self._source.seek(-len(begun), io.SEEK_CUR)
        self._decoder = self._new()
        return True


class _Zstd:
    """A zstd stream that says where it was cut off, which the stream of the library does not."""

    def __init__(self, source: io.BytesIO) -> None:
        self._source = source
        self._decoder = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False

    def __enter__(self) -> _Zstd:
        return self

    def __exit__(self, *error: object) -> None:
        self._source.close()

    def read(self, count: int) -> bytes:
        """Some bytes, none at the end; in small steps, as a few bytes may unpack to very many."""
        while True:
            if self._decoder.eof:
                self._source.seek(-len(self._decoder.unused_data), io.SEEK_CUR)
                self._decoder, self._begun = zstandard.ZstdDecompressor().decompressobj(), False
            packed = self._source.read(_ZSTD_STEP)
            if not packed:
                if self._begun:
                    raise EOFError("it ends before the end-of-stream marker was reached")
                return b""
            self._begun = True
            plain = self._decoder.decompress(packed)
            if plain:
                return plain


def _is_workbook(names: list[str]) -> bool:
    """Whether an archive of these names is a spreadsheet (Excel or OpenDocument)."""
    office = "[Content_Types].xml" in names or "META-INF/manifest.xml" in names
    return office and any(name.startswith("xl/") or name == "content.xml" for name in names)


def _measure(archive: zipfile.ZipFile, shown: str, limit: int) -> None:
    """Raise a Problem where all that an archive holds is more than the limit, whatever its directory says."""
    left = limit
    for info in archive.infolist():
        with archive.open(info) as stream:
            while chunk := stream.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise _too_large(shown, limit)


def _too_large(shown: str, limit: int) -> Problem:
    return Problem(
        f"{shown}: unpacks to more than the limit of {limit:,} bytes",
        "if you trust it, raise the limit with --max-bytes",
    )


def named_by_state(content: bytes, shown: str) -> list[str]:
    """The names of the data files that a state.json of `save_to_disk` gives: plain names beside it, nothing elsewhere.

    Raises Problem where rows are kept by a list of indices or a name climbs out, and what JSON raises where it is none.
    """
    said = json.loads(content)
    names = [entry["filename"] for entry in said.get("_data_files") or []]
    if said.get("_indices_data_files"):
        raise Problem(
            f"{shown}: keeps its rows by a list of indices, which is not read here",
            "call flatten_indices() on it and save it again",
        )
    if any(PurePosixPath(name).name != name for name in names):
        raise Problem(f"{shown}: names files outside of its folder", "save the dataset again")
    return names


def _saved(archive: zipfile.ZipFile, shown: str) -> set[str]:
    """The data files of the `save_to_disk` folders of an archive, whose caches are no data; empty where it has none."""
    found = set()
    for info in archive.infolist():
        place = PurePosixPath(info.filename)
        if place.name == "state.json" and info.file_size <= MOST_STATE:
            try:
                names = named_by_state(archive.read(info), f"{shown}: {info.filename}")
            except (ValueError, KeyError, TypeError, AttributeError):
                continue  # another program's state
            found |= {str(place.parent / name) for name in names}
    return found


def _zip(name: str, data: bytes, shown: str, limit: int, depth: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if _is_workbook(names):
                _measure(archive, shown, limit)
                yield Member(name, data[:HEAD], None, data)
                return
            if "[Content_Types].xml" in names:
                raise Problem(f"{shown}: this is an office document, not a table", "save its table as CSV or xlsx")
            if any(PurePosixPath(entry).name == "data.pkl" for entry in names):
                raise Problem(
                    f"{shown}: this is a PyTorch file with pickled data; it was not opened",
                    "save the data as JSONL, CSV or parquet",
                )
            files = sorted(
                (info for info in archive.infolist() if not info.is_dir() and is_data(info.filename)),
                key=lambda info: info.filename.split("/"),
            )
            if saved := _saved(archive, shown):
                files = [info for info in files if info.filename in saved]
            if not files:
                raise Problem(
                    f"{shown}: this archive holds no data files", "choose one with .jsonl, .json, .csv or .parquet"
                )
            left = limit
            for info in files:
                if not info.file_size and len(files) > 1:
                    yield Member(info.filename, b"")
                    continue
                with archive.open(info) as stream:
                    inner = _take(stream, f"{shown}: {info.filename}", left)
                left -= len(inner)
                yield from unpack(info.filename, inner, f"{shown}: {info.filename}", left, depth + 1)
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError, RuntimeError) as error:
        raise Problem(
            f"{shown}: this archive is damaged or locked ({_said(error)})", "fetch it again or unpack it by hand"
        ) from error


def _tar(data: bytes, shown: str, limit: int, depth: int) -> Iterator[Member]:
    try:
        with tarfile.open(fileobj=io.BytesIO(data)) as archive:
            files = sorted(
                (info for info in archive.getmembers() if info.isfile() and is_data(info.name)),
                key=lambda info: info.name.split("/"),
            )
            if not files:
                raise Problem(
                    f"{shown}: this archive holds no data files", "choose one with .jsonl, .json, .csv or .parquet"
                )
            if data[-512:].strip(b"\0"):
                raise Problem(f"{shown}: this archive is cut off: its end is missing", "fetch it again")
            left = limit
            for info in files:
                if not info.size and len(files) > 1:
                    yield Member(info.name, b"")
                    continue
                stream = archive.extractfile(info)
                if stream is not None:
                    inner = _take(stream, f"{shown}: {info.name}", left)
                    left -= len(inner)
                    yield from unpack(info.name, inner, f"{shown}: {info.name}", left, depth + 1)
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise Problem(
            f"{shown}: this archive is damaged ({_said(error)})", "fetch it again or unpack it by hand"
        ) from error


_PACKERS: tuple[tuple[bytes, tuple[str, ...], Callable[[io.BytesIO], Any]], ...] = (
    (b"\x1f\x8b", (".gz", ".tgz"), lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"\xfd7zXZ\x00", (".xz",), lambda stream: _Streams(stream, lzma.LZMADecompressor)),
    (b"\x5d\x00\x00", (".lzma",), lambda stream: _Streams(stream, lzma.LZMADecompressor)),
    (b"BZh", (".bz2",), lambda stream: _Streams(stream, bz2.BZ2Decompressor)),
    (_ZSTD, (".zst", ".zstd", ".tzst"), _Zstd),
)
