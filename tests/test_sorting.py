"""Features for sorting are those of `surface`, beside the pairs that they are of; measured once, in a job."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rmexplorer.data.features import surface
from rmexplorer.data.own_features import OwnFeature
from rmexplorer.job import Progress, finish
from rmexplorer.workflows import sorting
from rmexplorer.workflows.columns import columns
from rmexplorer.workflows.sorting import feature_names, is_measured, measured, measuring
from tests.made import ROWS, dataset_of


def test_that_the_features_of_both_responses_stand_beside_their_pair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sorting, "BLOCK", 7)
    rows = [{**row, "rejected": row["rejected"] + " perhaps, maybe" * (n % 3)} for n, row in enumerate(ROWS)]
    dataset, _ = dataset_of(rows, tmp_path)
    given = columns(dataset)
    assert is_measured(given, "words") and not is_measured(given, "hedges") and measured(given, "hedges") is None
    beats: list[Progress] = []
    finish(measuring(given, "hedges"), beats.append)
    assert len(beats) == -(-dataset.responses.height // 7) and beats[-1].total == dataset.responses.height
    values = measured(given, "hedges")
    assert values is not None and values.shape == (60, 2)
    assert values[:, 1].tolist() == [2 * (n % 3) for n in range(60)] and not values[:, 0].any()
    texts = dataset.responses["text"]
    prompts = dataset.prompts["text"].gather(dataset.prompt)
    for name in feature_names(given):
        found = measured(given, name)
        assert found is not None
        for place, side in enumerate((dataset.chosen, dataset.rejected)):
            assert np.array_equal(found[:, place], surface(prompts, texts.gather(side))[name].to_numpy()), name
    again: list[Progress] = []
    finish(measuring(given, "closer"), again.append)
    assert again == [], "the surface features are measured together"


def test_that_a_feature_of_ones_own_sorts_until_it_is_redefined(tmp_path: Path) -> None:
    dataset, _ = dataset_of(ROWS, tmp_path)
    plain = columns(dataset)
    given = plain.with_own((OwnFeature("more", "regex", "more"),))
    assert feature_names(given)[-1] == "more" and not is_measured(given, "more")
    finish(measuring(given, "more"))
    values = measured(given, "more")
    assert values is not None and values[:, 0].tolist() == [n % 4 for n in range(60)]
    assert not is_measured(plain.with_own((OwnFeature("more", "words", "good"),)), "more")
    assert not is_measured(plain, "more") and measured(plain, "more") is None and measured(given, "nothing") is None
