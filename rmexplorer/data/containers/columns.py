"""Columnar files: parquet and Arrow (also the stream files of `save_to_disk`)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from rmexplorer.data.containers import CONTAINERS, Container, Row, Table, spread
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

STEP = 4096
LARGE = 50_000  # rows of a parquet file from which on it is not read before it has to be


class Columns(Table):
    """A frame in memory."""

    def __init__(self, frame: pl.DataFrame) -> None:
        super().__init__(frame.height)
        self._frame = frame

    def sample(self, count: int) -> list[dict[str, Any]]:
        return self._frame[spread(self._frame.height, count)].to_dicts()

    def rows(self) -> Iterator[Row]:
        self.done = 0
        frame = self.frame()
        for start in range(0, frame.height, STEP):
            for record in frame.slice(start, STEP).iter_rows(named=True):
                self.done += 1
                yield Row(_without_absent(record), None)

    def frame(self) -> pl.DataFrame:
        return self._frame

    def first(self, count: int) -> Table:
        return Columns(self._frame.head(count))

    def part(self, start: int, count: int, columns: Sequence[str] = ()) -> pl.DataFrame:
        """`count` rows from `start`; of `columns` those that there are, all by default."""
        wanted = [name for name in columns if name in self._frame.columns] if columns else self._frame.columns
        return self._frame.select(wanted).slice(start, count)


class LargeColumns(Columns):
    """A parquet file that is read when, and as far as, it is needed."""

    def __init__(self, scan: pl.LazyFrame, height: int, schema: pl.Schema) -> None:
        super().__init__(pl.DataFrame(schema=schema))
        self._scan, self.size, self.schema = scan, height, schema

    def sample(self, count: int) -> list[dict[str, Any]]:
        starts = (0, (self.size - count) // 2, self.size - count)
        return [record for start in starts for record in self.part(start, count).to_dicts()]

    def part(self, start: int, count: int, columns: Sequence[str] = ()) -> pl.DataFrame:
        """As of a frame in memory. Raises Problem where the file is damaged there."""
        wanted = self._scan.select([name for name in columns if name in self.schema]) if columns else self._scan
        with _damage_told():
            return wanted.slice(start, count).collect()

    def frame(self) -> pl.DataFrame:
        if not self._frame.height:
            with _damage_told():
                self._frame = self._scan.collect()
        return self._frame

    def first(self, count: int) -> Table:
        return Columns(self.part(0, count))


def _without_absent(value: Any) -> Any:
    """Nested structs without the null fields that only the column's type adds."""
    return {key: _pruned(item) for key, item in value.items()}


def _pruned(value: Any) -> Any:
    if isinstance(value, list):
        return [_pruned(item) for item in value]
    if isinstance(value, dict):
        kept = {key: _pruned(item) for key, item in value.items() if item is not None}
        return kept or dict(value)
    return value


@contextmanager
def _damage_told() -> Iterator[None]:
    """What polars raises for a damaged file, a panic included, as a Problem."""
    try:
        yield
    except (pl.exceptions.PolarsError, OSError, ValueError, BaseException) as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise Problem(
            f"this columnar file is damaged or cut off ({str(error).splitlines()[0][:200]})", "fetch it again"
        ) from error


def _plain(schema: pl.Schema) -> list[pl.Expr]:
    """Categories, dates and times as texts."""
    return [
        pl.col(name).cast(pl.String)
        for name, kind in schema.items()
        if kind == pl.Categorical or isinstance(kind, pl.Enum) or kind.is_temporal()
    ]


def _open(member: Member) -> Table:
    head = member.head
    with _damage_told():
        if head.startswith(b"PAR1") and member.path is not None:
            scan = pl.scan_parquet(member.path, glob=False)
            schema = scan.collect_schema()
            height = int(scan.select(pl.len()).collect().item())
            if height > LARGE:
                scan = scan.with_columns(_plain(schema))
                return LargeColumns(scan, height, scan.collect_schema())
        if head.startswith(b"PAR1"):
            frame = pl.read_parquet(member.path if member.path is not None else io.BytesIO(member.data))
        elif head.startswith(b"ARROW1"):
            frame = pl.read_ipc(io.BytesIO(member.data))
        else:
            frame = pl.read_ipc_stream(io.BytesIO(member.data))
    if not frame.height:
        raise Problem("this columnar file has no rows", "choose a file with at least one record")
    return Columns(frame.with_columns(_plain(frame.schema)))


def recognises(head: bytes) -> bool:
    """Parquet, Arrow files and Arrow streams by their first bytes."""
    return head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"))


CONTAINERS.add("columns", Container("columns", recognises, _open, order=10))
