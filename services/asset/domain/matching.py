"""Which asset a report is about: ordered rules, and no guess where they leave a choice.

The source's own key comes first, then the entries of the rule of the class. An entry counts when the report has all of its
kinds; the first one that fits exactly one asset decides. An asset that contradicts the report in something that is one's own
fits nothing: a cloned serial, a shared UUID, the adapter of a dock do not merge strangers. Neither does an installed system
that was copied with its image: it counts only together with a name, and where no adapter says otherwise.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from services.asset.domain.asset import Asset
from services.asset.domain.classes import Catalog
from services.asset.domain.identity import Identifier, IdentifierKind
from services.asset.domain.report import Report


class Outcome(StrEnum):
    """What it comes to."""

    NEW = "NEW"
    ONE = "ONE"
    MANY = "MANY"
    OTHER_CLASS = "OTHER_CLASS"
    CONTRADICTION = "CONTRADICTION"


@dataclass(frozen=True, slots=True)
class Verdict:
    """Which asset it is (`ONE`, `OTHER_CLASS`), or which it may be (`MANY`); and which share identifiers but contradict."""

    outcome: Outcome
    assets: Sequence[Asset] = field(default_factory=tuple)
    strangers: Sequence[Asset] = field(default_factory=tuple)

    @property
    def asset(self) -> Asset:
        """The one."""
        return self.assets[0]


def match(report: Report, catalog: Catalog, candidates: Sequence[Asset]) -> Verdict:
    """The verdict on a report, whose `class` must be known; `candidates` are all assets that share a key with it."""
    fitting = [each for each in candidates if not each.contradicts(report)]
    others = [each for each in candidates if each not in fitting]
    strangers = [each for each in others if not set(each.keys).isdisjoint(report.own_keys)]
    if report.own_key and (own := [each for each in strangers if report.key in each.keys]):
        return Verdict(Outcome.CONTRADICTION, own, strangers)
    class_name = str(report.values["class"])
    entries = [([[report.key]], False)] if report.own_key else []
    entries += [
        (
            [[Identifier(kind=kind, value=value).key for value in report.of(kind)] for kind in entry.kinds],
            IdentifierKind.MACHINE in entry.kinds,
        )
        for entry in catalog.rule(class_name)
    ]
    several: list[Asset] = []
    for entry, of_system in entries:
        found = [each for each in fitting if all(any(key in each.keys for key in keys) for keys in entry)]
        if of_system:
            found = [each for each in found if not each.is_apart(report)]
        if len(found) == 1:
            same = catalog.family(found[0].class_).name == catalog.family(class_name).name
            return Verdict(Outcome.ONE if same else Outcome.OTHER_CLASS, found, strangers)
        several = several or found
    if several:
        return Verdict(Outcome.MANY, several, strangers)
    return Verdict(Outcome.NEW, (), strangers)
