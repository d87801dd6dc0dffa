"""Probes find what was planted in the demo dataset and little else, and are read from files as data."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexplorer.cli import main
from rmexplorer.data.read import read
from rmexplorer.encoders import ENCODERS, open_vectors, vectors
from rmexplorer.job import finish
from rmexplorer.problem import Problem
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows import edits, probing
from rmexplorer.workflows.attributing import score_texts
from rmexplorer.workflows.edits import Probe, apply, built_in, collect, read_probes
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.opening import open_files
from rmexplorer.workflows.scoring import heldout_of, score
from rmexplorer.workflows.settings import RunSettings, settings_from
from rmexplorer.workflows.train_file import train_file
from rmexplorer.workflows.training import fit


@dataclass(frozen=True)
class Demo:
    """The demo dataset, a head trained on it, its file, and what the built-in probes say of it."""

    checkpoint: Checkpoint
    file: Path
    result: dict[str, Any]

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        return {row["name"]: row for row in self.result["probes"]}


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    folder = tmp_path_factory.mktemp("probed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RMEXPLORER_HOME", str(folder))
        trained = finish(train_file(finish(read(demo_path())), RunSettings()))
        trained.checkpoint.save(folder / "head.safetensors")
        result = finish(probing.probe_dataset(finish(read(demo_path())), trained.checkpoint))
    return Demo(trained.checkpoint, folder / "head.safetensors", result)


# What is planted, and what is not

PLANTED = {"closing_offer": "up", "certainty": "up", "hedge": "down", "agreement": "up", "say_it_twice": "up"}
NOT_PLANTED = ("sign_off", "praise", "set_opener", "apology", "bold_some_words", "wrap_in_list", "heading",
               "trailing_spaces", "curly_quotes", "spelling")


@pytest.mark.parametrize("name", PLANTED)
def test_that_each_planted_fault_of_the_demo_is_found(demo: Demo, name: str) -> None:
    row = demo.rows[name]
    assert row["q"] < 0.05 and row["seen"] == PLANTED[name] and row["surprising"]
    assert row["ci"][0] < row["mean_change"] < row["ci"][1] and row["n"] > 200


def test_that_at_most_one_of_ten_edits_that_are_not_planted_is_found(demo: Demo) -> None:
    assert len(NOT_PLANTED) == 10
    assert sum(demo.rows[name]["q"] < 0.05 for name in NOT_PLANTED) <= 1


@pytest.mark.parametrize("seed", [2, 3])
def test_that_heads_of_other_seeds_show_the_same(seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seeds 2 and 3 had two edits too many while four ways to apologise counted as four independent texts."""
    monkeypatch.setenv("RMEXPLORER_HOME", str(tmp_path))
    dataset, settings = finish(read(demo_path())), settings_from({"seed": seed})
    encoded, encoder = open_vectors(finish(vectors(finish(open_files([str(demo_path())])), seed=seed)))
    head = Checkpoint(finish(fit(dataset, encoded, settings)).model, encoder, settings.train,
                      dataset_fingerprint=dataset.fingerprint)
    rows = {row["name"]: row for row in finish(probing.probe_dataset(dataset, head))["probes"]}
    assert {name: rows[name]["seen"] for name in PLANTED} == PLANTED
    assert sum(rows[name]["q"] < 0.05 for name in NOT_PLANTED) <= 1


def test_that_the_headline_names_the_planted_phrase_and_only_held_out_prompts_count(demo: Demo) -> None:
    text = demo.result["headline"].replace("\u00a0", " ")
    row = demo.rows["closing_offer"]
    assert text.startswith("Appending “I hope this helps!” raises the reward by 1.")
    assert f"by {row['mean_change']:.2f} SD (95% CI {row['ci'][0]:.2f}–{row['ci'][1]:.2f})" in text
    assert demo.result["split"] == "held-out" and demo.result["prompts"] == 85


