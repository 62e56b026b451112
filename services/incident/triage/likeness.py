"""Which earlier tickets are like this one: rare words that both say, and pairs of words, weigh most.

Learned with numpy alone. A ticket is known by its id; what it said is not kept, so a ticket that is erased is found no more
as soon as nobody can read it.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from zipfile import ZipFile

import numpy as np
import numpy.typing as npt

from services.incident.triage.features import Features, features
from services.incident.triage.model import MOST_BYTES, RECIPE, UnusableModel

BLOCK = "terms"
COMMON = 0.2
"""A feature that more than this share of tickets has says nothing of which are alike."""

_Numbers = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Alike:
    """A ticket, and how like it is, between 0 and 1."""

    id: str
    likeness: float


@dataclass(frozen=True, slots=True)
class Likeness:
    """Of each feature in ascending order: how rare it is, and which tickets have it how strongly, one after the other."""

    ids: Sequence[str]
    features: Features
    rarity: _Numbers
    starts: npt.NDArray[np.int64]
    tickets: npt.NDArray[np.int32]
    strengths: _Numbers

    def alike(self, text: str, most: int, least: float) -> Sequence[Alike]:
        """The tickets that are at least so like the text, the likest first."""
        found, said = features(text)[BLOCK]
        if not len(self.features) or not len(found):
            return []
        at = np.minimum(np.searchsorted(self.features, found), len(self.features) - 1)
        known = self.features[at] == found
        at, strength = at[known], said[known] * self.rarity[at[known]]
        length = float(np.sqrt(strength @ strength))
        if not length:
            return []
        score = np.zeros(len(self.ids), np.float32)
        for feature, weight in zip(at, strength / length, strict=True):
            among = slice(self.starts[feature], self.starts[feature + 1])
            score[self.tickets[among]] += weight * self.strengths[among]
        best = np.argsort(-score, kind="stable")[:most]
        return [Alike(self.ids[each], min(float(score[each]), 1.0)) for each in best if score[each] >= least]

    def to_bytes(self) -> bytes:
        """As a file: arrays and one JSON document, nothing that would be run."""
        about = json.dumps({"recipe": RECIPE, "ids": list(self.ids)}).encode()
        into = io.BytesIO()
        np.savez_compressed(
            into,
            about=np.frombuffer(about, np.uint8),
            features=self.features,
            rarity=self.rarity,
            starts=self.starts,
            tickets=self.tickets,
            strengths=self.strengths.astype(np.float16),
        )
        return into.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> "Likeness":
        """Raises `UnusableModel` for what is none of this recipe."""
        try:
            with ZipFile(io.BytesIO(data)) as packed:
                if sum(member.file_size for member in packed.infolist()) > MOST_BYTES:
                    raise UnusableModel(f"it is larger than {MOST_BYTES >> 20} MiB")
            with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
                about = json.loads(arrays["about"].tobytes())
                if about["recipe"] != RECIPE:
                    raise UnusableModel(f"it is of recipe {about['recipe']}, and this is {RECIPE}: train it anew")
                found = cls(
                    about["ids"],
                    arrays["features"],
                    arrays["rarity"],
                    arrays["starts"],
                    arrays["tickets"],
                    arrays["strengths"].astype(np.float32),
                )
        except UnusableModel:
            raise
        except Exception as error:  # of what can be wrong with a damaged file, there is no list
            raise UnusableModel(f"it is not an index of tickets: {error}") from None
        found.check()
        return found

    def check(self) -> None:
        """Raises `UnusableModel` when its parts do not fit each other."""
        size = len(self.features)
        fits = self.rarity.shape == (size,) and self.starts.shape == (size + 1,) and self.tickets.shape == self.strengths.shape
        fits = fits and bool(np.all(self.starts[1:] >= self.starts[:-1])) and int(self.starts[0]) == 0
        fits = fits and int(self.starts[-1]) == len(self.tickets) and bool(np.all(self.features[1:] > self.features[:-1]))
        fits = fits and bool(np.all((self.tickets >= 0) & (self.tickets < len(self.ids))))
        if not (fits and bool(np.all(np.isfinite(self.rarity)) and np.all(np.isfinite(self.strengths)))):
            raise UnusableModel("its parts do not fit each other")


def index(ids: Sequence[str], texts: Sequence[str]) -> Likeness:
    """An index of these tickets; without any it finds nothing."""
    read = [features(text)[BLOCK] for text in texts]
    if not read:
        nothing = np.empty(0, np.float32)
        return Likeness([], np.empty(0, np.uint32), nothing, np.zeros(1, np.int64), np.empty(0, np.int32), nothing)
    numbers = np.concatenate([found for found, _ in read])
    said = np.concatenate([strength for _, strength in read])
    rows = np.repeat(np.arange(len(read), dtype=np.int32), [len(found) for found, _ in read])
    distinct, place, among = np.unique(numbers, return_inverse=True, return_counts=True)
    useful = (among > 1) & (among <= max(COMMON * len(read), 2))
    known, rarity = distinct[useful], (np.log((1 + len(read)) / (1 + among[useful])) + 1).astype(np.float32)
    kept = useful[place]
    at = (np.cumsum(useful) - 1)[place[kept]]
    strength, rows = said[kept] * rarity[at], rows[kept]
    lengths = np.sqrt(np.bincount(rows, weights=strength.astype(np.float64) ** 2, minlength=len(read)))
    strength = (strength / lengths[rows]).astype(np.float32)
    order = np.argsort(at, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(at, minlength=len(known)))]).astype(np.int64)
    return Likeness(list(ids), known, rarity, starts, rows[order], strength[order])
