"""Files behind a path: the file itself, what a compressed file or an archive holds, the data files of a folder."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from rmexplorer.problem import Problem

DEFAULT_LIMIT = 8 * 2**30
SAFE_RATIO, SAFE_SIZE = 200, 256 * 2**20
_CHUNK = 1 << 20
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
_DATA_SUFFIXES = {
    ".jsonl",
    ".json",
    ".ndjson",
    ".csv",
    ".tsv",
    ".parquet",
    ".arrow",
    ".txt",
    ".gz",
    ".xz",
    ".bz2",
    ".zip",
    ".zst",
    ".lzma",
    ".feather",
    ".ipc",
}


HEAD = 1 << 16


@dataclass(frozen=True)
class Member:
    """One data file: the name shown to people, its first bytes, and either its path or its bytes unpacked."""

    name: str
    head: bytes
    path: Path | None = None
    unpacked: bytes = b""

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
        return self.unpacked if self.path is None else _bytes(self.path)


def members(path: Path, max_bytes: int | None = None) -> Iterator[Member]:
    """The data files behind a path, one after the other, unpacked, in the order of their paths.

    max_bytes limits what one file may unpack to (default: 8 GiB, and 200 times its size above 256 MiB). Raises
    Problem for what is missing, empty, not readable, damaged, or unpacks beyond the limit.
    """
    if is_folder(path):
        found = _folder_files(path)
        if not found:
            raise Problem(
                f"{path}: this folder holds no data files",
                "choose a folder with .jsonl, .json, .csv or .parquet files, or one file",
            )
        for file in found:
            yield from _file(file, file.relative_to(path).as_posix(), max_bytes)
    else:
        yield from _file(path, path.name, max_bytes)


def _folder_files(folder: Path) -> list[Path]:
    """The data files of a folder; of a `save_to_disk` folder only those that its state.json names."""
    try:
        states = _states(folder)
        named = [
            state.parent / entry["filename"]
            for state in states
            for entry in json.loads(state.read_text(encoding="utf-8")).get("_data_files", [])
            if Path(entry["filename"]).name == entry["filename"]
        ]
        if named:
            return named
        files = sorted(
            (file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.relative_to(folder).parts
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"{folder}: cannot list this folder ({error})", "check that it can be read and is whole"
        ) from error
    return [file for file in files if is_data(file.relative_to(folder).as_posix())]


def _states(folder: Path) -> list[Path]:
    """The state files of a `save_to_disk` folder, splits in the order that dataset_dict.json lists."""
    listed = folder / "dataset_dict.json"
    splits = json.loads(listed.read_text(encoding="utf-8")).get("splits", []) if listed.is_file() else []
    places = {split: place for place, split in enumerate(splits)}
    states = sorted(folder.rglob("state.json"))
    return sorted(states, key=lambda state: places.get(state.parent.name, len(places)))


def is_data(name: str) -> bool:
    """Whether a file of a folder or an archive counts as data, by its path."""
    path = PurePosixPath(name.replace("\\", "/"))
    if path.is_absolute() or any(part == ".." or part == "__MACOSX" or part.startswith(".") for part in path.parts):
        return False
    return path.suffix.lower() in _DATA_SUFFIXES and path.name.split(".")[0].lower() not in _NO_DATA


def _mode(path: Path) -> int:
    """What kind of file this is, as `stat` says; 0 where nothing is there or it may not be looked at."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def is_folder(path: Path) -> bool:
    """Whether this is a folder; False where it may not be looked at."""
    return stat.S_ISDIR(_mode(path))


def _bytes(path: Path, count: int = -1) -> bytes:
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


def _file(path: Path, name: str, max_bytes: int | None) -> Iterator[Member]:
    if stat.S_ISFIFO(_mode(path)) or stat.S_ISCHR(_mode(path)):
        raise Problem(f"{path}: is a pipe or a device, not a file", "save the data in a file first")
    head = _bytes(path, HEAD)
    if not head.strip():
        raise Problem(f"{path}: this file is empty", "choose a file with at least one record")
    _refuse_unsafe(head, str(path))
    if not _is_packed(head):
        yield Member(name, head, path)
        return
    data = _bytes(path)
    limit = max_bytes if max_bytes is not None else min(DEFAULT_LIMIT, max(SAFE_SIZE, SAFE_RATIO * len(data)))
    yield from _unpack(name, data, str(path), limit, 0)


def _is_packed(head: bytes) -> bool:
    return head.startswith((b"PK\x03\x04", *(magic for magic, _, _ in _PACKERS))) or head[257:262] == b"ustar"


