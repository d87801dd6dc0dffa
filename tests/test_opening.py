"""What is kept of files that were read: the same content once, any change anew, never a mixture."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rmexplorer.data.dataset import Dataset
from rmexplorer.data.mapping import Mapping
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.workflows.analyze_file import analyze_file
from rmexplorer.workflows.opening import keep, open_files

SCORED = [{"prompt": f"p{i}", "chosen": f"good {i}", "rejected": f"bad {i}", "scores_chosen": 2.0 + i,
           "scores_rejected": -i / 2, "source": "a"} for i in range(30)]  # fmt: skip


def written(path: Path, rows: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def opened(path: Path, rows: list[dict[str, Any]], **how: Any) -> Dataset:
    """The dataset that opening a file gives, by way of the cache."""
    return Dataset.open(Path(finish(open_files([written(path, rows)], **how))))


@pytest.mark.parametrize(
    "change", [{"scores_chosen": 9.0}, {"source": "b"}, {"margin": 3.0}, {"chosen_model": "m"}, {"other": True}]
)
def test_that_a_file_in_which_no_text_changed_is_kept_anew(tmp_path: Path, change: dict[str, Any]) -> None:
    opened(tmp_path / "pairs.jsonl", SCORED)
    again = opened(tmp_path / "pairs.jsonl", [SCORED[0] | change, *SCORED[1:]])
    fresh = finish(read(tmp_path / "pairs.jsonl"))
    for table in ("prompts", "responses", "pairs", "extras", "votes", "skipped"):
        assert getattr(again, table).equals(getattr(fresh, table)), table


def test_that_skipped_rows_and_annotators_of_another_mapping_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "pairs.jsonl"
    opened(path, SCORED)
    assert opened(path, [*SCORED, {"prompt": "p", "chosen": "", "rejected": ""}]).skipped.height == 1
    roles = {"question": "prompt", "one": "chosen", "two": "rejected", "who": "ignore"}
    rows = [{"question": row["prompt"], "one": row["chosen"], "two": row["rejected"], "who": "ann"} for row in SCORED]
    assert opened(path, rows, mapping=Mapping(roles)).votes["annotator"].null_count() == 30
    judged = opened(path, rows, mapping=Mapping(roles | {"who": "annotator"}))
    assert judged.votes["annotator"].to_list() == ["ann"] * 30


def test_that_two_files_with_the_same_texts_keep_their_own_scores(tmp_path: Path) -> None:
    turned = [row | {"scores_chosen": row["scores_rejected"], "scores_rejected": row["scores_chosen"] + 40} for row in SCORED]
    one, two = (finish(read(written(tmp_path / name, rows))) for name, rows in (("a.jsonl", SCORED), ("b.jsonl", turned)))
    assert one.fingerprint == two.fingerprint
    kept = [keep(dataset) for dataset in (one, two)]
    assert [Dataset.open(folder).pairs["score_first"][0] for folder in kept] == [2.0, 0.0]
    shift = finish(analyze_file(one, None, against=two))["shift"]
    assert next(row for row in shift["features"] if row["feature"] == "reward")["psi"] > 0.5


def test_that_a_dataset_in_the_cache_is_written_once_and_made_anew_where_damaged(tmp_path: Path) -> None:
    dataset = finish(read(written(tmp_path / "pairs.jsonl", SCORED)))
    folder = keep(dataset)
    before = (folder / "pairs.arrow").stat().st_ino
    assert keep(finish(read(tmp_path / "pairs.jsonl"))) == folder
    assert (folder / "pairs.arrow").stat().st_ino == before
    (folder / "votes.arrow").write_bytes((folder / "votes.arrow").read_bytes()[:100])
    assert keep(dataset) == folder and Dataset.open(folder).votes.equals(dataset.votes)
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


def test_that_a_dataset_is_never_written_half_over_another(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = finish(read(written(tmp_path / "a.jsonl", SCORED)))
    two = finish(read(written(tmp_path / "b.jsonl", [row | {"prompt": "other"} for row in SCORED[:9]])))
    one.save(tmp_path / "kept")
    reader, whole, written_so_far = Dataset.open(tmp_path / "kept"), pl.DataFrame.write_ipc, 0

    def full(table: pl.DataFrame, *arguments: Any, **named: Any) -> Any:
        nonlocal written_so_far
        written_so_far += 1
        if written_so_far == 5:
            raise OSError(28, "No space left on device")
        return whole(table, *arguments, **named)

    with monkeypatch.context() as patch:
        patch.setattr(pl.DataFrame, "write_ipc", full)
        with pytest.raises(Problem, match="cannot write the dataset \\(No space left on device\\)"):
            two.save(tmp_path / "kept")
    again = Dataset.open(tmp_path / "kept")
    assert again.prompts.equals(one.prompts) and again.name == "a.jsonl"
    two.save(tmp_path / "kept")
    assert Dataset.open(tmp_path / "kept").prompts.equals(two.prompts) and reader.pairs.equals(one.pairs)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.jsonl", "b.jsonl", "kept"]


def test_that_what_another_process_has_kept_meanwhile_stays_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = finish(read(written(tmp_path / "a.jsonl", SCORED)))
    moving, moved = Path.replace, []

    def late(path: Path, target: Path) -> Path:
        if not moved:  # another process is faster, and reads what it has kept
            moved.append(path)
            keep(dataset)
        moved.append(path)
        return moving(path, target)

    monkeypatch.setattr(Path, "replace", late)
    folder = keep(dataset)
    monkeypatch.undo()
    assert [path.name.endswith(".part") for path in moved] == [True] * 3  # what was there was never away
    assert Dataset.open(folder).pairs.equals(dataset.pairs)
    assert [entry.name for entry in folder.parent.iterdir()] == [folder.name]


def test_that_two_writers_of_one_folder_do_not_disturb_each_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = finish(read(written(tmp_path / "a.jsonl", SCORED)))
    moving, turns = Path.replace, 0

    def late(path: Path, target: Path) -> Path:
        nonlocal turns
        turns += 1
        if turns in (1, 3):  # another process is faster
            monkeypatch.undo()
            one.save(tmp_path / "kept")
            monkeypatch.setattr(Path, "replace", late)
        return moving(path, target)

    monkeypatch.setattr(Path, "replace", late)
    one.save(tmp_path / "kept")
    monkeypatch.undo()
    assert turns > 3 and Dataset.open(tmp_path / "kept").pairs.equals(one.pairs)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.jsonl", "kept"]
