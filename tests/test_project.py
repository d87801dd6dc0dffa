"""The project file keeps what a person did, also when the process is killed."""

from __future__ import annotations

import logging
import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from rmexplorer import project as project_module
from rmexplorer.paths import data_dir
from rmexplorer.problem import Problem
from rmexplorer.project import APPLICATION_ID, MIGRATIONS, Mark, Project


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path / "a.rmx")
    yield made
    made.close()


def test_that_marks_come_back_after_reopening(project: Project) -> None:
    project.put_mark("f", 3, Mark(star=True))
    project.put_mark("f", 5, Mark(note="too long"))
    project.put_mark("g", 3, Mark(note="other dataset"))
    again = Project(project.path)
    assert again.marks("f") == {3: Mark(star=True), 5: Mark(note="too long")}
    again.close()


def test_that_an_empty_mark_takes_the_row_away(project: Project) -> None:
    project.put_mark("f", 3, Mark(star=True, note="x"))
    project.put_mark("f", 3, Mark())
    assert project.marks("f") == {}


def test_that_runs_keep_settings_metrics_history_and_head(project: Project) -> None:
    run = project.add_run(
        "head-256",
        "f",
        {"hidden_dim": 256},
        {"heldout_accuracy": 0.66},
        {"validation_loss": [0.69, None, 0.61]},
        b"\x00head",
    )
    assert project.runs("f") == (run,)
    assert project.runs("other") == ()
    assert project.head(run.id) == b"\x00head"


def test_that_a_deleted_run_can_be_brought_back(project: Project) -> None:
    run = project.add_run("a", "f", {}, {}, {}, b"h")
    gone = project.delete_run(run.id)
    with pytest.raises(Problem, match="no longer in the project"):
        project.head(run.id)
    project.restore_run(gone)
    assert project.runs("f") == (run,)


def test_that_recent_files_come_newest_first_and_once(project: Project) -> None:
    for path in ("a", "b", "a"):
        project.opened(path, path.upper(), 7)
    assert [recent.path for recent in project.recent()] == ["a", "b"]
    project.forget("a")
    assert [recent.path for recent in project.recent()] == ["b"]


def test_that_the_view_is_any_json(project: Project) -> None:
    project.put_view(pane="train", splitter=[900, 436], query=None)
    project.put_view(pane="data")
    assert project.view() == {"pane": "data", "splitter": [900, 436], "query": None}


def test_that_a_copy_goes_on_elsewhere(project: Project, tmp_path: Path) -> None:
    project.put_mark("f", 1, Mark(star=True))
    copy = project.copy_to(tmp_path / "b.rmx")
    copy.put_mark("f", 2, Mark(star=True))
    assert set(copy.marks("f")) == {1, 2}
    assert set(project.marks("f")) == {1}
    copy.close()


@pytest.mark.parametrize("mode", ["WAL", "DELETE"])
def test_that_a_copy_onto_a_project_in_use_is_refused_at_once_and_harms_nothing(
    project: Project, tmp_path: Path, mode: str
) -> None:
    other = Project(tmp_path / "b.rmx")
    other.put_mark("f", 7, Mark(star=True))
    other._connection.execute(f"PRAGMA journal_mode={mode}")
    other._connection.execute("BEGIN IMMEDIATE")
    begun = time.monotonic()
    with pytest.raises(Problem, match=r"b\.rmx: cannot be replaced \(database is locked\); close it"):
        project.copy_to(other.path)
    assert time.monotonic() - begun < 4
    other._connection.execute("ROLLBACK")
    assert set(other.marks("f")) == {7}
    other.close()
    assert sorted(path.name for path in tmp_path.iterdir() if path.name[:2] != "a.") == ["b.rmx"]


def test_that_a_copy_that_fails_leaves_what_was_there(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Project(tmp_path / "b.rmx")
    other.put_mark("f", 7, Mark(star=True))
    other.close()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Problem, match="No space left"):
        project.copy_to(other.path)
    assert [path.name for path in tmp_path.iterdir() if path.name[:2] != "a."] == ["b.rmx"]
    other = Project(other.path)
    assert set(other.marks("f")) == {7}
    other.close()


def test_that_a_copy_takes_nothing_from_the_journal_of_a_killed_process(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "b.rmx"
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom rmexplorer.project import Mark, Project\n"
        "project = Project(Path(sys.argv[1]))\n"
        "for pair in range(50): project.put_mark('f', pair, Mark(note='of the other'))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert path.with_name("b.rmx-wal").stat().st_size
    project.put_mark("f", 1, Mark(star=True))
    copy = project.copy_to(path)
    assert copy.marks("f") == {1: Mark(star=True)}
    copy.close()


def test_that_a_copy_onto_itself_is_the_same_project(project: Project) -> None:
    project.put_mark("f", 1, Mark(star=True))
    copy = project.copy_to(project.path)
    assert copy.marks("f") == {1: Mark(star=True)}
    copy.close()


def test_that_another_sqlite_file_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE t (x)")
    other.close()
    with pytest.raises(Problem, match="no project of rmexplorer"):
        Project(path)
    with sqlite3.connect(path) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("t",)]
    other.close()


