"""What one source says of one asset at one time; agents, imports and people all become this."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.asset.domain.identity import CLAIMED, SHARED, Identifier, IdentifierKind, clean, system_keys
from services.asset.domain.sources import MANUAL, REMEMBERED

MOST_SAID = REMEMBERED * len(IdentifierKind) + 20
"""Statements on identifiers that an asset keeps: all of the latest sources, and some of those before them."""
_OUTLASTING = CLAIMED - {IdentifierKind.AGENT}


@dataclass(slots=True, kw_only=True, frozen=True)
class SaidIdentifiers:
    """All identifiers of one kind that a source last said, and when."""

    source: str
    kind: IdentifierKind
    values: list[str]
    report_time: datetime

    def replaces(self, other: "SaidIdentifiers") -> bool:
        """Whether it is the later word."""
        return (self.report_time, self.values) > (other.report_time, other.values)


@dataclass(slots=True, kw_only=True, frozen=True)
class Report:
    """What is said.

    `values` are attributes and the asset's own fields, typed, by the names that sources use; None is nothing said. Of each
    kind in `identifiers` they are all that the source knows. `key` is the source's own for this asset.
    """

    source: str
    time: datetime
    values: Mapping[str, Any] = field(default_factory=dict)
    identifiers: Mapping[IdentifierKind, list[str]] = field(default_factory=dict)
    own_key: str = ""

    def of(self, kind: IdentifierKind) -> list[str]:
        """Its identifiers of one kind."""
        return self.identifiers.get(kind, [])

    @property
    def key(self) -> str:
        """The source's own key, as it is looked up and held; empty for none."""
        return f"SOURCE|{self.source}|{self.own_key}" if self.own_key else ""

    @property
    def keys(self) -> list[str]:
        """All that the asset may be looked up by, the source's own key first."""
        named = [Identifier(kind=kind, value=value).key for kind, values in self.identifiers.items() for value in values]
        return [self.key, *named] if self.own_key else named

    @property
    def telling_keys(self) -> list[str]:
        """Those of them that tell one asset from another: names and addresses may be anybody's, and copies share a system."""
        return [key for key in self.keys if key.partition("|")[0] not in SHARED]

    @property
    def system_keys(self) -> list[str]:
        """What the installed system is looked up by."""
        named = (Identifier(kind=kind, value=value) for kind, values in self.identifiers.items() for value in values)
        return sorted(system_keys(named))

    @property
    def own_keys(self) -> list[str]:
        """Those that are one asset's own."""
        return [key for key in self.keys if key.partition("|")[0] in {*CLAIMED, "SOURCE"}]


def remembered(said: Iterable[SaidIdentifiers]) -> list[SaidIdentifiers]:
    """What is kept of all that sources said: the words of people and of the latest sources, and of those before them what is
    the asset's own and nobody else says, so that it stays recognized by what an old table knows of it.

    The agents of old ones are not kept: an agent that comes back is known by the machine that it is on.
    """
    newest = sorted(said, key=lambda each: (each.source == MANUAL, each.report_time, each.source), reverse=True)
    latest = set(list(dict.fromkeys(each.source for each in newest))[:REMEMBERED])
    kept = [each for each in newest if each.source in latest]
    known = {(each.kind, value) for each in kept for value in each.values}
    for each in newest:
        if each.source in latest or each.kind not in _OUTLASTING or len(kept) >= MOST_SAID:
            continue
        if values := {(each.kind, value) for value in each.values} - known:
            known |= values
            kept.append(each)
    return kept


def cleaned(said: Mapping[IdentifierKind, list[str]]) -> dict[IdentifierKind, list[str]]:
    """Identifiers as they are compared; what is no value is left out."""
    return {
        kind: sorted({known.value for value in values if (known := clean(kind, value)) is not None})
        for kind, values in said.items()
    }
