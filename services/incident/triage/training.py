"""Learning from tickets that people have sorted. Needs scikit-learn, which nothing else of the service does.

A linear support vector machine per label over all blocks of features; a logistic regression over the votes of all of them makes
shares of certainty of votes. Both are linear, so that one sum of weights is what they come to. What is learned is the same for
the same tickets.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import LinearSVC

from services.incident.triage.features import BLOCKS, features
from services.incident.triage.model import Model, TooFew, Weights

C = 0.15
"""How much a ticket on the wrong side costs; chosen by cross-validation on four fifths of a real log."""
PARTS = 3
"""How many parts the tickets are split into, each to be sorted by what the others taught."""
LEAST_OF_LABEL = 10
"""A label with fewer tickets is not learned: nothing could be said of how well it is known."""
LEAST_LABELS = 2

Told = Callable[[str], None]
_Features = Sequence[tuple[npt.NDArray[np.uint32], npt.NDArray[np.float32]]]


def train(texts: Sequence[str], labels: Sequence[str], told: Told = lambda _: None) -> Model:
    """A model of these tickets. `told` hears which step begins. Raises `TooFew`."""
    texts, labels = _enough(texts, labels)
    names, y = np.unique(np.array(labels, dtype=object).astype(str), return_inverse=True)
    told(f"reading {len(texts):,} tickets")
    blocks, matrix = _matrix(texts)
    told(f"weighing {matrix.shape[1]:,} features")
    votes, bias = _fitted(matrix, y)
    told("seeing which labels are taken for which")
    said = _said_by_others(matrix, y)
    mix, start_of = _mixed(said, y)
    votes, bias = (votes @ mix).astype(np.float32), (bias @ mix + start_of).astype(np.float32)
    start, learned = 0, {}
    for name, (known, rarity) in blocks.items():
        end = start + len(known)
        learned[name] = Weights(known, rarity, votes[start:end])
        start = end
    right = int((said.argmax(axis=1) == y).sum())
    facts = {"tickets": len(texts), "features": int(matrix.shape[1]), "rightByOthers": round(right / len(texts), 4)}
    return Model(names.tolist(), learned, bias, facts)


def _enough(texts: Sequence[str], labels: Sequence[str]) -> tuple[Sequence[str], Sequence[str]]:
    counted = Counter(labels)
    kept = [at for at, label in enumerate(labels) if counted[label] >= LEAST_OF_LABEL]
    if len({labels[at] for at in kept}) < LEAST_LABELS:
        raise TooFew(f"needs {LEAST_LABELS} labels with {LEAST_OF_LABEL} tickets each, and has {dict(counted) or 'none'}")
    return [texts[at] for at in kept], [labels[at] for at in kept]


def _matrix(texts: Sequence[str]) -> tuple[dict[str, tuple[Any, Any]], csr_matrix]:
    """Per block its features and how rare each is; a row per text, the blocks beside each other."""
    read: dict[str, list[Any]] = {name: [] for name in BLOCKS}
    for text in texts:
        for name, found in features(text).items():
            read[name].append(found)
    blocks, parts = {}, []
    for name, block in BLOCKS.items():
        known, rarity, part = _block(read.pop(name), block.least)
        blocks[name] = known, rarity
        parts.append(part * np.float32(block.weight))
    return blocks, hstack(parts, format="csr", dtype=np.float32)


def _block(found: _Features, least: int) -> tuple[Any, Any, csr_matrix]:
    sizes = [len(numbers) for numbers, _ in found]
    numbers = np.concatenate([numbers for numbers, _ in found])
    said = np.concatenate([strength for _, strength in found])
    distinct, texts = np.unique(numbers, return_counts=True)
    known, among = distinct[texts >= least], texts[texts >= least]
    rarity = (np.log((1 + len(found)) / (1 + among)) + 1).astype(np.float32)
    if not len(known):
        return known, rarity, csr_matrix((len(found), 0), dtype=np.float32)
    at = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
    kept = known[at] == numbers
    rows = np.repeat(np.arange(len(found)), sizes)[kept]
    starts = np.concatenate([[0], np.cumsum(np.bincount(rows, minlength=len(found)))])
    strength = said[kept] * rarity[at[kept]]
    lengths = np.sqrt(np.bincount(rows, weights=strength.astype(np.float64) ** 2, minlength=len(found)))
    strength /= lengths[rows].astype(np.float32)
    return known, rarity, csr_matrix((strength, at[kept].astype(np.int32), starts), shape=(len(found), len(known)))


def _fitted(matrix: csr_matrix, y: npt.NDArray[np.intp]) -> tuple[Any, Any]:
    machine = LinearSVC(C=C, random_state=0).fit(matrix, y)
    votes, bias = _of_each_label(machine.coef_, machine.intercept_)
    return np.ascontiguousarray(votes, np.float32), bias.astype(np.float32)


def _said_by_others(matrix: csr_matrix, y: npt.NDArray[np.intp]) -> npt.NDArray[np.float32]:
    """How much speaks for each label of each ticket, by what the other parts taught."""
    said = np.empty((len(y), int(y.max()) + 1), np.float32)
    for learned, held in StratifiedKFold(PARTS, shuffle=True, random_state=0).split(y, y):
        votes, bias = _fitted(matrix[learned], y[learned])
        said[held] = matrix[held] @ votes + bias
    return said


def _mixed(said: npt.NDArray[np.float32], y: npt.NDArray[np.intp]) -> tuple[Any, Any]:
    """How votes for all labels together tell how likely each is: one that is often taken for another learns of it here."""
    regression = LogisticRegression(C=1.0, max_iter=500).fit(said, y)
    return _of_each_label(regression.coef_, regression.intercept_)


def _of_each_label(weights: Any, bias: Any) -> tuple[Any, Any]:
    """A column a label; of two labels there is one alone, which tells how much speaks for the second and not the first."""
    if len(weights) == 1:
        weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights.T, bias


def cross_validated(texts: Sequence[str], labels: Sequence[str], folds: int, told: Told = lambda _: None) -> list[float]:
    """The share that is sorted right of each part of the tickets by a model of the others. Raises `TooFew`."""
    texts, labels = _enough(texts, labels)
    shares = []
    for number, (learned, held) in enumerate(StratifiedKFold(folds, shuffle=True, random_state=7).split(texts, labels), 1):
        told(f"part {number} of {folds}")
        model = train([texts[at] for at in learned], [labels[at] for at in learned])
        shares.append(sum(model.suggest(texts[at])[0].label == labels[at] for at in held) / len(held))
    return shares
