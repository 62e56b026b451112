"""What one source says of one asset at one time; agents, imports and people all become this."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from services.asset.domain.identity import ANYBODYS, CLAIMED, Identifier, IdentifierKind, clean


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
        """Those of them that tell one asset from another: names and addresses may be anybody's."""
        return [key for key in self.keys if key.partition("|")[0] not in ANYBODYS]

    @property
    def own_keys(self) -> list[str]:
        """Those that are one asset's own."""
        return [key for key in self.keys if key.partition("|")[0] in {*CLAIMED, "SOURCE"}]


def cleaned(said: Mapping[IdentifierKind, list[str]]) -> dict[IdentifierKind, list[str]]:
    """Identifiers as they are compared; what is no value is left out."""
    return {
        kind: sorted({known.value for value in values if (known := clean(kind, value)) is not None})
        for kind, values in said.items()
    }
