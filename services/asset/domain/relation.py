"""The relation: one asset serves another. What follows from relations is in `graph.py` and `impact.py`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import Invalid

GROUP_LENGTH = 100
REMOVED_KEPT = timedelta(days=30)
"""How long the record of a removed relation is kept; what happened to it is told by its changes for ever."""


class RelationKind(StrEnum):
    """How a provider serves a consumer."""

    RUNS_ON = "RUNS_ON"
    USES = "USES"
    HOSTS = "HOSTS"
    CONNECTED_TO = "CONNECTED_TO"
    MEMBER_OF = "MEMBER_OF"
    PART_OF = "PART_OF"
    INFORMS = "INFORMS"


@dataclass(slots=True, kw_only=True)
class Relation(Aggregate):
    """A provider and its consumer. A removed one is kept for a while, for nobody but its own last event."""

    provider_id: str
    consumer_id: str
    kind: RelationKind
    group: str = ""
    create_time: datetime
    remove_time: datetime | None = None

    @classmethod
    def make(
        cls,
        *,
        id: str,  # noqa: A002 - as its field
        provider_id: str,
        consumer_id: str,
        kind: RelationKind,
        at: datetime,
        group: str = "",
    ) -> Self:
        """A new relation. Raises `Invalid` for one of an asset with itself and for a group name that is too long."""
        if provider_id == consumer_id:
            raise Invalid({"consumer_id": "is the provider itself"})
        _check(group)
        relation = cls(id=id, provider_id=provider_id, consumer_id=consumer_id, kind=kind, group=group, create_time=at)
        relation.record(pb.RelationAdded())
        return relation

    @property
    def claim(self) -> str:
        """What there may be once: a kind between two assets."""
        return f"{self.provider_id}|{self.consumer_id}|{self.kind.value}"

    def regroup(self, group: str) -> None:
        """Puts it into another group; the same one again changes nothing."""
        _check(group)
        if group != self.group:
            self.group = group
            self.record(pb.RelationUpdated())

    def rebind(self, before: str, after: str) -> bool:
        """One of its ends turned out to be another asset; False where that leaves it between an asset and itself."""
        ends = [after if end == before else end for end in (self.provider_id, self.consumer_id)]
        if ends[0] == ends[1]:
            return False
        self.provider_id, self.consumer_id = ends
        self.record(pb.RelationUpdated())
        return True

    def remove(self, at: datetime) -> None:
        """Ends it."""
        self.remove_time = at
        self.record(pb.RelationRemoved())


def _check(group: str) -> None:
    if len(group) > GROUP_LENGTH:
        raise Invalid({"group": f"may have {GROUP_LENGTH} characters, not {len(group)}"})
    if group != group.strip():
        raise Invalid({"group": "must not begin or end with a space"})
