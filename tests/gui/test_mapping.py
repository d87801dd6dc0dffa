"""The mapping page: roles, meanings and the pairs that come of them, by mouse and by keyboard."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel

from rmexplorer.data.mapping import Mapping, saved
from rmexplorer.data.trial import meanings, question, tried
from rmexplorer.gui.mapping_columns import scale_values
from rmexplorer.gui.mapping_page import MappingPage
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.opening import open_or_ask

Wait = Callable[[Callable[[], bool]], None]
HEAD = ["ctx", "out_1", "out_2", "preferred", "domain"]
VALUES = ["out_1"] * 9 + ["out_2"] * 5 + ["tie"] * 3 + ["unclear"] * 2 + [""]


def judgements(folder: Path, head: list[str] = HEAD) -> Path:
    file = folder / "judgements.csv"
    with file.open("w", newline="", encoding="utf-8") as out:
        writer = csv.writer(out)
        writer.writerow(head)
        for number, value in enumerate(VALUES):
            answers = (f"an answer {number}", f"another, longer answer {number}")
            writer.writerow([f"question {number % 8}", *answers, value, ("maths", "law")[number % 2]])
    return file


MAPPING = Mapping(
    {"ctx": "prompt", "out_1": "response_a", "out_2": "response_b", "preferred": "winner", "domain": "subset"},
    {"out_1": "first", "out_2": "second", "tie": "tie"},
)


@pytest.fixture(name="home", autouse=True)
def home_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("RMEXPLORER_HOME", str(tmp_path / "home"))
    yield tmp_path / "home"


@pytest.fixture(name="page")
def asked_page(window: Window, tmp_path: Path, wait_until: Wait) -> MappingPage:
    asked = finish(question([str(judgements(tmp_path))]))
    assert asked is not None
    window.desk.asked.emit(asked)
    page = window.mapping
    assert page is not None
    wait_until(lambda: page.settled)
    return page


def plain(text: str) -> str:
    return text.replace("\u00a0", " ")


def pick(page: MappingPage, column: str, role: str) -> None:
    """Choose a role with the keyboard: the first letters, then what the box does on Enter."""
    picker = page.columns.pickers[column]
    picker.setFocus()
    place = picker.findData(role)
    while picker.currentIndex() != place:
        QTest.keyClick(picker, Qt.Key.Key_Down if picker.currentIndex() < place else Qt.Key.Key_Up)


def test_that_a_trial_reads_just_what_opening_reads(tmp_path: Path) -> None:
    asked = finish(question([str(judgements(tmp_path))]))
    assert asked is not None and asked.whole and len(asked.rows) == 20
    trial = tried(MAPPING, asked.rows)
    assert (trial.decided, trial.ties, trial.dataset.skipped.height) == (14, 3, 3)
    assert trial.skipped() == [("no_label", 3, [19, 20, 21])]
    assert trial.first_wins.value == 9 / 14 and trial.longer_wins.value == 5 / 14
    assert meanings(MAPPING, asked.rows) == [("out_1", 9), ("out_2", 5), ("tie", 3), ("unclear", 2), ("", 1)]


def test_that_known_formats_and_refused_ones_are_not_asked_about(tmp_path: Path) -> None:
    known = tmp_path / "known.jsonl"
    known.write_text('{"prompt": "q", "chosen": "a", "rejected": "b"}\n')
    assert isinstance(finish(open_or_ask([str(known)])), str)
    empty = tmp_path / "empty.jsonl"
    empty.write_text("\n")
    with pytest.raises(Problem):
        finish(open_or_ask([str(empty)]))
    kto = tmp_path / "kto.jsonl"
    kto.write_text('{"prompt": "q", "completion": "a", "label": true}\n{"prompt": "q", "completion": "b", "label": false}\n')
    with pytest.raises(Problem):
        finish(open_or_ask([str(kto)]))


def test_that_a_guess_by_name_is_shown_for_a_yes_and_opens_with_enter(
    window: Window, tmp_path: Path, wait_until: Wait
) -> None:
    window.desk.open([str(judgements(tmp_path, ["question", "answer_a", "answer_b", "winner", "domain"]))])
    wait_until(lambda: window.mapping is not None and window.mapping.settled)
    page = window.mapping
    assert page is not None and window.stack.currentWidget() is page
    assert window.desk.state.dataset is None
    pick(page, "domain", "subset")
    for value, meaning in (("out_1", "first"), ("out_2", "second")):
        page.set_meaning(value, meaning)
    wait_until(lambda: page.settled)
    assert page.open.isEnabled()
    QTest.keyClick(page, Qt.Key.Key_Return)
    wait_until(lambda: window.desk.state.dataset is not None)
    dataset = window.desk.state.dataset
    assert dataset is not None and dataset.format == "mapped" and dataset.winner.tolist() == [1] * 9 + [-1] * 5 + [0] * 3
    assert window.mapping is None and window.desk.state.pane == "data"


def test_that_roles_and_meanings_change_the_counts_and_the_cards_at_once(page: MappingPage, wait_until: Wait) -> None:
    for column, role in MAPPING.roles.items():
        page.set_role(column, role)
    for value, meaning in (("out_1", "first"), ("out_2", "second"), ("tie", "tie")):
        page.set_meaning(value, meaning)
    wait_until(lambda: page.settled)
    assert plain(page.header.headline.text) == "20 records would become 14 pairs, 3 ties and 3 skipped."
    assert plain(page.open.text()) == "Open 17 pairs" and len(page.pairs.cards) == 5
    switch = page.values.switches["unclear"]
    assert switch.current() == "skip"
    QTest.mouseClick(switch.group.button(2), Qt.MouseButton.LeftButton)
    wait_until(lambda: page.settled)
    assert page.mapping.values["unclear"] == "tie"
    assert plain(page.header.headline.text) == "20 records would become 14 pairs, 5 ties and 1 skipped."
    first = page.values.switches["out_1"].group.button(0)
    first.setFocus()
    QTest.keyClick(page.values.switches["out_1"], Qt.Key.Key_Right)
    wait_until(lambda: page.settled)
    assert page.mapping.values["out_1"] == "second"
    assert page.trial is not None and page.trial.dataset.winner.tolist()[:9] == [-1] * 9
    assert any("first response wins 0%" in sentence for sentence in page.facts.sentences)


def test_that_a_role_of_one_column_leaves_the_other(page: MappingPage, wait_until: Wait) -> None:
    page.set_role("out_1", "chosen")
    page.set_role("out_2", "chosen")
    wait_until(lambda: page.settled)
    assert page.mapping.columns("chosen") == ["out_2"] and page.mapping.roles["out_1"] == "ignore"
    assert "still to be named" in page.header.headline.text and not page.open.isEnabled()
    pick(page, "out_1", "rejected")
    wait_until(lambda: page.settled)
    assert page.open.isEnabled() and page.trial is not None and len(page.trial.dataset) == 20


def test_that_guesses_are_dashed_with_their_reason_and_own_choices_are_not(page: MappingPage) -> None:
    picker = page.columns.pickers["out_1"]
    assert picker.property("role") == "guess" and picker.toolTip().startswith("Guess: ")
    page.set_role("domain", "subset")
    assert page.columns.pickers["domain"].property("role") == ""
    assert page.columns.reasons["domain"].text() == "set by you"


def test_that_a_saved_mapping_is_offered_when_the_columns_come_back(
    page: MappingPage, window: Window, tmp_path: Path, wait_until: Wait
) -> None:
    page.use(MAPPING)
    wait_until(lambda: page.settled)
    QTest.mouseClick(page.save, Qt.MouseButton.LeftButton)
    page.name_field.setText("judges")
    QTest.keyClick(page.name_field, Qt.Key.Key_Return)
    assert saved()["judges"].roles == MAPPING.roles
    QTest.mouseClick(page.cancel, Qt.MouseButton.LeftButton)
    assert window.mapping is None and window.desk.state.pane == "welcome"
    asked = finish(question([str(tmp_path / "judgements.csv")]))
    assert asked is not None
    window.ask_mapping(asked)
    again = window.mapping
    assert again is not None
    wait_until(lambda: again.settled)
    assert again.mapping.name == "judges" and "saved mapping judges" in again.header.method_label.text()
    assert plain(again.header.headline.text).startswith("20 records would become 14 pairs, 3 ties")


def test_that_escape_gives_up_and_going_elsewhere_can_be_undone(
    page: MappingPage, window: Window, wait_until: Wait
) -> None:
    notices: list[tuple[str, Callable[[], None]]] = []
    window.notice.say = lambda text, button="", slot=None, *_: notices.append((text, slot))
    page.set_role("domain", "subset")
    window.show_pane("data")
    assert window.mapping is None and notices[0][0] == "judgements.csv was not opened"
    notices[0][1]()
    back = window.mapping
    assert back is not None and back.mapping.roles["domain"] == "subset"
    wait_until(lambda: back.settled)
    QTest.keyClick(back, Qt.Key.Key_Escape)
    assert window.mapping is None


def test_that_the_page_survives_another_text_size_and_both_themes(
    page: MappingPage, window: Window, wait_until: Wait
) -> None:
    page.set_role("domain", "subset")
    window.set_zoom(1.2)
    again = window.mapping
    assert again is not None and again is not page and again.mapping.roles["domain"] == "subset"
    window.set_theme("dark")
    wait_until(lambda: again.settled)
    assert window.stack.currentWidget() is again
    window.set_zoom(1.0)


@pytest.fixture(name="asked_about")
def asked_about_records(window: Window, tmp_path: Path, wait_until: Wait) -> Callable[[list[dict[str, object]]], MappingPage]:
    def ask(records: list[dict[str, object]]) -> MappingPage:
        file = tmp_path / "records.jsonl"
        file.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
        asked = finish(question([str(file)]))
        assert asked is not None
        window.desk.asked.emit(asked)
        page = window.mapping
        assert page is not None
        wait_until(lambda: page.settled)
        return page

    return ask


def rules(page: MappingPage) -> list[str]:
    """The readings that may be chosen."""
    return [page.values.rule.itemData(place) for place in range(page.values.rule.count())]


def test_that_an_order_that_may_be_ranks_is_asked_and_the_answer_turns_the_pairs(
    asked_about: Callable[[list[dict[str, object]]], MappingPage], wait_until: Wait
) -> None:
    page = asked_about([{"query": "q", "responses": ["x", "y", "z"], "ranking": [1, 2, 0]} for _ in range(6)])
    assert rules(page) == ["", "best_first"] and not page.values.rule.isHidden()
    assert "1, 2, 0 may be the rank of each response" in page.values.note.text()
    assert page.trial is not None and page.trial.dataset.winner.tolist()[:3] == [1, -1, -1]
    page.set_rule("best_first")
    wait_until(lambda: page.settled)
    assert page.trial is not None and page.trial.dataset.winner.tolist()[:3] == [-1, -1, 1]
    assert "may be" not in page.values.note.text()


def test_that_votes_by_column_are_shown_with_all_their_values(
    asked_about: Callable[[list[dict[str, object]]], MappingPage], wait_until: Wait
) -> None:
    page = asked_about([
        {"query": f"q {n}", "answer_a": f"x {n}", "answer_b": f"y {n}", "label_ann1": "a", "label_ann2": "tie", "label_ann3": "b"}
        for n in range(4)
    ])  # fmt: skip
    assert set(page.values.switches) == {"a", "b", "tie"} and page.trial is not None
    assert page.trial.dataset.votes.height == 12 and page.trial.ties == 4
    page.set_role("label_ann3", "ignore")
    wait_until(lambda: page.settled)
    assert page.trial.dataset.votes.height == 8 and page.values.switches.keys() == {"a", "tie"}


def test_that_the_best_of_several_columns_is_read_as_a_person_says(
    asked_about: Callable[[list[dict[str, object]]], MappingPage], wait_until: Wait
) -> None:
    page = asked_about([
        {"query": f"q {n}", "response_a": "one", "response_b": "two", "response_c": "three", "best": 1 + n % 2} for n in range(4)
    ])  # fmt: skip
    assert rules(page) == ["from_zero", "from_one", "by_name", "same_text"]
    assert "from 0 or from 1" in page.values.note.text()
    page.set_rule("from_zero")
    wait_until(lambda: page.settled)
    assert page.trial is not None and page.trial.dataset.winner.tolist()[:2] == [-1, 1]


def test_that_a_scale_is_offered_with_its_middle_and_either_direction(
    asked_about: Callable[[list[dict[str, object]]], MappingPage], wait_until: Wait
) -> None:
    records: list[dict[str, object]] = [
        {"query": f"q {n}", "response_a": f"x {n}", "response_b": f"y {n}", "preference": 1 + 2 * n, "n": 10 + n} for n in range(4)
    ]
    page = asked_about(records)
    assert page.mapping.rule == "negative_first" and page.values.rule.currentText() == "A number: below 4 means the first"
    assert "may favour either" in page.values.note.text()
    assert page.trial is not None and page.trial.dataset.winner.tolist() == [1, 1, -1, -1]
    assert scale_values(page.mapping, "preference", page._values)[0] == ("1", 1, "first wins")
    page.set_rule("positive_first")
    wait_until(lambda: page.settled)
    assert page.trial.dataset.winner.tolist() == [-1, -1, 1, 1]
    said = [one.text() for one in page.values.findChildren(QLabel) if not one.parentWidget().isHidden()]
    assert [text for text in said if text.endswith(" wins")] == ["second wins", "second wins", "first wins", "first wins"]
    assert page.values.note.text() == "A number: above 4 means the first; a number of 4 is a tie."
    page.set_role("n", "winner")  # another column has a scale of its own
    page.set_rule("positive_first")
    assert page.mapping.middle == 50
    wait_until(lambda: page.settled)


def test_that_nothing_named_yet_is_said_in_whole_sentences(
    asked_about: Callable[[list[dict[str, object]]], MappingPage],
) -> None:
    page = asked_about([{"foo": "x", "bar": "y"}] * 3)
    assert page.header.headline.text == "Columns for the responses are still to be named."
