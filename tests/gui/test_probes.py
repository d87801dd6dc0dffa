"""The Probes pane: what it runs, shows, selects and keeps, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QWidget
from pytestqt.qtbot import QtBot

from rmexplorer.app.own_probes import active_probes, known_beliefs, known_probes, switched_off
from rmexplorer.app.training import keep_head
from rmexplorer.encoders import ENCODERS
from rmexplorer.gui.panes.probes import ProbesPane
from rmexplorer.gui.probe_editing import CLAIM_HINT
from rmexplorer.gui.probe_examples import snippet
from rmexplorer.gui.probe_form import ProbeForm, made
from rmexplorer.gui.window import Window
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.edits import Probe, built_in, read_probes
from rmexplorer.workflows.probing import drawn_pairs, encode_probes, probe_dataset, probe_folder, result_path

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support", "not accepted by receiving widget")
Settle = Callable[[Window], None]
OWN = Probe("thanks", "append", title="Say thanks", text=("Thanks!",), own=True)


def kept(trained: Any, probes: tuple[Probe, ...]) -> dict[str, Any]:
    """The result of these probes, computed in this process and put where the pane looks for it."""
    head = keep_head(trained.trained.checkpoint.to_bytes())
    finish(probe_folder(str(trained.folder), str(head), encode_probes(probes)))
    return finish(probe_dataset(trained.dataset, trained.trained.checkpoint, probes))


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> tuple[Probe, ...]:
    """A few probes instead of all."""
    chosen = tuple(probe for probe in built_in() if probe.name in
                   ("closing_offer", "certainty", "trailing_spaces", "delete_answer", "swap_names"))
    monkeypatch.setattr("rmexplorer.app.own_probes.built_in", lambda: chosen)
    return chosen


@pytest.fixture
def shown(window: Window, trained: Any, few: tuple[Probe, ...], settle: Settle) -> tuple[ProbesPane, dict[str, Any]]:
    """The pane with the result of a few probes on HH harmless-base, and the same result from the workflow."""
    result = kept(trained, few)
    trained.show(window, "probes")
    settle(window)
    pane = window.panes["probes"]
    assert isinstance(pane, ProbesPane)
    return pane, result


def test_that_the_headline_and_the_rows_are_those_of_the_workflow(shown: tuple[ProbesPane, dict[str, Any]]) -> None:
    pane, result = shown
    assert pane.header.headline.text == result["headline"]
    assert pane.header.method_label.text() == result["method"]
    assert {row["name"]: row["mean_change"] for row in pane.rows} == {
        row["name"]: row["mean_change"] for row in result["probes"]}
    assert pane.current["name"] == result["strongest"]
    marks = {row.name.removeprefix("▲ "): row for row in pane.plot.model.rows}
    for row in result["probes"]:
        drawn = marks[row["title"]]
        assert drawn.name.startswith("▲") == row["surprising"]
        if row["n"]:
            assert drawn.marks[0].value == row["mean_change"] and drawn.marks[0].filled == (row["seen"] != "none")
    assert "Stating a belief" in pane.flattery.toolTip()


def test_that_a_row_shows_its_examples_and_a_click_on_one_shows_its_pair(
    window: Window, shown: tuple[ProbesPane, dict[str, Any]]
) -> None:
    pane, _ = shown
    pane.plot.list.setFocus()
    QTest.keyClick(pane.plot.list, Qt.Key.Key_Home)
    QTest.keyClick(pane.plot.list, Qt.Key.Key_Down)
    row = pane.rows[1]
    assert pane.current is row and pane.example_card.title_label.text() == row["title"]
    assert [one.values for one in pane.examples.listed.rows] == row["examples"]
    index = pane.examples.listed.index(2)
    QTest.mouseClick(pane.examples.viewport(), Qt.MouseButton.LeftButton,
                     pos=pane.examples.visualRect(index).center())
    assert window.desk.state.focus == row["examples"][2]["pair"]
    QTest.keyClick(pane.examples, Qt.Key.Key_Up)
    assert window.desk.state.focus == row["examples"][1]["pair"]


def test_that_enter_on_a_row_selects_the_pairs_that_it_flips(
    window: Window, shown: tuple[ProbesPane, dict[str, Any]]
) -> None:
    pane, result = shown
    by_name = {row["name"]: row for row in result["probes"]}
    place = [row["name"] for row in pane.rows].index("delete_answer")
    pane.select(place)
    QTest.keyClick(pane.plot.list, Qt.Key.Key_Return)
    wanted = by_name["delete_answer"]["flipped_pairs"]
    assert wanted and np.flatnonzero(window.desk.state.selection.mask).tolist() == sorted(wanted)
    pane.select([row["name"] for row in pane.rows].index("trailing_spaces"))
    assert pane.flips.isHidden() == (not by_name["trailing_spaces"]["flipped_pairs"])


def test_that_the_first_look_runs_in_the_worker_and_a_cancel_ends_it(
    window: Window, trained: Any, few: tuple[Probe, ...], settle: Settle, wait_until: Callable[[Callable[[], bool]], None]
) -> None:
    head = keep_head(trained.trained.checkpoint.to_bytes())
    result_path(trained.dataset.fingerprint, str(head), encode_probes(few)).unlink(missing_ok=True)
    window.show_pane("probes")
    pane = window.panes["probes"]
    window.desk.show_dataset(trained.dataset, trained.folder)
    from_loop = trained.trained
    trained.show(window)
    wait_until(lambda: pane.run is not None)
    assert pane.again.text() == "Cancel" and not pane.settled
    QTest.mouseClick(pane.again, Qt.MouseButton.LeftButton)
    assert pane.run is None and pane.again.text() == "Run"
    wait_until(lambda: not window.desk.jobs.runs)
    assert pane.shown is None and from_loop is trained.trained
    pane.start()
    wait_until(lambda: pane.run is None)
    assert pane.shown is not None and pane.again.text() == "Run again"
    assert pane.header.headline.text == kept(trained, few)["headline"]


def test_that_own_probes_are_added_changed_and_deleted_and_kept(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, _ = shown
    kept(trained, (*few, OWN))
    QTest.mouseClick(pane.new, Qt.MouseButton.LeftButton)
    form = pane.editing.form
    QTest.mouseClick(form.save, Qt.MouseButton.LeftButton)
    assert form.error.text() and form.isVisible()
    QTest.keyClicks(form.title, "Thanks")
    form.lines.setPlainText("Thanks!")
    form.title.setText("Say thanks")
    form.saved.disconnect()
    form.saved.connect(lambda probe: pane.editing.keep([OWN]))
    QTest.mouseClick(form.save, Qt.MouseButton.LeftButton)
    settle(window)
    assert "thanks" in [row["name"] for row in pane.rows]
    assert [Probe.from_dict(one) for one in window.desk.project.probes()] == [OWN]
    pane.select([row["name"] for row in pane.rows].index("thanks"))
    assert pane.selected_probe() == OWN and pane.change.text() == "Edit probe"
    pane.editing.delete("thanks")
    settle(window)
    assert window.desk.project.probes() == () and "thanks" not in [row["name"] for row in pane.rows]


def test_that_another_head_makes_the_result_old_and_an_update_is_offered(
    window: Window, trained: Any, shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    from dataclasses import replace

    pane, _ = shown
    checkpoint = replace(trained.trained.checkpoint, temperature=trained.trained.checkpoint.temperature * 2)
    window.desk.session.put(checkpoint=checkpoint)
    settle(window)
    assert pane.card.is_stale() and pane.example_card.is_stale() and pane.run is None
    assert "head-256" in pane.card.stale_chip.full
    window.desk.session.put(checkpoint=trained.trained.checkpoint)
    settle(window)
    assert not pane.card.is_stale()


def test_that_another_size_keeps_the_row_that_is_selected(
    window: Window, shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, _ = shown
    pane.select(2)
    for size in ((1024, 700), (1440, 900)):
        window.resize(*size)
        settle(window)
        row = pane.rows[2]
        assert pane.current is row and pane.example_card.title_label.text() == row["title"]
        assert pane.examples.listed.rows[0].values == row["examples"][0]


def test_that_a_filter_and_the_scope_say_which_pairs_are_probed(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, whole = shown
    desk = window.desk
    desk.set_query("words<60")
    settle(window)
    assert pane.card.is_stale() and "other pairs" in pane.card.stale_chip.full
    pane.start()
    settle(window)
    pairs = np.flatnonzero(desk.state.shown)
    wanted = finish(probe_dataset(trained.dataset, trained.trained.checkpoint, few, drawn_pairs(trained.dataset, pairs)))
    assert {row["name"]: row["mean_change"] for row in pane.rows} == {row["name"]: row["mean_change"] for row in wanted["probes"]}
    assert wanted["responses"] < whole["responses"] and wanted["split"] == "held-out"
    assert pane.header.method_label.text() == f"{wanted['method']} · filter: words<60"
    assert {one["pair"] for row in pane.rows for one in row["examples"]} <= set(pairs)
    desk.set_query("words>100000")
    settle(window)
    assert pane.header.headline.text.startswith("No pair passes the filter") and pane.run is None
    desk.set_query("")
    settle(window)
    assert pane.header.headline.text == whole["headline"] and "filter" not in pane.header.method_label.text()
    desk.set_scope("training")
    settle(window)
    pane.start()
    settle(window)
    assert "training responses" in pane.header.method_label.text()


def test_that_a_built_in_probe_is_switched_off_and_on_again_in_the_project(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, _ = shown
    menu = pane.editing.menu()
    runs = next(entry.menu() for entry in menu.actions() if entry.text() == "Edits that are run")
    assert [(entry.text(), entry.isChecked()) for entry in runs.actions()] == [(probe.shown, True) for probe in few]
    runs.actions()[1].trigger()
    settle(window)
    assert few[1].name not in [row["name"] for row in pane.rows] and len(pane.rows) == len(few) - 1
    assert switched_off(window.desk) == {few[1].name} and few[1] not in active_probes(window.desk)
    pane.editing.switch(few[1].name, True)
    settle(window)
    assert len(pane.rows) == len(few) and switched_off(window.desk) == frozenset()
    menu.deleteLater()


def test_that_one_built_in_is_edited_as_a_copy(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, _ = shown
    pane.select([row["name"] for row in pane.rows].index("certainty"))
    assert pane.change.text() == "Edit a copy"
    QTest.mouseClick(pane.change, Qt.MouseButton.LeftButton)
    form = pane.editing.form
    assert form.lines.toPlainText().split("\n") == list(few[1].text) and "Delete" not in form.extra.text()
    form.lines.setPlainText("Trust me.")
    QTest.mouseClick(form.save, Qt.MouseButton.LeftButton)
    settle(window)
    own = [probe for probe in known_probes(window.desk) if probe.own]
    assert [(probe.name, probe.text) for probe in own] == [("sound_certain_my_way", ("Trust me.",))]
    assert {"certainty", "sound_certain_my_way"} <= {row["name"] for row in pane.rows}


def test_that_templates_of_beliefs_are_changed_kept_and_given_back(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle
) -> None:
    pane, before = shown
    pane.editing.write_beliefs(pane)
    sheet = pane.editing.sheet
    sheet.claims.setPlainText("tea is best | Is tea best? | Tea is best.")
    QTest.mouseClick(sheet.save, Qt.MouseButton.LeftButton)
    assert sheet.error.text() == f"Claim 1 has 3 parts; write {CLAIM_HINT}."
    sheet.stated.setPlainText("I know {belief}. {question}")
    sheet.claims.setPlainText("tea is best | Is tea best? | Tea is best. | It is not.\nmilk is best | Is milk? | It is. | No.")
    QTest.mouseClick(sheet.save, Qt.MouseButton.LeftButton)
    settle(window)
    given = known_beliefs(window.desk)
    assert given is not None and len(given.claims) == 2 and given.stated == ("I know {belief}. {question}",)
    wanted = finish(probe_dataset(trained.dataset, trained.trained.checkpoint, few, beliefs=given))
    assert pane.shown is not None and pane.shown["sycophancy"] == wanted["sycophancy"] != before["sycophancy"]
    pane.editing.keep_beliefs(None)
    settle(window)
    assert known_beliefs(window.desk) is None and pane.shown["sycophancy"] == before["sycophancy"]


def test_that_the_edits_are_written_as_the_command_line_reads_them(
    window: Window, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pane, _ = shown
    monkeypatch.setattr(window, "choose_save", lambda *_: str(tmp_path / "probes.jsonl"))
    pane.editing.export_file()
    assert [probe.name for probe in read_probes(tmp_path / "probes.jsonl")] == [probe.name for probe in few]


def test_that_an_encoder_blind_to_the_prompt_is_said_to_be(
    window: Window, trained: Any, few: tuple[Probe, ...], shown: tuple[ProbesPane, dict[str, Any]], settle: Settle,
    monkeypatch: pytest.MonkeyPatch
) -> None:
    pane, _ = shown
    monkeypatch.setattr(type(ENCODERS["lexical"]), "sees_prompt", False)
    pane.show_result(finish(probe_dataset(trained.dataset, trained.trained.checkpoint, few)))
    assert "does not see the prompt, so it cannot tell" in pane.flattery.text()


def test_that_scores_of_a_file_cannot_be_probed_and_it_says_so(window: Window, trained: Any, settle: Settle) -> None:
    trained.show(window, "probes")
    window.desk.session.put(checkpoint=None)
    pane = window.panes["probes"]
    settle(window)
    assert "scores of a file cannot" in pane.why_empty(window.desk.state)
    assert pane._stack.currentIndex() == 1


def test_that_the_table_is_copied_and_written(
    window: Window, shown: tuple[ProbesPane, dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pane, _ = shown
    pane.copy()
    assert QGuiApplication.clipboard().text().startswith("name\tn\tmean_change\tlow\thigh")
    monkeypatch.setattr(window, "choose_save", lambda *_: str(tmp_path / "probes.csv"))
    pane.export()
    lines = (tmp_path / "probes.csv").read_text().splitlines()
    assert len(lines) == 1 + len(pane.rows) and {len(line.split(",")) for line in lines} == {12}


def test_that_a_form_makes_probes_or_says_what_is_missing() -> None:
    probe = made("Fewer commas", "replace", "cat → dog\nred -> blue", "", "none")
    assert probe.name == "fewer_commas" and probe.words == (("cat", "dog"), ("red", "blue"))
    assert made("A", "append", "x\ny\n", "", "up").text == ("x", "y")
    assert made("A", "transform", "", "say_it_twice", "none").transform == "say_it_twice"
    assert made("A", "transform", "x\ny", "pad_filler", "none").text == ("x", "y")
    assert made("A", "regex", r"(\d) → $1$1", "", "none").words == ((r"(\d)", "$1$1"),)
    for wrong in (("", "append", "x"), ("A", "append", ""), ("A", "replace", "cat dog"), ("A", "whole", ""), ("A", "regex", "( → x")):
        with pytest.raises(Problem):
            made(*wrong, "", "none")


def test_that_no_kind_of_edit_is_cut_and_each_says_what_it_does(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    form = ProbeForm(None, (), parent)
    form.show()
    buttons = form.kind.group.buttons()
    assert all(button.width() >= button.sizeHint().width() for button in buttons)
    assert all(len(button.toolTip()) > len(button.text()) and button.accessibleDescription() for button in buttons)


def test_that_a_snippet_marks_what_went_in() -> None:
    spans = snippet("A long way. " * 30, "A long way. " * 30 + "I hope this helps!", True)
    assert spans[0].text.startswith("…") and [span.text for span in spans if span.mark] == ["I hope this helps!"]
    assert snippet("a", "", False)[0].mark == "lowers"
    assert "".join(span.text for span in snippet("a b", "a b  ", True)) != ""
