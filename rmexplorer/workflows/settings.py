"""The settings of a whole run: the encoder and how the head is trained."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from rmexplorer.data.own_features import OwnFeature
from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import Feature, as_plain, check_features, from_plain, resolved
from rmexplorer.reward.settings import TrainSettings

RESIDUAL: tuple[Feature, ...] = ("characters",)


@dataclass(frozen=True)
class RunSettings:
    """What a person chooses before a run; a bad value raises Problem when it is made.

    source_weights: (name of a source, factor of its training pairs), sorted; sources that are not named keep theirs.
    removed_phrases: taken out of every response before it is encoded; sorted, without white space at their ends.
    residual_features: what the length fix residualize fits its lines on, by name or a person's own with its definition;
    characters alone is the line of length.
    """

    encoder: str = "lexical"
    train: TrainSettings = field(default_factory=TrainSettings)
    source_weights: tuple[tuple[str, float], ...] = ()
    removed_phrases: tuple[str, ...] = ()
    residual_features: tuple[Feature, ...] = RESIDUAL

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
                "removed_phrases": list(self.removed_phrases), "residual_features": as_plain(self.residual_features)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> RunSettings:
        """The settings that `as_dict` wrote; unknown names are left out."""
        weights = {str(name): float(weight) for name, weight in dict(values.get("source_weights") or {}).items()}
        phrases = {str(phrase).strip() for phrase in values.get("removed_phrases") or ()}
        train = TrainSettings.from_dict(values)
        features = from_plain(values.get("residual_features") or RESIDUAL)
        return cls(str(values.get("encoder", "lexical")), train, tuple(sorted(weights.items())), tuple(sorted(phrases)), features)


def settings_from(given: Mapping[str, Any], own: Sequence[OwnFeature] = ()) -> RunSettings:
    """Settings from options that may be None (not given) and from names that are no settings.

    own: a person's features, which `residual_features` may name; raises Problem where it names none of them.
    """
    known = {setting.name for setting in fields(TrainSettings)} | {setting.name for setting in fields(RunSettings)}
    named = given.get("residual_features") or ()
    if own and not {feature.name for feature in own} & set(named):
        raise Problem("none of the features of your own is residualised on", f"add --residualize {own[0].name}")
    if named:
        given = {**given, "residual_features": resolved(named, own), "length_fix": given.get("length_fix") or "residualize"}
    return RunSettings.from_dict({name: value for name, value in given.items() if name in known and value is not None})
