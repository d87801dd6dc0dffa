"""Columns that stay on disk: texts in memory-mapped files, handed to polars by the Arrow C data interface, not copied.

A column NAME is kept as NAME.0.bytes, NAME.1.bytes, … (UTF-8, one text after the other), NAME.views (16 bytes a text, as
Arrow's string views: its length, then the text itself up to 12 bytes, else its first four bytes, file and place), where
texts are missing NAME.valid (a bit a text), and NAME.json (the sizes of these files, and when they were written: what was
written since is looked at as a whole before it is believed).
"""

from __future__ import annotations

import ctypes
import json
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import polars as pl

PIECE = 20_000  # texts that are written at once
MOST_BYTES = 2**31 - 1  # of one file, which a view can point into
CHECKED = 1 << 18  # views that are checked at once
INLINE = 12
RESIDENT = 400_000_000  # bytes of mapped files that may count as memory of this process
LOOK_SECONDS = 0.1
APART = 4_000  # texts far apart that are read at once: with each, the system maps 64 kB around it
LET_GO = 1 << 28  # bytes that are let go of in one call


class TextWriter:
    """Writes texts in their order as column `name` of `folder`. Raises OSError where the disk is full."""

    def __init__(self, folder: Path, name: str) -> None:
        self._folder, self._name = folder, name
        self._files = 0
        self._room = 0
        self._place = 0
        self._bytes: Any = None
        self._views = (folder / f"{name}.views").open("wb")
        self._missing: list[np.ndarray] = []
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._views.close()
        if self._bytes is not None:
            self._bytes.close()
        if error is not None:
            return
        endings = ["views", *(f"{file}.bytes" for file in range(self._files))]
        if self._missing:
            valid = np.ones(self.rows, bool)
            valid[np.concatenate(self._missing)] = False
            (self._folder / f"{self._name}.valid").write_bytes(np.packbits(valid, bitorder="little").tobytes())
            endings.append("valid")
        found = {ending: (self._folder / f"{self._name}.{ending}").stat() for ending in endings}
        written = {ending: [file.st_size, file.st_mtime_ns] for ending, file in found.items()}
        (self._folder / f"{self._name}.json").write_text(json.dumps(written), encoding="utf-8")

    def add(self, texts: pl.Series) -> None:
        """Append texts, null where there is none."""
        for start in range(0, len(texts), PIECE):
            self._add(texts.slice(start, PIECE))

    def _add(self, texts: pl.Series) -> None:
        if texts.null_count():
            self._missing.append(self.rows + np.flatnonzero(texts.is_null().to_numpy()))
            texts = texts.fill_null("")
        sizes = texts.str.len_bytes().to_numpy().astype(np.int64)
        self.rows += len(texts)
        if sizes.sum() > MOST_BYTES and len(texts) > 1:
            self.rows -= len(texts)
            half = len(texts) // 2
            self._add(texts.slice(0, half))
            self._add(texts.slice(half))
            return
        data = texts.str.join("")[0].encode()
        if self._bytes is None or self._place + len(data) > MOST_BYTES:
            if self._bytes is not None:
                self._bytes.close()
            self._bytes = (self._folder / f"{self._name}.{self._files}.bytes").open("wb")
            self._files, self._place = self._files + 1, 0
        self._bytes.write(data)
        self._views.write(_views(sizes, data, self._files - 1, self._place).tobytes())
        self._place += len(data)


def _views(sizes: np.ndarray, data: bytes, file: int, place: int) -> np.ndarray:
    """(n, 4) uint32 string views of texts of these `sizes` (n,) in bytes, which `data` holds and which go to `place`."""
    starts = np.cumsum(sizes) - sizes
    held = np.frombuffer(data + bytes(INLINE), np.uint8)
    views = np.zeros((len(sizes), 4), np.uint32)
    views[:, 0] = sizes
    inside = views[:, 1:].view(np.uint8) if len(sizes) else np.zeros((0, INLINE), np.uint8)
    short = np.flatnonzero(sizes <= INLINE)
    signs = np.arange(INLINE)
    inside[short] = held[starts[short, None] + signs] * (signs < sizes[short, None])
    long = np.flatnonzero(sizes > INLINE)
    inside[long, :4] = held[starts[long, None] + signs[:4]]
    views[long, 2] = file
    views[long, 3] = starts[long] + place
    return views


def write_texts(folder: Path, name: str, texts: pl.Series) -> None:
    """Write a whole column. Raises OSError where the disk is full."""
    with TextWriter(folder, name) as writer:
        writer.add(texts)


def _written(folder: Path, name: str) -> dict[str, tuple[int, int]]:
    """The size and the time of writing (ns) of each file of a column, by its ending. Raises OSError or ValueError."""
    kept = json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    if not isinstance(kept, dict) or not all(isinstance(one, list) and len(one) == 2 for one in kept.values()):
        raise ValueError(f"{name} is not kept as it is now")
    return {ending: (int(size), int(when)) for ending, (size, when) in kept.items()}


