"""Two heads on the same pairs: what was planted is what the comparison finds, in the library and on the command line."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from rmexplorer import cli
from rmexplorer.analysis.fix_comparison import probe_changes
from rmexplorer.data.read import read
from rmexplorer.job import finish
from rmexplorer.reward.checkpoint import Checkpoint
from rmexplorer.workflows.comparing import compare_heads, compare_probes, unknown_to_both
from rmexplorer.workflows.edits import built_in
from rmexplorer.workflows.files import demo_path
from rmexplorer.workflows.scoring import heldout_of


def test_that_a_planted_change_of_a_probe_is_found_with_its_interval_and_others_are_not() -> None:
    random = np.random.default_rng(0)
    prompt = np.arange(300) // 3
    before = 0.8 + random.normal(0, 0.5, 300)
    found = probe_changes([
        ("cut", "Cut", "none", before, before - 0.5 + random.normal(0, 0.2, 300), prompt),
        ("same", "Same", "none", before, before + random.normal(0, 0.2, 300), prompt),
        ("never", "Never", "none", np.zeros(0), np.zeros(0), np.zeros(0, int)),
    ])
    cut, same, never = found
    assert cut.difference.value == pytest.approx(-0.5, abs=0.05) and cut.clear and cut.words().startswith("weaker by 0.5")
    assert cut.difference.high is not None and cut.difference.high - (cut.difference.low or 0) < 0.1, "paired, not of two samples"
    assert not same.clear and same.words() == "no clear difference" and never.q == 1.0 and never.before.value is None


def test_that_the_command_line_compares_two_heads(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    heads = []
    for name, more in (("plain", []), ("level", ["--residualize", "characters,closer,exclamations"])):
        heads.append(str(tmp_path / f"{name}.safetensors"))
        assert cli.main(["train", str(demo_path()), "-o", heads[-1], "--epochs", "4", *more]) == 0
    capsys.readouterr()
    assert cli.main(["analyze", str(demo_path()), "--model", heads[0], "--against", heads[1], "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    compared = found["comparison"]
    figures = {one["name"]: one for one in compared["figures"]}
    assert compared["pairs"] == found["pairs"] and figures["All pairs"]["before"] == pytest.approx(found["accuracy"]["value"])
    assert {"forum", "handbook", "chat", "study", "Equal length", "Length doubled", "Error (ECE)"} <= set(figures)
    assert all(one["difference"]["ci"] and one["difference"]["n"] > 0 for one in figures.values())
    assert compared["headline"].startswith("The second head")
    probes = {one["name"]: one for one in compared["probes"]}
    closing = probes["closing_offer"]
    assert closing["before"]["value"] > 0.2 and abs(closing["after"]["value"]) < 0.6 * closing["before"]["value"]
    assert closing["difference"]["ci"][1] < 0 and closing["q"] < 0.05
    assert cli.main(["analyze", str(demo_path()), "--model", heads[0], "--against", heads[1]]) == 0
    said = capsys.readouterr().out
    assert "Probes, in within-prompt SD of each head" in said and compared["headline"] in said
    assert cli.main(["analyze", str(demo_path()), "--against", heads[1]]) == 2
    assert "add --model" in capsys.readouterr().err
    same = Checkpoint.load(heads[0])
    alike = finish(compare_heads(finish(read(demo_path())), same, same, ()))
    assert all(one.difference.value == 0.0 for one in alike.figures.changes) and alike.mcnemar.p == 1.0 and alike.probes == ()
    demo, other = finish(read(demo_path())), replace(same, settings=replace(same.settings, seed=same.seed + 1))
    both = unknown_to_both(demo, same, other)
    assert 0 < both.sum() < heldout_of(demo, same).sum()
    ties = replace(demo, pairs=demo.pairs.with_columns(winner=pl.when(pl.Series(both)).then(0).otherwise("winner").cast(pl.Int8)))
    told = finish(compare_heads(ties, same, other, ()))
    assert told.warnings[0].startswith("the pairs that are unknown to both heads are all ties") and told.figures.n == int((~ties.tie).sum())
    probed = finish(compare_probes(demo, same, other, built_in()[:1]))[0]
    assert 0 < probed.difference.n <= len(np.unique([demo.chosen[both], demo.rejected[both]])), "what one has learnt is not probed"
