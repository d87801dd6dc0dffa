"""What the Playground says: chances, headlines, and edits in words or as probes."""

from __future__ import annotations

import numpy as np
import pytest

from rmexplorer.analysis.attribution import Attribution
from rmexplorer.workflows.edits import apply
from rmexplorer.workflows.playground import Drafts, Scored, describe_edit, ordinal, percentile, probe_of, words_of


def test_that_the_chance_is_the_logistic_of_the_margin() -> None:
    scored = Scored(Drafts("p", ("a", "b")), (0.84, 1.88))
    assert scored.margin == pytest.approx(-1.04) and scored.chance == pytest.approx(1 / (1 + np.exp(1.04)))
    assert scored.headline() == "B beats A with P = 0.74, a margin of 1.04."
    why = Attribution((("I ", 0.01), ("hope", 0.38)), "word", 1.88)
    assert scored.headline((None, why)).endswith("Without “hope” its reward falls by 0.38.")


def test_that_a_missing_response_and_equal_ones_have_their_own_sentence() -> None:
    assert "Type or paste" in Scored(Drafts(), (None, None)).headline()
    assert Scored(Drafts(), (0.5, None)).headline().endswith("Write response B to compare them.")
    assert Scored(Drafts(), (0.5, None)).chance is None
    assert "alike" in Scored(Drafts(), (0.5, 0.5)).headline()


def test_that_a_percentile_counts_ties_as_half() -> None:
    rewards = np.array([0.0, 1.0, 1.0, 2.0, np.nan])
    assert percentile(1.0, rewards) == 0.5 and percentile(9.0, rewards) == 1.0
    assert percentile(1.0, np.zeros(0)) is None
    assert [ordinal(share) for share in (0.01, 0.02, 0.11, 0.83, 1.0)] == [
        "1st percentile", "2nd percentile", "11th percentile", "83rd percentile", "99th percentile"]


@pytest.mark.parametrize(("old", "new", "said"), [
    ("", "a b", "Wrote 2\u00a0words"), ("a b", "", "Deleted everything"), ("a", "a ", "Changed white space"),
    ("a b", "a b c d", "Added “c d”"), ("a b c", "a c", "Removed “b”"), ("a b c", "a x c", "Replaced “b” → “x”"),
    ("a b c d e", "x b c d y z", "Changed 2 places, 1\u00a0word more"),
])
def test_that_an_edit_is_said_in_words(old: str, new: str, said: str) -> None:
    assert describe_edit(old, new) == said


def test_that_an_edit_becomes_a_probe_that_repeats_it() -> None:
    for old, new, kind in (("It works.", "It works. Thanks!", "append"), ("It works.", "Hi. It works.", "prepend"),
                           ("It works well.", "It works badly.", "replace"), ("It really works.", "It works.", "replace")):
        probe = probe_of(old, new)
        assert probe is not None and probe.kind == kind and probe.own
    assert apply(probe_of("It works.", "It works. Thanks!"), "Yes.") == "Yes. Thanks!"
    assert probe_of("a b c d", "x b c y") is None and probe_of("", "a") is None and probe_of("a", "a ") is None


def test_that_words_are_counted_with_their_noun() -> None:
    assert words_of("one") == "1 word" and words_of("") == "0 words" and words_of("a b  c") == "3 words"