def is_whole(folder: Path, name: str) -> bool:
    """Whether `folder` holds all of a column of this name, and every view points into its files. Raises OSError or
    ValueError where it holds none.

    polars believes what it is handed: a view that points elsewhere, or bytes that are no UTF-8, would end the process.
    """
    written = _written(folder, name)
    found = {ending: (folder / f"{name}.{ending}").stat() for ending in written}
    if any(file.st_size != written[ending][0] for ending, file in found.items()):
        return False
    sizes = {ending: size for ending, (size, _) in written.items()}
    held = np.array([*(size for ending, size in sizes.items() if ending.endswith(".bytes")), 0])  # last: no such file
    with (folder / f"{name}.views").open("rb") as stream:
        while part := stream.read(16 * CHECKED):
            views = np.frombuffer(part, np.uint32).reshape(-1, 4)
            size, file, start = (np.ascontiguousarray(views[:, part]) for part in (0, 2, 3))
            beyond = start.astype(np.int64) + size > held[np.minimum(file, len(held) - 1)]
            if ((size > INLINE) & beyond).any():
                return False
    changed = any(file.st_mtime_ns != written[ending][1] for ending, file in found.items())
    return not changed or _is_as_written(folder, name, sizes)


def _is_as_written(folder: Path, name: str, sizes: dict[str, int]) -> bool:
    """Whether texts that stand one after the other, and their views, are as a TextWriter leaves them; reads all of it."""
    files = np.cumsum([0, *(size for ending, size in sizes.items() if ending.endswith(".bytes"))])
    place = 0
    with (folder / f"{name}.views").open("rb") as stream:
        for lengths, data in pieces(folder, name, CHECKED):
            lengths = lengths.astype(np.int64)
            starts = np.cumsum(lengths) - lengths
            if len(data) != lengths.sum():
                return False
            try:
                data.decode()
            except UnicodeDecodeError:
                return False
            first = np.frombuffer(data + b"a", np.uint8)[starts[lengths > 0]]
            views = _views(lengths, data, 0, 0)
            long = np.flatnonzero(lengths > INLINE)
            views[long, 2] = np.searchsorted(files, starts[long] + place, "right") - 1
            views[long, 3] = starts[long] + place - files[views[long, 2]]
            kept = np.frombuffer(stream.read(16 * len(lengths)), np.uint32).reshape(-1, 4)
            if (first & 0xC0 == 0x80).any() or not np.array_equal(views, kept):
                return False
            place += len(data)
    return bool(place == files[-1])


def read_texts(folder: Path, name: str, rows: int) -> pl.Series:
    """The column as texts that stay on disk until they are looked at. Raises ValueError where it is not whole."""
    sizes = _written(folder, name)
    if not is_whole(folder, name) or sizes["views"][0] != 16 * rows:
        raise ValueError(f"{name} is cut off or damaged")
    files = [_map(folder / f"{name}.{ending}") for ending in sizes if ending.endswith(".bytes")]
    valid = _map(folder / f"{name}.valid") if "valid" in sizes else None
    return _text_column(rows, _map(folder / f"{name}.views"), files, valid)


def pieces(folder: Path, name: str, count: int) -> Iterator[tuple[np.ndarray, bytes]]:
    """The column `count` texts at a time: (n,) their sizes in bytes, and all their bytes. Read, not mapped."""
    sizes = _written(folder, name)
    with ExitStack() as stack:
        views = stack.enter_context((folder / f"{name}.views").open("rb"))
        files = [stack.enter_context((folder / f"{name}.{kind}").open("rb")) for kind in sizes if kind.endswith("bytes")]
        while view := views.read(16 * count):
            lengths = np.frombuffer(view, np.uint32).reshape(-1, 4)[:, 0]
            wanted, data = int(lengths.sum()), b""
            while wanted > len(data) and files:
                read = files[0].read(wanted - len(data))
                data += read
                if not read:
                    files.pop(0)
            yield lengths, data


def gathered(texts: pl.Series, rows: np.ndarray) -> pl.Series:
    """The texts of `rows` (n,) in memory of their own; what is looked at on the way is let go of after each piece.

    `Series.gather` takes places only: whoever reads all of it then has every page of the files in memory at once.
    """
    parts = []
    for start in range(0, len(rows), APART):
        parts.append(texts.gather(rows[start : start + APART]) + "")  # what is joined is written anew
        let_go()
    return pl.concat(parts) if parts else texts.head(0)


_nothing = np.zeros(0, np.uint8)


