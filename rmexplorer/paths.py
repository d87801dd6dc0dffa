"""Where the program keeps things: cache (can be deleted), data (cannot), config. RMEXPLORER_HOME moves all three."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import platformdirs

from rmexplorer.problem import Problem

# Asked once: reading it means setting it, for all threads, for a moment.
UMASK = os.umask(0)
os.umask(UMASK)


def _home(kind: str, usual: str) -> Path:
    moved = os.environ.get("RMEXPLORER_HOME")
    return _made(Path(moved) / kind if moved else Path(usual))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(
            f"{folder}: cannot make this folder ({error.strerror})",
            "free space or set RMEXPLORER_HOME to a folder that can be written",
        ) from error
    return folder


def cache_dir() -> Path:
    """Folder of what can be computed again: normalised datasets, vectors."""
    return _home("cache", platformdirs.user_cache_dir("rmexplorer", appauthor=False))


def cache_file(kind: str, ending: str, *parts: Any) -> Path:
    """Where the cache keeps the entry of this kind that `parts` decide: bytes, or plain values of JSON. Its folder is made."""
    content = parts[0] if len(parts) == 1 and isinstance(parts[0], bytes) else json.dumps(parts).encode()
    return _made(cache_dir() / kind) / f"{hashlib.blake2b(content, digest_size=16).hexdigest()}{ending}"


def keep_pasted(text: str) -> Path:
    """Put pasted text into the user's data folder under its content; returns the file."""
    content = text.encode("utf-8", "replace")
    path = _made(data_dir() / "pasted") / f"pasted-{hashlib.blake2b(content, digest_size=8).hexdigest()}.txt"
    with atomic(path) as part:
        part.write_bytes(content)
    return path


def data_dir() -> Path:
    """Folder of what cannot be computed again: untitled projects, heads, notes."""
    return _home("data", platformdirs.user_data_dir("rmexplorer", appauthor=False))


def config_dir() -> Path:
    """Folder of settings and named mappings."""
    return _home("config", platformdirs.user_config_dir("rmexplorer", appauthor=False))


def resource(name: str) -> Path:
    """A file of resources/, from the checkout or from the installed wheel."""
    for root in (Path(__file__).parent / "resources", Path(__file__).parent.parent / "resources"):
        if (root / name).exists():
            return root / name
    raise FileNotFoundError(name)


@contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A temporary path beside `target` that is renamed onto it on success and removed on failure.

    Raises Problem where the folder is missing, not writable or full; `target` then stays as it was.
    """
    temporary: Path | None = None
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.chmod(0o666 & ~UMASK)
        temporary.replace(target)
    except OSError as error:
        raise Problem(
            f"{target}: cannot write ({error.strerror or error})", "free space or choose another place"
        ) from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
