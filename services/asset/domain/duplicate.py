"""What no rule decides about assets, and therefore waits for a person."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Self

from itsm.asset import v1 as pb

from chassis.domain import Aggregate
from chassis.errors import ForbiddenMove, Invalid
from services.asset.domain.identity import Identifier, distinct


class DuplicateState(StrEnum):
    """Whether it still waits."""

    OPEN = "OPEN"
    RESOLVED = "RESOLVED"


class Reason(StrEnum):
    """What is wrong."""

    AMBIGUOUS = "AMBIGUOUS"
    CONTRADICTION = "CONTRADICTION"
    CLASS = "CLASS"


@dataclass(slots=True, kw_only=True)
class Duplicate(Aggregate):
    """Assets that may be one, or that share what should be one's own."""

    state: DuplicateState = DuplicateState.OPEN
    reason: Reason
    asset_ids: list[str]
    identifiers: list[Identifier] = field(default_factory=list)
    source: str = ""
    resolution: str = ""
    create_time: datetime
    update_time: datetime

    @classmethod
    def found(
        cls,
        reason: Reason,
        asset_ids: Iterable[str],
        identifiers: Iterable[Identifier],
        *,
        id: str,  # noqa: A002 - as its field
        source: str,
        at: datetime,
    ) -> Self:
        """It was noticed."""
        made = cls(
            id=id,
            reason=reason,
            asset_ids=sorted(asset_ids),
            identifiers=distinct(identifiers),
            source=source,
            create_time=at,
            update_time=at,
        )
        made.record(pb.DuplicateFound())
        return made

    def resolve(self, resolution: str, *, at: datetime) -> None:
        """A person said what is true. Raises `ForbiddenMove` when that has happened before."""
        if self.state is DuplicateState.RESOLVED:
            raise ForbiddenMove(self.state, "resolve")
        if not resolution.strip() or len(resolution) > 4_096:
            raise Invalid({"resolution": "say what was found, in at most 4096 characters"})
        self.state, self.resolution, self.update_time = DuplicateState.RESOLVED, resolution, at
        self.record(pb.DuplicateResolved())
