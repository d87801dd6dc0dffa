"""Files behind a path: the file itself, what a compressed file or an archive holds, the data files of a folder."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from rmexplorer.data.unpack import HEAD, Member, file_bytes, is_data, is_packed, named_by_state, refuse_unsafe, unpack
from rmexplorer.problem import Problem

DEFAULT_LIMIT = 8 * 2**30
SAFE_RATIO, SAFE_SIZE = 200, 256 * 2**20
_SHARD = re.compile(r"[-_.]?\d{5}-of-\d{5}$")
_CONVERTED = re.compile(r"\d{4,5}\.parquet")


def divided(path: Path) -> tuple[Path, str]:
    """A path and the table or sheet that it names after `#`: `pairs.sqlite#train`. A file of the whole name comes first."""
    before, sign, part = str(path).rpartition("#")
    return (Path(before), part) if sign and before and part and not _mode(path) and _mode(Path(before)) else (path, "")


def limit_of(size: int, max_bytes: int | None = None) -> int:
    """How many bytes a file of `size` bytes may unpack to."""
    return max_bytes if max_bytes is not None else min(DEFAULT_LIMIT, max(SAFE_SIZE, SAFE_RATIO * size))


def members(path: Path, max_bytes: int | None = None) -> Iterator[Member]:
    """The data files behind a path, one after the other, unpacked, in the order of their paths; an empty one beside
    others has no first bytes.

    max_bytes limits what one file may unpack to (default: 8 GiB, and 200 times its size above 256 MiB). Raises
    Problem for what is missing, empty, not readable, damaged, or unpacks beyond the limit.
    """
    path, part = divided(path)
    if is_folder(path):
        found = _folder_files(path)
        if not found:
            raise Problem(
                f"{path}: this folder holds no data files",
                "choose a folder with .jsonl, .json, .csv or .parquet files, or one file",
            )
        for file in found:
            name = file.relative_to(path).as_posix()
            if len(found) > 1 and file.is_file() and not file_bytes(file, HEAD).strip():
                yield Member(name, b"", file)
            else:
                yield from _file(file, name, max_bytes)
    else:
        for member in _file(path, path.name, max_bytes):
            yield replace(member, part=part)


def _folder_files(folder: Path) -> list[Path]:
    """The data files of a folder; of a `save_to_disk` folder only those that its state.json names."""
    try:
        named = [file for state in _states(folder) for file in _named_by(state)]
        if named:
            return named
        files = sorted(
            (file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.relative_to(folder).parts
        )
    except PermissionError as error:
        raise Problem(f"{folder}: no permission to read this folder", "change its permissions or copy it") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise Problem(
            f"{folder}: cannot list this folder ({error})", "check that it can be read and is whole"
        ) from error
    return [file for file in files if is_data(file.relative_to(folder).as_posix())]


def _named_by(state: Path) -> list[Path]:
    """The data files that a state.json names: plain names beside it, nothing elsewhere."""
    return [state.parent / name for name in named_by_state(state.read_bytes(), str(state))]


def _states(folder: Path) -> list[Path]:
    """The state files of a `save_to_disk` folder, splits in the order that dataset_dict.json lists."""
    listed = folder / "dataset_dict.json"
    splits = json.loads(listed.read_text(encoding="utf-8")).get("splits", []) if listed.is_file() else []
    places = {split: place for place, split in enumerate(splits)}
    states = sorted(folder.rglob("state.json"))
    return sorted(states, key=lambda state: places.get(state.parent.name, len(places)))


def _mode(path: Path) -> int:
    """What kind of file this is, as `stat` says; 0 where nothing is there or it may not be looked at."""
    try:
        return path.stat().st_mode
    except (OSError, ValueError):
        return 0


def is_folder(path: Path) -> bool:
    """Whether this is a folder; False where it may not be looked at."""
    return stat.S_ISDIR(_mode(path))


def _file(path: Path, name: str, max_bytes: int | None) -> Iterator[Member]:
    if stat.S_ISFIFO(_mode(path)) or stat.S_ISCHR(_mode(path)):
        raise Problem(f"{path}: is a pipe or a device, not a file", "save the data in a file first")
    head = file_bytes(path, HEAD)
    if not head.strip():
        raise Problem(f"{path}: this file is empty", "choose a file with at least one record")
    refuse_unsafe(head, str(path))
    if not is_packed(head):
        yield Member(name, head, path)
        return
    data = file_bytes(path)
    yield from unpack(name, data, str(path), limit_of(len(data), max_bytes))


def once(paths: list[str]) -> tuple[list[str], list[str]]:
    """The paths without those that name what an earlier one names, and those."""
    seen: dict[str, str] = {}
    again = []
    for path in paths:
        place = path if path.startswith("hf:") else str(Path(path).absolute())
        if place in seen:
            again.append(path)
        seen.setdefault(place, path)
    return list(seen.values()), again


def told_apart(places: list[tuple[str, str]]) -> list[str]:
    """Names for the files of several paths, from (path, name of the file or member): the name alone where no two are
    the same, else with as much of the path before it as tells all apart."""
    names = [name for _, name in places]
    before = [PurePosixPath(Path(path).as_posix()).parts[: -1 if Path(path).name == name else None]
              for path, name in places]  # fmt: skip
    for depth in range(1 + max(map(len, before), default=0)):
        found = ["/".join([*parts[max(0, len(parts) - depth) :], name]) for parts, name in zip(before, names, strict=True)]
        if len(set(found)) == len(found):
            return found
    return names


def common_labels(names: list[str]) -> list[str]:
    """Short names for the files of a folder: what tells them apart, without suffixes (`harmless-base`, not
    `harmless-base/test.jsonl.gz`)."""
    split: list[list[str]] = []
    kinds: dict[PurePosixPath, set[str]] = {}
    for path in map(PurePosixPath, names):
        stem, _, kind = path.name.partition(".")
        kinds.setdefault(path.parent / stem, set()).add(kind)
    for name in names:
        *folders, last = PurePosixPath(name).parts
        several = len(kinds[PurePosixPath(*folders) / last.split(".")[0]]) > 1  # pairs.csv beside pairs.jsonl
        stem = last if several else _SHARD.sub("", last.split(".")[0])
        shard = bool(folders) and (
            not stem or _CONVERTED.fullmatch(last) is not None or (stem, "-of-" in last) == ("data", True)
        )
        split.append(folders if shard else [*folders, stem or last])
    if len(split) < 2:
        return ["/".join(parts) for parts in split]
    while all(len(parts) > 1 for parts in split) and len({parts[0] for parts in split}) == 1:
        split = [parts[1:] for parts in split]
    while all(len(parts) > 1 for parts in split) and len({parts[-1] for parts in split}) == 1:
        split = [parts[:-1] for parts in split]
    return ["/".join(parts) for parts in split]
