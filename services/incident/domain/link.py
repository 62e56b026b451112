"""How an incident refers to other records."""

from dataclasses import dataclass
from enum import StrEnum

from itsm.incident import v1 as pb


class LinkKind(StrEnum):
    """How two records belong together."""

    RELATED = "RELATED"
    DUPLICATE_OF = "DUPLICATE_OF"
    CAUSED_BY = "CAUSED_BY"
    PARENT = "PARENT"
    SPLIT_FROM = "SPLIT_FROM"


@dataclass(slots=True, kw_only=True, frozen=True)
class Link:
    """A reference to another record, `incidents/inc_…`."""

    kind: LinkKind
    target: str

    def message(self) -> pb.Link:
        """As events name it."""
        return pb.Link(kind=self.kind.value, target=self.target)
