"""Columnar files: parquet and Arrow (also the stream files of `save_to_disk`)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import polars as pl

from rmexplorer.data.containers import CONTAINERS, Container, Row, Table, spread
from rmexplorer.data.unpack import Member
from rmexplorer.problem import Problem

STEP = 4096


class Columns(Table):
    """A frame in memory."""

    def __init__(self, frame: pl.DataFrame) -> None:
        super().__init__(frame.height)
        self._frame = frame

    def sample(self, count: int) -> list[dict[str, Any]]:
        return self._frame[spread(self._frame.height, count)].to_dicts()

    def rows(self) -> Iterator[Row]:
        for start in range(0, self._frame.height, STEP):
            for record in self._frame.slice(start, STEP).iter_rows(named=True):
                self.done += 1
                yield Row(_without_absent(record), None)

    def frame(self) -> pl.DataFrame | None:
        return self._frame


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


def _open(member: Member) -> Table:
    head = member.head
    try:
        if head.startswith(b"PAR1"):
            frame = pl.read_parquet(member.path if member.path is not None else io.BytesIO(member.data))
        elif head.startswith(b"ARROW1"):
            frame = pl.read_ipc(io.BytesIO(member.data))
        else:
            frame = pl.read_ipc_stream(io.BytesIO(member.data))
    except (pl.exceptions.PolarsError, OSError, ValueError, BaseException) as error:
        if isinstance(error, KeyboardInterrupt | SystemExit | GeneratorExit):
            raise
        raise Problem(
            f"this columnar file is damaged or cut off ({str(error).splitlines()[0][:200]})", "fetch it again"
        ) from error
    if not frame.height:
        raise Problem("this columnar file has no rows", "choose a file with at least one record")
    plain = [
        pl.col(name).cast(pl.String)
        for name, kind in frame.schema.items()
        if kind == pl.Categorical or isinstance(kind, pl.Enum) or kind.is_temporal()
    ]
    return Columns(frame.with_columns(plain))


def recognises(head: bytes) -> bool:
    """Parquet, Arrow files and Arrow streams by their first bytes."""
    return head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"))


CONTAINERS.add("columns", Container("columns", recognises, _open, order=10))
