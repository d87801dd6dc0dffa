"""The project file (.rmx, SQLite): what cannot be computed again. Stars, notes, runs with their heads, the view.

Every change is written at once in a transaction, so a process that is killed loses none of them.
"""

from __future__ import annotations

import json
import logging
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rmexplorer.paths import atomic, data_dir
from rmexplorer.problem import Problem

APPLICATION_ID = 0x524D5831  # "RMX1": tells a project from any other SQLite file


@dataclass(frozen=True)
class Mark:
    """What a person said of one pair: a star, a note, or both."""

    star: bool = False
    note: str = ""

    def __bool__(self) -> bool:
        return self.star or bool(self.note)


@dataclass(frozen=True)
class RunRecord:
    """One training run as the project keeps it; `metrics` has the keys of `train --json`, `history` one list a curve."""

    id: str
    name: str
    fingerprint: str
    created: float
    settings: dict[str, Any]
    metrics: dict[str, Any]
    history: dict[str, list[float | None]]


@dataclass(frozen=True)
class Recent:
    """A dataset that was opened: its path (several: a line each), and what a person recognises it by."""

    path: str
    name: str
    pairs: int
    opened: float

    @property
    def paths(self) -> list[str]:
        """Every file or folder of it, or its address."""
        return self.path.split("\n")

    @property
    def is_address(self) -> bool:
        """Whether it is a dataset of the Hub rather than files."""
        return self.path.startswith("hf:")

    @property
    def is_there(self) -> bool:
        """Whether it can be opened again, as far as the disk shows."""
        return self.is_address or all(Path(path).exists() for path in self.paths)


def _first(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE marks (fingerprint TEXT, pair INTEGER, star INTEGER NOT NULL, note TEXT NOT NULL, "
        "changed REAL NOT NULL, PRIMARY KEY (fingerprint, pair)) WITHOUT ROWID"
    )
    connection.execute(
        "CREATE TABLE runs (id TEXT PRIMARY KEY, name TEXT NOT NULL, fingerprint TEXT NOT NULL, created REAL NOT NULL, "
        "settings TEXT NOT NULL, metrics TEXT NOT NULL, history TEXT NOT NULL, head BLOB NOT NULL)"
    )
    connection.execute(
        "CREATE TABLE recent (path TEXT PRIMARY KEY, name TEXT NOT NULL, pairs INTEGER NOT NULL, opened REAL NOT NULL)"
    )
    connection.execute("CREATE TABLE view (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID")


def _second(connection: sqlite3.Connection) -> None:
    connection.execute(
        "CREATE TABLE probes (name TEXT PRIMARY KEY, definition TEXT NOT NULL, created REAL NOT NULL) WITHOUT ROWID"
    )


# each runs inside one transaction with the version that it makes: no `executescript`, which commits by itself
MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second)


def keep_run(path: Path, *run: Any) -> RunRecord:
    """As `Project.add_run(*run)` of the project at `path`, for another thread: the megabytes of a head take some frames."""
    with closing(Project(path)) as project:
        return project.add_run(*run)


def head_of(path: Path, run_id: str) -> bytes:
    """As `Project.head(run_id)` of the project at `path`, for another thread."""
    with closing(Project(path)) as project:
        return project.head(run_id)


