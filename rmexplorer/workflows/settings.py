"""The settings of a whole run: the encoder and how the head is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import check_features
from rmexplorer.reward.settings import TrainSettings

RESIDUAL = ("characters",)


@dataclass(frozen=True)
class RunSettings:
    """What a person chooses before a run; a bad value raises Problem when it is made.

    source_weights: (name of a source, factor of its training pairs), sorted; sources that are not named keep theirs.
    removed_phrases: taken out of every response before it is encoded; sorted, without white space at their ends.
    residual_features: what the length fix residualize fits its lines on; characters alone is the line of length.
    """

    encoder: str = "lexical"
    train: TrainSettings = field(default_factory=TrainSettings)
    source_weights: tuple[tuple[str, float], ...] = ()
    removed_phrases: tuple[str, ...] = ()
    residual_features: tuple[str, ...] = RESIDUAL

    def __post_init__(self) -> None:
        for name, weight in self.source_weights:
            if not (math.isfinite(weight) and weight >= 0):
                raise Problem(f"weight {weight:g} of the source {name!r} is not possible",
                              "choose a number from 0, which drops the source")
        if not all(phrase.strip() for phrase in self.removed_phrases):
            raise Problem("a phrase to remove is empty", "give a word at least")
        check_features(self.residual_features)
        if self.residual_features != RESIDUAL and self.train.length_fix != "residualize":
            raise Problem(f"features to residualise on do not go with the length fix {self.train.length_fix}",
                          "choose the length fix residualize, or leave the features out")

    def as_dict(self) -> dict[str, Any]:
        """All settings as plain values, for JSON."""
        return {"encoder": self.encoder, **self.train.as_dict(), "source_weights": dict(self.source_weights),
                "removed_phrases": list(self.removed_phrases), "residual_features": list(self.residual_features)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSettings:
        """The settings that `as_dict` wrote; unknown names are left out."""
        weights = {str(name): float(weight) for name, weight in dict(values.get("source_weights") or {}).items()}
        phrases = {str(phrase).strip() for phrase in values.get("removed_phrases") or ()}
        train = TrainSettings.from_dict(values)
        features = tuple(dict.fromkeys(str(name) for name in values.get("residual_features") or RESIDUAL))
        return cls(str(values.get("encoder", "lexical")), train, tuple(sorted(weights.items())), tuple(sorted(phrases)), features)


def settings_from(given: Mapping[str, Any]) -> RunSettings:
    """Settings from options that may be None (not given) and from names that are no settings."""
    known = {setting.name for setting in fields(TrainSettings)} | {setting.name for setting in fields(RunSettings)}
    if given.get("residual_features") and given.get("length_fix") is None:
        given = {**given, "length_fix": "residualize"}
    return RunSettings.from_dict({name: value for name, value in given.items() if name in known and value is not None})