def test_that_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "text.rmx"
    path.write_text("not a database, but long enough to look at" * 30)
    with pytest.raises(Problem, match=r"cannot be opened as a project.*; choose another file"):
        Project(path)
    (data_dir() / "untitled.rmx").write_text(path.read_text())
    with pytest.raises(Problem, match=r"untitled\.rmx: cannot be opened.* move it elsewhere: a new one is made then"):
        Project.untitled()


def test_that_a_project_of_a_newer_program_is_refused(project: Project) -> None:
    with sqlite3.connect(project.path) as raw:
        raw.execute(f"PRAGMA user_version={len(MIGRATIONS) + 1}")
        assert raw.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
    raw.close()
    with pytest.raises(Problem, match="newer rmexplorer"):
        Project(project.path)


def test_that_kill_9_loses_no_star_note_or_run(tmp_path: Path) -> None:
    path = tmp_path / "killed.rmx"
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom rmexplorer.project import Mark, Project\n"
        "project = Project(Path(sys.argv[1]))\n"
        "for pair in range(50): project.put_mark('f', pair, Mark(star=True, note=f'note {pair}'))\n"
        "project.add_run('head', 'f', {}, {'heldout_accuracy': 0.6}, {}, b'x' * 300_000)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    assert ended.returncode == -signal.SIGKILL
    project = Project(path)
    assert len(project.marks("f")) == 50
    assert project.marks("f")[49] == Mark(star=True, note="note 49")
    assert project.head(project.runs("f")[0].id) == b"x" * 300_000
    project.close()


def test_that_probes_of_a_person_are_kept_in_their_order_and_changed_in_place(project: Project) -> None:
    for name in ("b", "a"):
        project.put_probe(name, {"name": name, "kind": "append", "text": ["x"]})
    project.put_probe("b", {"name": "b", "kind": "append", "text": ["y"]})
    assert [(probe["name"], probe["text"]) for probe in project.probes()] == [("b", ["y"]), ("a", ["x"])]
    project.delete_probe("b")
    assert [probe["name"] for probe in project.probes()] == ["a"]


def test_that_a_project_from_before_probes_opens_with_all_that_it_held(tmp_path: Path) -> None:
    path = tmp_path / "old.rmx"
    with sqlite3.connect(path) as old:
        MIGRATIONS[0](old)
        old.execute("PRAGMA user_version=1")
        old.execute(f"PRAGMA application_id={APPLICATION_ID}")
        old.execute("INSERT INTO marks VALUES ('f', 3, 1, 'kept', 0)")
    old.close()
    project = Project(path)
    assert project.marks("f") == {3: Mark(star=True, note="kept")} and project.probes() == ()
    project.close()


def test_that_two_first_starts_at_once_make_one_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, begun, problems = tmp_path / "new.rmx", threading.Event(), []
    first, second = MIGRATIONS

    def slow(connection: sqlite3.Connection) -> None:
        first(connection)
        begun.set()
        time.sleep(0.2)

    def start() -> None:
        try:
            Project(path).close()
        except Problem as problem:
            problems.append(problem)

    monkeypatch.setattr(project_module, "MIGRATIONS", (slow, second))
    one = threading.Thread(target=start)
    one.start()
    begun.wait(10)
    start()
    one.join()
    assert problems == []


def test_that_a_kill_amid_a_migration_leaves_a_project_that_opens(tmp_path: Path) -> None:
    path = tmp_path / "killed.rmx"
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom rmexplorer import project\n"
        "first, second = project.MIGRATIONS\n"
        "project.MIGRATIONS = (first, lambda connection: (second(connection), os._exit(9)))\n"
        "project.Project(Path(sys.argv[1]))\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == 9
    project = Project(path)
    project.put_mark("f", 1, Mark(star=True))
    assert project.marks("f") == {1: Mark(star=True)} and project.probes() == ()
    project.close()


def test_that_a_damaged_cell_costs_its_row_and_is_said(project: Project, caplog: pytest.LogCaptureFixture) -> None:
    kept = project.add_run("kept", "f", {}, {}, {}, b"h")
    project.add_run("torn", "f", {}, {}, {}, b"h")
    for name in ("a", "b"):
        project.put_probe(name, {"name": name})
    project.put_view(pane="data", query="x")
    project.put_mark("f", 1, Mark(note="a note"))
    raw = project._connection
    raw.execute("UPDATE runs SET metrics='{\"heldout' WHERE name='torn'")
    raw.execute("UPDATE probes SET definition=? WHERE name='a'", ("[" * 100_000,))
    raw.execute("UPDATE view SET value=CAST(x'22ff' AS TEXT) WHERE key='query'")
    raw.execute("UPDATE marks SET note=CAST(x'61ff' AS TEXT)")
    with caplog.at_level(logging.WARNING):
        assert project.runs("f") == (kept,)
        assert project.probes() == ({"name": "b"},)
        assert project.view() == {"pane": "data"}
    assert project.marks("f") == {1: Mark(note="a\ufffd")}
    assert [message.split(": ", 1)[1].split(" is damaged")[0] for message in caplog.messages] == [
        "the run torn", "the probe a", "the view's query"]


def test_that_a_change_that_fails_does_not_block_the_next(project: Project) -> None:
    with pytest.raises(TypeError):
        project.put_view(pane=object())
    project.put_view(pane="data")
    assert project.view() == {"pane": "data"}
