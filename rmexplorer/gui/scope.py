"""Which pairs panes look at: held-out, training or all; the switch for it, and its words."""

from __future__ import annotations

from rmexplorer.app.desk import Desk
from rmexplorer.app.state import State
from rmexplorer.gui.widgets import Segmented

SPLITS = {"heldout": "held-out", "training": "training", "all": ""}


def split_of(state: State) -> str:
    """What the pairs in the scope are to the model: held-out, training, or '' for all and for scores from the file."""
    return SPLITS[state.scope] if state.rewards is not None and state.rewards.source == "model" else ""


def no_pairs(state: State) -> str:
    """The sentence of a pane without pairs, where no filter is the reason."""
    split = SPLITS[state.scope]
    return f"There are no {split} pairs." if split else "There are no pairs."


class ScopeSwitch(Segmented):
    """Held-out, training or all pairs, for all panes at once; hidden for scores that came with the file."""

    def __init__(self, desk: Desk) -> None:
        super().__init__((("heldout", "Held-out"), ("training", "Training"), ("all", "All")), desk.state.scope, "Pairs")
        self.changed.connect(desk.set_scope)

    def follow(self, state: State) -> None:
        """Show the scope of the state, and which scopes have pairs."""
        rewards = state.rewards
        self.setVisible(rewards is not None and rewards.source == "model")
        if rewards is None:
            return
        self.set_current(state.scope)
        for key, there in (("heldout", rewards.heldout.any()), ("training", not rewards.heldout.all())):
            self.disable(key, "" if there else f"There are no {SPLITS[key]} pairs.")
