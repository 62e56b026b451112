"""What incidents and problems have in common: the words they use, known errors that fit, incidents that come again and again.

Pure functions over few fields; nothing here asks a database or raises for odd text.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from math import log

_WORD = re.compile(r"[^\W_]{3,40}")
MOST_WORDS = 40
"""Of a text; what follows tells little more."""
# Words that every report uses, in the languages of most desks: they say nothing about what is broken.
_COMMON = """
the and for not with from that this has have are was but can cannot does did our you your all any its into when after since
again please help issue problem error der die das und nicht ist mit von auf ein eine wird kann bei les des une est pas pour sur
los las una que con por para del
"""
_EMPTY = frozenset(_COMMON.split())

ASSET_WEIGHT, SERVICE_WEIGHT, CATEGORY_WEIGHT, WORDS_WEIGHT = 0.5, 0.15, 0.1, 0.6
LEAST_SCORE = 0.25
"""Below it a known error is not offered: the same category alone, or one word of many, is chance."""
MOST_INCIDENTS, MOST_ASSETS = 100, 100


def words_of(text: str) -> list[str]:
    """The words of a text that may say what it is about: in lower case, each once, in order; numbers are none."""
    found = (match[0].lower() for match in _WORD.finditer(text))
    return list(dict.fromkeys(word for word in found if word not in _EMPTY and not word.isdigit()))[:MOST_WORDS]


@dataclass(frozen=True, slots=True, kw_only=True)
class Traits:
    """What is compared of an incident or a known error. `words` are of a problem's title, or of all that a report says."""

    id: str
    asset_ids: Sequence[str] = ()
    service_id: str = ""
    category: str = ""
    words: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Fit:
    """How well a known error fits an incident, from 0 to 1, and why."""

    id: str
    score: float
    reasons: Sequence[str]


def fits(incident: Traits, known: Sequence[Traits]) -> list[Fit]:
    """The known errors that may be behind an incident, the best first; a word that few of them use weighs more."""
    used = Counter(word for each in known for word in each.words)
    weights = {word: log(1 + len(known) / count) for word, count in used.items()}
    found = [fit for each in known if (fit := _fit(incident, each, weights)).score >= LEAST_SCORE]
    return sorted(found, key=lambda fit: (-fit.score, fit.id))


def _fit(incident: Traits, known: Traits, weights: Mapping[str, float]) -> Fit:
    score, reasons = 0.0, []
    if assets := [each for each in known.asset_ids if each in incident.asset_ids]:
        score += ASSET_WEIGHT
        reasons.append(f"the same asset: {', '.join(assets[:3])}")
    if known.service_id and known.service_id == incident.service_id:
        score += SERVICE_WEIGHT
        reasons.append(f"the same service: {known.service_id}")
    if known.category and known.category == incident.category:
        score += CATEGORY_WEIGHT
        reasons.append(f"the same category: {known.category}")
    said = set(incident.words)
    if common := [word for word in known.words if word in said]:
        score += WORDS_WEIGHT * sum(weights[word] for word in common) / sum(weights[word] for word in known.words)
        reasons.append(f"the same words: {', '.join(common[:5])}")
    return Fit(known.id, round(min(score, 1.0), 3), reasons)


class Reason(StrEnum):
    """What incidents that come again and again have in common; the first is the strongest."""

    SAME_KEY = "SAME_KEY"
    SAME_ASSET = "SAME_ASSET"
    SAME_WORDS = "SAME_WORDS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What is looked at of an incident; `heavy` says that it was P1 or P2."""

    id: str
    title: str
    create_time: datetime
    dedup_key: str = ""
    category: str = ""
    service_id: str = ""
    asset_ids: Sequence[str] = ()
    heavy: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """Incidents that came again and again."""

    reason: Reason
    value: str
    title: str
    category: str
    service_id: str
    asset_ids: list[str] = field(default_factory=list)
    count: int
    heavy_count: int
    incident_ids: list[str] = field(default_factory=list)
    first_time: datetime
    last_time: datetime


_ORDER = {reason: place for place, reason in enumerate(Reason)}


def candidates(incidents: Iterable[Seen], least: int, most: int) -> list[Candidate]:
    """Groups of at least `least` incidents, the heaviest first, at most `most`.

    An incident counts in one group alone: the largest, and among equals the one with the strongest reason, so that one trouble
    is not offered three times over.
    """
    groups: dict[tuple[Reason, str, str], list[Seen]] = defaultdict(list)
    for each in incidents:
        if each.dedup_key:
            groups[Reason.SAME_KEY, each.dedup_key, ""].append(each)
        for asset in each.asset_ids:
            groups[Reason.SAME_ASSET, asset, each.category].append(each)
        if words := words_of(each.title):
            groups[Reason.SAME_WORDS, " ".join(sorted(words)), each.category].append(each)
    large = [(key, group) for key, group in groups.items() if len(group) >= least]
    large.sort(key=lambda item: (-len(item[1]), _ORDER[item[0][0]], item[0][1:]))
    taken: set[str] = set()
    found = []
    for (reason, value, _), group in large:
        rest = [each for each in group if each.id not in taken]
        if len(rest) >= least:
            taken.update(each.id for each in rest)
            found.append(_candidate(reason, value, rest))
    return sorted(found, key=lambda each: (-each.heavy_count, -each.count, each.value))[:most]


def _candidate(reason: Reason, value: str, group: Sequence[Seen]) -> Candidate:
    newest = sorted(group, key=lambda each: (each.create_time, each.id), reverse=True)
    return Candidate(
        reason=reason,
        value=value,
        title=newest[0].title,
        category=_shared(each.category for each in group),
        service_id=_shared(each.service_id for each in group),
        asset_ids=list(dict.fromkeys(asset for each in newest for asset in each.asset_ids))[:MOST_ASSETS],
        count=len(group),
        heavy_count=sum(each.heavy for each in group),
        incident_ids=[each.id for each in newest[:MOST_INCIDENTS]],
        first_time=newest[-1].create_time,
        last_time=newest[0].create_time,
    )


def _shared(values: Iterable[str]) -> str:
    found = set(values)
    return found.pop() if len(found) == 1 else ""
