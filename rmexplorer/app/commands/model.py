"""Commands on the reward head: train, pause, stop, choose."""

from __future__ import annotations

from rmexplorer.app.commands import command, with_dataset, with_rewards, with_whole
from rmexplorer.app.desk import Desk


@command("Train, pause or go on", "Ctrl+Return", "Model", with_whole)
def train_or_pause(desk: Desk) -> None:
    """Start training with the settings of the Train pane, or pause and go on with the run that trains."""
    desk.train_or_pause()


@command("Stop training, keep best", "Ctrl+.", "Model", with_dataset)
def stop_training(desk: Desk) -> None:
    """End the run that trains now and keep its best epoch."""
    desk.stop_training()


@command("Cancel training", "", "Model", with_dataset)
def cancel_training(desk: Desk) -> None:
    """End the run that trains now and keep nothing of it."""
    desk.cancel_training()


@command("Use the file's own scores", "", "Model", with_whole)
def use_columns(desk: Desk) -> None:
    """Show the rewards that came with the file instead of those of a head."""
    desk.use_columns()


@command("Show held-out pairs", "", "Model", with_rewards)
def scope_heldout(desk: Desk) -> None:
    """Count only pairs that the head has not learnt from."""
    desk.set_scope("heldout")


@command("Show training pairs", "", "Model", with_rewards)
def scope_training(desk: Desk) -> None:
    """Count only pairs that the head has learnt from."""
    desk.set_scope("training")


@command("Show all pairs", "", "Model", with_rewards)
def scope_all(desk: Desk) -> None:
    """Count held-out and training pairs together."""
    desk.set_scope("all")