class Project:
    """One project file, open for reading and writing. Close it when done; use one from one thread."""

    def __init__(self, path: Path) -> None:
        """Open or make the file at `path`. Raises Problem where it is no project, newer, damaged or not writable."""
        self.path = path
        try:
            self._connection = sqlite3.connect(path, timeout=5, isolation_level=None)
        except sqlite3.Error as error:
            raise self._unopened(error) from error
        # a damaged byte in a text shows as one strange character instead of making the whole table unreadable
        self._connection.text_factory = lambda text: text.decode("utf-8", "replace")
        try:
            with self._transaction("DEFERRED"):
                self._check()
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate()
        except sqlite3.Error as error:
            self.close()
            raise self._unopened(error) from error
        except Problem:
            self.close()
            raise

    def _unopened(self, error: sqlite3.Error) -> Problem:
        named = "choose another file or check its permissions"
        return Problem(f"{self.path}: cannot be opened as a project ({error})",
                       named if self.named else "check its permissions, or move it elsewhere: a new one is made then")

    @classmethod
    def untitled(cls) -> Project:
        """The project of a person who has not named one, in the user's data folder."""
        return cls(data_dir() / "untitled.rmx")

    @property
    def named(self) -> bool:
        """Whether a person chose this file."""
        return self.path != data_dir() / "untitled.rmx"

    def _check(self) -> None:
        """Refuse what is not ours before anything is written to it."""
        ours = self._connection.execute("PRAGMA application_id").fetchone()[0]
        tables = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and ours != APPLICATION_ID:
            raise Problem(f"{self.path}: is a SQLite file, but no project of rmexplorer", "choose a .rmx file")
        if self._version() > len(MIGRATIONS):
            raise Problem(f"{self.path}: was written by a newer rmexplorer", "update rmexplorer to open it")

    def _version(self) -> int:
        return int(self._connection.execute("PRAGMA user_version").fetchone()[0])

    def _migrate(self) -> None:
        if self._version() == len(MIGRATIONS):
            return
        with self._transaction():
            self._check()  # another process may have been here in the meantime
            for migrate in MIGRATIONS[self._version() :]:
                migrate(self._connection)
            self._connection.execute(f"PRAGMA user_version={len(MIGRATIONS)}")
            self._connection.execute(f"PRAGMA application_id={APPLICATION_ID}")

    @contextmanager
    def _transaction(self, kind: str = "IMMEDIATE") -> Iterator[sqlite3.Connection]:
        """All of the block is done or, where it raises, nothing."""
        self._connection.execute(f"BEGIN {kind}")
        try:
            yield self._connection
            self._connection.execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            raise

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._transaction() as connection:
                yield connection
        except sqlite3.Error as error:
            raise Problem(
                f"{self.path}: cannot be written ({error})", "free space, or save the project elsewhere"
            ) from error

    def _read(self, query: str, *values: Any) -> list[Any]:
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            raise Problem(f"{self.path}: cannot be read ({error})", "open another project") from error

    def _parsed(self, what: str, *cells: Any) -> list[Any] | None:
        """The values of JSON cells. None where one is damaged: the rest of the project is worth more than this row."""
        try:
            return [json.loads(cell) for cell in cells]
        except (ValueError, TypeError, RecursionError):
            logging.getLogger("rmexplorer").warning(
                "%s: %s is damaged and was left out; all else in the project is there", self.path, what
            )
            return None

    # Marks

    def marks(self, fingerprint: str) -> dict[int, Mark]:
        """All marks of one dataset, by row of its pairs."""
        rows = self._read("SELECT pair, star, note FROM marks WHERE fingerprint=?", fingerprint)
        return {pair: Mark(bool(star), note) for pair, star, note in rows}

    def put_mark(self, fingerprint: str, pair: int, mark: Mark) -> None:
        """Keep a mark; an empty one takes it away."""
        with self._writing() as connection:
            if mark:
                connection.execute(
                    "INSERT OR REPLACE INTO marks VALUES (?,?,?,?,?)",
                    (fingerprint, pair, int(mark.star), mark.note, time.time()),
                )
            else:
                connection.execute("DELETE FROM marks WHERE fingerprint=? AND pair=?", (fingerprint, pair))

    # Runs and their heads

    def add_run(
        self,
        name: str,
        fingerprint: str,
        settings: dict[str, Any],
        metrics: dict[str, Any],
        history: dict[str, list[float | None]],
        head: bytes,
    ) -> RunRecord:
        """Keep a finished run; `head` is a whole checkpoint in safetensors."""
        run = RunRecord(uuid.uuid4().hex, name, fingerprint, time.time(), settings, metrics, history)
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO runs VALUES (?,?,?,?,?,?,?,?)",
                (
                    run.id,
                    run.name,
                    run.fingerprint,
                    run.created,
                    json.dumps(settings),
                    json.dumps(metrics),
                    json.dumps(history),
                    head,
                ),
            )
        return run

    def runs(self, fingerprint: str) -> tuple[RunRecord, ...]:
        """The runs on one dataset, newest first; one whose settings or figures are damaged is left out, with a warning."""
        rows = self._read(
            "SELECT id, name, fingerprint, created, settings, metrics, history FROM runs "
            "WHERE fingerprint=? ORDER BY created DESC",
            fingerprint,
        )
        parsed = ((row[:4], self._parsed(f"the run {row[1]}", *row[4:])) for row in rows)
        return tuple(RunRecord(*plain, *values) for plain, values in parsed if values is not None)

    def head(self, run_id: str) -> bytes:
        """The checkpoint of a run."""
        rows = self._read("SELECT head FROM runs WHERE id=?", run_id)
        if not rows:
            raise Problem("this run is no longer in the project", "train again")
        return bytes(rows[0][0])

    def delete_run(self, run_id: str) -> tuple[Any, ...]:
        """Take a run away; what is returned brings it back with `restore_run`."""
        rows = self._read("SELECT * FROM runs WHERE id=?", run_id)
        with self._writing() as connection:
            connection.execute("DELETE FROM runs WHERE id=?", (run_id,))
        return tuple(rows[0]) if rows else ()

    def restore_run(self, deleted: tuple[Any, ...]) -> None:
        """Undo `delete_run`."""
        if deleted:
            with self._writing() as connection:
                connection.execute("INSERT OR REPLACE INTO runs VALUES (?,?,?,?,?,?,?,?)", deleted)

    # Probes that a person added

    def probes(self) -> tuple[dict[str, Any], ...]:
        """The definitions of a person's own probes, in the order they were added; a damaged one is left out."""
        rows = self._read("SELECT name, definition FROM probes ORDER BY created, name")
        parsed = (self._parsed(f"the probe {name}", definition) for name, definition in rows)
        return tuple(values[0] for values in parsed if values is not None)

    def put_probe(self, name: str, definition: dict[str, Any]) -> None:
        """Keep a probe under its name; one of that name keeps its place."""
        with self._writing() as connection:
            connection.execute(
                "INSERT INTO probes VALUES (?,?,?) ON CONFLICT(name) DO UPDATE SET definition=excluded.definition",
                (name, json.dumps(definition), time.time()),
            )

    def delete_probe(self, name: str) -> None:
        """Take a probe away."""
        with self._writing() as connection:
            connection.execute("DELETE FROM probes WHERE name=?", (name,))

    # Recent files and the view

    def opened(self, path: str, name: str, pairs: int) -> None:
        """Remember that a dataset was opened."""
        with self._writing() as connection:
            connection.execute("INSERT OR REPLACE INTO recent VALUES (?,?,?,?)", (path, name, pairs, time.time()))

    def recent(self, count: int = 8) -> tuple[Recent, ...]:
        """The datasets opened last, newest first."""
        return tuple(
            Recent(*row)
            for row in self._read("SELECT path, name, pairs, opened FROM recent ORDER BY opened DESC LIMIT ?", count)
        )

    def forget(self, path: str) -> None:
        """Take a file off the recent ones."""
        with self._writing() as connection:
            connection.execute("DELETE FROM recent WHERE path=?", (path,))

    def view(self) -> dict[str, Any]:
        """How the window was left, without what is damaged."""
        rows = self._read("SELECT key, value FROM view")
        parsed = ((key, self._parsed(f"the view's {key}", value)) for key, value in rows)
        return {key: values[0] for key, values in parsed if values is not None}

    def put_view(self, **values: Any) -> None:
        """Keep parts of the view; each value is anything JSON can hold."""
        with self._writing() as connection:
            connection.executemany(
                "INSERT OR REPLACE INTO view VALUES (?,?)", [(key, json.dumps(value)) for key, value in values.items()]
            )

    def copy_to(self, path: Path) -> Project:
        """A whole copy of this project at `path`, opened; it takes the place of what is there only once it is whole."""
        if path.exists() and path.samefile(self.path):
            return Project(path)
        try:
            with atomic(path) as part:
                with closing(sqlite3.connect(part)) as target:
                    self._connection.backup(target)
                if path.exists():
                    _settle(path)
        except sqlite3.Error as error:
            raise Problem(f"{path}: cannot be written ({error})", "free space or choose another place") from error
        return Project(path)

    def close(self) -> None:
        """Close the file; what is in it stays."""
        self._connection.close()


def _settle(path: Path) -> None:
    """Have a project that will be replaced take in its journal: SQLite would play one that stays into the new file."""
    try:
        with closing(sqlite3.connect(path, timeout=1, isolation_level=None)) as old:
            old.execute("PRAGMA journal_mode=DELETE")
            old.execute("BEGIN EXCLUSIVE")
    except sqlite3.Error as error:
        raise Problem(
            f"{path}: cannot be replaced ({error})", "close it where it is open or choose another name"
        ) from error