def no_texts(rows: int) -> pl.Series:
    """A column of missing texts that takes no memory until somebody looks at all of it."""
    global _nothing
    with _LOCK:
        if len(_nothing) < 16 * rows:
            _nothing = np.zeros(16 * rows, np.uint8)  # pages that nobody looks at are not there
        return _text_column(rows, _nothing[: 16 * rows], [], _nothing[: (rows + 7) // 8])


def _text_column(rows: int, views: np.ndarray, files: list[np.ndarray], valid: np.ndarray | None) -> pl.Series:
    if not rows:
        return pl.Series("text", [], dtype=pl.String)
    sizes = np.array([len(file) for file in files], np.int64)
    return pl.Series("text", _Handed(rows, [valid, views, *files, sizes]))


# Arrow's C data interface, https://arrow.apache.org/docs/format/CDataInterface.html


class _Schema(ctypes.Structure):
    _fields_ = (
        ("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p), ("flags", ctypes.c_int64),
        ("n_children", ctypes.c_int64), ("children", ctypes.c_void_p), ("dictionary", ctypes.c_void_p),
        ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p),
    )  # fmt: skip


class _Array(ctypes.Structure):
    _fields_ = (
        ("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
        ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64), ("buffers", ctypes.c_void_p),
        ("children", ctypes.c_void_p), ("dictionary", ctypes.c_void_p), ("release", ctypes.c_void_p),
        ("private_data", ctypes.c_void_p),
    )  # fmt: skip


_NULLABLE = 2
# polars calls this when it lets go of a column, whatever the interpreter does just then: no Python may run there. So what
# was handed over stays for as long as the process lives, and a file that is asked for again is the one mapped before.
_RELEASE = ctypes.cast(ctypes.pythonapi.Py_IsInitialized, ctypes.c_void_p)
_HELD: list[Any] = []
_capsule = ctypes.pythonapi.PyCapsule_New
_capsule.restype = ctypes.py_object
_capsule.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p]


class _Handed:
    """One array of string views for polars to take: its buffers, None where there is no bitmap."""

    def __init__(self, rows: int, buffers: list[np.ndarray | None]) -> None:
        self._rows, self._buffers = rows, buffers

    def __arrow_c_array__(self, requested_schema: object = None) -> tuple[object, object]:
        """(schema, array) as capsules."""
        places = (ctypes.c_void_p * len(self._buffers))(
            *(buffer.ctypes.data if buffer is not None else None for buffer in self._buffers)
        )
        schema = _Schema(b"vu", b"text", None, _NULLABLE, 0, None, None, _RELEASE)
        array = _Array(
            self._rows, 0 if self._buffers[0] is None else -1, 0, len(self._buffers), 0,
            ctypes.cast(places, ctypes.c_void_p), None, None, _RELEASE,
        )  # fmt: skip
        _HELD.append((self._buffers, places, schema, array))
        return (
            _capsule(ctypes.addressof(schema), b"arrow_schema", None),
            _capsule(ctypes.addressof(array), b"arrow_array", None),
        )


# What is mapped counts as memory of this process where it was looked at, until the system wants it back


_MAPS: dict[tuple[str, int, int, int], mmap.mmap] = {}
_LOCK = threading.Lock()
_watched = False


def _map(file: Path) -> np.ndarray:
    """(bytes,) uint8 of a file, mapped."""
    found = file.stat()
    if not found.st_size:
        return np.zeros(0, np.uint8)
    key = (str(file), found.st_ino, found.st_size, found.st_mtime_ns)
    with _LOCK:
        if key not in _MAPS:
            with file.open("rb") as stream:
                _MAPS[key] = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            if found.st_size > RESIDENT // 4:
                _watch()
        return np.frombuffer(_MAPS[key], np.uint8)


def let_go() -> None:
    """Hand the memory of mapped files back; what is looked at again comes from the disk, or from what the system kept.

    Other threads go on meanwhile: `mmap.madvise` holds the interpreter until gigabytes are let go of, for seconds.
    """
    advise = _advise()
    if advise is None:
        return
    for mapped in list(_MAPS.values()):
        begin = np.frombuffer(mapped, np.uint8).ctypes.data
        for start in range(0, len(mapped), LET_GO):
            advise(begin + start, min(LET_GO, len(mapped) - start), mmap.MADV_DONTNEED)


@lru_cache
def _advise() -> Callable[[int, int, int], int] | None:
    """`madvise` of the C library, called without holding the interpreter; None where the system has none."""
    if not hasattr(mmap, "MADV_DONTNEED"):
        return None
    advise = ctypes.CDLL(None).madvise
    advise.argtypes, advise.restype = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int], ctypes.c_int
    return advise


def _watch() -> None:
    """Start the thread that lets go of mapped memory when there is much of it; only Linux says how much there is."""
    global _watched
    if _watched or not Path("/proc/self/statm").exists():
        return
    _watched = True
    threading.Thread(target=_watch_on, name="rmexplorer mapped memory", daemon=True).start()


def _watch_on() -> None:
    page = os.sysconf("SC_PAGE_SIZE")
    while True:
        time.sleep(LOOK_SECONDS)
        if int(Path("/proc/self/statm").read_text().split()[2]) * page > RESIDENT:
            let_go()
