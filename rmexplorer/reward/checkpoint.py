"""A trained head on disk: one safetensors file with all that is needed to score text elsewhere, encoder included."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as safetensors_bytes

from rmexplorer import __version__
from rmexplorer.encoders import ENCODERS, EncoderState
from rmexplorer.paths import atomic
from rmexplorer.problem import Problem
from rmexplorer.reward.fixes import Feature, FeatureLines, LengthLine, check_features, from_plain
from rmexplorer.reward.head import RewardModel
from rmexplorer.reward.settings import TrainSettings

LAYOUT = 5  # 2 may hold a residual, 3 phrases to remove, 4 lines of features, 5 own ones; older versions would leave them out
_HEAD, _ENCODER = "head.", "encoder."


@dataclass(frozen=True, eq=False)
class Checkpoint:
    """A reward head with its encoder and its history.

    temperature: P(chosen) = σ(d / temperature); metrics: plain values of the verdict, as `train --json` prints them;
    dataset_fingerprint, settings.holdout and settings.seed together name the held-out prompts; reward_mean, reward_std:
    of the rewards of the training responses; created: ISO time in UTC; version:
    of rmexplorer; residual: the line of length, or of chosen features, that is subtracted from raw rewards, None where there is none.
    """

    model: RewardModel
    encoder: EncoderState
    settings: TrainSettings = field(default_factory=TrainSettings)
    temperature: float = 1.0
    metrics: dict[str, Any] = field(default_factory=dict)
    dataset_name: str = ""
    dataset_fingerprint: str = ""
    reward_mean: float = 0.0
    reward_std: float = 1.0
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))
    version: str = __version__
    residual: LengthLine | FeatureLines | None = None

    @property
    def holdout(self) -> float:
        """The share of prompts that was held out."""
        return self.settings.holdout

    @property
    def seed(self) -> int:
        """The seed of the split and of training."""
        return self.settings.seed

    @property
    def measures(self) -> tuple[Feature, ...]:
        """The features that the rewards need besides vectors; () where characters are enough."""
        return self.residual.features if isinstance(self.residual, FeatureLines) else ()

    def rewards(self, vectors: np.ndarray, characters: np.ndarray) -> np.ndarray:
        """Calibrated rewards (n,) float32 of vectors (n, d) of responses of so many characters (n,), stripped.

        Characters are those of `EncoderState.plain`; where there are `measures` it is these, (n, measures) as
        `fixes.measured` gives them of the same texts.
        The residual is subtracted first, the temperature divides last: this is the reward that people see.
        """
        raw = self.model.rewards(vectors)
        if self.residual is not None:
            raw = raw - self.residual.at(characters)
        return np.asarray(raw / self.temperature, dtype=np.float32)

    def to_bytes(self) -> bytes:
        """The whole checkpoint in safetensors; written to a file it is what `load` reads."""
        header = {
            "layout": self._layout(),
            "version": self.version, "created": self.created, "temperature": float(self.temperature),
            "input_dim": self.model.input_dim, "hidden_dim": self.model.hidden_dim,
            "settings": self.settings.as_dict(),
            "metrics": self.metrics, "dataset": {"name": self.dataset_name, "fingerprint": self.dataset_fingerprint},
            "reward_mean": float(self.reward_mean), "reward_std": float(self.reward_std),
            "encoder": self.encoder.header(),
            "residual": None if self.residual is None else self.residual.as_dict(),
        }
        arrays = {_HEAD + name: array for name, array in self.model.arrays().items()}
        arrays |= {_ENCODER + name: np.ascontiguousarray(array) for name, array in self.encoder.arrays.items()}
        header["digest"] = digest(arrays)
        return safetensors_bytes(arrays, metadata={"rmexplorer": json.dumps(header, default=_plain)})

    def _layout(self) -> int:
        """The oldest layout that holds all of this, so that older versions read what they can."""
        if self.measures:
            return 4 if all(isinstance(feature, str) for feature in self.measures) else LAYOUT
        return 3 if self.encoder.removed else 1 if self.residual is None else 2

    def save(self, path: Path | str) -> None:
        """Write the file whole or not at all; raises Problem where the place cannot be written."""
        content = self.to_bytes()
        with atomic(Path(path)) as part:
            part.write_bytes(content)

    @classmethod
    def load(cls, path: Path | str) -> Checkpoint:
        """Read a file that `save` wrote; raises Problem where it is missing, damaged, something else, or newer."""
        path = Path(path)
        header, arrays = _read(path)
        try:
            layout = int(header["layout"])
            if layout > LAYOUT:
                raise Problem(f"{path}: was written by rmexplorer {header.get('version')}, a newer one",
                              "update rmexplorer")
            if header["digest"] != digest(arrays):
                raise ValueError("its numbers are not those that were saved")
            model = RewardModel.from_arrays(_part(arrays, _HEAD))
            if (model.input_dim, model.hidden_dim) != (header["input_dim"], header["hidden_dim"]):
                raise ValueError("the head's shapes are not those of the header")
            if not np.isfinite(model.flat).all() or not float(header["temperature"]) > 0:
                raise ValueError("a parameter is not a finite number")
            encoder = EncoderState.of(header["encoder"], _part(arrays, _ENCODER))
            checkpoint = cls(
                model, encoder, TrainSettings.from_dict(header["settings"]), float(header["temperature"]),
                dict(header["metrics"]), str(header["dataset"]["name"]), str(header["dataset"]["fingerprint"]),
                float(header["reward_mean"]), float(header["reward_std"]), str(header["created"]),
                str(header["version"]), _residual(header.get("residual")))
        except Problem as problem:
            raise problem if problem.what.startswith(str(path)) else Problem(
                f"{path}: {problem.what}", problem.remedy) from problem
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise Problem(f"{path}: is a damaged rmexplorer model ({error})", "train and save it again") from error
        _check_width(path, checkpoint)
        return checkpoint


def digest(arrays: Mapping[str, np.ndarray]) -> str:
    """Digest of names, kinds, shapes and bytes of arrays, to tell a file that went bad on a disk."""
    state = hashlib.blake2b(digest_size=16)
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        state.update(f"{name} {array.dtype} {array.shape} ".encode())
        state.update(array.tobytes())
    return state.hexdigest()


def _residual(kept: Mapping[str, Any] | None) -> LengthLine | FeatureLines | None:
    if kept is None:
        return None
    if "names" in kept:
        features = from_plain(kept["names"], tried=True)
        check_features(features)
        lines = FeatureLines(features, tuple(map(float, kept["slopes"])), tuple(map(float, kept["means"])))
        if not len(lines.features) == len(lines.slopes) == len(lines.means) or not np.isfinite([lines.slopes, lines.means]).all():
            raise ValueError("the residual does not hold a finite number for each feature")
        return lines
    line = LengthLine(float(kept["slope"]), float(kept["mean"]))
    if not (np.isfinite(line.slope) and np.isfinite(line.mean)):
        raise ValueError("the residual is not a finite number")
    return line


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} cannot be kept in a checkpoint")


def _part(arrays: Mapping[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _read(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Header and arrays of a safetensors file that rmexplorer wrote."""
    if path.is_dir():
        raise Problem(f"{path}: is a folder, not a model file", "name the .safetensors file in it")
    try:
        path.open("rb").close()  # safetensors takes a file that may not be read for one that is not there
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if "rmexplorer" not in metadata:
                raise Problem(f"{path}: is a safetensors file, but not a model of rmexplorer",
                              "give a file that `rmexplorer train -o` wrote")
            arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        header = json.loads(metadata["rmexplorer"])
    except FileNotFoundError as error:
        raise Problem(f"{path}: there is no such file", "check the name") from error
    except OSError as error:
        raise Problem(f"{path}: cannot be read ({error.strerror or error})", "check the permissions") from error
    except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Problem(f"{path}: is not a whole model file ({error})",
                      "it may be cut off or something else; train and save it again") from error
    if not isinstance(header, dict):
        raise Problem(f"{path}: is a damaged rmexplorer model (no header)", "train and save it again")
    return header, arrays


def _check_width(path: Path, checkpoint: Checkpoint) -> None:
    """Refuse a head whose inputs are not the numbers that its encoder makes."""
    try:
        width = ENCODERS[checkpoint.encoder.name].width(checkpoint.encoder)
    except Problem as problem:
        raise Problem(f"{path}: {problem.what}", problem.remedy) from problem
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise Problem(f"{path}: the encoder in this model is damaged ({error})", "train and save it again") from error
    if width != checkpoint.model.input_dim:
        raise Problem(f"{path}: its head takes {checkpoint.model.input_dim} numbers, but its encoder makes {width}",
                      "train and save it again")
