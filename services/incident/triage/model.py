"""What was learned: how much each feature speaks for each label. Suggesting needs this alone, not what it was learned with."""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from services.incident.triage.features import BLOCKS, Features, features

RECIPE = 1
"""Raised with every change of what counts in a text: a model of another recipe would weigh the wrong things."""
MOST_BYTES = 512 << 20

_Numbers = npt.NDArray[np.float32]


class TooFew(ValueError):
    """There is not enough to learn from."""


class UnusableModel(ValueError):
    """What was given is no model of this recipe."""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A label, and how likely it is to be right, between 0 and 1."""

    label: str
    confidence: float


@dataclass(frozen=True, slots=True)
class Weights:
    """Of a block: its features in ascending order, how rare each is, and how much each speaks for each label."""

    features: Features
    rarity: _Numbers
    votes: _Numbers


@dataclass(frozen=True, slots=True)
class Model:
    """`bias` is what speaks for each label before a word was read; votes are logarithms of how likely each label is."""

    labels: Sequence[str]
    blocks: Mapping[str, Weights]
    bias: _Numbers
    facts: Mapping[str, Any]

    def votes(self, text: str) -> _Numbers:
        """How much the text speaks for each label."""
        total = self.bias.copy()
        for name, (found, said) in features(text).items():
            weights = self.blocks[name]
            if not len(weights.features):
                continue
            at = np.minimum(np.searchsorted(weights.features, found), len(weights.features) - 1)
            known = weights.features[at] == found
            at, strength = at[known], said[known] * weights.rarity[at[known]]
            length = float(np.sqrt(strength @ strength))
            if length:
                total += (BLOCKS[name].weight / length * strength) @ weights.votes[at]
        return total

    def suggest(self, text: str) -> Sequence[Suggestion]:
        """All labels, the likeliest first."""
        shares = _shares(self.votes(text))
        return [Suggestion(self.labels[at], float(shares[at])) for at in np.argsort(-shares, kind="stable")]

    def to_bytes(self) -> bytes:
        """As a file: arrays and one JSON document, nothing that would be run."""
        about = {
            "recipe": RECIPE,
            "labels": list(self.labels),
            "facts": dict(self.facts),
        }
        arrays: dict[str, Any] = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8), "bias": self.bias}
        for name, weights in self.blocks.items():
            arrays[f"{name}.features"] = weights.features
            arrays[f"{name}.rarity"] = weights.rarity
            arrays[f"{name}.votes"] = weights.votes.astype(np.float16)
        into = io.BytesIO()
        np.savez_compressed(into, **arrays)
        return into.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Model":
        """Raises `UnusableModel` for what is no model of this recipe."""
        try:
            with ZipFile(io.BytesIO(data)) as packed:
                if sum(member.file_size for member in packed.infolist()) > MOST_BYTES:
                    raise UnusableModel(f"it is larger than {MOST_BYTES >> 20} MiB")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                if about["recipe"] != RECIPE:
                    raise UnusableModel(f"it is of recipe {about['recipe']}, and this is {RECIPE}: train it anew")
                blocks = {
                    name: Weights(
                        arrays[f"{name}.features"], arrays[f"{name}.rarity"], arrays[f"{name}.votes"].astype(np.float32)
                    )
                    for name in BLOCKS
                }
                model = cls(about["labels"], blocks, arrays["bias"], about["facts"])
        except UnusableModel:
            raise
        except Exception as error:  # of what can be wrong with a damaged file, there is no list
            raise UnusableModel(f"it is not a model: {error}") from None
        model.check()
        return model

    def check(self) -> None:
        """Raises `UnusableModel` when its parts do not fit each other."""
        count = len(self.labels)
        fits = self.bias.shape == (count,) and bool(np.all(np.isfinite(self.bias)))
        for weights in self.blocks.values():
            size = len(weights.features)
            fits = fits and weights.features.dtype == np.uint32 and bool(np.all(weights.features[1:] > weights.features[:-1]))
            fits = fits and weights.rarity.shape == (size,) and weights.votes.shape == (size, count)
            fits = fits and bool(np.all(np.isfinite(weights.rarity)) and np.all(np.isfinite(weights.votes)))
        if not fits:
            raise UnusableModel("its parts do not fit each other")


def _shares(votes: _Numbers) -> _Numbers:
    raised = np.exp(votes - votes.max())
    shares: _Numbers = raised / raised.sum()
    return shares


def read(path: Path) -> Model:
    """A model from a file. Raises `UnusableModel`, `OSError`."""
    if path.stat().st_size > MOST_BYTES:
        raise UnusableModel(f"it is larger than {MOST_BYTES >> 20} MiB")
    return Model.from_bytes(path.read_bytes())
