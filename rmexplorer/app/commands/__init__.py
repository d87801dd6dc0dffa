"""Commands: each is a function with a title, a sentence, a key and a `when`. Menus, palette, shortcuts, tooltips and the
help page are loops over COMMANDS."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexplorer.app.state import State
from rmexplorer.registry import Registry

if TYPE_CHECKING:
    from rmexplorer.app.desk import Desk

Action = Callable[["Desk"], None]
When = Callable[[State], bool]


def always(_: State) -> bool:
    """A command that can always be given."""
    return True


def with_dataset(state: State) -> bool:
    """A command that needs a dataset."""
    return state.dataset is not None


def with_read(state: State) -> bool:
    """A command that needs a dataset that is read to its end."""
    return state.dataset is not None and state.partial is None


def with_whole(state: State) -> bool:
    """A command that needs all pairs of a dataset at once: not while it is read, and not of too many."""
    return state.dataset is not None and not state.waits


def with_rewards(state: State) -> bool:
    """A command that needs rewards."""
    return state.rewards is not None


def with_focus(state: State) -> bool:
    """A command that needs a pair in the inspector."""
    return state.focus is not None


WHY_NOT: dict[When, str] = {
    with_dataset: "Open a dataset first.",
    with_read: "Open a dataset first.",
    with_whole: "Open a dataset first.",
    with_rewards: "Train a head or load scores first.",
    with_focus: "Choose a pair first.",
}


def why_not(given: Command, state: State) -> str:
    """Why a command cannot be given now, "" where it can."""
    if given.when(state):
        return ""
    if given.when in (with_read, with_whole) and state.waits:
        return state.waits
    return WHY_NOT.get(given.when, "This is not possible now.")


@dataclass(frozen=True)
class Command:
    """One thing a person can ask for. `key` is a QKeySequence text, '' for none."""

    name: str
    title: str
    sentence: str
    key: str
    menu: str
    when: When
    run: Action


COMMANDS: Registry[Command] = Registry("command", "rmexplorer.app.commands")


def command(title: str, key: str = "", menu: str = "", when: When = always) -> Callable[[Action], Action]:
    """Register a function as a command; its docstring is the sentence that palette and help show."""

    def register(function: Action) -> Action:
        sentence = (function.__doc__ or "").strip().split("\n")[0]
        if not sentence:
            raise TypeError(f"the command {function.__name__} has no sentence")
        COMMANDS.add(function.__name__, Command(function.__name__, title, sentence, key, menu, when, function))
        return function

    return register