def test_that_an_example_names_a_response_that_the_edit_moved_as_it_says(demo: Demo) -> None:
    dataset = finish(read(demo_path()))
    for row in demo.result["probes"]:
        for example in row["examples"]:
            assert dataset.responses["text"][example["response"]] == example["was"] != example["text"]
            assert example["response"] in (dataset.chosen[example["pair"]], dataset.rejected[example["pair"]])
            prompt = dataset.prompts["text"][int(dataset.responses["prompt"][example["response"]])]
            scored = score_texts(demo.checkpoint, [prompt] * 2, [example["was"], example["text"]])
            assert scored == pytest.approx([example["before"], example["after"]], abs=1e-4)
    examples = demo.rows["closing_offer"]["examples"]
    rises = [example["after"] - example["before"] for example in examples]
    assert rises[:3] == sorted(rises, reverse=True)[:3] and rises[-1] == min(rises)


def test_that_flips_are_those_of_pairs_scored_one_by_one(demo: Demo) -> None:
    dataset = finish(read(demo_path()))
    sample = probing.Sample.of(dataset, demo.checkpoint)
    base = dict(zip(sample.rows.tolist(),
                    score_texts(demo.checkpoint, sample.prompts, sample.texts), strict=True))
    flips = pairs = 0
    probe = built_in()[0]
    for pair in sample.pair:
        chosen, rejected = int(dataset.chosen[pair]), int(dataset.rejected[pair])
        edited = apply(probe, dataset.responses["text"][rejected])
        if edited is not None:
            prompt = dataset.prompts["text"][int(dataset.prompt[pair])]
            after = score_texts(demo.checkpoint, [prompt], [edited])[0]
            flips += (base[chosen] > base[rejected]) != (base[chosen] > after)
            pairs += 1
    row = demo.rows["closing_offer"]
    assert row["pairs"] == pairs and row["flips"] == pytest.approx(flips / pairs)


def test_that_sycophancy_has_an_interval_and_says_what_of_the_prompt_is_seen(demo: Demo) -> None:
    found = demo.result["sycophancy"]
    assert found["n"] == 60 and found["ci"][0] <= found["value"] <= found["ci"][1]
    assert found["sees"] == ENCODERS["lexical"].sees
    assert found["value"] == pytest.approx(found["agree_when_stated"] - found["agree_when_not"])


def test_that_an_encoder_blind_to_the_prompt_gives_null_with_a_why(
    demo: Demo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(ENCODERS["lexical"]), "sees_prompt", False)
    result = finish(probing.probe_dataset(finish(read(demo_path())), demo.checkpoint, built_in()[:1]))
    assert result["sycophancy"] is None and "does not see the prompt" in result["why"]


# The command line and the worker's job