def _unpack(name: str, data: bytes, shown: str, limit: int, depth: int) -> Iterator[Member]:
    if depth > 3:
        raise Problem(f"{shown}: archives are packed within archives more than three deep", "unpack it by hand first")
    _refuse_unsafe(data, shown)
    for magic, suffixes, opener in _PACKERS:
        if data.startswith(magic):
            inner = _decompress(opener, data, shown, limit)
            stem = name[: -len(PurePosixPath(name).suffix)] if name.lower().endswith(suffixes) else name
            yield from _unpack(stem, inner, shown, limit, depth + 1)
            return
    if data.startswith(b"PK\x03\x04"):
        yield from _zip(data, shown, limit, depth)
    elif data[257:262] == b"ustar":
        yield from _tar(data, shown, limit, depth)
    else:
        yield Member(name, data[:HEAD], None, data)


def _refuse_unsafe(data: bytes, shown: str) -> None:
    if data[:1] == b"\x80" and data[1:2] in b"\x02\x03\x04\x05":
        raise Problem(
            f"{shown}: this is a Python pickle, which can run code when it is opened; it was not opened",
            "save the data as JSONL, CSV or parquet",
        )
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        raise Problem(f"{shown}: files packed with zstd cannot be read here", "unpack it with `zstd -d` first")
    if data.startswith(b"version https://git-lfs"):
        raise Problem(
            f"{shown}: this is a Git LFS pointer, not the data itself", "run `git lfs pull` and open it again"
        )


def _decompress(opener: Callable[[io.BytesIO], Any], data: bytes, shown: str, limit: int) -> bytes:
    try:
        with opener(io.BytesIO(data)) as stream:
            return _take(stream, shown, limit)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        raise Problem(f"{shown}: this compressed file is damaged or cut off ({error})", "fetch it again") from error


def _take(stream: IO[bytes], shown: str, limit: int) -> bytes:
    """All bytes of a stream, in one piece, up to the limit."""
    chunks, size = [], 0
    while chunk := stream.read(_CHUNK):
        size += len(chunk)
        if size > limit:
            raise Problem(
                f"{shown}: unpacks to more than the limit of {limit:,} bytes",
                "if you trust it, raise the limit with --max-bytes",
            )
        chunks.append(chunk)
    if not size:
        raise Problem(f"{shown}: this file is empty once unpacked", "choose a file with at least one record")
    return b"".join(chunks)


def _zip(data: bytes, shown: str, limit: int, depth: int) -> Iterator[Member]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if "[Content_Types].xml" in names:
                raise Problem(f"{shown}: Excel workbooks cannot be read here", "save the sheet as CSV")
            if any(PurePosixPath(entry).name == "data.pkl" for entry in names):
                raise Problem(
                    f"{shown}: this is a PyTorch file with pickled data; it was not opened",
                    "save the data as JSONL, CSV or parquet",
                )
            files = sorted(
                (info for info in archive.infolist() if not info.is_dir() and is_data(info.filename)),
                key=lambda info: info.filename.split("/"),
            )
            if not files:
                raise Problem(
                    f"{shown}: this archive holds no data files", "choose one with .jsonl, .json, .csv or .parquet"
                )
            left = limit
            for info in files:
                with archive.open(info) as stream:
                    inner = _take(stream, f"{shown}: {info.filename}", left)
                left -= len(inner)
                yield from _unpack(info.filename, inner, f"{shown}: {info.filename}", left, depth + 1)
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error, RuntimeError, NotImplementedError) as error:
        raise Problem(
            f"{shown}: this archive is damaged or locked ({error})", "fetch it again or unpack it by hand"
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
            for info in files:
                stream = archive.extractfile(info)
                if stream is not None:
                    inner = _take(stream, f"{shown}: {info.name}", limit)
                    yield from _unpack(info.name, inner, f"{shown}: {info.name}", limit, depth + 1)
    except (tarfile.TarError, OSError, EOFError) as error:
        raise Problem(f"{shown}: this archive is damaged ({error})", "fetch it again or unpack it by hand") from error


_PACKERS: tuple[tuple[bytes, tuple[str, ...], Callable[[io.BytesIO], Any]], ...] = (
    (b"\x1f\x8b", (".gz", ".tgz"), lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"\xfd7zXZ\x00", (".xz",), lzma.LZMAFile),
    (b"BZh", (".bz2",), bz2.BZ2File),
)


def common_labels(names: list[str]) -> list[str]:
    """Short names for the files of a folder: what tells them apart, without suffixes (`harmless-base`, not
    `harmless-base/test.jsonl.gz`)."""
    split = [[*PurePosixPath(name).parts[:-1], PurePosixPath(name).name.split(".")[0] or name] for name in names]
    if len(split) < 2:
        return ["/".join(parts) for parts in split]
    while all(len(parts) > 1 for parts in split) and len({parts[0] for parts in split}) == 1:
        split = [parts[1:] for parts in split]
    while all(len(parts) > 1 for parts in split) and len({parts[-1] for parts in split}) == 1:
        split = [parts[:-1] for parts in split]
    return ["/".join(parts) for parts in split]
