"""The settings of a whole run: the encoder and how the head is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rmexplorer.reward.settings import TrainSettings


@dataclass(frozen=True)
class RunSettings:
    """What a person chooses before a run; a bad value raises Problem when it is made."""

    encoder: str = "lexical"
    train: TrainSettings = field(default_factory=TrainSettings)

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values, for JSON."""
        return {"encoder": self.encoder, **self.train.as_dict()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSettings:
        """The settings that `as_dict` wrote; unknown names are left out."""
        return cls(str(values.get("encoder", "lexical")), TrainSettings.from_dict(values))


def settings_from(given: Mapping[str, Any]) -> RunSettings:
    """Settings from options that may be None (not given) and from names that are no settings."""
    known = {setting.name for setting in fields(TrainSettings)} | {"encoder"}
    return RunSettings.from_dict({name: value for name, value in given.items() if name in known and value is not None})
