"""Every command can be found, read and given."""

from __future__ import annotations

from collections import Counter

import pytest

from rmexplorer.app.commands import COMMANDS, WHY_NOT, always, command
from rmexplorer.app.state import State


def test_that_no_two_commands_share_a_key() -> None:
    keys = Counter(one.key for one in COMMANDS.values() if one.key)
    assert [key for key, times in keys.items() if times > 1] == []


def test_that_every_command_has_a_title_a_sentence_and_a_menu() -> None:
    for one in COMMANDS.values():
        assert one.title and one.sentence.endswith(".") and one.menu, one.name


def test_that_every_condition_says_why_not() -> None:
    for one in COMMANDS.values():
        assert one.when is always or one.when in WHY_NOT, one.name
        assert one.when is always or not one.when(State()), one.name


def test_that_a_command_without_a_sentence_is_refused() -> None:
    with pytest.raises(TypeError, match="no sentence"):
        command("Nameless")(lambda desk: None)
