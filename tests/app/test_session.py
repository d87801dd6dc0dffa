"""The session tells everyone once, and forgets what hangs on what has changed."""

from __future__ import annotations

import numpy as np
import pytest

from rmexplorer.app.session import Session
from rmexplorer.app.state import Selection


@pytest.fixture
def told(qapp: object) -> tuple[Session, list[frozenset[str]]]:
    session, told = Session(), []
    session.changed.connect(lambda state, names: told.append(names))
    return session, told


def mask(*rows: int) -> np.ndarray:
    result = np.zeros(6, dtype=bool)
    result[list(rows)] = True
    return result


def test_that_a_change_is_told_once_with_all_its_names(told: tuple[Session, list[frozenset[str]]]) -> None:
    session, names = told
    session.put(pane="train", focus=3)
    assert names == [frozenset({"pane", "focus"})]
    session.put(pane="train", focus=3)
    assert len(names) == 1


def test_that_a_new_dataset_clears_what_hangs_on_the_old_one(told: tuple[Session, list[frozenset[str]]]) -> None:
    session, names = told
    session.put(dataset=object(), focus=1)
    session.put(query="x", matching=mask(1), selection=Selection(mask(1), "here"))
    session.put(dataset=object(), focus=0)
    state = session.state
    assert (state.query, state.matching, state.selection.mask, state.focus) == ("", None, None, 0)
    assert {"dataset", "query", "matching", "selection", "focus"} <= names[-1]


def test_that_undo_goes_back_to_the_selection_before_and_redo_forward(
    told: tuple[Session, list[frozenset[str]]],
) -> None:
    session, _ = told
    session.put(dataset=object())
    first, second = Selection(mask(1)), Selection(mask(2, 3))
    session.put(selection=first)
    session.put(selection=second)
    assert session.undo() and session.state.selection is first
    assert session.undo() and session.state.selection.mask is None
    assert not session.undo()
    assert session.redo() and session.redo() and session.state.selection is second
    assert not session.redo()


def test_that_undo_does_not_cross_into_another_dataset(told: tuple[Session, list[frozenset[str]]]) -> None:
    session, _ = told
    session.put(dataset=object())
    session.put(selection=Selection(mask(1)))
    session.put(dataset=object())
    assert not session.undo()


def test_that_an_unknown_field_is_a_bug(told: tuple[Session, list[frozenset[str]]]) -> None:
    with pytest.raises(TypeError, match="no field colour"):
        told[0].put(colour="red")


def test_that_brushes_replace_add_remove_and_keep_within() -> None:
    old = Selection(mask(1, 2), "old")
    assert old.brush(mask(2, 3), "replace").mask.tolist() == mask(2, 3).tolist()
    assert old.brush(mask(3), "add").count == 3
    assert old.brush(mask(2), "remove").mask.tolist() == mask(1).tolist()
    assert old.brush(mask(2, 5), "within").mask.tolist() == mask(2).tolist()
    assert old.brush(mask(5), "within").mask is None
    assert old.brush(mask(3), "add", "new").origin == "new"