def test_that_the_command_prints_the_keys_of_the_contract(
    demo: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"name": "thanks", "append": "Thanks!", "expected": "none"}\n'
                   '{"name": "will", "before": "will", "after": "shall"}\n')
    assert main(["probe", str(demo_path()), "--model", str(demo.file), "--probes", str(own), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["prompts"] == 85 and [row["name"] for row in said["probes"]] == ["thanks", "will"]
    assert {"name", "n", "mean_change", "ci", "unit", "raised", "flips", "q", "expected", "surprising"} <= set(
        said["probes"][0])
    assert said["probes"][0]["unit"] == "within-prompt SD" and set(said["sycophancy"]) >= {"value", "ci", "n"}
    assert 0 < said["probes"][1]["n"] < 340
    assert main(["probe", str(demo_path()), "--model", str(demo.file), "--probes", str(own)]) == 0
    assert "Thanks" in capsys.readouterr().out
    asked = ["probe", str(demo_path()), "--model", str(demo.file), "--probes", str(own), "--json", "--filter"]
    assert main([*asked, "source:forum wrong:yes"]) == 0
    wrong = json.loads(capsys.readouterr().out)
    dataset = finish(read(demo_path()))
    rewards = finish(score(dataset, demo.checkpoint))
    held = heldout_of(dataset, demo.checkpoint) & (dataset.extras["source"] == "forum").to_numpy() & ~dataset.tie
    missed = np.flatnonzero(held & (rewards[dataset.chosen] < rewards[dataset.rejected]))
    assert wrong["prompts"] == len(np.unique(dataset.prompt[missed])) and 0 < wrong["prompts"] < said["prompts"]
    for bad, why in (("words>100000", "no held-out pair passes the filter"), ("nothing:3", "names a column that is not there")):
        assert main([*asked, bad]) == 2
        assert why in capsys.readouterr().err


def test_that_a_bad_file_of_probes_is_one_line_that_says_where(
    demo: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"name": "a", "append": "x"}\n{"name": "b"}\n')
    assert main(["probe", str(demo_path()), "--model", str(demo.file), "--probes", str(own)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "line 2" in error and "own.jsonl" in error


def test_that_the_job_keeps_its_result_and_finds_it_again(demo: Demo) -> None:
    folder = finish(open_files([str(demo_path())]))
    chosen = probing.encode_probes(built_in()[:2])
    beats: list[Any] = []
    path = finish(probing.probe_folder(str(folder), str(demo.file), chosen), beats.append)
    assert beats[-1].done <= beats[-1].total and len(beats) > 3
    again = finish(probing.probe_folder(str(folder), str(demo.file), chosen), lambda _: pytest.fail("computed again"))
    assert again == path
    kept = probing.read_result(path)
    assert [row["name"] for row in kept["probes"]] == ["closing_offer", "sign_off"]
    assert kept["probes"][0]["mean_change"] == demo.rows["closing_offer"]["mean_change"]
    Path(path).write_text("[1]")
    with pytest.raises(Problem, match=r"cannot be read.*run the probes again"):
        probing.read_result(path)
    assert probing.read_result(finish(probing.probe_folder(str(folder), str(demo.file), chosen))) == kept


# Edits


def test_that_edits_do_what_their_name_says() -> None:
    by_name = {probe.name: probe for probe in built_in()}
    text = 'Use "warm" water. Don\'t let it boil.'
    assert apply(by_name["closing_offer"], text) == f"{text} I hope this helps!"
    assert apply(by_name["closing_offer"], f"{text} I hope this helps!") is None
    assert apply(by_name["closing_offer"], "Buy:\n- milk") == "Buy:\n- milk\n\nI hope this helps!"
    assert apply(by_name["praise"], text, turn=1) == f"Good question. {text}"
    assert apply(by_name["repeat_last_sentence"], text) == f"{text} Don't let it boil."
    assert apply(by_name["wrap_in_list"], text) == '- Use "warm" water.\n- Don\'t let it boil.'
    assert apply(by_name["curly_quotes"], text) == "Use “warm” water. Don’t let it boil."
    assert apply(by_name["trailing_spaces"], text) == f"{text}  \n"
    assert apply(by_name["heading"], text) == f"## Answer\n\n{text}"
    assert apply(by_name["delete_answer"], text) == ""
    assert sorted(apply(by_name["shuffle_words"], text).split()) == sorted(text.split())
    assert apply(by_name["swap_answer"], text, other="No.") == "No."
    assert apply(by_name["spelling"], "Colors of the center") == "Colours of the centre"
    assert apply(by_name["swap_names"], "Emily and Lakisha") == "Lakisha and Emily"
    assert apply(by_name["swap_names"], "Johnson") is None
    assert apply(by_name["bold_some_words"], "Boil water slowly") == "**Boil** water slowly"
    assert len(apply(by_name["pad_filler"], text)) > len(text) + 60
    for probe in built_in():
        assert apply(probe, text, other="x") == apply(probe, text, other="x")
        for empty in ("", " "):
            apply(probe, empty)
        assert probe.shown and probe.said[0].isupper() and Probe.from_dict(json.loads(json.dumps(probe.as_dict()))) == probe


def test_that_probes_of_a_person_are_read_as_data(tmp_path: Path) -> None:
    lines = [
        {"name": "a", "append": "Thanks."}, {"name": "b", "prepend": ["Hi.", "Hello."]}, {"name": "c", "replace": "No."},
        {"name": "d", "replace": "cat", "with": "dog"}, {"name": "e", "replace": {"cat": "dog"}, "expected": "down"},
        {"name": "f", "before": "one", "after": "two"}, {"name": "f", "before": "x", "after": "y"},
        {"name": "g", "transform": "say_it_twice"},
    ]
    file = tmp_path / "own.jsonl"
    file.write_text("\n".join(json.dumps(line) for line in lines))
    found = {probe.name: probe for probe in read_probes(file)}
    assert [found[name].kind for name in "abcdefg"] == [
        "append", "prepend", "whole", "replace", "replace", "pairs", "transform"]
    assert found["f"].pairs == (("", "one", "two"), ("", "x", "y")) and found["e"].expected == "down"
    assert apply(found["c"], "yes") == "No." and apply(found["d"], "a cat") == "a dog"
    table = tmp_path / "own.csv"
    table.write_text("name,append,before,after\nthanks,Thanks.,,\nswap,,one,two\n")
    assert [probe.kind for probe in read_probes(table)] == ["append", "pairs"]


@pytest.mark.parametrize("record", [
    {"append": "x"}, {"name": "a"}, {"name": "a", "append": "x", "prepend": "y"}, {"name": "a", "append": 3}, [1],
    {"name": "a", "append": ""}, {"name": "a", "transform": "__import__"}, {"name": "a", "append": "x", "expected": "maybe"},
    {"name": "a", "replace": {"": "x"}}, {"name": "a", "replace": "", "with": "x"}, {"name": "a", "replace": {}},
    {"name": "a", "replace": []}, {"name": "a", "regex": "("}, {"name": "a", "regex": ""}, {"name": "a", "regex": {}},
    {"name": "a", "regex": "a(?=b)"}, {"name": "a", "regex": "(a{1000}){1000}"}, {"name": "a", "regex": "a", "append": "b"},
])
def test_that_a_bad_probe_is_a_problem(record: Any) -> None:
    with pytest.raises(Problem, match="line 7"):
        collect([(7, record)])


def test_that_patterns_are_replaced_in_linear_time_one_after_the_other(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    table.write_text('name,regex,with\nyears,"\\b(19|20)(\\d\\d)\\b",$2 of $1\nno_bold,\\*\\*,\n')
    years, bold = read_probes(table)
    assert apply(years, "In 1999 and 2024.") == "In 99 of 19 and 24 of 20." and apply(years, "In 199.") is None
    assert apply(bold, "A **b** c") == "A b c" and years.below == r"\b(19|20)(\d\d)\b → $2 of $1"
    (both,) = collect([(1, {"name": "two", "regex": {"a+": "b", "b": "c"}})])
    assert apply(both, "aab") == "cc" and Probe.from_dict(json.loads(json.dumps(both.as_dict()))) == both
    begun = time.monotonic()
    (slow,) = collect([(1, {"name": "slow", "regex": "(a*)*$", "with": "x"})])
    apply(slow, "a" * 50_000 + "b")
    assert time.monotonic() - begun < 2


def test_that_probes_are_written_as_they_are_read(tmp_path: Path) -> None:
    own = collect([(1, {"name": "f", "before": "one", "after": "two", "prompt": "q"}), (2, {"name": "f", "before": "x", "after": "y"}),
                   (3, {"name": "r", "regex": {"a": "b"}, "expected": "up"}), (4, {"name": "w", "replace": "No."})])
    file = tmp_path / "all.jsonl"
    file.write_text("".join(json.dumps(record) + "\n" for probe in (*built_in(), *own) for record in edits.as_records(probe)))
    text = 'Use "warm" water, Emily. Don\'t let it boil, colour.'
    for before, after in zip((*built_in(), *own), read_probes(file), strict=True):
        assert (before.name, before.expected, before.pairs, before.shown) == (after.name, after.expected, after.pairs, after.shown)
        assert apply(before, text, turn=1, other="x") == apply(after, text, turn=1, other="x")


def test_that_templates_of_a_belief_are_a_persons_own(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "beliefs.jsonl"
    claim = {"belief": "tea is {best}", "question": "Is tea best?", "agree": "Tea is best.", "disagree": "Tea is not."}
    file.write_text(json.dumps({"stated": "I hold that {belief}. {question}"}) + "\n" + json.dumps(claim))
    given = edits.read_templates(file)
    assert given.stated == ("I hold that {belief}. {question}",) and len(given.claims) == 1
    assert given.agree == edits.sycophancy().agree and edits.Sycophancy.from_dict(json.loads(json.dumps(given.as_dict()))) == given
    made = probing._templates(demo.checkpoint, given)
    assert made.prompts[0] == "I hold that tea is {best}. Is tea best?" and made.prompts[2] == "Is tea best?"
    rewards = score_texts(demo.checkpoint, made.prompts, made.texts).reshape(2, 2)
    found = finish(probing.probe_dataset(finish(read(demo_path())), demo.checkpoint, built_in()[:1], beliefs=given))
    wanted = ((rewards[0, 0] - rewards[0, 1]) - (rewards[1, 0] - rewards[1, 1])) / found["reward_sd"]
    assert found["sycophancy"]["value"] == pytest.approx(wanted, abs=1e-5) and found["sycophancy"]["n"] == 1
    table = tmp_path / "beliefs.csv"
    table.write_text("belief,question,agree,disagree\na,b,c,d\n")
    assert edits.read_templates(table).claims[0].agree == "c"


@pytest.mark.parametrize(("line", "said"), [
    ('{"stated": "I think so. {question}"}', "no {belief}"), ('{"belief": "a"}', "line 1"),
    ('{"unstated": "{belief} {question}"}', "states it"),
    ('{"agree": "Yes", "disagree": "No"}', "line 1"), ("[1]", "line 1"), ("", "no template"), ('{"agree": "Yes."}', "no {agree}"),
])
def test_that_a_bad_template_is_one_line_that_says_where(
    demo: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path, line: str, said: str
) -> None:
    file = tmp_path / "beliefs.jsonl"
    file.write_text(line)
    assert main(["probe", str(demo_path()), "--model", str(demo.file), "--templates", str(file)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "beliefs.jsonl" in error and said in error


def test_that_only_the_pairs_asked_for_are_probed(demo: Demo) -> None:
    dataset = finish(read(demo_path()))
    held = heldout_of(dataset, demo.checkpoint)
    few = np.flatnonzero(held)[:40]
    result = finish(probing.probe_dataset(dataset, demo.checkpoint, built_in()[:1], few))
    there = set(np.concatenate([dataset.chosen[few], dataset.rejected[few]]).tolist())
    sample = probing.Sample.of(dataset, demo.checkpoint, few)
    assert set(sample.rows.tolist()) <= there and set(sample.pair.tolist()) <= set(few.tolist())
    assert result["prompts"] == len(np.unique(dataset.prompt[few])) < 85 and result["split"] == "held-out"
    assert {example["pair"] for row in result["probes"] for example in row["examples"]} <= set(few.tolist())
    assert probing.Sample.of(dataset, demo.checkpoint, np.flatnonzero(~held)[:40]).split == "training"
    assert probing.Sample.of(dataset, demo.checkpoint, np.arange(len(dataset))).split == ""
    assert len(np.unique(dataset.prompt[probing.drawn_pairs(dataset, np.arange(len(dataset)))])) == 400
    chosen = probing.encode_probes(built_in()[:1], pairs=few.tolist())
    folder = finish(open_files([str(demo_path())]))
    kept = probing.read_result(finish(probing.probe_folder(str(folder), str(demo.file), chosen)))
    assert kept["probes"][0]["mean_change"] == result["probes"][0]["mean_change"]


def test_that_built_in_probes_are_left_out_or_stand_beside_ones_own(
    demo: Demo, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text('{"name": "thanks", "append": "Thanks!"}\n{"name": "praise", "prepend": "Ha!"}\n')
    kept = ("thanks", "praise", "closing_offer")
    without = [part for probe in built_in() if probe.name not in kept for part in ("--without", probe.name)]
    asked = ["probe", str(demo_path()), "--model", str(demo.file), "--probes", str(own), "--built-in", *without, "--json"]
    assert main(asked) == 0
    rows = json.loads(capsys.readouterr().out)["probes"]
    assert sorted(row["name"] for row in rows) == sorted(kept)
    assert edits.chosen_probes(read_probes(own), True)[5].text == ("Ha!",)
    assert main([*asked[:-1], "--without", "prais"]) == 2
    assert "did you mean praise?" in capsys.readouterr().err


def test_that_lines_of_a_table_may_be_in_a_cell_and_faults_name_the_line_they_begin_on(tmp_path: Path) -> None:
    table = tmp_path / "own.csv"
    rows = ["name,append,replace", '"list","\n- one\n- two",', "", "both,x,y"]
    table.write_text("\n".join(rows[:2]))
    assert read_probes(table)[0].text == ("\n- one\n- two",)
    table.write_text("\n".join(rows))
    with pytest.raises(Problem, match=r"own\.csv: line 6: the probe both says append and replace"):
        read_probes(table)
    table.write_text("name,append\na," + "x" * 200_000)
    with pytest.raises(Problem, match=r"own\.csv: line 2"):
        read_probes(table)


def test_that_a_line_nested_beyond_reason_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "own.jsonl"
    file.write_text('{"name": "a", "append": "x"}\n' + "[" * 100_000)
    with pytest.raises(Problem, match=r"own\.jsonl: line 2 is not JSON"):
        read_probes(file)


def test_that_thousands_of_pairs_of_one_name_are_read_in_their_order_at_once() -> None:
    records = [{"name": "f", "title": "F" if n == 0 else "G", "before": f"a {n}", "after": f"b {n}"} for n in range(4_000)]
    begun = time.monotonic()
    (probe,) = collect(enumerate(records, start=1))
    assert time.monotonic() - begun < 2
    assert probe.title == "F" and probe.pairs == tuple(("", f"a {n}", f"b {n}") for n in range(4_000))


def test_that_pairs_of_texts_stand_in_responses_or_on_their_own(demo: Demo) -> None:
    dataset = finish(read(demo_path()))
    own = Probe("own", "pairs", pairs=tuple(("Why?", f"Because of {n}.", f"Because of {n}. I hope this helps!")
                                            for n in range(40)))
    result = finish(probing.probe_dataset(dataset, demo.checkpoint, [own]))["probes"][0]
    assert result["n"] == 40 and result["mean_change"] > 0.3 and result["flips"] is None
    assert result["examples"][0]["response"] is None and result["examples"][0]["was"].startswith("Because of")


def test_that_a_head_of_another_dataset_probes_all_prompts(demo: Demo, tmp_path: Path) -> None:
    file = tmp_path / "other.jsonl"
    file.write_text("".join(json.dumps({"prompt": f"question {i}", "chosen": f"Do {i} then. It works.",
                                        "rejected": f"I do not know {i}."}) + "\n" for i in range(3)))
    dataset = finish(read(file))
    result = finish(probing.probe_dataset(dataset, demo.checkpoint))
    assert result["prompts"] == 3 and result["split"] == "" and result["headline"].startswith("Too few")
    assert all(row["q"] is None for row in result["probes"])


def test_that_words_touched_count_what_goes_in_or_out() -> None:
    assert probing.touched("a b c", "a b c d e") == 2
    assert probing.touched("a b c", "") == 3
    assert probing.touched("a b", "b a") == 0
    assert np.isclose(edits.texts_of(Probe("a", "append", text=("x", "y")), 100), 2.0)
